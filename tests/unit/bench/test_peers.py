from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from xrdfit.bench.peers.compare import PROGRAMS, compare
from xrdfit.bench.peers.own import SCAN_BY_SCAN, TOGETHER
from xrdfit.bench.peers.rietx import PAWLEY
from xrdfit.bench.peers.stack import AXES, Answer, PeerStack, Program, score


def absent(**named: Any) -> Program:
    def version() -> str:
        raise ImportError("it is not installed (pip install it)")

    return replace(SCAN_BY_SCAN, name="absent", version=version, **named)


def raising(stack: PeerStack) -> Answer:
    raise ArithmeticError("it gave up")


def test_a_program_that_is_not_installed_is_skipped_with_the_reason() -> None:
    own, row = compare(2, (SCAN_BY_SCAN, absent()))["programs"]
    assert own["status"] == "run"
    assert (row["status"], row["reason"]) == ("not installed", "it is not installed (pip install it)")
    assert "median_ms" not in row


def test_a_program_that_fails_costs_the_others_nothing() -> None:
    broken = replace(SCAN_BY_SCAN, name="broken", refine=raising)
    own, row, after = compare(2, (SCAN_BY_SCAN, broken, SCAN_BY_SCAN))["programs"]
    assert (row["status"], row["reason"]) == ("failed", "ArithmeticError: it gave up")
    assert own["status"] == after["status"] == "run"


def test_what_is_not_installed_here_says_how_to_get_it() -> None:
    if find_spec("rietx"):
        pytest.skip("rietx is installed here")
    (row,) = compare(2, (PAWLEY,))["programs"]
    assert row["status"] == "not installed"
    assert "pip install rietx" in row["reason"]


def test_rietx_refines_the_scans_as_well_as_scan_by_scan_refinement_does() -> None:
    pytest.importorskip("rietx", reason="rietx is not installed")
    own, peer = compare(4, (SCAN_BY_SCAN, PAWLEY))["programs"]
    assert peer["status"] == "run", peer
    assert peer["converged"] == 1.0
    assert peer["rms_error_ppm"] < 1.3 * own["rms_error_ppm"]


def test_errors_are_those_against_the_truth_of_scans_that_converged() -> None:
    stack = PeerStack.of(3)
    truth = stack.cells
    wrong = truth.copy()
    wrong[0, AXES.index("LFP_a")] += 0.003
    wrong[1:] += 1.0
    converged = np.array([True, False, False])
    told = score(stack, Answer(cells=wrong, esd=np.full_like(truth, 1e-3), converged=converged, seconds=np.ones(3)))
    assert told["rms_error_mA"]["LFP_a"] == pytest.approx(3.0)
    assert told["rms_error_mA"]["FP_c"] == pytest.approx(0.0, abs=1e-9)
    assert told["converged"] == pytest.approx(1.0 / 3.0)
    assert told["median_ms"] == 1000.0


def test_all_scans_together_are_better_than_scan_by_scan_and_both_are_honest() -> None:
    alone, together = compare(8, (SCAN_BY_SCAN, TOGETHER))["programs"]
    assert together["rms_error_ppm"] < 0.8 * alone["rms_error_ppm"]
    for row in (alone, together):
        assert row["converged"] == 1.0
        assert 0.6 < row["rms_pull"] < 1.5


def test_only_scans_in_which_both_phases_are_seen_are_compared() -> None:
    stack = PeerStack.of(100)
    fraction = stack.simulated.truth["FP_fraction"][list(stack.scans)]
    assert fraction.min() > 0.1
    assert fraction.max() < 0.9
    assert len(PROGRAMS) == len({(program.name, program.mode) for program in PROGRAMS})
