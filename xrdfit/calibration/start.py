"""Where a calibration begins: the width and the offset of lines at which the standard explains most of the pattern."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.fit import PreparedScan, ScanObjective, with_seeded_background
from xrdfit.model import PatternModel

# FWHM (deg) of the Gaussian and of the Lorentzian part, and offsets (deg) of the lines that are tried.
_WIDTHS = (0.006, 0.02, 0.06, 0.18)
_OFFSETS = np.linspace(-0.3, 0.3, 13)
# A line is there if its area exceeds this many of its standard deviations.
_SEEN = 10.0


def first_values(
    model: PatternModel, prepared: PreparedScan, values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, int, int]:
    """Start values with widths and zero shift read off the pattern.

    values : (n_parameters,) what is known.

    Returns
    -------
    The values with a background; the part of the pattern's departure from the background (as chi^2) that lines of the
    standard explain; how many of its lines are there, and how many should be.
    """
    table = model.table
    seeded = with_seeded_background(model, prepared, values)
    best, best_chi2, seen, lines = seeded, np.inf, 0, 0
    nothing = np.zeros(len(table), dtype=np.bool_)
    for width in _WIDTHS:
        for offset in _OFFSETS:
            trial = seeded.copy()
            trial[table.index("caglioti_w")] = width**2
            trial[table.index("instrument_lorentz_size")] = width
            trial[table.index("zero_shift")] += offset
            objective = ScanObjective(
                model, prepared.points, prepared.noise, values=trial, present=[True], wanted=nothing
            )
            objective.start_weights(1.0 / prepared.variance)
            chi2 = objective.calculate(trial)
            if chi2 < best_chi2:
                gram = np.diag(objective.work.gram)
                best, best_chi2 = trial, chi2
                seen = int(np.count_nonzero(objective.work.area * np.sqrt(gram) > _SEEN))
                lines = gram.size
    objective = ScanObjective(model, prepared.points, prepared.noise, values=seeded, present=[False], wanted=nothing)
    objective.start_weights(1.0 / prepared.variance)
    explained = 1.0 - best_chi2 / objective.calculate(seeded)
    return best, explained, seen, lines
