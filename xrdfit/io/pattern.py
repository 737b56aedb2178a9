"""Reading the patterns of one file."""

from __future__ import annotations

from pathlib import Path

from xrdfit.data import Pattern
from xrdfit.io.content import HDF5_MAGIC, ColumnName, read_content
from xrdfit.io.formats import read_patterns_of
from xrdfit.io.problems import Code, data_error


def is_hdf5(path: Path) -> bool:
    """Whether the file begins as HDF5 files do."""
    with path.open("rb") as file:
        return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC


def read_patterns(
    path: str | Path, *, wavelength: float | None = None, columns: tuple[ColumnName, ...] | None = None
) -> tuple[Pattern, ...]:
    """Read all powder patterns of a file, in its order.

    The content decides on the format, not the suffix: Bruker ``.brml`` and ``.raw`` (versions 3 and 4), PANalytical
    ``.xrdml``, Rigaku ``.ras`` and ``.rasx``, GSAS, powder CIF, FullProf XYDATA and INSTRM 0, fit2d/GSAS-II ``.chi``,
    and columns (``.xy .xye .dat .csv``) with any separator, decimal mark, header and comments.

    Parameters
    ----------
    wavelength : angstrom; columns over Q become 2theta with it.
    columns : what the columns of a text are, where their names do not tell; ``"-"`` for one that is not wanted.

    Returns
    -------
    Patterns with two_theta in deg; NaN intensities and zero sigmas are masked.

    Raises
    ------
    DataError
        Missing, empty or damaged file, a format that is not read, wrong columns, values or order.
    """
    return read_patterns_of(read_content(Path(path), wavelength=wavelength, columns=columns))


def read_pattern(path: str | Path, *, wavelength: float | None = None) -> Pattern:
    """Read the one powder pattern of a file; see `read_patterns`.

    Raises
    ------
    DataError
        As `read_patterns`, or several patterns in the file.
    """
    patterns = read_patterns(path, wavelength=wavelength)
    if len(patterns) > 1:
        raise data_error(
            Code.SHAPE,
            "the file holds several patterns",
            where=path,
            found=f"{len(patterns)} against 1",
            todo="read them as a series",
        )
    return patterns[0]
