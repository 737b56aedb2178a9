"""Every code block of the documentation is run: ``python -m pytest docs``.

The blocks of a page are run one after the other in a directory of their own, which holds what pages take for granted:
the bundled series in ``mycell/``, some text files in ``scans/``, measured data where there are some. Recipes whose
block follows ``<!-- file: NAME -->`` are written to that file. A block that follows ``<!-- not run: REASON -->`` is not
run, nor is one that follows ``<!-- needs: FOLDER -->`` where that folder of measured data is missing.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from xrdfit.cli.app import app
from xrdfit.io import open_stack

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DATA = Path(os.environ.get("XRDFIT_REAL_DATA", ROOT.parent / "shared" / "data"))
RUNNABLE = ("console", "sh", "python")
_BLOCK = re.compile(r"(?m)(?:^<!-- (not run|file|needs): (.+?) -->\n)?^```([^\n`]*)\n((?s:.*?))^```$")


@dataclass(frozen=True)
class Block:
    kind: str
    said: str | None
    what: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(kind=m[3], said=m[1], what=m[2] or "", text=m[4]) for m in found]


def runnable(page: Path) -> list[Block]:
    return [block for block in blocks_of(page) if block.kind in RUNNABLE]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "mycell"
    run(["demo", "--run", str(folder)])
    return folder


@pytest.fixture
def place(tmp_path: Path, demo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's directory."""
    shutil.copytree(demo, tmp_path / "mycell")
    (tmp_path / "scans").mkdir()
    for name in ("ti64-heating/*.chi", "lab-formats/Scan_C*.xrdml"):
        for path in DATA.glob(name):
            shutil.copy(path, tmp_path / "scans")
    for path in DATA.glob("lab6-srm660c/*.cif"):
        shutil.copy(path, tmp_path)
    stack = open_stack("mycell/stack.h5", base=tmp_path)
    for scan in range(3):
        pattern = stack.read(scan)
        table = np.column_stack((pattern.two_theta, pattern.intensity))
        np.savetxt(tmp_path / "scans" / f"scan_{scan}.xye", table, fmt="%.4f")
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def run(words: list[str]) -> None:
    ended = CliRunner().invoke(app, words)
    # 1: finished, and something needs a look.
    assert ended.exit_code in (0, 1), f"xrdfit {shlex.join(words)}: {ended.output}"
    assert ended.exception is None or isinstance(ended.exception, SystemExit)


def commands_of(block: Block) -> list[list[str]]:
    lines = block.text.splitlines()
    if block.kind == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page)], ids=lambda page: page.stem)
def test_code_of_a_page_runs(page: Path, place: Path) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    missing: list[str] = []
    if any("xrdfit demo" in block.text for block in runnable(page)):
        shutil.rmtree(place / "mycell")
    for block in blocks_of(page):
        if block.said == "not run":
            continue
        if block.said == "needs" and not (DATA / block.what).exists():
            missing.append(block.what)
        elif block.said == "file":
            (place / block.what).write_text(block.text, encoding="utf-8")
        elif block.kind == "python":
            exec(compile(block.text, str(page), "exec"), names)
        elif block.kind in RUNNABLE:
            for words in commands_of(block):
                assert words[0] == "xrdfit", f"{page.name}: nothing runs {shlex.join(words)}"
                run(words[1:])
    if missing:
        pytest.skip(f"without measured data in {DATA}: {', '.join(missing)}; all else was run")


def test_blocks_that_are_not_run_say_why() -> None:
    reasons = [(page.name, block.what) for page in PAGES for block in blocks_of(page) if block.said == "not run"]
    assert all(len(why.split()) > 2 for _, why in reasons), reasons
    n_blocks = sum(len(runnable(page)) for page in PAGES)
    assert n_blocks > 20
    assert len(reasons) <= 0.25 * n_blocks, reasons
