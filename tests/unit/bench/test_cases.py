import numpy as np
import pytest

from xrdfit.bench.cases import laboratory, synchrotron
from xrdfit.bench.one_scan import Kernels, WarmScan
from xrdfit.bench.timing import timed, timed_again


def test_the_cases_are_as_large_as_they_are_said_to_be() -> None:
    lab, ring = laboratory(), synchrotron()
    assert (lab.two_theta.size, lab.lines.phase.size, len(lab.model.instrument.lines)) == (607, 27, 2)
    assert (ring.two_theta.size, ring.lines.phase.size, len(ring.model.instrument.lines)) == (4000, 242, 1)
    for case in (lab, ring):
        assert set(case.lines.phase) == {0, 1}
        assert case.expected.max() > 1000.0


def test_the_kernels_calculate_the_pattern_that_was_measured() -> None:
    case = laboratory()
    kernels = Kernels.of(case)
    kernels.pattern_and_jacobian()
    # The cell is simulated with lines beyond the range, whose tails the list of lines leaves out.
    assert np.abs(kernels.work.model / case.expected - 1.0).max() < 0.02
    assert kernels.work.jacobian.shape == (case.vary.sum(), case.two_theta.size)
    model, jacobian = kernels.work.model.copy(), kernels.work.jacobian.copy()
    for again in (kernels.patterns, kernels.patterns_and_jacobians):
        kernels.work.model[:] = kernels.work.jacobian[:] = 0.0
        again(2)
        np.testing.assert_array_equal(kernels.work.model, model)
    np.testing.assert_array_equal(kernels.work.jacobian, jacobian)


@pytest.mark.parametrize("solver", ["compiled", "leastsq"])
def test_a_warm_scan_begins_elsewhere_and_ends_at_the_truth(solver: str) -> None:
    warm = WarmScan(laboratory())
    row = warm.case.model.table.index("LFP_a")
    found = warm.fit(solver)()
    assert found.success
    assert found.minimum.nfev > 2
    assert abs(warm.start[row] - warm.case.values[row]) > found.esd[row] / 2.0
    assert abs(found.values[row] - warm.case.values[row]) < 4.0 * found.esd[row]


def test_what_sleeps_for_two_milliseconds_is_said_to_take_two_or_more() -> None:
    from time import sleep

    timing = timed(lambda: sleep(2e-3), seconds=0.0, repeats=3)
    assert 2.0 <= timing.min_ms <= timing.median_ms
    assert timing.repeats == 3


def test_a_slow_first_call_does_not_make_what_begins_a_repeat_count_as_the_call() -> None:
    from time import sleep

    calls: list[int] = []

    def again(times: int) -> None:
        sleep(2e-2 if not calls else 5e-5 * times)
        calls.append(times)

    timed_again(again, seconds=0.0, repeats=3)
    assert len(set(calls[-3:])) == 1
    assert calls[-1] >= 4
