"""The powder lines of a phase."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrdfit.crystal.cell import UnitCell
from xrdfit.crystal.spacegroup import SpaceGroup
from xrdfit.errors import CrystalError, Problem

# Reflections that are looked through at most: a 50 Å cell down to 0.7 Å is still below it.
MAX_CANDIDATES = 3_000_000
MAX_INDEX = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class ReflectionList:
    """Powder lines by falling d-spacing, and the reflections that each consists of.

    A line is the set of reflections that lie at one d-spacing for **every** cell of the group's crystal system:
    the symmetry-equivalent ones, and others (333 and 511 of a cubic crystal, hkl and khl in 4/m). Its members are
    its classes of symmetry-equivalent reflections, Friedel mates counted as equivalent. Absent ones are left out.

    Attributes
    ----------
    hkl : (m, 3) one reflection that stands for the line.
    d_spacing : (m,) Å.
    multiplicity : (m,) number of reflections in the line.
    member_hkl : (M, 3) one reflection of each member, M >= m; members of a line follow each other.
    member_multiplicity : (M,) number of reflections in the member; over a line they add up to its multiplicity.
    member_line : (M,) the line, 0 to m - 1, that the member belongs to, ascending.
    """

    hkl: NDArray[np.int32]
    d_spacing: NDArray[np.float64]
    multiplicity: NDArray[np.int64]
    member_hkl: NDArray[np.int32]
    member_multiplicity: NDArray[np.int64]
    member_line: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.d_spacing)


def generate_reflections(group: SpaceGroup, cell: UnitCell, *, d_min: float, d_max: float) -> ReflectionList:
    """The powder lines with ``d_min <= d <= d_max`` (Å) of a cell that obeys the group's symmetry.

    Raises
    ------
    CrystalError
        If ``d_min`` is so small against the cell that there would be millions of reflections.
    """
    table = _table_down_to(group, (cell.a, cell.b, cell.c), d_min)
    d_spacing = cell.d_spacing(table.hkl)
    chosen = np.flatnonzero((d_spacing >= d_min) & (d_spacing <= d_max))
    chosen = chosen[np.argsort(-d_spacing[chosen], kind="stable")]
    counts = table.member_count[chosen]
    ends = np.cumsum(counts)
    line = np.repeat(np.arange(len(chosen)), counts)
    members = np.arange(len(line)) + np.repeat(table.member_start[chosen] - (ends - counts), counts)
    return ReflectionList(
        hkl=table.hkl[chosen],
        d_spacing=d_spacing[chosen],
        multiplicity=table.multiplicity[chosen],
        member_hkl=table.member_hkl[members],
        member_multiplicity=table.member_multiplicity[members],
        member_line=line,
    )


def candidate_lines(group: SpaceGroup, lengths: tuple[float, float, float], *, d_min: float) -> NDArray[np.int32]:
    """(m, 3) ``hkl`` of all powder lines that a cell with axes of these lengths can have down to `d_min`, and others.

    The array is the same for like lengths, and not to be written to.

    Raises
    ------
    CrystalError
        If there would be millions of reflections.
    """
    return _table_down_to(group, lengths, d_min).hkl


def _table_down_to(group: SpaceGroup, lengths: tuple[float, float, float], d_min: float) -> _LineTable:
    # |h| = |a . H| <= a |H| = a / d holds for any angles; the last digit must not lose a line that lies at d_min.
    h_max, k_max, l_max = (int(length / d_min + 1e-9) for length in lengths)
    candidates = (2 * h_max + 1) * (2 * k_max + 1) * (2 * l_max + 1)
    if candidates > MAX_CANDIDATES or max(h_max, k_max, l_max) > MAX_INDEX:
        a, b, c = lengths
        raise CrystalError(
            Problem(
                code="E124",
                what="too many reflections",
                where="d_min",
                found=f"d-spacings down to {d_min:g} Å in a cell of {a:.0f} x {b:.0f} x {c:.0f} Å against a few "
                "thousand lines",
                todo="check that wavelength and cell are in Å, or narrow the range of 2theta",
            )
        )
    return _line_table(group, h_max, k_max, l_max)


def equivalent_reflections(group: SpaceGroup, hkl: ArrayLike) -> NDArray[np.int32]:
    """(n, 3) the reflections that symmetry and Friedel's law make equal to `hkl` (3,)."""
    rotations = [np.array(op.rot, dtype=np.int64) // op.DEN for op in group.gemmi_group.operations().sym_ops]
    images = np.array([np.asarray(hkl, dtype=np.int64) @ rotation for rotation in rotations])
    return np.unique(np.concatenate([images, -images]), axis=0).astype(np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class _LineTable:
    """All lines of a group with indices up to a limit, whatever the cell: members sorted by line."""

    hkl: NDArray[np.int32]
    multiplicity: NDArray[np.int64]
    member_start: NDArray[np.int64]
    member_count: NDArray[np.int64]
    member_hkl: NDArray[np.int32]
    member_multiplicity: NDArray[np.int64]


@lru_cache(maxsize=64)
def _line_table(group: SpaceGroup, h_max: int, k_max: int, l_max: int) -> _LineTable:
    operations = group.gemmi_group.operations()
    hkl = _half_box(h_max, k_max, l_max)
    hkl = hkl[~np.asarray(operations.systematic_absences(hkl), dtype=bool)]
    rotations = [np.array(op.rot, dtype=np.int64) // op.DEN for op in operations.sym_ops]

    # One pass over the rotations: the image that stands for the class, how often a reflection is mapped onto itself
    # or its Friedel mate, and the mean of h (x) h over the class. The latter decides d for every cell that the group
    # allows, because d^-2 = <h (x) h, G*> and G* is invariant: two classes with equal means are one line.
    wide = hkl.astype(np.int64)
    own_code = _code(wide)
    best_code, best = own_code.copy(), wide.copy()
    fixed = np.zeros(len(hkl), dtype=np.int64)
    mean = np.zeros((len(hkl), 6), dtype=np.int64)
    for rotation in rotations:
        image = wide @ rotation
        h, k, l = image.T  # noqa: E741
        mean += np.stack([h * h, k * k, l * l, k * l, h * l, h * k], axis=1)
        for signed in (image, -image):
            code = _code(signed)
            fixed += code == own_code
            better = code > best_code
            best_code[better] = code[better]
            best[better] = signed[better]

    _, first = np.unique(best_code, return_index=True)
    _, line = np.unique(mean[first], axis=0, return_inverse=True)
    order = np.lexsort((-best_code[first], line.ravel()))
    first, line = first[order], line.ravel()[order]
    start = np.flatnonzero(np.diff(line, prepend=-1))
    multiplicity = 2 * len(rotations) // fixed[first]
    return _LineTable(
        hkl=best[first][start].astype(np.int32),
        multiplicity=np.add.reduceat(multiplicity, start) if len(start) else multiplicity,
        member_start=start,
        member_count=np.diff(start, append=len(first)),
        member_hkl=best[first].astype(np.int32),
        member_multiplicity=multiplicity,
    )


def _half_box(h_max: int, k_max: int, l_max: int) -> NDArray[np.int32]:
    """One of each Friedel pair of the indices up to a limit, the origin left out."""
    axes = (np.arange(-limit, limit + 1, dtype=np.int32) for limit in (h_max, k_max, l_max))
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    # The grid runs through its own inversion centre: what follows the centre is one half.
    return np.ascontiguousarray(hkl[len(hkl) // 2 + 1 :])


def _code(hkl: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number that tells reflections apart and is highest for the one by which a class is commonly named.

    That is the one with the fewest negative indices, l and k rather than h positive (-1 1 1 in monoclinic), and
    then the highest h, k, l. Images reach twice the largest index in hexagonal axes, so each index takes 18 bits.
    """
    h, k, l = hkl.T  # noqa: E741
    order = ((3 - (hkl < 0).sum(axis=1)) * 2 + (l >= 0)) * 2 + (k >= 0)
    half = 2 * MAX_INDEX
    return ((order * 2 * half + h + half) * 2 * half + k + half) * 2 * half + l + half
