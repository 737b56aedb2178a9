from dataclasses import replace

import numpy as np
import pytest

from xrdfit.crystal import UnitCell
from xrdfit.model import LineChoice
from xrdfit.simulate import DISTORTED, LAB_INSTRUMENT, WELL_BEHAVED, simulate_stack
from xrdfit.simulate.crystals import Scatterer, lfp_and_fp
from xrdfit.simulate.pattern import CellInTime


@pytest.fixture(scope="module")
def cell() -> CellInTime:
    return CellInTime.of(WELL_BEHAVED, LAB_INSTRUMENT, counts=1.0)


def _line(cell: CellInTime, phase: int, hkl: tuple[int, int, int]) -> int:
    match = (cell.lines.phase == phase) & (cell.lines.hkl == hkl).all(axis=1)
    return int(np.flatnonzero(match)[0])


def test_lfp_020_is_six_and_a_half_times_211(cell: CellInTime) -> None:
    area = cell.state(0.0).area
    assert area[_line(cell, 0, (0, 2, 0))] / area[_line(cell, 0, (2, 1, 1))] == pytest.approx(6.5, rel=0.03)


def test_a_larger_cell_scatters_as_lp_over_v_squared(cell: CellInTime) -> None:
    lfp, _ = lfp_and_fp()
    scatterer = Scatterer.of(lfp, LAB_INSTRUMENT, WELL_BEHAVED.two_theta)
    small = UnitCell(10.3, 6.0, 4.7)
    large = UnitCell(10.3 * 1.01, 6.0 * 1.01, 4.7 * 1.01)
    ratio = scatterer.per_volume(large) / scatterer.per_volume(small)
    wavelength = LAB_INSTRUMENT.lines[0][0]
    analyser = np.cos(np.radians(26.6)) ** 2

    def lp(unit_cell: UnitCell) -> np.ndarray:
        theta = np.arcsin(wavelength / (2.0 * unit_cell.d_spacing(scatterer.hkl)))
        return (1.0 + analyser * np.cos(2.0 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))

    # One per cent of d moves |F|^2 of strong lines by little: what remains is LP and 1 / V^2.
    strong = scatterer.per_volume(small) > 0.3 * scatterer.per_volume(small).max()
    expected = lp(large) / lp(small) * (small.volume / large.volume) ** 2
    np.testing.assert_allclose(ratio[strong], expected[strong], rtol=0.015)


def test_scale_is_irradiated_volume_so_that_half_the_moles_give_half_the_counts(cell: CellInTime) -> None:
    _, begin, charged, *_ = WELL_BEHAVED.knots_s
    half = cell.state(begin + (charged - begin) * 0.5 / 0.95)
    quarter = cell.state(begin + (charged - begin) * 0.25 / 0.95)
    np.testing.assert_allclose(half.fraction, [0.5, 0.5])
    fp = cell.lines.phase == 1
    # The cell changes a little meanwhile, by parts in 10^4.
    assert half.area[fp].sum() / quarter.area[fp].sum() == pytest.approx(2.0, rel=1e-3)


def test_a_mole_of_each_phase_scatters_as_its_moles_over_its_volume(cell: CellInTime) -> None:
    _, begin, charged, *_ = WELL_BEHAVED.knots_s
    state = cell.state(begin + (charged - begin) * 0.5 / 0.95)
    volume = [
        UnitCell(*(state.values[cell.model.table.index(f"{name}_{axis}")] for axis in "abc")).volume
        for name in ("LFP", "FP")
    ]
    # Equal moles with Z = 4 each: scales are as the cell volumes, and areas as structure factors over the volumes.
    assert state.scale[0] / state.scale[1] == pytest.approx(volume[0] / volume[1], rel=1e-12)


def test_every_line_is_a_doublet_of_two_to_one() -> None:
    # A fine narrow-line pattern of the strongest LFP line alone.
    cell = CellInTime.of(
        replace(
            WELL_BEHAVED,
            lfp=replace(WELL_BEHAVED.lfp, lorentz_size=0.0, strain=0.0),
            first=35.2,
            step=0.001,
            n_points=1000,
        ),
        replace(LAB_INSTRUMENT, profile=replace(LAB_INSTRUMENT.profile, u=0.0, v=0.0, w=1e-4, lorentz_size=0.0)),
        counts=1.0,
    )
    net = cell.pattern(0.0) - np.polynomial.chebyshev.chebval(np.linspace(-1, 1, 1000), WELL_BEHAVED.background)
    main = int(net.argmax())
    second = main + 30 + int(net[main + 30 :].argmax())
    assert net[second] / net[main] == pytest.approx(0.5, abs=0.02)
    theta = np.radians(cell.two_theta[main] / 2.0)
    (first_line, _), (second_line, _) = LAB_INSTRUMENT.lines
    separation = np.degrees(2.0 * np.tan(theta) * (second_line - first_line) / first_line)
    assert cell.two_theta[second] - cell.two_theta[main] == pytest.approx(separation, abs=0.002)


def test_lines_beside_the_range_send_their_tails_into_it(cell: CellInTime) -> None:
    # LFP (200) lies at 17.2 deg, outside; without it the first points have fewer counts.
    state = cell.state(0.0)
    area = state.area.copy()
    area[_line(cell, 0, (2, 0, 0))] = 0.0
    lost = cell.expected(state) - cell.expected(replace(state, area=area))
    assert lost[0] > 0.3
    assert lost[0] > 10.0 * lost[-1] > 0.0


def test_generating_lines_still_further_out_changes_less_than_a_count(
    cell: CellInTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xrdfit.simulate.crystals.BEYOND", 18.0)
    wider = CellInTime.of(WELL_BEHAVED, LAB_INSTRUMENT, counts=1.0)
    assert wider.lines.phase.size > cell.lines.phase.size
    time = WELL_BEHAVED.knots_s[2]
    change = wider.pattern(time) - cell.pattern(time)
    assert np.abs(change).max() < 1.0


def test_displacement_moves_low_angle_lines_more_and_downwards(cell: CellInTime) -> None:
    state = cell.state(0.0)
    moved = state.values.copy()
    moved[cell.model.table.index("sample_displacement")] += 0.1
    lines = LineChoice(hkl=cell.lines.hkl, phase=cell.lines.phase)
    shift = (cell.model.place(moved, lines).position - cell.model.place(state.values, lines).position)[:, 0]
    low, high = _line(cell, 0, (1, 0, 1)), _line(cell, 0, (4, 1, 0))
    assert shift[low] < shift[high] < 0.0


def test_a_swept_scan_sees_the_state_of_its_start_at_low_and_of_its_end_at_high_angle() -> None:
    cell = CellInTime.of(DISTORTED, LAB_INSTRUMENT, counts=1.0)
    start = DISTORTED.knots_s[1] + 4 * 3600.0
    end = start + 2 * 3600.0
    swept = cell.swept(start, end)
    n = swept.size
    for point in (0, 1, n - 2, n - 1):
        assert swept[point] == pytest.approx(cell.pattern(start + (end - start) * (point + 0.5) / n)[point], rel=1e-6)
    assert abs(swept[0] - cell.pattern(end)[0]) > 0.5


def test_interpolated_sweep_is_the_pattern_of_the_moment_each_point_is_measured() -> None:
    cell = CellInTime.of(DISTORTED, LAB_INSTRUMENT, counts=1.0)
    # Across the end of charge, where the course has a kink.
    start, end = DISTORTED.knots_s[2] - 3600.0, DISTORTED.knots_s[2] + 3600.0
    swept = cell.swept(start, end)
    n = swept.size
    for point in range(0, n, 37):
        exact = cell.pattern(start + (end - start) * (point + 0.5) / n)[point]
        assert swept[point] == pytest.approx(exact, abs=0.02)


def test_during_a_rest_a_swept_scan_differs_by_the_drifting_displacement_only() -> None:
    steady = replace(WELL_BEHAVED, displacement_mm=(0.03, 0.03))
    still, swept = (simulate_stack(steady, seed=0, n_scans=42, sweep=sweep) for sweep in (False, True))
    np.testing.assert_allclose(swept.expected[:3], still.expected[:3], rtol=1e-9)
    assert np.abs(swept.expected[5] - still.expected[5]).max() > 10.0
