"""Scans kept in little memory."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from xrdfit.data import Pattern, RefineSettings
from xrdfit.fit import PreparedScan, prepare_scan
from xrdfit.series.kept import KeptScan, KeptScans, smallest

TWO_THETA = np.linspace(17.0, 38.0, 300)
COUNTS = np.random.default_rng(1).poisson(400.0 + 60.0 * np.sin(TWO_THETA)).astype(np.float64)


def pattern(intensity: NDArray[np.float64], sigma: NDArray[np.float64] | None = None) -> Pattern:
    mask = np.ones(intensity.size, dtype=np.bool_)
    return Pattern(
        two_theta=TWO_THETA, intensity=intensity, sigma=sigma, mask=mask, source="here[3]", start_s=1.0, end_s=2.0
    )


def same(one: PreparedScan, other: PreparedScan) -> None:
    for part in ("pattern", "points", "noise"):
        mine, its = getattr(one, part), getattr(other, part)
        for name in mine.__slots__:
            value = getattr(mine, name)
            if isinstance(value, np.ndarray):
                assert value.dtype == getattr(its, name).dtype and value.flags.c_contiguous
                assert value.tobytes() == getattr(its, name).tobytes()
            else:
                assert value == getattr(its, name)
    assert one.variance.tobytes() == other.variance.tobytes()


@pytest.mark.parametrize("settings", [RefineSettings(), RefineSettings(two_theta_range=(18.0, 30.0))])
@pytest.mark.parametrize(
    "measured",
    [
        pattern(COUNTS),
        pattern(1e7 * COUNTS),
        pattern(COUNTS / 3.0),
        pattern(COUNTS / 3.0, np.sqrt(COUNTS) / 3.0),
        pattern(np.where(COUNTS < 350.0, np.nan, COUNTS)),
        pattern(-COUNTS, 1.0 + 0.1 * COUNTS),
    ],
)
def test_a_scan_is_had_again_to_the_last_bit(measured: Pattern, settings: RefineSettings) -> None:
    scan = prepare_scan(measured, settings)
    kept = KeptScan(scan)
    same(kept.prepared, scan)
    intensity, constant = np.empty((2, scan.points.intensity.size))
    kept.put(intensity, constant)
    assert intensity.tobytes() == scan.points.intensity.tobytes()
    assert constant.tobytes() == scan.noise.constant.tobytes()


def test_a_noise_model_of_other_origin_is_had_again() -> None:
    scan = prepare_scan(pattern(COUNTS / 3.0, np.sqrt(COUNTS) / 3.0), RefineSettings())
    noise = replace(scan.noise, constant=scan.noise.constant + 1e-3 * COUNTS)
    kept = KeptScan(replace(scan, noise=noise))
    assert kept.noise_constant.tobytes() == noise.constant.tobytes()


def test_counts_take_two_bytes_and_what_is_no_count_is_not_rounded() -> None:
    assert smallest(COUNTS).dtype == np.uint16
    assert smallest(np.array([1.0, 65536.0])).dtype == np.float32
    assert smallest(np.array([3.0, 0.1])).dtype == np.float64
    assert np.signbit(smallest(np.array([5.0, -0.0]))[1])


def test_scans_on_one_grid_hold_it_once() -> None:
    one = KeptScan(prepare_scan(pattern(COUNTS), RefineSettings()))
    other = KeptScan(prepare_scan(pattern(COUNTS[::-1].copy()), RefineSettings()), one)
    masked = KeptScan(prepare_scan(pattern(np.where(COUNTS < 350.0, np.nan, COUNTS)), RefineSettings()), one)
    assert other.grid is one.grid
    assert masked.grid is not one.grid and masked.grid.chosen.size < TWO_THETA.size


def test_scans_that_were_kept_elsewhere_share_the_grid_they_have_in_common() -> None:
    # Scans are calculated together as long as they are on one grid.
    here = KeptScans()
    for index in range(3):
        here.take(index, pickle.loads(pickle.dumps(KeptScan(prepare_scan(pattern(COUNTS + index), RefineSettings())))))
    shorter = replace(pattern(COUNTS), mask=TWO_THETA < 30.0)
    here.take(3, KeptScan(prepare_scan(shorter, RefineSettings())))
    assert here[0].grid is here[1].grid is here[2].grid
    assert here[3].grid is not here[2].grid
    same(here[2].prepared, prepare_scan(pattern(COUNTS + 2), RefineSettings()))
