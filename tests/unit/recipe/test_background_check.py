"""A pattern of the empty cell that is not empty is told; one with lines of the cell alone is not."""

from __future__ import annotations

import numpy as np
import pytest

from tests import scans, twins
from xrdfit.crystal import Phase, SpaceGroup, UnitCell
from xrdfit.model import Background, Instrument, MeasuredBackground
from xrdfit.recipe.background_check import noise_warnings, sample_line_warnings

X = np.linspace(20.0, 48.0, 1000)
HALO = 200.0 + 150.0 * np.exp(-(((X - 24.0) / 4.0) ** 2))
INSTRUMENT = Instrument.k_alpha("Cu", profile=scans.PROFILE)


def lines_of(*phases: Phase, strongest: float) -> np.ndarray:
    """Lines of phases without background, the strongest areas uniform at random."""
    model = scans.two_phase_model(*phases, background=Background(terms=1))
    values = scans.parameters(model, **{f"{phase.name}_lorentz_size": 0.1 for phase in phases})
    lines = model.choose_lines(values, X, (True,) * len(phases))
    areas = np.random.default_rng(0).uniform(0.02, 1.0, lines.phase.size) * strongest
    return twins.pattern(model, scans.by_name(model, values), lines, areas, X)


def told(curve: np.ndarray, *phases: Phase, seed: int = 0) -> list[str]:
    counts = np.random.default_rng(seed).poisson(curve).astype(np.float64)
    measured = MeasuredBackground.of(X, counts, None)
    found = sample_line_warnings(measured, INSTRUMENT, phases or (scans.LFP, scans.FP), X)
    return [str(problem) for problem in found]


def of_group(name: str, group: str, *cell: float, role: str = "inert") -> Phase:
    angle = 120.0 if group[0] + group[1] in ("P6", "R-") else 90.0
    full = (cell * 3)[:3] if len(cell) == 1 else (cell[0], cell[0], cell[1])
    return Phase(name=name, group=SpaceGroup.from_name(group), cell=UnitCell(*full, gamma=angle), role=role)


@pytest.mark.parametrize("strength", [1.0, 0.05])
@pytest.mark.parametrize(
    ("inside", "name"), [((scans.LFP,), "LFP"), ((scans.FP,), "FP"), ((scans.LFP, scans.FP), "FP")]
)
def test_lines_of_the_sample_in_the_background_are_told(inside: tuple[Phase, ...], name: str, strength: float) -> None:
    (line,) = told(HALO + lines_of(*inside, strongest=500.0 * strength))
    assert line.startswith("W111 ") and name in line and " · background.file · " in line


def test_a_background_of_humps_windows_and_collectors_is_not_told_of() -> None:
    al, be = of_group("Al", "Fm-3m", 4.0496), of_group("Be", "P63/mmc", 2.2858, 3.5843)
    for seed in range(10):
        assert told(HALO, seed=seed) == []
        assert told(HALO + lines_of(al, be, strongest=3000.0), seed=seed) == []


def test_lines_of_a_phase_of_the_casing_are_not_told_of_once_it_is_inert() -> None:
    steel = of_group("casing", "R-3c", 8.5004, 20.8156)
    curve = HALO + lines_of(steel, strongest=500.0)
    assert told(curve, scans.LFP, steel) == []
    assert "casing" in told(curve, scans.LFP, of_group("casing", "R-3c", 8.5004, 20.8156, role="active"))[0]


def test_chance_coincidences_with_lines_of_unknown_things_are_rare() -> None:
    rng = np.random.default_rng(9)
    alarms = 0
    for seed in range(60):
        places, heights = rng.uniform(20.0, 48.0, 5), 10.0 ** rng.uniform(1.7, 4.5, 5)
        strange = sum(h / (1.0 + ((X - p) / 0.05) ** 2) for p, h in zip(places, heights, strict=True))
        alarms += bool(told(HALO + strange, seed=seed))
    assert alarms <= 3


def test_a_pattern_too_short_to_tell_is_not_judged() -> None:
    short = MeasuredBackground.of(X[:50], np.round(HALO[:50]), None)
    assert list(sample_line_warnings(short, INSTRUMENT, (scans.LFP,), X[:50])) == []


@pytest.mark.parametrize(("time", "is_noisy"), [(0.01, True), (0.1, True), (1.0, False), (100.0, False)])
def test_a_background_of_noise_is_told_with_the_bias_of_its_amount(time: float, is_noisy: bool) -> None:
    al = of_group("Al", "Fm-3m", 4.0496)
    expected = time * (HALO + lines_of(al, strongest=500.0))
    counts = np.random.default_rng(1).poisson(expected).astype(np.float64)
    found = list(noise_warnings(MeasuredBackground.of(X, counts, None), 4, X))
    assert len(found) == is_noisy
    if found:
        # What a straight fit of scans without noise to these counts makes of an amount of one.
        smooth = np.polynomial.chebyshev.chebvander(np.linspace(-1.0, 1.0, X.size), 3)
        amount = np.linalg.lstsq(np.column_stack([counts, smooth]), expected, rcond=None)[0][0]
        assert found[0].code == "W112"
        assert float(found[0].found.split()[1]) / 100.0 == pytest.approx(1.0 - amount, abs=0.05)


@pytest.mark.parametrize("curve", [np.full(X.size, 100.0), np.full(X.size, 0.1), 50.0 + 3.0 * X])
def test_a_background_that_a_polynomial_describes_already_is_told_as_that(curve: np.ndarray) -> None:
    (problem,) = noise_warnings(MeasuredBackground.of(X, curve, None), 4, X)
    assert problem.code == "W112" and problem.what == "a polynomial describes the measured background already"
    assert "noise" not in str(problem)
