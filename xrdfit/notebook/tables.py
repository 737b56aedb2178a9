"""Results as tables of other libraries, which are installed as extras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xrdfit.errors import InputError, Problem
from xrdfit.io import StoredResults

if TYPE_CHECKING:
    import pandas
    import xarray

_CURVES = ("observed", "calculated", "background")


def dataframe_of(stored: StoredResults) -> pandas.DataFrame:
    """A pandas DataFrame with the columns of ``trajectories.csv``, indexed by scan.

    Raises
    ------
    InputError
        pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise _missing("pandas") from None
    frame = pandas.DataFrame({name: values for name, values in stored.columns.items() if name != "scan"})
    frame.index = pandas.Index(_scans(stored), name="scan")
    frame.attrs = {**_origin(stored), "units": dict(stored.units), "comments": dict(stored.comments)}
    return frame


def dataset_of(stored: StoredResults, *, patterns: bool) -> xarray.Dataset:
    """An xarray Dataset over ``scan``, and over ``two_theta`` if it is to hold patterns.

    Raises
    ------
    InputError
        xarray is not installed.
    """
    try:
        import xarray
    except ImportError:
        raise _missing("xarray") from None
    variables: dict[str, Any] = {
        name: ("scan", values, _attributes(stored, name)) for name, values in stored.columns.items() if name != "scan"
    }
    coordinates: dict[str, Any] = {"scan": _scans(stored)}
    grid = _common_grid(stored) if patterns else None
    if grid is not None:
        coordinates["two_theta"] = ("two_theta", grid, {"units": "deg"})
        variables |= {name: (("scan", "two_theta"), values, {}) for name, values in _curves(stored, grid).items()}
    return xarray.Dataset(variables, coords=coordinates, attrs=_origin(stored))


def _scans(stored: StoredResults) -> NDArray[np.int64]:
    return stored.columns["scan"].astype(np.int64)


def _origin(stored: StoredResults) -> dict[str, str]:
    return {
        "program": f"xrdfit {stored.versions.get('xrdfit', '')}".strip(),
        "date": stored.date,
        "recipe_sha256": stored.recipe_hash,
    }


def _attributes(stored: StoredResults, name: str) -> dict[str, str]:
    said = {"units": stored.units.get(name, ""), "comment": stored.comments.get(name, "")}
    return {key: text for key, text in said.items() if text}


def _fitted(stored: StoredResults) -> list[int]:
    return _scans(stored)[np.isfinite(stored.columns["r_wp"])].tolist()


def _common_grid(stored: StoredResults) -> NDArray[np.float64] | None:
    """2theta of all fitted scans; None if they differ or there is none."""
    grids = (curves.two_theta for curves, _ in stored.each(_fitted(stored)))
    first = next(grids, None)
    return first if first is not None and all(np.array_equal(first, grid) for grid in grids) else None


def _curves(stored: StoredResults, grid: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    rows = np.flatnonzero(np.isfinite(stored.columns["r_wp"]))
    found = {name: np.full((len(stored.columns["scan"]), grid.size), np.nan) for name in _CURVES}
    for row, (curves, _) in zip(rows.tolist(), stored.each(_fitted(stored)), strict=True):
        for name, values in found.items():
            values[row] = getattr(curves, name)
    return found


def _missing(library: str) -> InputError:
    return InputError(
        Problem(
            code="E168",
            what=f"{library} is not installed",
            where="xrdfit.Results",
            found=f"no {library} against the extra notebook",
            todo='pip install "operando-xrdfit[notebook]"',
        )
    )
