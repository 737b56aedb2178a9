"""Which variable of a joint fit lives where: in one scan, or in the border that all scans share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import ParameterOverride
from xrdfit.fit import TiedParameters
from xrdfit.model import LineChoice, PatternModel
from xrdfit.series.joint.drift import is_polynomial
from xrdfit.series.joint.intensities import IntensityModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The variables of a series of N scans with m lines and P phases.

    Local variables of a scan, in this order: `local` rows of the parameter table, P scales, then (if `deviations`) m
    areas of lines that deviate from the shared intensities. Shared variables: `series` rows of the table, the
    coefficients of the drifts, the intensity variables.

    Attributes
    ----------
    drifts : (row of the table, (N, k) basis functions at the scans) of each drifting parameter.
    tied : parameters that expressions tie to those that move; None if there are none.
    may_spread : whether the beam may spread lines in any of the scans.
    """

    model: PatternModel
    lines: LineChoice
    local: NDArray[np.int64]
    series: NDArray[np.int64]
    drifts: tuple[tuple[int, NDArray[np.float64]], ...]
    intensities: IntensityModel
    deviations: bool
    tied: TiedParameters | None = None
    may_spread: bool = True

    @property
    def n_phases(self) -> int:
        return len(self.model.phases)

    @property
    def n_lines(self) -> int:
        return int(self.lines.phase.size)

    @property
    def scale(self) -> slice:
        """Of the local variables, the scales."""
        return slice(self.local.size, self.local.size + self.n_phases)

    @property
    def deviation(self) -> slice:
        """Of the local variables, the areas of deviating lines."""
        first = self.local.size + self.n_phases
        return slice(first, first + (self.n_lines if self.deviations else 0))

    @property
    def n_local(self) -> int:
        return self.deviation.stop

    @property
    def drift_slices(self) -> list[slice]:
        """Of the shared variables, the coefficients of each drift."""
        first, found = self.series.size, []
        for _, basis in self.drifts:
            found.append(slice(first, first + basis.shape[1]))
            first += basis.shape[1]
        return found

    @property
    def intensity(self) -> slice:
        """Of the shared variables, those of the intensities."""
        first = self.series.size + sum(basis.shape[1] for _, basis in self.drifts)
        return slice(first, first + self.intensities.start.size)

    @property
    def n_shared(self) -> int:
        return self.intensity.stop

    @property
    def shared_names(self) -> tuple[str, ...]:
        names = [self.model.table.names[row] for row in self.series]
        for row, basis in self.drifts:
            names += [f"{self.model.table.names[row]}[{j}]" for j in range(basis.shape[1])]
        return (*names, *self.intensities.names)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows of the parameter table that move, local ones first, then one for every shared table variable."""
        drifting = [np.full(basis.shape[1], row, dtype=np.int64) for row, basis in self.drifts]
        return np.concatenate([self.local, self.series, *drifting])

    def factors(self, scan: int) -> NDArray[np.float64]:
        """For each of `rows`, by what the variable is multiplied in a scan: 1, or the drift's basis function."""
        drifting = [basis[scan] for _, basis in self.drifts]
        return np.concatenate([np.ones(self.local.size + self.series.size), *drifting])

    @property
    def touched(self) -> NDArray[np.bool_]:
        """(n_parameters,) what the variables change: `rows`, and what expressions tie to them."""
        touched = np.zeros(len(self.model.table), dtype=np.bool_)
        touched[self.rows] = True
        if self.tied is not None:
            touched[self.tied.rows] = self.tied.sources.any(axis=1)
        return touched

    @property
    def touched_locally(self) -> NDArray[np.bool_]:
        """(n_parameters,) what the local variables change."""
        touched = np.zeros(len(self.model.table), dtype=np.bool_)
        touched[self.local] = True
        if self.tied is not None:
            touched[self.tied.rows] = self.tied.sources[:, self.local].any(axis=1)
        return touched

    def derivative(self, values: NDArray[np.float64], scan: int) -> NDArray[np.float64]:
        """(n_parameters, n_rows) of a scan's parameters, which are `values`, by the variables of `rows`."""
        columns = np.eye(values.size) if self.tied is None else self.tied.derivative(values)
        return columns[:, self.rows] * self.factors(scan)

    def run_derivative(self, values: NDArray[np.float64], run: slice) -> NDArray[np.float64]:
        """(R, n_parameters, n_rows) the same of a run of scans, whose parameters are `values` (R, n_parameters)."""
        if self.tied is not None:
            return np.array([self.derivative(own, run.start + i) for i, own in enumerate(values)])
        columns = np.eye(values.shape[1])[:, self.rows]
        factors = np.ones((len(values), self.rows.size))
        first = self.local.size + self.series.size
        for _, basis in self.drifts:
            factors[:, first : first + basis.shape[1]] = basis[run]
            first += basis.shape[1]
        return columns * factors[:, None, :]

    def feeding(self, phase: int) -> NDArray[np.bool_]:
        """(n_local,) variables of a scan on which parameters of a phase depend through expressions."""
        feeding = np.zeros(self.n_local, dtype=np.bool_)
        if self.tied is not None:
            own = self.model.of_phase(phase)[self.tied.rows]
            feeding[: self.local.size] = self.tied.sources[own][:, self.local].any(axis=0)
        return feeding

    def of_phase(self, phase: int) -> NDArray[np.bool_]:
        """(n_local,) True for what belongs to a phase, its scale and deviations included."""
        own = np.zeros(self.n_local, dtype=np.bool_)
        own[: self.local.size] = self.model.of_phase(phase)[self.local]
        own[self.local.size + phase] = True
        own[self.deviation] = (self.lines.phase == phase)[: self.deviation.stop - self.deviation.start]
        return own

    def room(self, row: int, overrides: Mapping[str, ParameterOverride]) -> tuple[float, float]:
        """Limits of a parameter: the recipe's, or those of the table."""
        spec = self.model.table.specs[row]
        said = overrides.get(spec.name, ParameterOverride())
        return spec.lower if said.min is None else said.min, spec.upper if said.max is None else said.max

    def limits(
        self, overrides: Mapping[str, ParameterOverride]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper of the local (n_local,), lower and upper of the shared variables (n_shared,).

        Scales may go below zero: only then is the error of a phase that is not there symmetric about zero. Of a drift,
        the mean and the coefficients of a spline keep within the parameter's limits, the other coefficients of a
        polynomial within half of their distance.
        """
        lower = np.full(self.n_local, -np.inf)
        upper = np.full(self.n_local, np.inf)
        shared_lower = np.full(self.n_shared, -np.inf)
        shared_upper = np.full(self.n_shared, np.inf)
        for chosen, low, high in ((self.local, lower, upper), (self.series, shared_lower, shared_upper)):
            for i, row in enumerate(chosen):
                low[i], high[i] = self.room(int(row), overrides)
        for (row, basis), where in zip(self.drifts, self.drift_slices, strict=True):
            least, most = self.room(row, overrides)
            shared_lower[where], shared_upper[where] = least, most
            if is_polynomial(basis):
                further = slice(where.start + 1, where.stop)
                shared_lower[further], shared_upper[further] = -0.5 * (most - least), 0.5 * (most - least)
        lower[self.deviation] = 0.0
        shared_lower[self.intensity] = self.intensities.lower
        shared_upper[self.intensity] = self.intensities.upper
        return lower, upper, shared_lower, shared_upper


@dataclass(slots=True)
class SeriesState:
    """Values of all variables: local (N, n_local), shared (n_shared,), and `fixed` (N, n_parameters) for the rest."""

    local: NDArray[np.float64]
    shared: NDArray[np.float64]
    fixed: NDArray[np.float64]

    def copy(self) -> SeriesState:
        return SeriesState(self.local.copy(), self.shared.copy(), self.fixed)

    def values(self, layout: Layout, scan: int) -> NDArray[np.float64]:
        """(n_parameters,) of a scan, in the table's order."""
        values = self.fixed[scan].copy()
        values[layout.local] = self.local[scan, : layout.local.size]
        values[layout.series] = self.shared[: layout.series.size]
        for (row, basis), where in zip(layout.drifts, layout.drift_slices, strict=True):
            values[row] = float(basis[scan] @ self.shared[where])
        return values if layout.tied is None else layout.tied.values(values)

    def run_values(self, layout: Layout, run: slice) -> NDArray[np.float64]:
        """(R, n_parameters) of a run of scans."""
        values = self.fixed[run].copy()
        values[:, layout.local] = self.local[run, : layout.local.size]
        values[:, layout.series] = self.shared[: layout.series.size]
        for (row, basis), where in zip(layout.drifts, layout.drift_slices, strict=True):
            values[:, row] = basis[run] @ self.shared[where]
        return values if layout.tied is None else np.array([layout.tied.values(own) for own in values])
