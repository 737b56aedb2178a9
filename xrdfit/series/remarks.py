"""Remarks on a joint fit that are neither settings nor warnings: correlations, intensities, compositions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.joint.series import JointSeries

# Root of chi^2 over its degrees of freedom above which the axes of a cell disagree on the composition.
_DISAGREE = 3.0


def intensity_notes(series: JointSeries) -> list[str]:
    """Which of the three models of intensities the data want, and which was used."""
    test = series.spread
    if test is None:
        return ["intensities: those of the structures, the same in all scans"]
    notes = []
    for number, phase in enumerate(series.model.phases):
        if not (series.chain.layout.lines.phase == number).any() or not np.isfinite(test.z[number]):
            continue
        if test.holds[number]:
            word = f"the same in all scans; a spread of more than {test.upper95[number]:.1%} would show"
        else:
            word = f"change from scan to scan by at least {test.spread[number]:.1%} (z {test.z[number]:.0f})"
        used = series.regime.spread
        if series.regime.free:
            word += "; left free in every scan"
        elif used is not None:
            word += f"; a spread of {used[number]:.1%} was allowed for"
        notes.append(f"intensities of {phase.name}: {word}")
    return notes


def composition_notes(series: JointSeries, columns: Mapping[str, NDArray[Any]]) -> list[str]:
    """Phases whose axes give different compositions by Vegard's law; `columns` of the table of trajectories."""
    notes = []
    for phase in series.model.phases:
        apart = columns[f"{phase.name}_x_disagreement"]
        known = apart[np.isfinite(apart)]
        if known.size and float(np.median(known)) > _DISAGREE:
            notes.append(
                f"{phase.name}: the axes disagree on the composition (median {np.median(known):.1f} esd): strain, or "
                "end members of the sample that differ from the reference cells"
            )
    return notes


def correlation_notes(series: JointSeries, limit: float = 0.9) -> list[str]:
    """Pairs of shared variables, and of a scan's own, whose errors correlate more than `limit` over the series."""
    layout, errors = series.chain.layout, series.errors
    n = layout.rows.size - layout.local.size
    notes = _pairs(errors.shared[:n, :n], layout.shared_names[:n], limit, "over the series")
    names = [layout.model.table.names[row] for row in layout.local]
    total = np.zeros((len(names), len(names)))
    counted = np.zeros_like(total)
    for position in range(len(series.chain.indices)):
        covariance = errors.covariance(position)[: len(names), : len(names)]
        root = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        there = np.outer(root, root) > 0.0
        total[there] += np.abs(covariance[there] / np.outer(root, root)[there])
        counted += there
    mean = np.divide(total, counted, out=np.zeros_like(total), where=counted > 0)
    np.fill_diagonal(mean, 1.0)
    quiet = np.array([name.startswith(("background", "hump")) for name in names])
    mean[np.ix_(quiet, quiet)] = 0.0
    return notes + _pairs(mean, names, limit, "in the mean over the scans")


def _pairs(matrix: NDArray[np.float64], names: tuple[str, ...] | list[str], limit: float, where: str) -> list[str]:
    root = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    scale = np.outer(root, root)
    correlation = np.divide(matrix, scale, out=np.zeros_like(matrix), where=scale > 0.0)
    return [
        f"{names[i]} and {names[j]} correlate by {correlation[i, j]:+.3f} {where}"
        for i in range(len(names))
        for j in range(i)
        if abs(correlation[i, j]) > limit
    ]
