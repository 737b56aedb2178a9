"""Damaged input for every reader, each in a process of its own with limits of memory and time."""

from __future__ import annotations

import io
import os
import random
import re
import resource
import signal
import traceback
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests import cyclers, results, vendor_files
from xrdfit.crystal import read_cif
from xrdfit.data import Pattern
from xrdfit.echem import read_cycler
from xrdfit.errors import InputError
from xrdfit.io import Journal, check_files, open_stack, read_patterns, read_results
from xrdfit.io.packed import pack, unpack
from xrdfit.recipe import build_job, load_recipe
from xrdfit.recipe.instrument import choose_instrument
from xrdfit.recipe.measurement import InstrumentTable
from xrdfit.series.refine import STAGES
from xrdfit.series.state import ScanRecord, Status
from xrdfit.simulate import WELL_BEHAVED, SimulatedStack, simulate_stack, write_simulated

MEMORY_BYTES = 1 << 30
SECONDS = 5
_DATA = Path(__file__).parents[1] / "data"

Read = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Target:
    """A reader, the name of the file that it is given, whole files to begin from, and what lies beside it."""

    read: Read
    name: str
    seeds: tuple[bytes, ...]
    beside: Mapping[str, bytes] = field(default_factory=dict)

    def settle(self, folder: Path) -> Path:
        """Where its file is to be written."""
        folder.mkdir(exist_ok=True)
        for name, raw in self.beside.items():
            (folder / name).write_bytes(raw)
        return folder / self.name


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that ended otherwise than with a value or an `InputError`."""

    raw: bytes
    how: str


def attempt(read: Read, path: Path, raw: bytes) -> Finding | None:
    """Read these bytes in a child process; what it must not do is a finding."""
    path.write_bytes(raw)
    there, here = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(there)
        _in_child(read, path, here)
    os.close(here)
    with os.fdopen(there, "rb") as told:
        text = told.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return Finding(
            raw,
            "takes too long"
            if number in (signal.SIGALRM, signal.SIGXCPU, signal.SIGKILL)
            else signal.Signals(number).name,
        )
    return Finding(raw, text) if os.WEXITSTATUS(status) else None


def _in_child(read: Read, path: Path, here: int) -> None:
    """Never returns: exit code 1 with a traceback for what is no `InputError`."""
    code = 0
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        # Computing time, because a busy machine is no fault of the reader; and a sleep ends, too.
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        signal.alarm(20 * SECONDS)
        read(path)
    except InputError as error:
        problems = [problem for problem in error.problems if str(problem).count(" · ") < 3]
        code = _tell(here, f"not a message: {problems[0]}") if problems or not error.problems else 0
    except BaseException:
        code = _tell(here, traceback.format_exc())
    finally:
        os._exit(code)


def _tell(here: int, text: str) -> int:
    with suppress(OSError):
        os.write(here, text.encode(errors="replace")[-60_000:])
    return 1


# What programs stumble over.
_NUMBERS = ("0", "-1", "1e400", "-1e308", "nan", "inf", "1e-320", "99999999999999999999", "1,5", "0x1F", "", "1_0", "٣")
_WORDS = (
    b"\0",
    b"\xff\xff\xff\xff",
    b"\xef\xbb\xbf",
    b"\xfe\xff",
    b"\x80\0\0\0",
    b"\r",
    b"=cmd|'/c calc'!A1",
    b"\x1b[2J",
    b"%n%s",
    b"../../etc/passwd",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>&b;",
    b"'",
    b'"',
    b";",
    b"[[[[",
    b"{",
    b"\n" * 50,
)
_NUMBER = re.compile(rb"[-+]?\d+(?:[.,]\d*)?(?:[eE][-+]?\d+)?")


def mutated(raw: bytes, others: tuple[bytes, ...], rng: random.Random) -> bytes:
    """The file with one to a few things wrong in it."""
    if raw[:4] == b"PK\3\4" and rng.random() < 0.7:
        return _mutated_zip(raw, others, rng)
    data = bytearray(raw)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        if not data:
            break
        rng.choice(_CHANGES)(data, others, rng)
    return bytes(data)


def _mutated_zip(raw: bytes, others: tuple[bytes, ...], rng: random.Random) -> bytes:
    """An archive whose checksums hold, with something wrong in a member, its name or its compression."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        chosen = rng.choice(archive.namelist())
        for name in archive.namelist():
            content = archive.read(name)
            if name == chosen:
                if rng.random() < 0.1:
                    continue
                content = mutated(content, (content,), rng)
                name = rng.choice((name,) * 9 + ("../" + name,))
            new.writestr(name, content)
    return target.getvalue()


def _flip(data: bytearray, _: tuple[bytes, ...], rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 4, 32))):
        data[rng.randrange(len(data))] = rng.randrange(256)


def _cut(data: bytearray, _: tuple[bytes, ...], rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _delete(data: bytearray, _: tuple[bytes, ...], rng: random.Random) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 2, 8, 64, 512))]


def _repeat(data: bytearray, _: tuple[bytes, ...], rng: random.Random) -> None:
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.choice((1, 8, 64, 512))] * rng.choice((1, 2, 100))


def _splice(data: bytearray, others: tuple[bytes, ...], rng: random.Random) -> None:
    other = rng.choice(others)
    begin = rng.randrange(max(len(other), 1))
    at = rng.randrange(len(data))
    data[at : at + rng.choice((0, 64, 4096))] = other[begin : begin + rng.choice((16, 256, 4096))]


def _word(data: bytearray, _: tuple[bytes, ...], rng: random.Random) -> None:
    at = rng.randrange(len(data))
    word = rng.choice(_WORDS)
    data[at : at + rng.choice((0, len(word)))] = word


def _number(data: bytearray, _: tuple[bytes, ...], rng: random.Random) -> None:
    begin = rng.randrange(len(data))
    if found := _NUMBER.search(data, begin):
        data[found.start() : found.end()] = rng.choice(_NUMBERS).encode()


def _binary_number(data: bytearray, _: tuple[bytes, ...], rng: random.Random) -> None:
    at = rng.randrange(len(data))
    value = rng.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 31, 1 << 63, rng.getrandbits(64)))
    size = rng.choice((2, 4, 8))
    data[at : at + size] = (value & ((1 << (8 * size)) - 1)).to_bytes(size, "little")


def _line(data: bytearray, _: tuple[bytes, ...], rng: random.Random) -> None:
    """A line that is dropped, doubled, or moved elsewhere."""
    lines = bytes(data).split(b"\n")
    at = rng.randrange(len(lines))
    line = lines.pop(at)
    for _ in range(rng.choice((0, 1, 2))):
        lines.insert(rng.randrange(len(lines) + 1), line)
    data[:] = b"\n".join(lines)


_CHANGES = (_flip, _cut, _delete, _repeat, _splice, _word, _number, _number, _binary_number, _line)


def random_hdf5(path: Path, rng: random.Random) -> None:
    """A file with the names of a stack, whose shapes, kinds and attributes are nearly right."""
    numbers = np.random.default_rng(rng.getrandbits(32))
    n_scans, n_points = rng.choice((0, 1, 3, 5)), rng.choice((0, 1, 9, 10, 30))
    grid = np.linspace(10.0, 40.0, n_points) if n_points else np.empty(0)
    kind = rng.choice(("f8", "f4", "i4", "u2", "f2", ">f8", "S5", "c16"))
    counts = numbers.poisson(50.0, (n_scans, n_points)).astype(kind)
    other: list[Any] = [np.full((n_scans, n_points), np.nan), np.tile(grid, (n_scans, 1)), np.zeros((2, 2, 2, 2))]
    other += [np.zeros(3, dtype=[("a", "f8"), ("b", "i4")]), np.array([True, False]), np.array("text", dtype=object)]
    other += [h5py.Empty("f8"), np.array([b"x", b"y"]), 3.0, "signal", ["a", "b"]]
    times = np.arange(n_scans) * 60.0
    right = {"intensity": counts, "two_theta": grid, "errors": counts, "start_time": times, "wavelength": 1.54}
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data") if rng.random() < 0.9 else file
        for name, usual in right.items():
            with suppress(TypeError, ValueError):
                group.create_dataset(name, data=usual if rng.random() < 0.75 else rng.choice(other))
        if rng.random() < 0.1:
            group["loop"] = h5py.SoftLink("/entry")
        datasets = [item for item in group.values() if isinstance(item, h5py.Dataset)]
        names = {"NX_class": "NXdata", "default": "entry/data", "signal": "intensity", "units": "deg"}
        for where in (file, file.get("entry", file), group, *datasets):
            for name in (*names, "axes", "start", "errors", "interpretation"):
                if rng.random() < 0.6:
                    with suppress(TypeError, ValueError):
                        text = names.get(name, "two_theta")
                        where.attrs[name] = text if rng.random() < 0.7 else rng.choice(other)


def _read_patterns(path: Path) -> None:
    for pattern in read_patterns(path):
        _check(pattern)


def _check(pattern: Pattern) -> None:
    assert pattern.two_theta.size == pattern.intensity.size == pattern.mask.size
    assert np.isfinite(pattern.intensity[pattern.mask]).all() and (np.diff(pattern.two_theta) > 0.0).all()


def _read_stack(path: Path) -> None:
    stack = open_stack(path.name, base=path.parent)
    check_files(stack)
    for index in range(min(len(stack), 5)):
        _check(stack.read(index))


def _read_times(path: Path) -> None:
    open_stack([f"scan{number}.xy" for number in range(3)], base=path.parent, times=path.name)


def _read_recipe(path: Path) -> None:
    with suppress(InputError):  # what its values are is told by building the job, too
        load_recipe(path)
    build_job(load_recipe(path))


def _read_instrument(path: Path) -> None:
    for use in ("fixed", "prior"):
        choose_instrument(InstrumentTable(file=path.name, use=use), path.parent)


def _read_results(path: Path) -> None:
    stored = read_results(path.parent)
    stored.series()
    for scan in (0, 1, 10**9):
        with suppress(InputError):
            stored.curves(scan)
        stored.lines(scan)


def _read_journal(path: Path) -> None:
    with Journal(path) as journal:
        assert journal.lineage is None or isinstance(journal.lineage, dict)
        for stage, kind in enumerate(STAGES.values()):
            for data in journal.of_stage(stage):
                with suppress(ValueError):
                    unpack(data, tuple[kind, ...])  # type: ignore[valid-type]


def _unpack(path: Path) -> None:
    with suppress(ValueError):
        unpack(path.read_bytes(), tuple[int, ScanRecord])


_TIMES = b"file,start,end\nscan0.xy,2026-05-02T09:00:00,2026-05-02T09:10:00\nscan1.xy,2026-05-02T09:10:00,\n" + (
    b"scan2.xy,2026-05-02 09:20:00+02:00,2026-05-02T09:30:00\n"
)
_MORE = """
[refine]
mode = "series"
intensities = "hierarchical"

[refine.parameters]
LFP_a = { value = 10.3, min = 10.2, max = 10.4 }
LFP_b = { expr = "LFP_a * 0.5815" }
zero_shift = { value = 0.0, vary = false }

[refine.scope]
sample_displacement = "drift"

[fractions]
method = "anchored"
anchor = { LFP = 0 }
"""
_INSTRUMENT = b"""[instrument]
geometry = "bragg-brentano"
radiation = "Cu"
goniometer_radius_mm = 217.5
zero_shift = 0.01
profile = { u = 0.01, v = -0.005, w = 0.002, lorentz_size = 0.01 }

[calibration.parameters.zero_shift]
value = 0.01
unit = "deg"
esd = 0.001

[calibration.parameters.u]
value = 0.01

[calibration.covariance]
names = ["zero_shift"]
matrix = [[1e-6]]
"""


def targets(folder: Path, extra: Path | None = None) -> Mapping[str, Target]:
    """Every reader with its seeds; `folder` for what must be written, `extra` with measured files."""
    little = simulate_stack(WELL_BEHAVED, seed=1, n_scans=2)
    made = {
        **{name: Target(_read_patterns, f"scan{f.suffix}", (f.raw,)) for name, f in vendor_files.WRITTEN.items()},
        "text": Target(_read_patterns, "scan.xy", tuple(_texts())),
        "hdf5 bytes": Target(_read_stack, "stack.h5", (_stack(folder),)),
        "times": Target(_read_times, "times.csv", (_TIMES,), {f"scan{n}.xy": _texts()[0] for n in range(3)}),
        "cycler": Target(read_cycler, "cell.mpt", tuple(_cyclers())),
        "cif": Target(read_cif, "phase.cif", tuple(path.read_bytes() for path in sorted(_DATA.rglob("*.cif")))),
        "instrument": Target(_read_instrument, "instrument.toml", (_INSTRUMENT,)),
        "recipe": Target(_read_recipe, "recipe.toml", _recipes(little), {"stack.h5": _stack_of(little, folder)}),
        "results": Target(_read_results, "series.h5", (_results(folder),)),
        "journal": Target(_read_journal, "run.journal", (_journal(folder),)),
        "packed": Target(_unpack, "packed", (pack((3, _RECORD)),)),
    }
    if extra is not None:
        for kind, pattern, read in _MEASURED:
            found = [path for path in sorted(extra.glob(pattern)) if path.stat().st_size < 4_000_000][:6]
            if found:
                made[f"measured {kind}"] = Target(read, found[0].name, tuple(path.read_bytes() for path in found))
    return made


_MEASURED: tuple[tuple[str, str, Read], ...] = (
    *((kind, f"lab-formats/*.{kind}", _read_patterns) for kind in ("xrdml", "brml", "raw", "ras", "rasx")),
    ("mpr", "cycler/*.mpr", read_cycler),
    ("mpt", "cycler/*.mpt", read_cycler),
    ("maccor", "cycler/*.txt", read_cycler),
    ("ndax", "**/*.ndax", read_cycler),
    ("mps", "cycler/*.mps", read_cycler),
    ("cif", "cif/*.cif", read_cif),
    ("pdcif", "lab6-srm660c/*.cif", _read_patterns),
    ("chi", "ti64-heating/*.chi", _read_patterns),
    ("dat", "pbso4-lab/*.dat", _read_patterns),
)


def _texts() -> list[bytes]:
    rows = [(10.0 + 0.25 * i, 100.0 + i % 7, 10.0) for i in range(40)]
    return [
        "\n".join(f"{x:.2f} {y:.0f}" for x, y, _ in rows).encode(),
        "\n".join(f"{x:.2f},{y:.1f},{s:.1f}" for x, y, s in rows).encode(),
        ("# 2theta;intensity\n" + "\n".join(f"{x:.2f};{y:.1f}".replace(".", ",") for x, y, _ in rows)).encode(),
        ("'date: 2026-05-02 09:14:00\nAngle\tCounts\n" + "\n".join(f"{x}\t{y}" for x, y, _ in rows)).encode("utf-16"),
    ]


def _stack(folder: Path) -> bytes:
    path = folder / "seed.h5"
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "data"})
        data = entry.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "intensity", "axes": [".", "two_theta"]})
        data["intensity"] = np.random.default_rng(1).poisson(50.0, (4, 30)).astype(float)
        data["two_theta"] = np.linspace(10.0, 40.0, 30)
        data["two_theta"].attrs["units"] = "deg"
        data["start_time"] = np.arange(4) * 60.0
        data.create_dataset("packed", data=np.zeros((4, 30)), chunks=(1, 30), compression="gzip")
    return path.read_bytes()


def _cyclers() -> list[bytes]:
    cell = cyclers.cell(hours=0.5)
    names = ["Test_Time(s)", "Voltage(V)", "Current(A)"]
    columns = [cell.time, cell.voltage, 1e-3 * cell.current]
    return [
        cyclers.mpt(cell).encode(),
        cyclers.mpt(cell, decimal=",", start="26.05.2022 15:59:30,758").encode("utf-16"),
        cyclers.table(names, columns, separator=",").encode(),
        cyclers.table(names, columns, separator="\t").encode("latin-1"),
    ]


def _recipes(simulated: SimulatedStack) -> tuple[bytes, ...]:
    text = simulated.recipe_text
    return text.encode(), f"{text}\n{_MORE}".encode()


def _stack_of(simulated: SimulatedStack, folder: Path) -> bytes:
    write_simulated(folder / "simulated.h5", simulated)
    return (folder / "simulated.h5").read_bytes()


def _results(folder: Path) -> bytes:
    target = folder / "seed-results"
    results.write_results(target)
    return (target / "series.h5").read_bytes()


_RECORD = ScanRecord(
    outcome="converged",  # type: ignore[arg-type]
    message="",
    values=np.arange(5.0),
    status=(Status.REFINED,),
    significance=(3.0,),
    stands_out=(True,),
    lines=((),),
    line_area=np.arange(3.0),
    width=(0.1,),
    chi2=1.0,
    gof=1.0,
    r_wp=0.1,
)


def _journal(folder: Path) -> bytes:
    path = folder / "seed.journal"
    path.unlink(missing_ok=True)
    with Journal(path) as journal:
        journal.begin({"recipe": "abc", "inputs": {}, "scans": [0, 2, 2], "versions": {}, "program": "x"})
        journal.append(0, 2, pack(((0, _RECORD), (1, _RECORD))))
    return path.read_bytes()


def fuzz(target: Target, path: Path, rng: random.Random) -> Finding | None:
    """One mutated file."""
    return attempt(target.read, path, mutated(rng.choice(target.seeds), target.seeds, rng))


def fuzz_hdf5(path: Path, rng: random.Random) -> Finding | None:
    """One HDF5 file that is whole but nonsense."""
    random_hdf5(path, rng)
    return attempt(_read_stack, path, path.read_bytes())
