"""``series.h5``: everything a refined series yields, written scan by scan."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np

from xrdfit.data import Curves, PhaseLines, ScanResult, ScanStack, SeriesResult
from xrdfit.io.atomic import partial_path, publish
from xrdfit.io.hdf5_stack import Hdf5Stack
from xrdfit.io.hdf5_writing import PatientFile
from xrdfit.io.scan_rows import GrowingRows, ScanRows
from xrdfit.io.trajectories import write_phases, write_trajectories
from xrdfit.io.write_stack import new_group

SERIES_FILE = "series.h5"
FORMAT_VERSION = 1

CURVES = {
    "observed": np.float64,
    "calculated": np.float64,
    "background": np.float64,
    "residual": np.float32,
    "sigma": np.float32,
    "used": np.uint8,
}
# Their last digits are those of a calculation: packing takes a quarter off, and most of the time of writing a scan.
_UNPACKED = ("calculated", "background", "residual", "sigma")
LINES = {"two_theta": np.float64, "area": np.float64, "area_esd": np.float64}


class SeriesFile:
    """Writer of ``series.h5``.

    It writes to a hidden file beside the final place; `finish` gives it its name, `abort` (or leaving a ``with`` block
    unfinished) removes it. Scans may come in any order, and a scan written again replaces what was there.

    Parameters
    ----------
    directory : the results directory; made if it is not there.
    recipe_text, recipe_hash : the recipe as read, and its SHA-256.
    versions : of xrdfit and the packages it computes with.
    stack : an `Hdf5Stack` is linked as ``/entry/raw``; text files have been copied into ``patterns`` by then.

    Notes
    -----
    ``/entry/trajectories`` NXdata, the default figure; ``/entry/patterns`` NXdata, row = scan of the stack;
    ``/entry/lines/<phase>`` hkl, two_theta (deg), area and its esd; ``/entry/phases``; ``/entry/process`` with recipe
    and versions; ``/entry/messages``, ``/entry/warnings`` and ``/entry/notes``.
    """

    def __init__(
        self,
        directory: Path,
        *,
        recipe_text: str,
        recipe_hash: str,
        versions: Mapping[str, str],
        stack: ScanStack | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / SERIES_FILE
        self._partial = partial_path(self._path)
        self._partial.unlink(missing_ok=True)
        self._disk = PatientFile(self._partial)
        self._file = h5py.File(self._disk, "w")
        self._file.attrs["default"] = "entry"
        self._file.attrs["xrdfit_format"] = FORMAT_VERSION
        self._entry = new_group(self._file, "entry", "NXentry", default="trajectories")
        self._entry["title"] = "xrdfit: refined series"
        self._write_process(recipe_text, recipe_hash, versions)
        patterns = new_group(self._entry, "patterns", "NXdata", signal="observed", title="observed and calculated")
        patterns.attrs["auxiliary_signals"] = ["calculated", "background", "residual"]
        patterns.attrs["axes"] = [".", "two_theta"]
        self._curves = ScanRows(patterns, CURVES, unpacked=_UNPACKED)
        self._lines = new_group(self._entry, "lines", "NXcollection")
        self._line_rows: dict[str, dict[str, GrowingRows]] = {}
        if isinstance(stack, Hdf5Stack):
            target = os.path.relpath(stack.path, directory)
            self._entry["raw"] = h5py.ExternalLink(target, stack.group)

    def __enter__(self) -> SeriesFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.abort()

    def write_scan(self, index: int, result: ScanResult) -> None:
        """Write curves and lines of one scan; ``index`` is its row in the stack."""
        if result.curves is not None:
            self._write_curves(index, result.curves)
        for lines in result.lines:
            self._write_lines(index, lines)
        self._disk.check()

    def finish(self, series: SeriesResult) -> Path:
        """Write the trajectories and make the file durable under its final name."""
        self._curves.flush()
        for rows in self._line_rows.values():
            for dataset in rows.values():
                dataset.flush()
        write_trajectories(self._entry, series)
        write_phases(self._entry, series.phases)
        for name, texts in (("messages", series.messages), ("warnings", series.warnings), ("notes", series.notes)):
            self._entry.create_dataset(name, data=list(texts), shape=(len(texts),), dtype=h5py.string_dtype())
        self._file.close()
        self._disk.check()
        self._disk.close()
        publish(self._partial, self._path)
        return self._path

    def abort(self) -> None:
        """Remove what was written; does nothing after `finish`."""
        self._file.close()
        self._disk.close()
        self._partial.unlink(missing_ok=True)

    def _write_curves(self, index: int, curves: Curves) -> None:
        rows = {name: getattr(curves, name) for name in CURVES if name != "residual"}
        self._curves.put(index, curves.two_theta, rows | {"residual": curves.observed - curves.calculated})

    def _write_lines(self, index: int, lines: PhaseLines) -> None:
        if lines.phase not in self._line_rows:
            group = new_group(self._lines, lines.phase, "NXcollection")
            rows = {"hkl": GrowingRows(group, "hkl", lines.hkl.shape, np.int32)}
            rows |= {name: GrowingRows(group, name, lines.two_theta.shape, dtype) for name, dtype in LINES.items()}
            rows["two_theta"].dataset.attrs["units"] = "deg"
            self._line_rows[lines.phase] = rows
        for name, dataset in self._line_rows[lines.phase].items():
            dataset.put(index, getattr(lines, name))

    def _write_process(self, recipe_text: str, recipe_hash: str, versions: Mapping[str, str]) -> None:
        process = new_group(self._entry, "process", "NXprocess")
        process["program"] = "xrdfit"
        process["version"] = versions.get("xrdfit", "unknown")
        process["date"] = datetime.now(UTC).isoformat(timespec="seconds")
        recipe = new_group(process, "recipe", "NXnote")
        recipe["type"] = "application/toml"
        recipe["data"] = recipe_text
        recipe["sha256"] = recipe_hash
        packages = new_group(process, "versions", "NXcollection")
        for name, version in versions.items():
            packages[name] = version
