"""Makes the mistakes that users make, one after the other, and prints what each of them is told.

    python benchmarks/wrong_input.py

Every mistake must end with exit code 2, messages of the usual form, no traceback and nothing written. Below the table
come things that can be refined but are suspect: they must be told.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np

from xrdfit.cli.app import main as xrdfit
from xrdfit.simulate import CYCLER_FILE, WELL_BEHAVED, cycler_table, simulate_stack, write_cycler, write_simulated

MESSAGE = re.compile(r"E\d{3} [^·]+( · [^·]+){2} · .+|E\d{3} .+ · \d+ more like this")
WARNING = re.compile(r"^\s*W\d{3} ", re.MULTILINE)
N_SCANS = 6
Spoil = Callable[[Path], object]


def base(folder: Path) -> None:
    """Two recipes for the same scans: ``stack.toml`` with a stack and a cycler, ``files.toml`` with text files."""
    simulated = simulate_stack(WELL_BEHAVED, seed=3, n_scans=N_SCANS)
    write_simulated(folder / "stack.h5", simulated)
    write_cycler(folder / CYCLER_FILE, simulated)
    (folder / "stack.toml").write_text(simulated.recipe_text + cycler_table(), encoding="utf-8")
    (folder / "scans").mkdir()
    for number, counts in enumerate(simulated.counts):
        table = np.column_stack((simulated.two_theta, counts))
        np.savetxt(folder / "scans" / f"scan_{number}.xy", table, fmt="%.4f")
    text = simulated.recipe_text.replace('"stack.h5"', '"scans/*.xy"')
    (folder / "files.toml").write_text(text.split("[refine.scope]")[0], encoding="utf-8")


def swap(recipe: str, old: str, new: str) -> Spoil:
    """Replace a part of a recipe, which must be there."""

    def spoil(folder: Path) -> None:
        path = folder / recipe
        text = path.read_text(encoding="utf-8")
        assert re.search(old, text), (old, text)
        path.write_text(re.sub(old, new, text, count=1), encoding="utf-8")

    return spoil


def say(recipe: str, text: str) -> Spoil:
    """Put something behind a recipe."""

    def spoil(folder: Path) -> None:
        with (folder / recipe).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")

    return spoil


def scan(change: Callable[[bytes], bytes]) -> Spoil:
    """Change the bytes of one text file."""

    def spoil(folder: Path) -> None:
        path = folder / "scans" / "scan_3.xy"
        path.write_bytes(change(path.read_bytes()))

    return spoil


def table(change: Callable[[np.ndarray], np.ndarray], *, every: bool = False) -> Spoil:
    """Change the columns of one text file, or of all."""

    def spoil(folder: Path) -> None:
        for path in sorted((folder / "scans").glob("*.xy" if every else "scan_3.xy")):
            np.savetxt(path, change(np.loadtxt(path)), fmt="%.6f")

    return spoil


def record(change: Callable[[str], str]) -> Spoil:
    """Change the cycler's record."""

    def spoil(folder: Path) -> None:
        path = folder / CYCLER_FILE
        path.write_text(change(path.read_text(encoding="latin-1")), encoding="latin-1")

    return spoil


def stack(change: Callable[[h5py.File], object]) -> Spoil:
    """Change the HDF5 stack."""

    def spoil(folder: Path) -> None:
        with h5py.File(folder / "stack.h5", "r+") as file:
            change(file)

    return spoil


def write(name: str, data: bytes | str) -> Spoil:
    """Put a file there."""

    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())

    return spoil


def both(*spoils: Spoil) -> Spoil:
    return lambda folder: [spoil(folder) for spoil in spoils]


def nothing(folder: Path) -> None:
    """The mistake is on the command line."""


def columns(*order: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: rows[:, order]


def without_times(file: h5py.File) -> None:
    for name in ("start_time", "end_time"):
        del file[f"/entry/data/{name}"]


def parameter(text: str) -> Spoil:
    return say("files.toml", f"[refine.parameters]\nLFP_{text}")


def only(spoil: Spoil, *words: str) -> tuple[Spoil, tuple[str, ...]]:
    return spoil, words


HTML = "<!DOCTYPE html><html><body>Please log in</body></html>"
CIF = r'(?s)space_group = "Pnma"\ncell = \[[^\]]*\]', 'cif = "lfp.cif"'
CHECKED = ("check", "files.toml")
SETTLED = ("-o", "results", "--resume")
FILES, STACK = ("refine", "files.toml"), ("refine", "stack.toml")

MISTAKES: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    "recipe that is not there": only(nothing, "refine", "recipes.toml"),
    "a folder as recipe": only(nothing, "refine", "scans"),
    "the stack as recipe": only(nothing, "refine", "stack.h5"),
    "broken TOML": only(swap("files.toml", r"\[data\]", "[data"), *FILES),
    "misspelt key": only(swap("files.toml", "radiation", "radiaton"), *FILES),
    "key in the wrong table": only(swap("files.toml", r"\[background\]", "[background]\nradiation = 'Cu'"), *FILES),
    "misspelt table": only(swap("files.toml", r"\[background\]", "[backgruond]"), *FILES),
    "misspelt choice": only(swap("files.toml", '"bragg-brentano"', '"brag-brentano"'), *FILES),
    "text in place of a number": only(swap("files.toml", "terms = 6", 'terms = "six"'), *FILES),
    "wrong folder": only(swap("files.toml", "scans/", "scan/"), *FILES),
    "glob that matches nothing": only(swap("files.toml", r"\*\.xy", "*.xye"), *FILES),
    "a folder in place of files": only(swap("files.toml", r"scans/\*\.xy", "scans"), *FILES),
    "unsupported vendor format": only(
        both(write("scans/a.uxd", b"\x00\x01UXD"), swap("files.toml", r"\*\.xy", "*.uxd")), *FILES
    ),
    "a picture": only(write("scans/a.xy", b"\x89PNG\r\n\x1a\n" + bytes(99)), *FILES),
    "a web page as scan": only(scan(lambda data: HTML.encode()), *FILES),
    "truncated text file": only(scan(lambda data: data[: len(data) // 2 - 9] + b"\n30.1"), *FILES),
    "truncated HDF5 file": only(lambda f: (f / "stack.h5").write_bytes((f / "stack.h5").read_bytes()[:5000]), *STACK),
    "empty file": only(scan(lambda data: b""), *FILES),
    "words in place of numbers": only(scan(lambda data: b"two theta\nfoo bar\n" * 30), *FILES),
    "decimal comma": only(scan(lambda data: data.replace(b".", b",").replace(b" ", b",")), *FILES),
    "thousands separators": only(scan(lambda data: re.sub(rb" (\d)(\d+\.)", rb" \1,\2", data)), *FILES),
    "NaN angles": only(table(lambda rows: np.where(rows[:, :1] > 30.0, np.nan, rows)), *FILES),
    "columns exchanged": only(table(columns(1, 0)), *FILES),
    "one column": only(table(columns(1)), *FILES),
    "rows out of order": only(table(lambda rows: rows[np.random.default_rng(1).permutation(len(rows))]), *FILES),
    "two scans in one file": only(table(lambda rows: np.vstack((rows, rows))), *FILES),
    "a calculated pattern as third column": only(table(columns(0, 1, 1), every=True), *FILES),
    "time of flight as abscissa": only(table(lambda rows: rows * [1000.0, 1.0], every=True), *FILES),
    "Q given as 2theta": only(table(lambda rows: rows * [np.pi / 1.5406 * np.pi / 90.0, 1.0], every=True), *FILES),
    "results that are there": only(nothing, *STACK, "-o", "results"),
    "results of another recipe": only(swap("stack.toml", "terms = 6", "terms = 5"), *STACK, *SETTLED),
    "results of other files": only(
        stack(lambda f: f["/entry/data/intensity"].__setitem__((2, 5), 7.0)), *STACK, *SETTLED
    ),
    "results of other scans": only(nothing, *FILES, "-o", "results", "--resume", "--scans", "0:3"),
    "damaged results": only(write("results/series.h5", bytes(2000)), "report", "results"),
    "a figure of a scan that is not there": only(nothing, "plot", "fit", "results", "--scan", "99"),
    "curves over what is not there": only(nothing, "curves", "results", "--x", "temperature"),
    "range in rad": only(swap("files.toml", r"range = \[.*\]", "range = [0.35, 0.66]"), *FILES),
    "range the wrong way round": only(swap("files.toml", r"range = \[.*\]", "range = [38.0, 20.0]"), *FILES),
    "no wavelength": only(swap("files.toml", 'radiation = "Cu"\n', ""), *FILES),
    "wavelength in nm": only(swap("files.toml", 'radiation = "Cu"', "wavelength = 0.015406"), *FILES),
    "wavelength in pm": only(swap("files.toml", 'radiation = "Cu"', "wavelength = 154.06"), *FILES),
    "radiation and wavelength": only(
        swap("files.toml", 'radiation = "Cu"', 'radiation = "Cu"\nwavelength = 1.54'), *FILES
    ),
    "unknown space group": only(swap("files.toml", "Pnma", "Pnmaa"), *FILES),
    "cell of another crystal system": only(swap("files.toml", '"Pnma"', '"Fm-3m"'), *FILES),
    "cell in nm": only(swap("files.toml", r"cell = \[.*\]", "cell = [1.0329, 0.60065, 0.46908]"), *FILES),
    "cell in pm": only(swap("files.toml", r"cell = \[.*\]", "cell = [1032.9, 600.65, 469.08]"), *FILES),
    "negative cell": only(swap("files.toml", r"cell = \[", "cell = [-"), *FILES),
    "a web page as CIF": only(both(write("lfp.cif", HTML), swap("files.toml", *CIF)), *FILES),
    "truncated CIF": only(
        both(write("lfp.cif", "data_x\nloop_\n_atom_site_label\n_atom"), swap("files.toml", *CIF)), *FILES
    ),
    "CIF that is not there": only(swap("files.toml", *CIF), *FILES),
    "no reflection in range": only(swap("files.toml", r"range = \[.*\]", "range = [20.9, 22.0]"), *FILES),
    "range beside the data": only(swap("files.toml", r"range = \[.*\]", "range = [60.0, 80.0]"), *FILES),
    "two phases of one name": only(swap("files.toml", '"FP"', '"LFP"'), *FILES),
    "phase name with a hyphen": only(swap("files.toml", '"FP"', '"F-P"'), *FILES),
    "unknown parameter": only(parameter("aa = { max = 11.0 }"), *FILES),
    "limits that exclude the cell": only(
        say("files.toml", "[refine.parameters]\nLFP_a = { min = 10.5, max = 11.0 }"), *FILES
    ),
    "constraint in a circle": only(parameter('a = { expr = "LFP_a" }'), *FILES),
    "constraint that imports": only(
        say("files.toml", "[refine.parameters]\nLFP_a = { expr = \"__import__('os')\" }"), *FILES
    ),
    "structure intensities without a CIF": only(say("files.toml", '[refine]\nintensities = "structure"'), *FILES),
    "shared intensities of single scans": only(
        say("files.toml", '[refine]\nmode = "sequential"\nintensities = "shared"'), *FILES
    ),
    "no such dataset": only(swap("stack.toml", r'"stack.h5"', '"stack.h5"\ndataset = "/entry/dat"'), *STACK),
    "patterns without an axis": only(stack(lambda f: f["/entry/data"].move("two_theta", "angle")), *STACK),
    "abscissa in mm": only(stack(lambda f: f["/entry/data/two_theta"].attrs.__setitem__("units", "mm")), *STACK),
    "scan times out of order": only(
        stack(lambda f: f["/entry/data/start_time"].__setitem__(slice(None), np.arange(N_SCANS)[::-1] * 100.0)), *STACK
    ),
    "no times of the scans": only(stack(without_times), *STACK),
    "no times in text files, with a cycler": only(say("files.toml", f'[cycler]\nfile = "{CYCLER_FILE}"'), *FILES),
    "cycler file that is not there": only(swap("stack.toml", re.escape(CYCLER_FILE), "cell2.mpt"), *STACK),
    "a pattern as cycler file": only(swap("stack.toml", re.escape(CYCLER_FILE), "scans/scan_0.xy"), *STACK),
    "vendor format without its library": only(
        both(write("c.mpr", b"BIO-LOGIC MODULAR FILE\x1a"), swap("stack.toml", re.escape(CYCLER_FILE), "c.mpr")), *STACK
    ),
    "record of another year": only(record(lambda t: re.sub(r"(/)20\d\d ", r"\g<1>2019 ", t)), *STACK),
    "voltage in mV under a heading in V": only(
        record(lambda t: re.sub(r"\t([34]\.\d+E\+00)\t", lambda m: f"\t{1000.0 * float(m[1]):.3f}\t", t)), *STACK
    ),
    "theoretical capacity without the mass": only(
        swap("stack.toml", r"active_mass_mg = .*\nfull_capacity_mAh = .*", "theoretical_capacity_mAh_g = 170.0"), *STACK
    ),
    "mass in g": only(swap("stack.toml", "active_mass_mg = [0-9.]+", "active_mass_mg = 0.00139"), *STACK),
    "scans that are not there": only(nothing, *FILES, "--scans", "4:9"),
    "scans in words": only(nothing, *FILES, "--scans", "all"),
    "no workers": only(nothing, *FILES, "--workers", "0"),
    "scheduler that does not answer": only(nothing, *FILES, "--scheduler", "tcp://127.0.0.1:9"),
    "--fresh and --resume": only(nothing, *FILES, "--fresh", "--resume"),
    "output into a folder of one's own": only(nothing, *FILES, "-o", "scans"),
    "output onto a file": only(nothing, *FILES, "-o", "stack.h5"),
    "output below a file": only(nothing, *FILES, "-o", "stack.h5/results"),
    "text file for an HDF5 stack": only(swap("stack.toml", "stack.h5", CYCLER_FILE), *STACK),
    "a verb that does not exist": only(nothing, "refin", "files.toml"),
    "an option that does not exist": only(nothing, *FILES, "--worker", "2"),
    "figures of no results": only(nothing, "plot", "fit", "scans"),
    "report of no results": only(nothing, "report", "."),
    "export of no results": only(nothing, "export", "scans", "csv"),
    "unknown standard": only(nothing, "calibrate", "scans/scan_0.xy", "--standard", "LaB7"),
    "calibration with a pattern of something else": only(
        nothing, "calibrate", "scans/scan_0.xy", "--standard", "LaB6-660c"
    ),
    "import onto one of the files": only(nothing, "import", "scans/*.xy", "-o", "scans/scan_0.xy", "--fresh"),
    "a titration in a record without one": only(nothing, "gitt", CYCLER_FILE),
    "unknown code": only(nothing, "explain", "E1"),
}

DOUBTS: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    "the same scan twice": only(lambda f: shutil.copy(f / "scans/scan_3.xy", f / "scans/scan_3b.xy"), *CHECKED),
    "negative intensities": only(table(lambda rows: rows * [1.0, -1.0]), *CHECKED),
    "NaN in place of intensities": only(
        stack(lambda f: f["/entry/data/intensity"].__setitem__(2, 0.0)), "check", "stack.toml"
    ),
    "file cut short": only(scan(lambda data: data[: data.rfind(b"\n", 0, len(data) // 2) + 1]), *CHECKED),
    "another setting of the space group": only(swap("files.toml", '"Pnma"', '"Pmnb"'), *FILES),
    "K-alpha1 alone": only(swap("files.toml", 'radiation = "Cu"', "wavelength = 1.540593"), *CHECKED),
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: exit code, standard output and standard error."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    def told(self) -> str:
        return " // ".join(self.stderr.strip().splitlines())[:300]


def ended(words: tuple[str, ...]) -> Ended:
    """Run the command in this process."""
    out, told, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["xrdfit", *words]
    with redirect_stdout(out), redirect_stderr(told):
        try:
            xrdfit()
        except SystemExit as end:
            code = int(end.code or 0)
    return Ended(code, out.getvalue(), told.getvalue())


def contents(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def tried(spoil: Spoil, words: tuple[str, ...], source: Path, folder: Path) -> tuple[Ended, bool]:
    """Make a mistake in a folder of its own; how that ended, and whether nothing was written."""
    shutil.copytree(source, folder)
    spoil(folder)
    before = contents(folder)
    with chdir(folder):
        run = ended(words)
    return run, contents(folder) == before


def main() -> None:
    wrong = 0
    with TemporaryDirectory() as name:
        source = Path(name) / "base"
        source.mkdir()
        base(source)
        with chdir(source):
            assert ended(("refine", "stack.toml", "-o", "results")).exit_code in (0, 1)
        for number, (mistake, (spoil, words)) in enumerate(MISTAKES.items(), start=1):
            run, nothing_written = tried(spoil, words, source, Path(name) / f"m{number}")
            lines = [line for line in run.stderr.splitlines() if not WARNING.match(line)]
            good = run.exit_code == 2 and nothing_written and lines and all(map(MESSAGE.fullmatch, lines))
            good = good and "Traceback" not in run.output and "E900" not in run.output
            wrong += not good
            print(f"{number:3d} {'' if good else f'WRONG (exit {run.exit_code}) '}{mistake} → {run.told()}")
        print(f"\n{len(MISTAKES)} mistakes, {wrong} not told as they should be\n")
        for number, (doubt, (spoil, words)) in enumerate(DOUBTS.items(), start=1):
            run, nothing_written = tried(spoil, words, source, Path(name) / f"d{number}")
            good = run.exit_code in (0, 1) and WARNING.search(run.output) and "Traceback" not in run.output
            wrong += not good
            line = next((line.strip() for line in run.output.splitlines() if WARNING.match(line)), run.output[:300])
            print(f"{number:3d} {'' if good else f'WRONG (exit {run.exit_code}) '}{doubt} → {line[:300]}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
