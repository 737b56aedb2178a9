"""How the widths of lines may depend on their direction: what symmetry leaves free.

Anisotropic strain after Stephens (1999), J. Appl. Cryst. 32, 281, doi:10.1107/S0021889898006001: the variance of
1/d^2 is a form of fourth order in h, k, l, ``sum S_HKL h^H k^K l^L`` with H + K + L = 4, which the symmetry of the
crystal leaves as it is. Anisotropic size: a form of second order in the direction of the line.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrdfit.crystal.cell import UnitCell
from xrdfit.crystal.spacegroup import SpaceGroup
from xrdfit.errors import CrystalError, Problem

# Exponents H, K, L; where symmetry ties terms together, the first in this order names them.
_QUARTIC = (
    *((4, 0, 0), (0, 4, 0), (0, 0, 4), (2, 2, 0), (2, 0, 2), (0, 2, 2)),
    *((3, 1, 0), (1, 3, 0), (3, 0, 1), (1, 0, 3), (0, 3, 1), (0, 1, 3)),
    *((2, 1, 1), (1, 2, 1), (1, 1, 2)),
)
N_QUARTIC = len(_QUARTIC)
N_AXES = 3
# In other classes some lines consist of reflections that are not equivalent, and whose widths differ.
_ONE_WIDTH_A_LINE = ("-1", "2/m", "mmm", "4/mmm", "6/mmm", "m-3m")
# Directions in which widths are given, by crystal system: its name, and the squares of direction cosines it stands for.
_AXES: dict[str, tuple[tuple[str, int], ...]] = {
    "orthorhombic": (("h00", 0), ("0k0", 1), ("00l", 2)),
    "tetragonal": (("h00", 0), ("00l", 2)),
    "trigonal": (("h00", 0), ("00l", 2)),
    "hexagonal": (("h00", 0), ("00l", 2)),
}
AXES = {"h00": (1, 0, 0), "0k0": (0, 1, 0), "00l": (0, 0, 1)}


def quartic_terms(hkl: ArrayLike) -> NDArray[np.float64]:
    """(m, 15) the products ``h^H k^K l^L`` of reflections (m, 3)."""
    given = np.asarray(hkl, dtype=np.float64)
    return np.prod(given[:, None, :] ** np.array(_QUARTIC), axis=2)


@cache
def stephens_terms(group: SpaceGroup) -> tuple[tuple[str, tuple[tuple[int, float], ...]], ...]:
    """The strain terms of a group: name, and the (product, factor) pairs that symmetry ties to it.

    Raises
    ------
    CrystalError
        In a Laue class whose powder lines are more than one reflection wide.
    """
    _check_class(group)
    # The mean of a product over the group's images is invariant, and every invariant form is made of such means.
    grid = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    images = [quartic_terms(grid @ (np.array(op.rot) // op.DEN)) for op in group.gemmi_group.operations().sym_ops]
    means = np.linalg.lstsq(quartic_terms(grid), np.mean(images, axis=0), rcond=None)[0].T
    reduced, pivots = _row_echelon(np.round(means, 9))
    terms = []
    for row, pivot in zip(reduced, pivots, strict=True):
        tied = tuple((int(column), float(row[column])) for column in np.flatnonzero(row))
        terms.append(("S" + "".join(map(str, _QUARTIC[pivot])), tied))
    return tuple(terms)


def isotropic_terms(cell: UnitCell) -> NDArray[np.float64]:
    """(15,) factors of the products in ``1 / d^4``, 1/angstrom^4: strain that is the same in all directions."""
    grid = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    inverse = ((grid @ cell.reciprocal_metric) * grid).sum(axis=1)
    factors = np.linalg.lstsq(quartic_terms(grid), inverse**2, rcond=None)[0]
    return np.where(np.abs(factors) > 1e-9 * np.abs(factors).max(), factors, 0.0)


def width_axes(group: SpaceGroup) -> tuple[tuple[str, int], ...]:
    """Directions in which the size of a crystallite is free: name and column of `direction_squares`.

    Raises
    ------
    CrystalError
        If the crystal system leaves none, or more than two or three along its axes.
    """
    axes = None if group.name.endswith(":R") else _AXES.get(group.crystal_system)
    if axes is None:
        raise CrystalError(
            Problem(
                code="E127",
                what="no anisotropic size in this crystal system",
                where="size",
                found=f"{group.name} ({group.crystal_system}) against {', '.join(_AXES)}",
                todo='write size = "isotropic"',
            )
        )
    return axes


def axis_hkl(axis: str) -> tuple[int, int, int]:
    """The first reflection in a direction of `width_axes`."""
    return AXES[axis]


def direction_squares(group: SpaceGroup, cell: UnitCell, hkl: ArrayLike) -> NDArray[np.float64]:
    """(m, 3) squares of the direction cosines of reflections (m, 3) with a*, b*, c*; of a* and b* together where
    they are alike."""
    given = np.asarray(hkl, dtype=np.float64)
    metric = cell.reciprocal_metric
    squares = given**2 * np.diag(metric) * cell.d_spacing(given)[:, None] ** 2
    if group.crystal_system != "orthorhombic":
        squares[:, 0], squares[:, 1] = 1.0 - squares[:, 2], 0.0
    return squares


def _check_class(group: SpaceGroup) -> None:
    laue = str(group.gemmi_group.laue_str())
    if laue not in _ONE_WIDTH_A_LINE:
        raise CrystalError(
            Problem(
                code="E127",
                what="no anisotropic strain in this Laue class",
                where="strain",
                found=f"{group.name} ({laue}) against {', '.join(_ONE_WIDTH_A_LINE)}",
                todo='write strain = "isotropic"',
            )
        )


def _row_echelon(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[int]]:
    """Reduced row echelon form without empty rows, and the columns of its pivots."""
    rows = matrix.copy()
    pivots: list[int] = []
    for column in range(rows.shape[1]):
        top = len(pivots)
        if top == len(rows):
            break
        best = top + int(np.argmax(np.abs(rows[top:, column])))
        if abs(rows[best, column]) < 1e-6:
            continue
        rows[[top, best]] = rows[[best, top]]
        rows[top] /= rows[top, column]
        others = np.arange(len(rows)) != top
        rows[others] -= np.outer(rows[others, column], rows[top])
        pivots.append(column)
    return np.round(rows[: len(pivots)], 6), pivots
