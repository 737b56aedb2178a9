"""What noise alone makes of a phase whose place and width are looked for.

Without the phase its lines have no place and no width: a fit chooses those at which noise looks most like it, and what
it finds there is the largest of many numbers, not one of them. The chance of that is bounded by the expected number of
places and widths at which the score goes up through what was found: Davies (1987), Biometrika 74, 33,
doi:10.1093/biomet/74.1.33; Gross & Vitells (2010), Eur. Phys. J. C 70, 525, doi:10.1140/epjc/s10052-010-1470-8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, gammaln

from xrdfit.kernels.profiles import pseudo_voigt_shape
from xrdfit.model import LineChoice, PatternModel

# Nominal rate of false alarms of a series.
CHANCE = 0.01
# How fast the score of a Gaussian line forgets itself, for a shift by its FWHM and for a width that is e times as
# large: root of the second derivative of the correlation. A Lorentzian's does so more slowly.
_BY_FWHM = math.sqrt(4.0 * math.log(2.0))
_BY_E_FOLD = math.sqrt(0.5)
# Beyond this part of the range a line is background.
_BROADEST = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How widely a phase was looked for.

    ``n_lines`` : lines whose intensities were free. ``places``, ``widths``: how far lines could be shifted and
    broadened, in units in which the score forgets itself; 0 for what is known.
    """

    n_lines: int
    places: float
    widths: float

    @property
    def anywhere(self) -> bool:
        """Whether there was anything to choose."""
        return self.places > 0.0 or self.widths > 0.0

    def chance(self, z: float) -> float:
        """Upper bound of the probability that noise brings as much as z at the best place and width.

        z : root of the fall in chi^2, or amplitude over its esd. Intensities cannot be negative: without a search z^2
        is a mixture of chi^2 of 0 to `n_lines` degrees of freedom.
        """
        if not z > 0.0:
            return 1.0
        dof = np.arange(1.0, self.n_lines + 1.0)
        log_part = gammaln(self.n_lines + 1.0) - gammaln(dof + 1.0) - gammaln(self.n_lines - dof + 1.0)
        part = np.exp(log_part - self.n_lines * math.log(2.0))
        beyond = float(part @ gammaincc(0.5 * dof, 0.5 * z * z))
        log_density = (1.0 - 0.5 * dof) * math.log(2.0) + (dof - 1.0) * math.log(z) - 0.5 * z * z - gammaln(0.5 * dof)
        density = float(part @ np.exp(log_density))
        along = (self.places + self.widths) / math.sqrt(2.0 * math.pi)
        across = self.places * self.widths * z / (2.0 * math.pi)
        return min(beyond + density * (along + across), 1.0)


def search_for(
    model: PatternModel,
    values: NDArray[np.float64],
    phase: int,
    *,
    two_theta: NDArray[np.float64],
    moving: NDArray[np.bool_],
    known_intensities: bool = False,
) -> Search:
    """How widely a phase is looked for while these parameters (n_parameters,) move within their limits.

    The place is that of the phase alone: where the sample is, other phases say.
    """
    own = model.of_phase(phase) & moving
    only = [number == phase for number in range(len(model.phases))]
    lines = model.choose_lines(values, two_theta, only)
    if not lines.phase.size:
        return Search(n_lines=0, places=0.0, widths=0.0)
    lower, upper = values.copy(), values.copy()
    for row in np.flatnonzero(own):
        lower[row], upper[row] = model.table.specs[row].lower, model.table.specs[row].upper
    place, width = own & model.table.where("position"), own & model.table.where("width", "strain")
    narrow = np.where(width, lower, values)
    first, fwhm = _mean(model, np.where(place, lower, narrow), lines)
    last, _ = _mean(model, np.where(place, upper, narrow), lines)
    broadest = max(_BROADEST * float(np.ptp(two_theta)), fwhm)
    return Search(
        n_lines=1 if known_intensities else int(lines.phase.size),
        places=_BY_FWHM * abs(last - first) / fwhm,
        widths=_BY_E_FOLD * math.log(broadest / fwhm) if width.any() else 0.0,
    )


def _mean(model: PatternModel, values: NDArray[np.float64], lines: LineChoice) -> tuple[float, float]:
    """Mean position and FWHM (deg) of these lines at the first wavelength."""
    placed = model.place(values, lines)
    widths = zip(placed.gauss[:, 0].tolist(), placed.lorentz[:, 0].tolist(), strict=True)
    return float(placed.position[:, 0].mean()), float(np.mean([pseudo_voigt_shape(g, w)[0] for g, w in widths]))
