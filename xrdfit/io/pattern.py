"""Reading one pattern from one file."""

from __future__ import annotations

from pathlib import Path

from xrdfit.data import Pattern
from xrdfit.io.formats import read_text_pattern
from xrdfit.io.problems import Code, data_error
from xrdfit.io.table import text_lines

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

# What a file begins with, if it is one that this version does not read. XML and zip need a look at the suffix.
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"RAW", "Bruker .raw"),
    (b"*RAS_", "Rigaku .ras"),
    (b"<?xml", "XML (PANalytical .xrdml)"),
    (b"\xef\xbb\xbf<?xml", "XML (PANalytical .xrdml)"),
    (b"PK\x03\x04", "zip archive (Bruker .brml, Rigaku .rasx)"),
    (HDF5_MAGIC, "HDF5"),
)


def is_hdf5(path: Path) -> bool:
    """Whether the file begins as HDF5 files do."""
    with path.open("rb") as file:
        return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC


def read_pattern(path: str | Path) -> Pattern:
    """Read one powder pattern from a text file.

    The content decides on the format, not the suffix: FullProf XYDATA and INSTRM 0, fit2d/GSAS-II ``.chi``, and columns
    (``.xy .xye .dat .csv``) with any separator, decimal mark, header and comments.

    Returns
    -------
    Pattern
        two_theta in deg; NaN intensities and zero sigmas are masked.

    Raises
    ------
    DataError
        Missing or empty file, a format that is not read, wrong columns, values or order.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise data_error(
            Code.MISSING, "the file does not exist", where=path, found="nothing there", todo="correct the path"
        ) from None
    except OSError as error:
        raise data_error(
            Code.MISSING,
            "the file cannot be read",
            where=path,
            found=str(error.strerror),
            todo="check that it is a file and that you may read it",
        ) from None
    if not raw.strip():
        raise data_error(
            Code.EMPTY,
            "the file is empty",
            where=path,
            found=f"{len(raw)} bytes against a pattern",
            todo="measure or export it again, or leave it out",
        )
    _refuse_foreign(raw, path)
    return read_text_pattern(text_lines(raw), source=str(path))


def _refuse_foreign(raw: bytes, path: Path) -> None:
    """Name the format of a file that is not a text pattern, instead of complaining of its bytes."""
    name = next((name for magic, name in _FOREIGN if raw.startswith(magic)), None)
    head = raw[:2000]
    if name is None and any(line.startswith(b"BANK ") for line in head.splitlines()):
        name = "GSAS raw data"
    if name is None and any(line.startswith(b"data_") for line in head.splitlines()):
        name = "CIF"
    if name == "HDF5":
        raise data_error(
            Code.UNSUPPORTED_FORMAT,
            "an HDF5 file is a stack, not one pattern",
            where=path,
            found="HDF5 against a text pattern",
            todo="give it alone as data.files",
        )
    if name is None and b"\x00" in head and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        name = "an unknown binary format"
    if name is not None:
        raise data_error(
            Code.UNSUPPORTED_FORMAT,
            "this file format is not read by this version",
            where=path,
            found=f"{name} against text (.xy .xye .dat .csv .chi) or an HDF5 stack",
            todo="export the pattern as .xye with the instrument's program",
        )
