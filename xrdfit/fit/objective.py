"""One scan as something to minimise: residual, projected Jacobian, normal equations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from xrdfit.fit.ties import Expected, tie_unresolved
from xrdfit.kernels.evaluation import (
    add_up,
    calculate,
    compare,
    factor_active,
    fill_products,
    fill_profiles,
    make_workspace,
    place,
    update_weights,
)
from xrdfit.kernels.least_squares import longest_steps
from xrdfit.kernels.normal_equations import eliminated, normal_equations
from xrdfit.model import LineChoice, NoiseModel, PatternModel, Placement, Points, placed


class ScanObjective:
    """Chi^2 of one scan as a function of the parameters, the line areas solved for at every call.

    Parameters
    ----------
    values : (n_parameters,) where the lines are listed.
    present : which phases are in the model.
    wanted : (n_parameters,) True for the parameters whose derivatives will be asked for.
    expected : per phase, areas by which lines that the scan cannot tell apart are tied; see `xrdfit.fit.ties`.
    """

    def __init__(
        self,
        model: PatternModel,
        points: Points,
        noise: NoiseModel,
        *,
        values: NDArray[np.float64],
        present: Sequence[bool],
        wanted: NDArray[np.bool_],
        expected: Sequence[Expected] = (),
    ) -> None:
        self.model = model
        self.points = points
        self.noise = noise
        self.present = tuple(present)
        self.lines: LineChoice = model.choose_lines(values, points.two_theta, present)
        ties = tie_unresolved(self.lines, model.place(values, self.lines), expected) if expected else None
        self.problem = model.problem(points, noise, self.lines, ties, may_spread=model.may_spread(values, wanted))
        in_use = np.abs(model.table.slot_mapping[:, wanted]).sum(axis=1) > 0.0
        self.row_of_slot = np.where(in_use, np.cumsum(in_use) - 1, -1).astype(np.int64)
        self.rows = np.flatnonzero(in_use)
        self.work = make_workspace(self.problem, self.rows.size)
        self.areas_free = True
        self.nfev = 0
        self._at: NDArray[np.float64] | None = None
        self.chi2 = np.inf

    def at_points(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """The part (..., n) of an array of the workspace that belongs to points of the pattern, not to ties."""
        return array[..., : self.points.two_theta.size]

    def start_weights(self, weight: NDArray[np.float64]) -> None:
        """Weights (n,) of the points before any model is at hand."""
        n = weight.size
        self.work.weight[:n] = weight
        self.work.weight[n:] = 1.0 / self.problem.variance_constant[n:]
        self._at = None

    def update_weights(self) -> None:
        """Bring the weights up to date with the model last calculated."""
        update_weights(self.problem, self.work)
        self._at = None

    def calculate(self, values: NDArray[np.float64]) -> float:
        """Chi^2 at `values` (n_parameters,); the workspace then holds the pattern."""
        if not self._is_at(values):
            self.chi2 = calculate(self.problem, self.model.table.slots(values), self.work, self.areas_free)
            self._at = values.copy()
            self.nfev += 1
        return self.chi2

    def _is_at(self, values: NDArray[np.float64]) -> bool:
        return self._at is not None and np.array_equal(self._at, values)

    def forget(self) -> None:
        """The workspace was filled by someone else: calculate afresh at the next call."""
        self._at = None

    def take(self, values: NDArray[np.float64], chi2: float) -> None:
        """The workspace was filled by someone else, at `values`."""
        self._at = values.copy()
        self.chi2 = chi2

    def place(self, values: NDArray[np.float64]) -> Placement:
        """The lines at other parameters (n_parameters,); the workspace stays as it is."""
        return placed(self.problem, self.model.table.slots(values))

    def profiles(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(m, n + n_ties) profiles of unit area of the lines at these parameters, the ties' entries at the end."""
        slots = self.model.table.slots(values)
        if not self._is_at(values):
            place(self.problem, slots, self.work)
            self.forget()
        fill_profiles(self.problem, slots, self.work)
        return self.work.profiles

    def set_areas(self, area: NDArray[np.float64]) -> None:
        """Put these areas in and fill the model with them, at the profiles last filled."""
        self.work.area[:] = area
        self.work.active[:] = area > 0.0
        add_up(self.work)
        self.chi2 = compare(self.problem, self.work)
        self._at = None

    def fill_products(self, values: NDArray[np.float64]) -> None:
        """Products of the lines' profiles with each other and with the net pattern, which given areas do without."""
        self.profiles(values)
        fill_products(self.problem, self.work)
        factor_active(self.work)
        compare(self.problem, self.work)

    def residual(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n + n_ties,) weighted residual (observed - calculated) / sigma, the ties' at the end."""
        self.calculate(values)
        return np.sqrt(self.work.weight) * self.work.residual

    def residual_jacobian(self, values: NDArray[np.float64], derivative: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n_variables, n) derivative of `residual`, the areas following along (Kaufman 1975).

        derivative : (n_parameters, n_variables) of the parameters with respect to the variables.
        """
        self.calculate(values)
        factor, half, index = eliminated(self.problem, self.model.table.slots(values), self.row_of_slot, self.work)
        mapping = self.slot_derivative(derivative)
        rows = mapping.T @ self.work.jacobian
        if index.size and self.areas_free:
            scale = 1.0 / np.sqrt(np.diag(self.work.gram)[index])
            # factor factor^T is the scaled Gram matrix, half = factor^-1 (scaled products).
            response = solve_triangular(
                factor[: index.size, : index.size], half.T @ mapping, lower=True, trans="T", check_finite=False
            )
            rows = rows - (response * scale[:, None]).T @ self.profiles(values)[index]
        return -rows * np.sqrt(self.work.weight)

    def slot_derivative(self, derivative: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n_rows, n_variables) derivative of the slots in use."""
        return self.model.table.slot_mapping[self.rows] @ derivative

    def normal_equations(
        self, values: NDArray[np.float64], derivative: NDArray[np.float64], *, areas_free: bool = True
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Normal matrix and right side of the variables after elimination of the areas."""
        self.calculate(values)
        if not self.areas_free:
            self.fill_products(values)
        slots = self.model.table.slots(values)
        mapping = np.ascontiguousarray(self.slot_derivative(derivative))
        return normal_equations(self.problem, slots, self.row_of_slot, mapping, self.work, areas_free)

    def longest_steps(self, values: NDArray[np.float64], derivative: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n_variables,) steps of the variables; see `xrdfit.kernels.least_squares.longest_steps`."""
        if not self._is_at(values):
            self.forget()
        mapping = np.ascontiguousarray(self.model.table.slot_mapping @ derivative)
        return longest_steps(self.problem, self.model.table.slots(values), mapping, self.work)


def factor_lower(factor: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The lower triangle of the first rows: the kernels leave the rest as it was."""
    return np.tril(factor[:count, :count])
