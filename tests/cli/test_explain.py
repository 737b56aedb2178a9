"""``xrdfit explain`` looks a code up."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from typer.testing import Result

Xrdfit = Callable[..., Result]


@pytest.mark.parametrize("word", ["E120", "e120", " E120"])
def test_a_code_is_explained_in_any_case(xrdfit: Xrdfit, word: str) -> None:
    run = xrdfit("explain", word)
    assert run.exit_code == 0
    assert "Unknown space group" in run.stdout
    assert "Hermann-Mauguin" in run.stdout


def test_a_warning_is_explained_with_its_example_and_without_what_follows_it(xrdfit: Xrdfit) -> None:
    text = xrdfit("explain", "W410").stdout
    assert "A scan declared pure is in doubt" in text
    assert "Breaking assumptions" not in text


def test_without_a_code_all_are_listed_one_a_line(xrdfit: Xrdfit) -> None:
    lines = xrdfit("explain").stdout.splitlines()
    assert len(lines) > 80
    assert all(re.fullmatch(r"[EW]\d{3}  \S.*", line) for line in lines)
    assert lines == sorted(lines)


def test_an_unknown_code_names_near_ones(xrdfit: Xrdfit) -> None:
    run = xrdfit("explain", "E1200")
    assert run.exit_code == 2
    assert run.stderr.startswith("E185 no such message · explain · ")
    assert "did you mean E120" in run.stderr
    assert "lists all codes" in xrdfit("explain", "nonsense").stderr


def test_a_reader_who_has_seen_enough_ends_it_without_a_word() -> None:
    program = "import sys; from xrdfit.cli import main; sys.argv = ['xrdfit', 'explain']; main()"
    run = subprocess.Popen([sys.executable, "-uc", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stdout is not None and run.stderr is not None
    run.stdout.close()
    assert run.wait(timeout=60) == 0
    assert run.stderr.read() == ""
