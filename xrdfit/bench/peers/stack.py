"""What every program is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrdfit.simulate import LEAST_FRACTION, WELL_BEHAVED, SimulatedStack, simulate_stack

Array = NDArray[np.float64]
AXES = tuple(f"{phase}_{axis}" for phase in ("LFP", "FP") for axis in "abc")
# Where sizes start, deg; the true ones are 0.10.
START_SIZE = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStack:
    """Scans of the reference case in which both phases are well seen, one after the other.

    Strain and the instrument are known; cells, a size a phase, sample displacement, six Chebyshev coefficients and all
    line intensities are refined, in every scan from the answer of the scan before.

    Attributes
    ----------
    simulated : the cycle that the scans are from. scans : their numbers.
    """

    simulated: SimulatedStack
    scans: tuple[int, ...]

    @classmethod
    def of(cls, n_scans: int) -> PeerStack:
        """The first `n_scans` in which both phases exceed 10 %."""
        simulated = simulate_stack(WELL_BEHAVED, seed=1)
        fraction = simulated.truth["FP_fraction"]
        seen = np.flatnonzero(np.minimum(fraction, 1.0 - fraction) > LEAST_FRACTION)
        return cls(simulated=simulated, scans=tuple(seen[:n_scans].tolist()))

    @property
    def counts(self) -> Array:
        """(n_scans, n_points)."""
        return self.simulated.counts[list(self.scans)]

    @property
    def cells(self) -> Array:
        """(n_scans, 6) true, Å, in the order of `AXES`."""
        return np.array([[self.simulated.truth[name][scan] for name in AXES] for scan in self.scans])

    def known(self, name: str) -> float:
        """A parameter that is the same in all scans."""
        return float(self.simulated.truth[name][0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a program made of the scans.

    Attributes
    ----------
    cells, esd : (n_scans, 6) in Å, NaN where there is none. converged : (n_scans,), by the program's own word.
    seconds : (n_scans,) that each took; or one number for a program that refines them all together.
    """

    cells: Array
    esd: Array
    converged: NDArray[np.bool_]
    seconds: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program in one of its modes: `version` raises ImportError where it is not installed."""

    name: str
    mode: str
    version: Callable[[], str]
    refine: Callable[[PeerStack], Answer]


def score(stack: PeerStack, answer: Answer) -> dict[str, Any]:
    """Time a scan, and errors against the truth, over the scans that converged."""
    together = answer.seconds.size == 1
    warm = answer.seconds / len(stack.scans) if together else answer.seconds[1:]
    truth = stack.cells
    error = np.where(answer.converged[:, None], answer.cells - truth, np.nan)
    return {
        "first_scan_ms": None if together else 1e3 * float(answer.seconds[0]),
        "min_ms": 1e3 * float(warm.min()),
        "median_ms": 1e3 * float(np.median(warm)),
        "repeats": int(warm.size),
        "converged": float(np.mean(answer.converged)),
        "rms_error_mA": {name: 1e3 * _rms(error[:, i]) for i, name in enumerate(AXES)},
        "rms_error_ppm": 1e6 * _rms(error / truth),
        "rms_pull": _rms(error / answer.esd),
    }


def _rms(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(finite**2))) if finite.size else float("nan")
