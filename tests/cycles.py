"""Scales of simulated cycles whose fractions are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xrdfit.series.fractions.mole_fractions import PhaseFractions, phase_fractions
from xrdfit.series.fractions.scale_covariance import ScaleCovariance

VOLUME = np.array([291.02, 271.70])
ALPHA = np.array([1.3, 0.8])
NAMES = ("LFP", "FP")
# Hours of rest, charge, rest, discharge, rest, and the fraction of FP at their ends.
CYCLE = ((3.0, 19.0, 1.0, 18.0, 1.0), (0.0, 0.0, 0.95, 0.95, 0.05, 0.05))


@dataclass(frozen=True, kw_only=True)
class Record:
    """A simulated series: what `phase_fractions` gets, and the truth."""

    given: dict[str, Any]
    truth: np.ndarray

    def fractions(self, **options: Any) -> PhaseFractions:
        return phase_fractions(**(self.given | options))


def course(n_scans: int = 42, hours: tuple = CYCLE[0], fp: tuple = CYCLE[1]) -> tuple[np.ndarray, np.ndarray]:
    """Mid-times (s) and fraction of FP."""
    knots = np.concatenate([[0.0], np.cumsum(hours)])
    time = (np.arange(n_scans) + 0.5) * knots[-1] / n_scans
    return time * 3600.0, np.interp(time, knots, fp)


def charge(rest_before: float, rest_after: float) -> tuple[np.ndarray, np.ndarray]:
    return course(42, (rest_before, 19.0, rest_after), (0.0, 0.0, 0.95, 0.95))


def simulated(
    seed: int,
    time_and_fp: tuple[np.ndarray, np.ndarray],
    *,
    noise: float = 0.01,
    shared: float = 0.003,
    linked: float = 0.0,
    change: np.ndarray | float = 0.0,
    bounded: bool = True,
) -> Record:
    """Scales with an error of `noise` of themselves and a fifth of that where the phase is not, errors that all scans
    share, successive scans correlated by `linked`; `change` (n,) is added to the amount of 1.
    """
    rng = np.random.default_rng(seed)
    time, fp = time_and_fp
    n = time.size
    truth = np.column_stack([1.0 - fp, fp])
    unit = VOLUME / ALPHA
    scale = (1.0 + change * np.ones(n))[:, None] * truth * unit
    sigma = noise * np.hypot(truth, 0.2) * unit
    local = sigma[:, :, None] * np.array([[1.0, -0.3], [-0.3, 1.0]]) * sigma[:, None, :]
    # Two shared errors scale a phase each, the third moves intensity from one to the other in mixtures.
    response = np.zeros((n, 2, 3))
    response[:, 0, 0], response[:, 1, 1] = scale.T
    response[:, :, 2] = (fp * (1.0 - fp))[:, None] * unit * [1.0, -1.0]
    covariance = np.diag([2.0 * shared, 2.0 * shared, shared]) ** 2
    # A moving average of independent errors has the wanted correlation from scan to scan.
    white = np.einsum("sij,sj->si", np.linalg.cholesky(local), rng.normal(size=(n, 2)))
    angle = 0.5 * np.arcsin(2.0 * linked)
    error = np.cos(angle) * white
    error[1:] += np.sin(angle) * white[:-1]
    of_before = local.copy()
    of_before[1:] = np.cos(angle) ** 2 * local[1:] + np.sin(angle) ** 2 * local[:-1]
    of_before[0] *= np.cos(angle) ** 2
    error += response @ (np.sqrt(np.diag(covariance)) * rng.normal(size=3))
    errors = ScaleCovariance(
        local=of_before,
        response=response,
        shared=covariance,
        neighbour=np.sin(angle) * np.cos(angle) * local[:-1] if linked else None,
    )
    observed = scale + error
    given = {
        "scale": np.maximum(observed, 0.0) if bounded else observed,
        "volume": np.broadcast_to(VOLUME, (n, 2)),
        "time_s": time,
        "covariance": errors,
        "usable": np.ones(n, dtype=bool),
        "names": NAMES,
    }
    return Record(given=given, truth=truth)


def linear(n_scans: int, drift: float) -> np.ndarray:
    return drift * np.linspace(-0.5, 0.5, n_scans)
