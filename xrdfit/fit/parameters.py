"""From the parameter table to lmfit's Parameters and back, constraints included."""

from __future__ import annotations

from collections.abc import Mapping

import lmfit
import numpy as np
from numpy.typing import NDArray

from xrdfit.data import ParameterOverride
from xrdfit.errors import InputError, Problem
from xrdfit.fit.allowed import beyond_arithmetic
from xrdfit.model import ParameterTable

# Relative step of the difference quotient of an expression: truncation and rounding are then both near 1e-11.
_STEP = 6e-6
# Where a free parameter that enters squared starts at least: at zero it has no slope and would never move.
_OFF_ZERO = 0.05
# Of an expression, in a message.
_SHOWN = 60


def _where(name: str, key: str) -> str:
    return f"refine.parameters.{name}.{key}"


class FreeParameters:
    """Parameters that no expression ties, as the rows of arrays: what lmfit's Parameters hold, at no cost.

    Attributes
    ----------
    start, lower, upper : (n_parameters,) values to begin with, inside their limits. vary : (n_parameters,) what moves.
    varied : rows that move.

    Raises
    ------
    InputError
        For limits that leave no room.
    """

    tied: tuple[str, ...] = ()

    def __init__(
        self,
        table: ParameterTable,
        values: NDArray[np.float64],
        vary: NDArray[np.bool_],
        overrides: Mapping[str, ParameterOverride],
    ) -> None:
        self.names = list(table.names)
        self.lower, self.upper = table.limits()
        self.vary = vary.copy()
        for name, said in overrides.items():
            if name not in table.names:
                continue
            row = table.index(name)
            self.lower[row] = self.lower[row] if said.min is None else said.min
            self.upper[row] = self.upper[row] if said.max is None else said.max
            self.vary[row] &= said.vary is not False
            if not self.lower[row] < self.upper[row]:
                raise InputError(
                    Problem(
                        code="E131",
                        what="limits leave no room",
                        where=_where(name, "min"),
                        found=f"found min {self.lower[row]:g} and max {self.upper[row]:g} against min < max",
                        todo="give both limits, in this order",
                    )
                )
        off_zero = np.where(self.vary & table.squared, np.maximum(values, _OFF_ZERO), values)
        self.start = np.minimum(np.maximum(off_zero, self.lower), self.upper)
        self.varied = np.flatnonzero(self.vary)
        self._values = self.start.copy()

    @property
    def varied_names(self) -> list[str]:
        return [self.names[i] for i in self.varied]

    def values(self) -> NDArray[np.float64]:
        """All parameters as they stand."""
        return self._values.copy()

    def variables(self) -> NDArray[np.float64]:
        return self._values[self.varied]

    def set(self, variables: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the varied parameters these values; returns all of them."""
        self._values[self.varied] = variables
        return self.values()

    def limits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n_parameters,) lower and upper limits."""
        return self.lower, self.upper

    def derivative(self) -> NDArray[np.float64]:
        """(n_parameters, n_variables) of all parameters with respect to the varied ones."""
        result = np.zeros((len(self.names), self.varied.size))
        result[self.varied, np.arange(self.varied.size)] = 1.0
        return result


def lmfit_parameters(
    table: ParameterTable,
    values: NDArray[np.float64],
    vary: NDArray[np.bool_],
    overrides: Mapping[str, ParameterOverride],
) -> lmfit.Parameters:
    """lmfit's Parameters at `values`, varied where `vary` says so; the recipe's words come on top.

    An override's `value` is a start for the series, not for each scan: it is applied by `start_values`, not here.

    Raises
    ------
    InputError
        For an expression that lmfit cannot evaluate, or limits that leave no room.
    """
    free = FreeParameters(table, values, vary, overrides)
    parameters = lmfit.Parameters()
    for i, name in enumerate(table.names):
        low, high = float(free.lower[i]), float(free.upper[i])
        parameters.add(name, value=float(free.start[i]), min=low, max=high, vary=bool(free.vary[i]))
    for name, said in overrides.items():
        if said.expr is not None:
            _tie(parameters, name, said.expr, said)
    return parameters


def _tie(parameters: lmfit.Parameters, name: str, expression: str, said: ParameterOverride) -> None:
    if (foreign := beyond_arithmetic(expression)) is not None:
        raise InputError(_bad_expression(name, expression, f"found {foreign}"))
    try:
        # Limits of the table are for a free parameter; a tied one goes where its expression says.
        parameters[name].set(
            expr=expression,
            min=-np.inf if said.min is None else said.min,
            max=np.inf if said.max is None else said.max,
        )
        parameters.update_constraints()
        result = float(parameters[name].value)
    except RecursionError:
        raise InputError(_bad_expression(name, expression, "found a parameter that depends on itself")) from None
    except Exception as error:  # lmfit passes on whatever the expression raises
        raise InputError(_bad_expression(name, expression, _first_line(error))) from None
    if not np.isfinite(result):
        raise InputError(_bad_expression(name, expression, f"found {result} against a finite number"))


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _bad_expression(name: str, expression: str, reason: str) -> Problem:
    return Problem(
        code="E132",
        what=f"cannot evaluate the constraint {expression[:_SHOWN]!r}",
        where=_where(name, "expr"),
        found=reason,
        todo="use names of other parameters, numbers, operators and functions such as sqrt and exp",
    )


class Constraints:
    """The map from the varied parameters to all of them, and its derivative.

    lmfit differentiates nothing through `expr`; this class does, so that Jacobian and covariance obey the chain rule.
    """

    def __init__(self, parameters: lmfit.Parameters) -> None:
        self.parameters = parameters
        self.names = list(parameters)
        self.varied = np.array([i for i, name in enumerate(self.names) if self._is_varied(name)], dtype=np.int64)
        self.tied = [name for name in self.names if parameters[name].expr]
        self._where = {name: i for i, name in enumerate(self.names)}

    def _is_varied(self, name: str) -> bool:
        return bool(self.parameters[name].vary) and not self.parameters[name].expr

    @property
    def varied_names(self) -> list[str]:
        return [self.names[i] for i in self.varied]

    def values(self) -> NDArray[np.float64]:
        """All parameters as they stand, expressions evaluated."""
        result = np.full(len(self.names), np.nan)
        for name, value in zip(self.tied, self.expressions(), strict=True):
            result[self._where[name]] = value
        for i, name in enumerate(self.names):
            if name not in self.tied:
                result[i] = float(self.parameters[name].value)
        return result

    def expressions(self) -> NDArray[np.float64]:
        """(n_tied,) values of the tied parameters as the others stand; NaN if an expression cannot be evaluated."""
        if not self.tied:
            return np.empty(0)
        try:
            with np.errstate(all="ignore"):
                self.parameters.update_constraints()
                return np.array([float(self.parameters[name].value) for name in self.tied])
        except Exception:  # lmfit passes on whatever an expression raises
            return np.full(len(self.tied), np.nan)

    def variables(self) -> NDArray[np.float64]:
        return np.array([float(self.parameters[self.names[i]].value) for i in self.varied])

    def set(self, variables: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the varied parameters these values; returns all of them."""
        for i, value in zip(self.varied, variables, strict=True):
            self.parameters[self.names[i]].value = value
        return self.values()

    def limits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n_parameters,) lower and upper limits."""
        chosen = [self.parameters[name] for name in self.names]
        return np.array([p.min for p in chosen], dtype=float), np.array([p.max for p in chosen], dtype=float)

    def derivative(self) -> NDArray[np.float64]:
        """(n_parameters, n_variables) derivative of all parameters with respect to the varied ones, here."""
        result = np.zeros((len(self.names), self.varied.size))
        result[self.varied, np.arange(self.varied.size)] = 1.0
        for column, i in enumerate(self.varied):
            if self.tied:
                result[:, column] += self._through_expressions(self.names[i])
        return result

    def _through_expressions(self, name: str) -> NDArray[np.float64]:
        """(n_parameters,) central difference quotients of the tied parameters, limits of both sides respected.

        Where an expression has no value on one side, the other side alone tells.
        """
        parameter = self.parameters[name]
        here = float(parameter.value)
        step = _STEP * max(abs(here), 1e-3)
        low, high = max(here - step, parameter.min), min(here + step, parameter.max)
        above, below, middle = (self._tied_at(name, value) for value in (high, low, here))
        width = np.where(np.isfinite(above), high, here) - np.where(np.isfinite(below), low, here)
        change = np.where(np.isfinite(above), above, middle) - np.where(np.isfinite(below), below, middle)
        return np.divide(change, width, out=np.zeros(width.size), where=width > 0.0)

    def _tied_at(self, name: str, value: float) -> NDArray[np.float64]:
        """(n_parameters,) the tied parameters if the parameter `name` has this value, zero for all others."""
        self.parameters[name].value = value
        found = np.zeros(len(self.names))
        found[[self._where[tied] for tied in self.tied]] = self.expressions()
        return found


def start_values(table: ParameterTable, overrides: Mapping[str, ParameterOverride]) -> NDArray[np.float64]:
    """The table's defaults with the values that the recipe gives.

    Raises
    ------
    InputError
        If the recipe speaks of a parameter that the model does not have, or starts one outside its limits.
    """
    problems = []
    values = table.defaults()
    known = table.names
    for name, said in overrides.items():
        if name not in known:
            problems.append(_unknown(name, known))
        elif said.value is not None:
            spec = table.specs[table.index(name)]
            lower = spec.lower if said.min is None else said.min
            upper = spec.upper if said.max is None else said.max
            if not lower <= said.value <= upper:
                problems.append(
                    Problem(
                        code="E134",
                        what="start value outside its limits",
                        where=_where(name, "value"),
                        found=f"found {said.value:g} against {lower:g} to {upper:g} {spec.unit}",
                        todo="move the value, or give min and max",
                    )
                )
            values[table.index(name)] = said.value
    if problems:
        raise InputError(*problems)
    return values


def _unknown(name: str, known: tuple[str, ...]) -> Problem:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=3, cutoff=0.5)
    return Problem(
        code="E133",
        what="unknown parameter",
        where=f"refine.parameters.{name}",
        found=f"found {name!r} against {', '.join(near) if near else ', '.join(known[:8]) + ', …'}",
        todo="use a name of the parameter table",
    )
