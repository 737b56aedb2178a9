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
        hkl = np.asarray(hkl, dtype=np.float64)
        return 1.0 / np.sqrt(((hkl @ self.reciprocal_metric) * hkl).sum(axis=1))


def _metric(cell: UnitCell) -> tuple[NDArray[np.float64], float]:
    """The metric tensor in Å^2 and its determinant, the volume squared in Å^6.

    The determinant is written out, so that angles which close no cell give it a clear sign.
    """
    a, b, c = cell.a, cell.b, cell.c
    # Degrees of right angles have cosines of 6e-17, which would leave traces of zero in every d-spacing.
    angles = (cell.alpha, cell.beta, cell.gamma)
    cos_alpha, cos_beta, cos_gamma = (0.0 if x == 90.0 else float(np.cos(np.radians(x))) for x in angles)
    metric = np.array(
        [
            [a * a, a * b * cos_gamma, a * c * cos_beta],
            [a * b * cos_gamma, b * b, b * c * cos_alpha],
            [a * c * cos_beta, b * c * cos_alpha, c * c],
        ]
    )
    shape = 1.0 - cos_alpha**2 - cos_beta**2 - cos_gamma**2 + 2.0 * cos_alpha * cos_beta * cos_gamma
    # Angles that add up to 360 deg leave a plane, whose volume rounding alone may call positive.
    return metric, (a * b * c) ** 2 * shape if shape > 1e-12 else 0.0


def _impossible(found: str, expected: str) -> Problem:
    return Problem(
        code="E121",
        what="impossible cell",
        where="cell",
        found=f"{found} against {expected}",
        todo="give lengths in Å and angles in deg",
    )
