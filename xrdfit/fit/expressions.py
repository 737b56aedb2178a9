"""Parameters that expressions tie to others, scan after scan: what they are, and how they follow."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import ParameterOverride
from xrdfit.fit.parameters import Constraints, lmfit_parameters, start_values
from xrdfit.model import ParameterTable


class TiedParameters:
    """The recipe's expressions over the rows of a parameter table.

    Attributes
    ----------
    rows : (n_tied,) of the table, tied. sources : (n_tied, n_parameters) True where a tied parameter depends on one
        that moves, through other expressions, too.
    """

    def __init__(
        self, table: ParameterTable, overrides: Mapping[str, ParameterOverride], moving: NDArray[np.bool_]
    ) -> None:
        names = table.names
        parameters = lmfit_parameters(table, start_values(table, overrides), moving, overrides)
        self._constraints = Constraints(parameters)
        self.rows = np.array([names.index(name) for name in self._constraints.tied], dtype=np.int64)
        named = np.array([_names_in(overrides[name].expr or "", names) for name in self._constraints.tied])
        for _ in self.rows:
            # What a tied parameter depends on, those that name it depend on.
            named = named | (named[:, self.rows] @ named)
        named[:, self.rows] = False
        self.sources = named & moving
        # Only what is named needs to be told, and only of that is a derivative taken.
        self._told = [(int(row), parameters[names[row]]) for row in np.flatnonzero(named.any(axis=0))]
        for row in np.flatnonzero(~self.sources.any(axis=0)):
            if row not in self.rows:
                parameters[names[row]].vary = False
        self._constraints = Constraints(parameters)

    @classmethod
    def of(
        cls, table: ParameterTable, overrides: Mapping[str, ParameterOverride], moving: NDArray[np.bool_]
    ) -> TiedParameters | None:
        """The expressions of a recipe; None if it has none.

        Parameters
        ----------
        moving : (n_parameters,) what a fit changes.
        """
        if all(said.expr is None for said in overrides.values()):
            return None
        return cls(table, overrides, moving)

    def values(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n_parameters,) with the tied ones where their expressions put them: NaN if one cannot be evaluated."""
        self._tell(values)
        result = values.copy()
        result[self.rows] = self._constraints.expressions()
        return result

    def derivative(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n_parameters, n_parameters) of all parameters with respect to those that are not tied, here."""
        self._tell(values)
        result = np.eye(values.size)
        result[:, self.rows] = 0.0
        result[np.ix_(self.rows, self._constraints.varied)] = self._constraints.derivative()[self.rows]
        return result

    def _tell(self, values: NDArray[np.float64]) -> None:
        for row, parameter in self._told:
            parameter.value = values[row]


def _names_in(expression: str, names: tuple[str, ...]) -> NDArray[np.bool_]:
    """(n_parameters,) the parameters that an expression names."""
    found = {node.id for node in ast.walk(ast.parse(expression.strip())) if isinstance(node, ast.Name)}
    return np.array([name in found for name in names], dtype=np.bool_)
