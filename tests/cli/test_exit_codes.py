"""How the program ends is told by its exit code, and an accident by one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from xrdfit.cli import refine as refine_verb
from xrdfit.cli.problems import guarded
from xrdfit.data import SeriesResult

Xrdfit = Callable[..., Result]
PROJECT = Path(__file__).resolve().parents[2]


def _ended(*outcomes: str) -> SeriesResult:
    columns = {"scan": np.arange(len(outcomes)), "outcome": np.array(outcomes, dtype=object)}
    return SeriesResult(columns=columns, units={}, phases=(), messages=(), notes=())


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (("converged", "converged"), 0),
        (("converged", "flagged"), 1),
        (("converged", "failed"), 1),
        (("no_data", "converged"), 1),
    ],
)
def test_a_scan_that_needs_a_look_shows_in_the_exit_code(
    cell: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch, outcomes: tuple[str, ...], code: int
) -> None:
    monkeypatch.setattr(refine_verb, "refine_into", lambda *_, **__: _ended(*outcomes))
    run = xrdfit("refine", cell / "recipe.toml", "--json")
    assert run.exit_code == code
    told = json.loads(run.stdout)["outcomes"]
    assert told == {word: outcomes.count(word) for word in outcomes}


def test_the_verdict_counts_and_names_the_scans_and_says_what_to_do_next(
    cell: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = _ended("converged", "flagged", "no_data", "flagged")
    ended.columns["r_wp"] = np.array([0.1, 0.1, np.nan, 0.1])
    monkeypatch.setattr(refine_verb, "refine_into", lambda *_, **__: ended)
    told = xrdfit("refine", cell / "recipe.toml").stdout.splitlines()
    assert told[0] == "Flagged: needs a look. 1 of 4 scans converged; 2 flagged, 1 without data. No warning."
    assert told[1:3] == ["  flagged: scans 1, 3", "  no data: scan 2"]
    assert any(line.startswith("Look at the fits of the flagged scans") for line in told)
    assert "report.html" in told[-1]


def _accident() -> int:
    raise KeyError("a bug")


def test_an_accident_is_one_line_that_names_debug(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(_accident, debug=False) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert told.err.startswith("E900 ")
    assert "--debug" in told.err


LOST = """
import signal, time
from xrdfit.cli.interrupts import hear_interrupts, leave
from xrdfit.cli.problems import guarded

class Gone:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

class Broken:
    def __del__(self):
        raise ValueError("not an interrupt")

def run():
    Gone()
    print("went on")
    Broken()
    try:
        time.sleep(20.0)
    finally:
        time.sleep(0.3)
        print("cleared up")
    return 0

# What runs in the background is deaf to them.
signal.signal(signal.SIGINT, signal.default_int_handler)
hear_interrupts()
code = guarded(run, debug=False)
time.sleep(0.3)
leave(code)
"""


def test_an_interrupt_that_a_finaliser_has_lost_comes_again_but_not_while_it_is_cleared_up() -> None:
    run = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, timeout=15.0, check=False)
    assert (run.returncode, run.stdout) == (130, "went on\ncleared up\n")
    assert "interrupted; nothing half-written" in run.stderr and "KeyboardInterrupt" not in run.stderr
    # Of what else finalisers lose Python tells as ever.
    assert "Exception ignored" in run.stderr and "not an interrupt" in run.stderr


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(_accident, debug=True) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_path_that_cannot_be_written_is_bad_input(cell: Path, xrdfit: Xrdfit) -> None:
    (cell / "file").write_text("not a directory")
    run = xrdfit("import", cell / "scans" / "*.xy", "-o", cell / "file" / "stack.h5")
    assert run.exit_code == 2
    assert len(run.stderr.splitlines()) == 1


def test_check_says_what_a_run_would_do_as_text_and_as_json(cell: Path, xrdfit: Xrdfit) -> None:
    plan = json.loads(xrdfit("check", cell / "recipe.toml", "--json").stdout)
    assert (plan["scans"], plan["points"], plan["weights"]) == (2, 360, "poisson")
    assert plan["two_theta"] == [20.0, 37.95]
    assert plan["phases"]["LFP"]["space_group"] == "Pnma"
    assert plan["phases"]["LFP"]["lines"] > 5
    assert plan["parameters"]["LFP_a"] == {"scope": "scan", "start": 10.329}
    assert plan["instrument"]["geometry"] == "bragg-brentano"
    text = xrdfit("check", cell / "recipe.toml").stdout
    assert "bragg-brentano, 1.54059 1.54443 Å, point detector" in text
    assert "2 scans" in text
    assert "Pnma" in text


def test_a_single_scan_is_counted_as_one(cell: Path, xrdfit: Xrdfit) -> None:
    sorted((cell / "scans").iterdir())[1].unlink()
    assert xrdfit("check", cell / "recipe.toml").stdout.startswith("1 scan")
    assert "1 scans" not in xrdfit("check", cell / "recipe.toml").stdout


@pytest.mark.parametrize("debug", [False, True])
def test_the_installed_command_ends_in_words_unless_debug_is_asked_for(cell: Path, debug: bool) -> None:
    code = "from xrdfit.cli import main; main()"
    words = ["check", str(cell / "none.toml"), *(["--debug"] if debug else [])]
    command = [sys.executable, "-c", code, *words]
    run = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, check=False)
    assert run.returncode == 2
    assert ("Traceback" in run.stderr) is debug
    assert "E150" in run.stderr
