"""``xrdfit export``: a results directory in the formats of other programs."""

from __future__ import annotations

from pathlib import Path

from xrdfit.cli.import_files import refuse_existing
from xrdfit.cli.problems import input_error
from xrdfit.cli.words import counted, one_of
from xrdfit.export import ExportSource, scan_cifs, series_pdcif
from xrdfit.export.source import require_converged
from xrdfit.io import (
    StoredResults,
    atomic_directory,
    atomic_write_blocks,
    origin_blocks,
    read_results,
    trajectories_blocks,
)
from xrdfit.recipe import LOCK, parse_lock

EXPORTS = "export"
# What is written, below EXPORTS in the results unless another place is given.
NAMES = {"csv": "trajectories.csv", "origin": "trajectories_origin.csv", "cif": "cif", "pdcif": "series.cif"}
_OWN = "scan_*.cif"


def run_export(results: Path, kind: str, output: Path | None, *, fresh: bool) -> int:
    """Write one file, or for ``cif`` a directory of them, whole or not at all."""
    one_of("FORMAT", kind, tuple(NAMES))
    stored = read_results(results)
    require_converged(stored)
    source = _source(stored) if kind in ("cif", "pdcif") else None
    target = results / EXPORTS / NAMES[kind] if output is None else output
    if output is None:
        target.parent.mkdir(exist_ok=True)
    if source is not None and kind == "cif":
        _refuse_directory(target, fresh=fresh)
        print(f"{target}: {counted(_write_scans(target, source))}")
        return 0
    refuse_existing(target, fresh=fresh)
    if source is not None:
        blocks = series_pdcif(source)
        atomic_write_blocks(target, (f"\n{block}" if number else block for number, block in enumerate(blocks)))
    else:
        atomic_write_blocks(
            target, trajectories_blocks(stored.columns) if kind == "csv" else origin_blocks(stored.series())
        )
    print(target)
    return 0


def _source(stored: StoredResults) -> ExportSource:
    path = stored.directory / LOCK
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return ExportSource.of(stored, parse_lock(text, path=path))


def _write_scans(target: Path, source: ExportSource) -> int:
    with atomic_directory(target) as work:
        for name, text in scan_cifs(source):
            (work / name).write_text(text, encoding="utf-8", newline="")
        written = len(list(work.iterdir()))
        if not written:
            raise input_error(
                "E190",
                "no cell was refined",
                where=source.stored.directory,
                found=f"0 cells in {counted(len(source.rows))} against at least one",
                todo="export pdcif for the patterns; cells that are fixed or too weak are not passed on as measured",
            )
    return written


def _refuse_directory(target: Path, *, fresh: bool) -> None:
    """Raise unless a directory can be put there: nothing is, or an empty one, or what an earlier export wrote."""
    if not target.is_dir():
        refuse_existing(target, fresh=False)
        return
    if target.resolve() == Path.cwd():
        raise input_error(
            "E180",
            "the output is the current directory",
            where=target,
            found="the directory this was started in against another one, which can be replaced as a whole",
            todo="name a new directory with -o",
        )
    there = set(target.iterdir())
    if there and (not fresh or there - set(target.glob(_OWN))):
        raise input_error(
            "E180",
            "the output is there already",
            where=target,
            found="files that xrdfit did not write against none" if fresh else "files against an empty directory",
            todo="give another directory with -o" + ("" if fresh else ", or replace an earlier export with --fresh"),
        )
