"""Fractions from scans in which a phase is declared pure: what they come to, and what they are if it was not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cycles import CYCLE, charge, course, linear, simulated
from xrdfit.series.fractions.result import PhaseFractions

Found = list[tuple[PhaseFractions, np.ndarray]]


def cycle(least: float, most: float) -> tuple[np.ndarray, np.ndarray]:
    """A cycle that rests at these fractions of FP before and after the charge."""
    return course(42, CYCLE[0], (least, least, most, most, least + 0.05, least + 0.05))


def fractions(least: float, most: float, anchored: str, *, change: np.ndarray | float = 0.0, n: int = 40) -> Found:
    """Of simulated cycles, with their truth; `anchored` names the phases declared pure where they are most."""
    time, fp = cycle(least, most)
    anchors = {"LFP": {0: 0}, "FP": {1: int(np.argmax(fp))}}
    chosen = anchors["LFP"] | anchors["FP"] if anchored == "both" else anchors[anchored]
    found = []
    for seed in range(700, 700 + n):
        record = simulated(seed, (time, fp), noise=0.005, change=change)
        found.append((record.fractions(method="anchored", anchors=chosen), record.truth))
    return found


def z_of(found: Found) -> float:
    """RMS of error over esd where both phases are."""
    mixed = (found[0][1] > 0.08).all(axis=1)
    scores = [(one.fraction - truth)[mixed] / one.esd[mixed] for one, truth in found]
    return float(np.sqrt(np.mean(np.square(scores))))


@pytest.mark.parametrize("anchored", ["LFP", "FP", "both"])
def test_errors_of_anchored_fractions_are_honest_where_the_declared_scans_are_pure(anchored: str) -> None:
    found = fractions(0.0, 1.0, anchored)
    assert 0.85 < z_of(found) < 1.15
    # Nor are they wider than the scales make them: 0.4 % of one anchor, and what the scans share.
    assert np.median([one.esd[10] for one, _ in found]) < 0.006


@pytest.mark.parametrize("part", [0.01, 0.05])
@pytest.mark.parametrize("anchored", ["LFP", "FP", "both"])
def test_errors_of_anchored_fractions_are_honest_where_a_declared_scan_is_not_pure(anchored: str, part: float) -> None:
    found = fractions(0.0, 1.0 - part, anchored) if anchored == "FP" else fractions(part, 1.0, anchored)
    assert 0.85 < z_of(found) < 1.2
    phase = 1 if anchored == "FP" else 0
    assert np.mean([one.impurity[phase] for one, _ in found]) == pytest.approx(part, rel=0.06)
    assert all(one.impurity[phase] > 4.0 * one.impurity_esd[phase] for one, _ in found)


def test_as_much_of_the_other_phase_in_both_declared_scans_leaves_the_fractions_as_good_as_they_were() -> None:
    pure, impure = fractions(0.0, 1.0, "both"), fractions(0.05, 0.95, "both")
    assert 0.85 < z_of(impure) < 1.15
    assert np.median([one.esd[10] for one, _ in impure]) < 1.2 * np.median([one.esd[10] for one, _ in pure])


def test_what_speaks_against_a_pure_scan_by_chance_does_not_widen_errors() -> None:
    impurity = [one.impurity / one.impurity_esd for one, _ in fractions(0.0, 1.0, "both")]
    assert np.max(impurity) < 4.0


def test_errors_of_anchored_fractions_know_of_a_drift_between_the_declared_scans() -> None:
    assert 0.6 < z_of(fractions(0.0, 1.0, "both", change=linear(42, 0.2))) < 1.25


@pytest.mark.parametrize("row", [0, 41])
def test_errors_of_anchored_fractions_know_of_a_declared_scan_at_half_the_counts(row: int) -> None:
    dip = np.zeros(42)
    dip[row] = -0.5
    mixed = np.abs(charge(3.0, 1.0)[1] - 0.5) < 0.4
    z = []
    for seed in range(700, 712):
        record = simulated(seed, charge(3.0, 1.0), change=dip)
        found = record.fractions(method="anchored", anchors={0: 0, 1: 41})
        assert found.amount_off[row] == pytest.approx(-0.5, abs=0.1)
        z.append(((found.fraction - record.truth) / found.esd)[mixed])
    assert 0.5 < np.sqrt(np.mean(np.square(z))) < 1.3


def test_one_pure_scan_gives_the_other_phase_as_the_rest() -> None:
    record = simulated(13, course(), noise=0.004)
    found = record.fractions(method="anchored", anchors={0: 0})
    np.testing.assert_allclose(found.fraction.sum(axis=1), 1.0)
    assert np.abs(found.fraction - record.truth).max() < 0.03
    # A scan held against itself is exact.
    assert found.fraction[0, 0] == pytest.approx(1.0)
    assert found.esd[0, 0] == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(found.alpha[1])


def test_anchor_in_a_scan_without_the_phase_is_not_determined() -> None:
    record = simulated(14, course())
    scale = record.given["scale"].copy()
    scale[0, 1] = 0.0
    found = record.fractions(scale=scale, method="anchored", anchors={1: 0}, scans=range(7, 49))
    assert not found.determined
    assert "FP is not there in scan 7" in found.notes[0]
