"""Presence of a phase against known truth: none where there is none, and little is enough to be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from xrdfit.data import SeriesResult
from xrdfit.simulate import WELL_BEHAVED, simulate_stack, single_phase
from xrdfit.simulate.crystals import lfp_and_fp

OTHER = {"LFP": "FP", "FP": "LFP"}
N_ALONE = 30
# One-sided 1 %.
THRESHOLD = 2.326

Refine = Callable[..., SeriesResult]


@pytest.fixture(scope="module")
def alone(refine_jointly: Refine) -> dict[str, SeriesResult]:
    """Of either phase a stack that holds nothing else, refined with the structures of both."""
    return {
        phase: refine_jointly(simulate_stack(single_phase(phase), seed=621, n_scans=N_ALONE), phases=lfp_and_fp())
        for phase in OTHER
    }


@pytest.mark.parametrize("phase", OTHER)
def test_a_phase_that_is_nowhere_is_present_nowhere(phase: str, alone: dict[str, SeriesResult]) -> None:
    columns = alone[phase].columns
    assert (columns[f"{phase}_present"] == 1).all()
    assert (columns[f"{OTHER[phase]}_present"] == 0).all()
    assert np.isnan(columns[f"{OTHER[phase]}_a"]).all()
    # What could be there unseen: less than 2 % of the amount that is.
    limit = columns[f"{OTHER[phase]}_scale_upper95"]
    assert ((limit > 0.0) & (limit < 0.02 * columns[f"{phase}_scale"])).all()


def test_the_presence_of_nothing_is_standard_normal(alone: dict[str, SeriesResult]) -> None:
    z = np.concatenate([alone[phase].columns[f"{other}_presence_z"] for phase, other in OTHER.items()])
    assert z.size == 2 * N_ALONE
    # Three standard errors of the mean and of the standard deviation of 60 values.
    assert abs(z.mean()) < 3.0 / np.sqrt(z.size)
    assert abs(z.std(ddof=1) - 1.0) < 3.0 / np.sqrt(2.0 * z.size)
    # Expected is 0.6; more than 3 come by chance once in 300 times.
    assert np.count_nonzero(z > THRESHOLD) <= 3


def test_two_percent_of_a_phase_are_found_once_the_series_knows_it(refine_jointly: Refine) -> None:
    course = replace(WELL_BEHAVED, charged=0.98, discharged=0.02, rest_hours=(2.0, 10.0, 10.0))
    simulated = simulate_stack(course, seed=622, n_scans=20)
    columns = refine_jointly(simulated).columns
    for phase in OTHER:
        little = np.isclose(simulated.truth[f"{phase}_fraction"], 0.02)
        assert little.sum() >= 3
        # 6 to 10 is expected: of a handful of scans, none falls below 2.3 by chance.
        assert (columns[f"{phase}_presence_z"][little] > THRESHOLD).all()
        assert (columns[f"{phase}_present"][little] == 1).all()
        error = columns[f"{phase}_fraction"][little] - 0.02
        assert (np.abs(error) < 4.0 * columns[f"{phase}_fraction_esd"][little]).all()
