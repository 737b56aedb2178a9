"""Names and headers of files from strangers, on the terminal, in tables and on the page."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from tests.recipes import sequential
from xrdfit.simulate import WELL_BEHAVED, simulate_stack

Xrdfit = Callable[..., Result]
NAMES = (
    "=cmd|' C'!A1.xy",
    "+1.xy",
    "-1.xy",
    "@sum.xy",
    "\x1b]0;mine\x07\x1b[31m.xy",
    "\u202eyx.exe.xy",
    "<b onload=x>.xy",
)


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    simulated = simulate_stack(WELL_BEHAVED, seed=1, n_scans=len(NAMES))
    (tmp_path / "scans").mkdir()
    for name, counts in zip(NAMES, simulated.counts, strict=True):
        table = np.column_stack((simulated.two_theta, counts))
        head = "<script>alert(1)</script> \x1b[2J"
        np.savetxt(tmp_path / "scans" / name, table, fmt="%.3f", header=head)
    text = sequential(simulated.recipe_text).replace('"stack.h5"', '"scans/*.xy"')
    (tmp_path / "recipe.toml").write_text(f"{text}\n# <script>alert(2)</script> \x09", encoding="utf-8")
    return tmp_path


def test_strange_names_act_neither_in_spreadsheets_nor_on_terminals_nor_on_the_page(
    strange: Path, xrdfit: Xrdfit
) -> None:
    run = xrdfit("refine", strange / "recipe.toml", "-o", strange / "out")
    assert run.exit_code in (0, 1)
    assert "\x1b" not in run.stdout + run.stderr
    for name in ("trajectories.csv", "trajectories_origin.csv"):
        rows = list(csv.reader((strange / "out" / name).open(encoding="utf-8")))
        texts = [
            field for row in rows[1:] for field in row if field and not field.lstrip("-").replace(".", "").isdigit()
        ]
        assert any("cmd" in text for text in texts)
        assert not [text for text in texts if text[0] in "=+@" or text.startswith("-1.xy")]
        assert not set("\x1b\x07\u202e") & set("".join(texts))
    page = (strange / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "<b onload" not in page
    assert "Content-Security-Policy" in page
    assert "\x1b" not in (strange / "out" / "run.log").read_text(encoding="utf-8")


def test_what_would_act_on_a_terminal_is_written_out(strange: Path, xrdfit: Xrdfit) -> None:
    (strange / "scans" / "bad\x1b[2J\u202e.xy").write_text("\x1b[31m<html>words")
    run = xrdfit("check", strange / "recipe.toml")
    assert run.exit_code == 2
    assert "bad\\x1b[2J\\u202e.xy" in run.stderr
    assert not set("\x1b\u202e") & set(run.stderr)
