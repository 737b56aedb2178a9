"""Which scan stands for a series in its fit figure."""

from __future__ import annotations

import numpy as np
import pytest

from xrdfit.data import PhaseLabel, SeriesResult
from xrdfit.errors import DataError
from xrdfit.report import representative_scan

NAN = float("nan")


def _series(r_wp: list[float], **shares: list[float]) -> SeriesResult:
    columns = {"scan": np.arange(10, 10 + len(r_wp)), "r_wp": np.array(r_wp)}
    columns |= {f"{name}_apparent_share": np.array(values) for name, values in shares.items()}
    phases = tuple(
        PhaseLabel(name=name, color=None, role="active", cell_names=("a",), reference={}, reference_source=None)
        for name in shares
    )
    return SeriesResult(columns=columns, units={}, phases=phases, messages=(), notes=())


def test_the_fit_figure_shows_the_scan_whose_weakest_phase_is_strongest() -> None:
    result = _series([0.04, 0.05, 0.06, 0.03], LFP=[1.0, 0.9, 0.45, 0.02], FP=[0.0, 0.1, 0.55, 0.98])
    assert representative_scan(result) == 12


def test_a_scan_that_could_not_be_fitted_stands_for_nothing() -> None:
    assert representative_scan(_series([0.04, NAN], LFP=[0.9, 0.5], FP=[0.1, 0.5])) == 10


def test_without_a_fit_there_is_none_to_show() -> None:
    with pytest.raises(DataError, match="E190 no scan could be fitted"):
        representative_scan(_series([NAN, NAN], LFP=[0.9, 0.5]))


def test_more_phases_count_before_a_better_balance() -> None:
    result = _series([0.1, 0.1, 0.1], alpha=[0.5, 0.0, 0.6], beta=[0.0, 0.7, 0.3], steel=[0.5, 0.3, 0.1])
    assert representative_scan(result) == 12
