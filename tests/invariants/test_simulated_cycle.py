"""What must hold for any simulated cycle."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from xrdfit.simulate import LAB_INSTRUMENT, WELL_BEHAVED, simulate_stack
from xrdfit.simulate.pattern import CellInTime

# Cells and displacement stand still, so that the composition alone changes.
STILL = replace(
    WELL_BEHAVED,
    lfp=replace(WELL_BEHAVED.lfp, shrinkage=(0.0, 0.0, 0.0)),
    fp=replace(WELL_BEHAVED.fp, shrinkage=(0.0, 0.0, 0.0)),
    charged=1.0,
    discharged=0.0,
    displacement_mm=(0.03, 0.03),
)
CELL = CellInTime.of(STILL, LAB_INSTRUMENT, counts=1.0)
_, CHARGE, CHARGED, *_ = STILL.knots_s.tolist()
PURE_LFP, PURE_FP = CELL.pattern(CHARGE), CELL.pattern(CHARGED)


def _when(fraction: float) -> float:
    return CHARGE + fraction * (CHARGED - CHARGE)


@given(fraction=st.floats(0.0, 1.0))
@settings(max_examples=25, deadline=None)
def test_a_mixture_is_the_sum_of_its_phases_by_moles(fraction: float) -> None:
    expected = (1.0 - fraction) * PURE_LFP + fraction * PURE_FP
    np.testing.assert_allclose(CELL.pattern(_when(fraction)), expected, rtol=1e-9)


@given(start=st.floats(0.0, 0.85), width=st.floats(0.01, 0.15))
@settings(max_examples=15, deadline=None)
def test_a_sweeping_scan_reads_each_angle_at_its_own_composition(start: float, width: float) -> None:
    swept = CELL.swept(_when(start), _when(start + width))
    n = swept.size
    fraction = start + width * (np.arange(n) + 0.5) / n
    np.testing.assert_allclose(swept, (1.0 - fraction) * PURE_LFP + fraction * PURE_FP, rtol=1e-9)


@given(seed=st.integers(0, 2**32), n_scans=st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_any_seed_gives_whole_counts_and_one_truth_per_scan(seed: int, n_scans: int) -> None:
    stack = simulate_stack(STILL, seed=seed, n_scans=n_scans)
    assert len(stack) == n_scans
    assert (stack.counts >= 0.0).all() and np.array_equal(stack.counts, np.round(stack.counts))
    assert all(column.shape == (n_scans,) for column in stack.truth.values())
