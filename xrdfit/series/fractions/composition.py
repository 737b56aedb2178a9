"""Composition of one phase from its cell by Vegard's law, axis by axis, and whether the axes agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from xrdfit.crystal import CELL_NAMES, SpaceGroup, UnitCell, cell_volumes

# Axes disagree if chance makes them differ so much in fewer than one scan in a thousand.
_CHANCE = 0.001
_LENGTHS = ("a", "b", "c")
# End members closer than this part of a length do not tell compositions apart.
_LEAST_DIFFERENCE = 1e-6
# Part of an axis's variance below which a combination of axes is not free.
_LEAST_STRENGTH = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """x between two end members in n scans, 0 at the delithiated, 1 at the lithiated one; NaN where not measured.

    Attributes
    ----------
    axes : names of the m free cell lengths that the end members differ in.
    x, esd : (n, m) from each of them.
    x_volume, x_volume_esd : (n,) from the volume, which is made of the axes and adds no evidence of its own.
    chi2, dof : (n,) of the axes about their common x, with their full covariance; dof is one less than the axes
        measured in a scan.
    p_value : (n,) chance of such a chi2 in an undistorted cell.
    disagree : (n,) axes disagree: the cell is strained, or the fit is wrong. A mean over the axes would hide it.
    """

    axes: tuple[str, ...]
    x: NDArray[np.float64]
    esd: NDArray[np.float64]
    x_volume: NDArray[np.float64]
    x_volume_esd: NDArray[np.float64]
    chi2: NDArray[np.float64]
    dof: NDArray[np.int64]
    p_value: NDArray[np.float64]
    disagree: NDArray[np.bool_]


def vegard(
    values: NDArray[np.float64],
    covariance: NDArray[np.float64],
    *,
    group: SpaceGroup,
    lithiated: UnitCell,
    delithiated: UnitCell,
) -> Composition:
    """x = (a - a_delithiated) / (a_lithiated - a_delithiated) for every free cell length, and likewise for the volume.

    Parameters
    ----------
    values : (n, k) free cell parameters of the phase, Å and deg, in the order of ``group.free_parameters``.
    covariance : (n, k, k) of them; one without a positive variance (held, fixed) counts as not measured.
    group : whose symmetry the cell obeys.
    lithiated, delithiated : the end members, taken as exact.
    """
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    measured = np.isfinite(values) & (variance > 0.0)
    rich, poor = lithiated.lengths_angles, delithiated.lengths_angles
    chosen = [
        (column, CELL_NAMES.index(name))
        for column, name in enumerate(group.free_parameters)
        if name in _LENGTHS
        and abs(rich[CELL_NAMES.index(name)] / poor[CELL_NAMES.index(name)] - 1.0) > _LEAST_DIFFERENCE
    ]
    columns, rows = [column for column, _ in chosen], [row for _, row in chosen]
    difference = rich[rows] - poor[rows]
    x = np.where(measured[:, columns], (values[:, columns] - poor[rows]) / difference, np.nan)
    x_covariance = covariance[:, columns][:, :, columns] / np.outer(difference, difference)
    esd = np.sqrt(np.where(measured[:, columns], np.diagonal(x_covariance, axis1=1, axis2=2), np.nan))
    x_volume, x_volume_esd = _from_volume(values, covariance, measured, group, lithiated.volume, delithiated.volume)
    chi2, dof = _disagreement(x, x_covariance)
    p_value = np.where(dof > 0, chdtrc(np.maximum(dof, 1), chi2), np.nan)
    return Composition(
        axes=tuple(CELL_NAMES[row] for row in rows),
        x=x,
        esd=esd,
        x_volume=x_volume,
        x_volume_esd=x_volume_esd,
        chi2=chi2,
        dof=dof,
        p_value=p_value,
        disagree=p_value < _CHANCE,
    )


def _from_volume(
    values: NDArray[np.float64],
    covariance: NDArray[np.float64],
    measured: NDArray[np.bool_],
    group: SpaceGroup,
    rich: float,
    poor: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, esd = np.full(values.shape[0], np.nan), np.full(values.shape[0], np.nan)
    whole = measured.all(axis=1)
    if abs(rich / poor - 1.0) > _LEAST_DIFFERENCE and whole.any():
        volume, variance = volumes(group, values[whole], covariance[whole])
        x[whole] = (volume - poor) / (rich - poor)
        esd[whole] = np.sqrt(variance) / abs(rich - poor)
    return x, esd


def volumes(
    group: SpaceGroup, values: NDArray[np.float64], covariance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Volumes (n,) in Å^3 of cells with free parameters (n, k) and covariance (n, k, k), and their variances."""
    tie, constant = group.cell_tie
    volume, by_cell = cell_volumes(constant + values @ tie.T)
    gradient = by_cell @ tie
    return volume, np.einsum("ni,nij,nj->n", gradient, covariance, gradient)


def _disagreement(
    x: NDArray[np.float64], covariance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """chi2 (n,) of the measured axes about their best common x, and its degrees of freedom."""
    chi2, dof = np.full(x.shape[0], np.nan), np.zeros(x.shape[0], dtype=np.int64)
    known = np.isfinite(x)
    kind = known @ (1 << np.arange(x.shape[1]))
    for number in np.unique(kind):
        scans = np.flatnonzero(kind == number)
        own = known[scans[0]]
        part = covariance[np.ix_(scans, own, own)]
        root = np.sqrt(np.diagonal(part, axis1=1, axis2=2))
        strength, direction = np.linalg.eigh(part / (root[:, :, None] * root[:, None, :]))
        # Axes that a constraint ties together are one observation.
        seen = strength > _LEAST_STRENGTH
        firmness = np.where(seen, 1.0 / np.sqrt(np.where(seen, strength, 1.0)), 0.0)
        rows = (direction * firmness[:, None, :]).transpose(0, 2, 1) / root[:, None, :]
        one, observed = rows.sum(axis=2), np.einsum("nji,ni->nj", rows, x[np.ix_(scans, own)])
        several = seen.sum(axis=1) > 1
        mean = (one * observed).sum(axis=1) / np.where(several, (one**2).sum(axis=1), 1.0)
        apart = observed - one * mean[:, None]
        chi2[scans] = np.where(several, (apart**2).sum(axis=1), np.nan)
        dof[scans] = np.where(several, seen.sum(axis=1) - 1, 0)
    return chi2, dof
