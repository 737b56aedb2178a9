"""Scans that stand for a series too long to be drawn whole."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from xrdfit.data import Outcome

# A figure 17 cm wide has as many dots across, at 300 to the inch; a browser draws about as many points at ease.
MOST_SCANS = 2000


def spread(rows: NDArray[np.intp], doubtful: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    """All rows, or as many as there is room for: evenly spaced, and of those that need a look what still goes in.

    For the latter half of the room is kept, if they are that many.

    Parameters
    ----------
    doubtful : (n_scans,) which of all rows need a look.
    """
    if rows.size <= most:
        return rows
    suspects = rows[doubtful[rows]]
    even = every_kth(rows, most - min(suspects.size, most // 2))
    extra = np.setdiff1d(suspects, even)
    return np.union1d(even, every_kth(extra, most - even.size)) if extra.size else even


def every_kth(rows: NDArray, most: int) -> NDArray:
    """Every k-th of them, k being the least that leaves no more than `most`."""
    return rows[:: max(-(-rows.size // most), 1)]


def drawn_rows(columns: Mapping[str, NDArray]) -> NDArray[np.intp]:
    """The rows of a table that figures draw: all, unless they are more than `MOST_SCANS`."""
    outcome = columns["outcome"]
    return spread(np.arange(len(outcome)), outcome != str(Outcome.CONVERGED), MOST_SCANS)


def thinned(columns: Mapping[str, NDArray]) -> Mapping[str, NDArray]:
    """The table that figures draw; see `drawn_rows`."""
    rows = drawn_rows(columns)
    return columns if rows.size == len(columns["outcome"]) else {name: values[rows] for name, values in columns.items()}


def thinned_entry(columns: Mapping[str, NDArray], drawn: Mapping[str, NDArray]) -> list[Artist]:
    """What the legend says of it, if scans were left out."""
    n_all, n_drawn = len(columns["outcome"]), len(drawn["outcome"])
    if n_drawn == n_all:
        return []
    return [Line2D([], [], linestyle="none", label=f"{n_drawn} of {n_all} scans drawn")]
