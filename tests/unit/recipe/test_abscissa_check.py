"""Patterns over something else than 2theta, or of another tube, are told by where their peaks are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import scans
from xrdfit.crystal import Phase, SpaceGroup, UnitCell
from xrdfit.data import Pattern, PatternHeader
from xrdfit.model import Instrument
from xrdfit.recipe import build_job, load_recipe
from xrdfit.recipe.abscissa_check import abscissa_warnings

CU = Instrument.k_alpha("Cu")
WAVELENGTH = CU.lines[0][0]
SCAN = scans.reference_scan()
PATTERN = scans.pattern(SCAN.counts(0))
X = PATTERN.two_theta
SINE = np.sin(np.radians(X / 2.0))


def told(pattern: Pattern, instrument: Instrument = CU, phases: tuple[Phase, ...] = (scans.LFP, scans.FP)) -> list[str]:
    return [str(problem) for problem in abscissa_warnings([pattern], instrument, phases)]


def over(abscissa: np.ndarray) -> Pattern:
    order = np.argsort(abscissa)
    return replace(PATTERN, two_theta=abscissa[order], intensity=PATTERN.intensity[order])


@pytest.mark.parametrize(
    ("abscissa", "words", "todo"),
    [
        (X / 2.0, "over theta,", "double the angles"),
        (np.radians(X), "over 2theta in rad,", "in deg"),
        (4.0 * np.pi * SINE / WAVELENGTH, "over Q in 1/Å,", "q_A^-1"),
        (40.0 * np.pi * SINE / WAVELENGTH, "over Q in 1/nm,", "q_nm^-1"),
        (WAVELENGTH / (2.0 * SINE), "over d in Å,", "export over 2theta"),
    ],
)
def test_another_abscissa_is_named_with_what_to_do(abscissa: np.ndarray, words: str, todo: str) -> None:
    (line,) = told(over(abscissa))
    assert line.startswith("W113 ") and words in line and todo in line


@pytest.mark.parametrize("element", ["Mo", "Co", "Fe"])
def test_another_tube_than_that_of_the_recipe_is_named(element: str) -> None:
    (line,) = told(PATTERN, Instrument.k_alpha(element))  # type: ignore[arg-type]
    assert 'write radiation = "Cu"' in line


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("change", [0.0, 0.001, -0.0015])
def test_patterns_that_are_what_they_seem_are_not_told_of(seed: int, change: float) -> None:
    cell = scans.LFP.cell
    moved = replace(scans.LFP, cell=UnitCell(cell.a * (1.0 + change), cell.b * (1.0 - change), cell.c))
    assert told(scans.pattern(SCAN.counts(seed)), phases=(moved, scans.FP)) == []


@pytest.mark.parametrize("seed", range(10))
def test_patterns_of_something_else_or_of_nothing_are_not_explained_away(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places, heights = rng.uniform(20.0, 38.0, 8), 10.0 ** rng.uniform(2.0, 4.0, 8)
    strange = sum(h * np.exp(-(((X - p) / 0.07) ** 2)) for p, h in zip(places, heights, strict=True))
    assert told(scans.pattern(rng.poisson(200.0 + strange).astype(np.float64))) == []
    assert told(scans.pattern(rng.poisson(200.0, X.size).astype(np.float64))) == []
    assert told(scans.pattern(np.zeros(X.size))) == []


def test_a_single_peak_at_a_single_line_says_nothing_of_the_abscissa() -> None:
    cubic = Phase(name="X", group=SpaceGroup.from_name("Pm-3m"), cell=UnitCell(4.156, 4.156, 4.156))
    x = np.arange(29.0, 34.0, 0.01)
    # With Cr this would be (100).
    counts = np.random.default_rng(1).poisson(200.0 + 5000.0 * np.exp(-(((x - 31.984) / 0.06) ** 2)))
    lone = replace(PATTERN, two_theta=x, intensity=counts.astype(np.float64), mask=np.ones(x.size, dtype=np.bool_))
    assert told(lone, phases=(cubic,)) == []


def test_a_file_that_states_its_wavelength_leaves_no_doubt_of_its_abscissa() -> None:
    half = over(X / 2.0)
    assert told(half) != []
    assert told(replace(half, header=PatternHeader(format="xrdml", wavelengths=(WAVELENGTH,)))) == []


def test_it_is_told_before_anything_is_refined(tmp_path: Path) -> None:
    rows = zip(40.0 * np.pi * SINE / WAVELENGTH, PATTERN.intensity, strict=True)
    (tmp_path / "a.xy").write_text("".join(f"{q:.5f} {counts:.0f}\n" for q, counts in rows))
    (tmp_path / "r.toml").write_text(
        """
        data = { files = "a.xy" }
        instrument = { radiation = "Cu" }
        phase = [
          { name = "LFP", space_group = "Pnma", cell = [10.3290, 6.0065, 4.6908] },
          { name = "FP", space_group = "Pnma", cell = [9.8142, 5.7893, 4.7820] },
        ]
        """
    )
    job = build_job(load_recipe(tmp_path / "r.toml"))
    assert ["Q in 1/nm" in problem.found for problem in job.warnings if problem.code == "W113"] == [True]
