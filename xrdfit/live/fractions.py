"""Fractions while the series is still being measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.fractions.mole_fractions import phase_fractions
from xrdfit.series.fractions.scale_covariance import ScaleCovariance


def provisional_fractions(
    scale: NDArray[np.float64], esd: NDArray[np.float64], volume: NDArray[np.float64], names: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Mole fractions (n, P) and esds by conservation of matter, the irradiated amount taken for constant.

    Parameters
    ----------
    scale, esd : (n, P) sums of line areas; NaN where a phase is absent.
    volume : (n, P) of the cells, Å^3; NaN where they are not refined.

    Returns
    -------
    None as long as the scans do not determine them.
    """
    measured = np.asarray(np.isfinite(scale).any(axis=1))
    if not measured.any():
        return None
    here = np.isfinite(scale) & np.isfinite(esd)
    usual = np.array([np.median(v[np.isfinite(v)]) if np.isfinite(v).any() else 1.0 for v in volume.T])
    # The error of nothing is not known; that of the least amount that was found is not far from it.
    floor = np.array([np.min(e[f]) if f.any() else 1.0 for e, f in zip(esd.T, here.T, strict=True)])
    errors = np.where(here, esd, floor)
    covariance = ScaleCovariance(
        local=errors[:, :, None] ** 2 * np.eye(len(names)),
        response=np.zeros((len(scale), len(names), 0)),
        shared=np.zeros((0, 0)),
    )
    found = phase_fractions(
        scale=np.where(measured[:, None], np.where(here, scale, 0.0), np.nan),
        volume=np.where(np.isfinite(volume), volume, usual),
        time_s=np.arange(len(scale), dtype=np.float64),
        covariance=covariance,
        usable=measured,
        names=names,
        amount="constant",
    )
    return (found.fraction, found.esd) if np.isfinite(found.fraction).any() else None
