"""Does a quantity that should change smoothly from scan to scan jump, or bend?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr

# Rate of false alarms of either test.
_LEVEL = 0.01
# Scans with a value on either side of a change: one outlier at an end is not a jump.
_LEAST_SIDE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Jumps:
    """A smooth course against one with a single change.

    Attributes
    ----------
    chi2, n_free : of the smooth course. p_smooth : probability of a chi2 as large if the course is smooth.
    kind : jump (step in value) or bend (step in slope); None if there are too few values to tell.
    scan : index of the first value after the change; None like `kind`.
    size, esd : of the step: in units of the value, or of the value per scan. z : size / esd, the esd widened where the
        values scatter more than their esds say.
    p_change : probability of a \\|z\\| as large anywhere in a smooth series: Bonferroni over all changes tried.
    """

    chi2: float
    n_free: int
    p_smooth: float
    kind: Literal["jump", "bend"] | None = None
    scan: int | None = None
    size: float = np.nan
    esd: float = np.nan
    z: float = np.nan
    p_change: float = 1.0

    @property
    def smooth(self) -> bool:
        return not self.p_smooth < _LEVEL

    @property
    def changed(self) -> bool:
        return self.p_change < _LEVEL


def jumps(values: ArrayLike, esd: ArrayLike, *, order: int = 0) -> Jumps:
    """Test a quantity for smoothness along the series, and find the best single change.

    Parameters
    ----------
    values, esd : (n_scans,); scans with NaN, or without a positive esd, are left out.
    order : of the polynomial in the scan index that the smooth course may be, or that was taken out of the values.
    """
    values, esd = np.asarray(values, dtype=np.float64), np.asarray(esd, dtype=np.float64)
    where = np.flatnonzero(np.isfinite(values) & np.isfinite(esd) & (esd > 0.0))
    n_free = where.size - order - 1
    if n_free < 1:
        return Jumps(chi2=np.nan, n_free=0, p_smooth=np.nan)
    root = 1.0 / esd[where]
    at = 2.0 * (where - where[0]) / (where[-1] - where[0]) - 1.0
    basis, _ = np.linalg.qr(legendre.legvander(at, order) * root[:, None])
    scaled = values[where] * root
    left = scaled - basis @ (basis.T @ scaled)
    chi2 = float(left @ left)
    p_smooth = float(chdtrc(n_free, chi2))
    change = np.arange(_LEAST_SIDE, where.size - _LEAST_SIDE + 1)
    tried = _regressed(left, basis, root, where.astype(np.float64), change)
    size, strength = np.hstack(tried)
    n_tried = int(np.count_nonzero(strength))
    if n_tried == 0 or n_free < 2:
        return Jumps(chi2=chi2, n_free=n_free, p_smooth=p_smooth)
    z = size * np.sqrt(strength)
    best = int(np.argmax(np.abs(z)))
    excess = max(1.0, (chi2 - float(z[best]) ** 2) / (n_free - 1))
    significance = float(z[best] / np.sqrt(excess))
    return Jumps(
        chi2=chi2,
        n_free=n_free,
        p_smooth=p_smooth,
        kind="jump" if best < change.size else "bend",
        scan=int(where[change[best % change.size]]),
        size=float(size[best]),
        esd=float(np.sqrt(excess / strength[best])),
        z=significance,
        p_change=min(1.0, n_tried * 2.0 * float(ndtr(-abs(significance)))),
    )


def _regressed(
    left: NDArray[np.float64],
    basis: NDArray[np.float64],
    root: NDArray[np.float64],
    position: NDArray[np.float64],
    change: NDArray[np.intp],
) -> list[NDArray[np.float64]]:
    """Of a jump, and of a bend, (2, m) size and 1 / esd^2 at each of m places: see `_size_and_strength`.

    A jump adds 1 from its place on, a bend the distance from the scan before. Sums from there to the end tell all that
    is needed, in time linear in the number of scans.
    """
    moved, order = root * position, basis.shape[1]
    single = [root * root, moved * root, moved * moved, root * left, moved * left]
    columns = np.column_stack([*single, basis * root[:, None], basis * moved[:, None]])
    to_end = np.cumsum(columns[::-1], axis=0)[::-1][change]
    one, cross, square, by_one, by_position = to_end[:, :5].T
    level, slope = to_end[:, 5 : 5 + order], to_end[:, 5 + order :]
    start = position[change - 1]
    return [
        _size_and_strength(one, level, by_one),
        _size_and_strength(
            square - 2.0 * start * cross + start**2 * one, slope - start[:, None] * level, by_position - start * by_one
        ),
    ]


def _size_and_strength(
    raw: NDArray[np.float64], shared: NDArray[np.float64], amount: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(2, m) both 0 where the smooth course can do the same: `raw` squares (m,), of which it has `shared` (m, k)."""
    strength = raw - np.sum(shared**2, axis=1)
    told = strength > 1e-9 * raw
    return np.array([np.where(told, amount / np.where(told, strength, 1.0), 0.0), np.where(told, strength, 0.0)])
