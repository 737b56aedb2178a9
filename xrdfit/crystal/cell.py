"""The unit cell: six numbers, its volume and its d-spacings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrdfit.errors import CrystalError, Problem

CELL_NAMES = ("a", "b", "c", "alpha", "beta", "gamma")
_LIMITS = (np.inf, np.inf, np.inf, 180.0, 180.0, 180.0)
_UNITS = ("Å", "Å", "Å", "deg", "deg", "deg")


@dataclass(frozen=True, slots=True)
class UnitCell:
    """A unit cell that can exist.

    Attributes
    ----------
    a, b, c : lengths in Å.
    alpha, beta, gamma : angles in deg.

    Raises
    ------
    CrystalError
        If a length is not positive, an angle not between 0 and 180 deg, or the three angles close no cell.
    """

    a: float
    b: float
    c: float
    alpha: float = 90.0
    beta: float = 90.0
    gamma: float = 90.0

    def __post_init__(self) -> None:
        wrong = [
            f"{name} = {value:g} {unit}"
            for name, value, limit, unit in zip(CELL_NAMES, self.lengths_angles.tolist(), _LIMITS, _UNITS, strict=True)
            if not 0.0 < value < limit
        ]
        if wrong:
            raise CrystalError(_impossible(", ".join(wrong), "lengths > 0 and angles between 0 and 180 deg"))
        if not _metric(self)[1] > 0.0:
            found = f"alpha, beta, gamma = {self.alpha:g}, {self.beta:g}, {self.gamma:g} deg, which close no cell,"
            raise CrystalError(_impossible(found, "each below the sum of the other two, all three below 360 deg"))

    @property
    def lengths_angles(self) -> NDArray[np.float64]:
        """(6,) a, b, c in Å, alpha, beta, gamma in deg."""
        return np.array([self.a, self.b, self.c, self.alpha, self.beta, self.gamma], dtype=np.float64)

    @property
    def volume(self) -> float:
        """Volume in Å^3."""
        return float(np.sqrt(_metric(self)[1]))

    @property
    def metric(self) -> NDArray[np.float64]:
        """(3, 3) the tensor G in Å^2 for which a fractional vector's squared length is ``x G x``."""
        return _metric(self)[0]

    @property
    def reciprocal_metric(self) -> NDArray[np.float64]:
        """(3, 3) the tensor G* in Å^-2 for which ``1 / d^2 = h G* h``."""
        return np.asarray(np.linalg.inv(self.metric), dtype=np.float64)

    def d_spacing(self, hkl: ArrayLike) -> NDArray[np.float64]:
        """d-spacings in Å, (m,), of the reflections ``hkl`` (m, 3)."""
        return np.asarray(d_spacings(self.lengths_angles[None], hkl)[0])


def _metric(cell: UnitCell) -> tuple[NDArray[np.float64], float]:
    """The metric tensor in Å^2 and its determinant, the volume squared in Å^6."""
    metric, determinant = _metrics(cell.lengths_angles[None])
    return metric[0], float(determinant[0])


def _metrics(cells: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 3, 3) metric tensors in Å^2 of cells (n, 6), and (n,) their determinants.

    The determinant is written out, so that angles which close no cell give it a clear sign.
    """
    # Degrees of right angles have cosines of 6e-17, which would leave traces of zero in every d-spacing.
    cos = np.where(cells[:, 3:] == 90.0, 0.0, np.cos(np.radians(cells[:, 3:])))
    metric = cells[:, :3, None] * cells[:, None, :3]
    for angle, (i, j) in enumerate(((1, 2), (0, 2), (0, 1))):
        metric[:, i, j] *= cos[:, angle]
        metric[:, j, i] = metric[:, i, j]
    shape = 1.0 - (cos**2).sum(axis=1) + 2.0 * cos.prod(axis=1)
    # Angles that add up to 360 deg leave a plane, whose volume rounding alone may call positive.
    return metric, np.where(shape > 1e-12, cells[:, :3].prod(axis=1) ** 2 * shape, 0.0)


def cell_volumes(cells: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) volumes in Å^3 of cells (n, 6) in Å and deg, and (n, 6) their derivatives; NaN for what is no cell."""
    determinant = _metrics(cells)[1]
    volume = np.sqrt(np.where(determinant > 0.0, determinant, np.nan))
    angles = np.radians(cells[:, 3:])
    cos, sin = np.where(cells[:, 3:] == 90.0, 0.0, np.cos(angles)), np.sin(angles)
    others = cos[:, [1, 2, 0]] * cos[:, [2, 0, 1]]
    by_angle = (cells[:, :3].prod(axis=1) ** 2 / volume)[:, None] * sin * (cos - others)
    return volume, np.column_stack([volume[:, None] / cells[:, :3], np.radians(by_angle)])


def d_spacings(cells: NDArray[np.float64], hkl: ArrayLike) -> NDArray[np.float64]:
    """(n, m) d-spacings in Å of reflections ``hkl`` (m, 3) in cells (n, 6) in Å and deg."""
    return spacings_and_volumes(cells, hkl)[0]


def spacings_and_volumes(cells: NDArray[np.float64], hkl: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, m) d-spacings in Å of reflections ``hkl`` (m, 3) in cells (n, 6) in Å and deg, and (n,) volumes in Å^3.

    The volume is NaN for what is no cell.
    """
    hkl = np.asarray(hkl, dtype=np.float64)
    metric, determinant = _metrics(cells)
    inverse = ((hkl @ np.linalg.inv(metric)) * hkl).sum(axis=2)
    return np.asarray(1.0 / np.sqrt(inverse)), np.sqrt(np.where(determinant > 0.0, determinant, np.nan))


def _impossible(found: str, expected: str) -> Problem:
    return Problem(
        code="E121",
        what="impossible cell",
        where="cell",
        found=f"{found} against {expected}",
        todo="give lengths in Å and angles in deg",
    )
