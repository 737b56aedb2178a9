"""Series that depart from what a joint fit takes for granted: each departure is named, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from xrdfit.data import SeriesResult
from xrdfit.simulate import SCENARIOS, WELL_BEHAVED, Departures, SimulatedStack, simulate_stack

CELLS = ("LFP_a", "LFP_b", "LFP_c", "FP_a", "FP_b", "FP_c")
SPREAD = 0.1

Refine = Callable[..., SeriesResult]


def departing(n_scans: int, **departures: float) -> SimulatedStack:
    return simulate_stack(WELL_BEHAVED, seed=612, n_scans=n_scans, departures=Departures(**departures))


def codes(result: SeriesResult) -> set[str]:
    return {warning.split()[0] for warning in result.warnings}


def parts(warning: str) -> list[str]:
    """What is wrong, where, what was found, what to do."""
    return warning.split(" · ")


@pytest.fixture(scope="module")
def grainy() -> SimulatedStack:
    return departing(12, spread=SPREAD)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_series_that_keeps_to_the_assumptions_raises_no_warning(
    scenario: str, cycle: Callable[[str], tuple[SimulatedStack, SeriesResult]]
) -> None:
    result = cycle(scenario)[1]
    assert result.warnings == ()
    # What was not found is bounded: no more than a line's intensity is known to in a scan.
    bounds = [note for note in result.notes if "a spread of more than" in note]
    assert len(bounds) == 2
    assert all(float(re.findall(r"([\d.]+)%", note)[0]) < 2.0 for note in bounds)


@pytest.mark.parametrize(
    ("departure", "hkl", "course"),
    [
        ({"texture": 0.3}, "(0 2 0)", "drifting, as texture or beam damage do"),
        ({"line_off": 0.3}, "(3 1 1)", "drifting, as texture or beam damage do"),
    ],
)
def test_intensities_that_change_are_named_by_the_line_that_changes_most(
    departure: dict[str, float], hkl: str, course: str, refine_jointly: Refine
) -> None:
    result = refine_jointly(departing(12, **departure))
    assert codes(result) == {"W401"}
    (said,) = (warning for warning in result.warnings if parts(warning)[1] == "LFP")
    assert f"clearest in {hkl}" in said
    assert course in said
    assert parts(said)[3] == 'write intensities = "hierarchical"'


def test_coarse_grains_make_intensities_jump(grainy: SimulatedStack, refine_jointly: Refine) -> None:
    result = refine_jointly(grainy)
    assert codes(result) == {"W401"}
    assert [parts(warning)[1] for warning in result.warnings] == ["LFP", "FP"]
    assert all("jumping, as coarse grains do" in warning for warning in result.warnings)


def test_the_hierarchical_model_finds_how_far_intensities_spread(
    grainy: SimulatedStack, refine_jointly: Refine
) -> None:
    result = refine_jointly(grainy, intensities="hierarchical")
    assert result.warnings == ()
    allowed = [re.search(r"a spread of ([\d.]+)% was allowed for", note) for note in result.notes]
    found = [float(match[1]) / 100.0 for match in allowed if match]
    assert len(found) == 2
    # Some ten strong lines in a dozen scans tell a standard deviation to 7 %.
    assert np.abs(np.array(found) / SPREAD - 1.0).max() < 0.25
    # Cells are then as certain as they are said to be, whatever the grains do.
    scores = []
    for name in CELLS:
        fraction = grainy.truth[f"{name[:-2]}_fraction"]
        scores.append(((result.columns[name] - grainy.truth[name]) / result.columns[f"{name}_esd"])[fraction > 0.1])
    # 57 values, the displacement in all of them: the RMS scatters by 0.12.
    assert 0.65 < np.sqrt(np.mean(np.concatenate(scores) ** 2)) < 1.35


def test_a_displacement_that_jumps_is_named_with_the_scan_where_it_does(refine_jointly: Refine) -> None:
    result = refine_jointly(departing(30, displacement_jump_mm=0.05))
    (said,) = result.warnings
    code, where, found, todo = said[:4], *parts(said)[1:]
    assert (code, where) == ("W402", "sample_displacement")
    assert todo == 'write sample_displacement = "scan" in [refine.scope]'
    match = re.search(r"jump by ([\d.]+)\(([\d.]+)\) mm at scan (\d+)", found)
    assert match is not None
    size, esd, scan = (float(number) for number in match.groups())
    # The second half of 30 scans begins with scan 15.
    assert abs(scan - 15) <= 2
    assert abs(size - 0.05) < 3.0 * esd < 0.05


def test_a_strain_that_grows_is_named_as_a_width_that_does_not_stay_the_same(refine_jointly: Refine) -> None:
    result = refine_jointly(departing(16, fp_strain_growth=1.0))
    (said,) = result.warnings
    assert said.startswith("W402 ")
    # Over so few degrees, size and strain imitate each other.
    assert parts(said)[1] in ("FP_lorentz_strain", "FP_lorentz_size")
    assert "against one value for the series" in said


def test_lines_of_a_foreign_phase_are_listed_where_they_are(refine_jointly: Refine) -> None:
    simulated = departing(12, foreign=0.2)
    result = refine_jointly(simulated)
    # So much of it sets the last scans aside, too.
    assert {"W403"} <= codes(result) <= {"W403", "W407"}
    told = [warning for warning in result.warnings if warning.startswith("W403")]
    (foreign,) = simulated.beside
    own = simulated.lines.hkl[simulated.lines.phase == len(simulated.phases)]
    area = simulated.line_area[-1][simulated.lines.phase == len(simulated.phases)]
    cell = type(foreign.cell)(*(simulated.truth[f"foreign_{name}"][-1] for name in foreign.group.free_parameters[:3]))
    true_d = cell.d_spacing(own)
    found_d = np.array([float(re.findall(r"d = ([\d.]+) Å", warning)[0]) for warning in told])
    # Displaced by 0.04 mm: 0.02 deg, which at d = 3 Å is 2e-3 Å; the scatter of a weak line's place on top.
    assert all(np.abs(true_d - d).min() < 0.008 for d in found_d)
    assert np.abs(found_d - true_d[np.argmax(area)]).min() < 0.004
    # It grows in from mid-series on.
    first = [int(re.findall(r"scans, (\d+) to 11,", warning)[0]) for warning in told]
    assert min(first) >= 6


def test_intensity_between_the_lines_of_two_phases_speaks_of_a_solid_solution(refine_jointly: Refine) -> None:
    result = refine_jointly(departing(12, solid_solution=0.15))
    (said,) = (warning for warning in result.warnings if warning.startswith("W404"))
    assert parts(said)[1] == "LFP and FP"
    found, esd = (float(number) for number in re.findall(r"found ([\d.]+)%\(([\d.]+)%\)", said)[0])
    assert found > 5.0 * esd
    # No more than there is.
    assert found < 15.0
