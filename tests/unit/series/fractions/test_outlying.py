"""Scans whose amount is not that of the series: a beam that dipped, a sample in the shadow, another counting time."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cycles import ALPHA, Record, charge, course, linear, simulated

N = 42
PROGRESS = np.linspace(0.0, 1.0, N)
FP = course()[1]
BLOCKS = {"charge": slice(10, 15), "end of charge": slice(18, 23), "end": slice(37, 42), "beginning": slice(0, 5)}


def of_amounts(seed: int, amounts: np.ndarray, **options: float) -> Record:
    return simulated(seed, course(len(amounts)), change=amounts - 1.0, **options)


def amounts_with(where: int | slice | np.ndarray, value: float | np.ndarray) -> np.ndarray:
    amounts = np.ones(N)
    amounts[where] = value
    return amounts


@pytest.mark.parametrize("amount", [0.02, 0.5, 0.9, 2.0, 5.0])
def test_one_scan_with_another_amount_leaves_the_errors_of_the_others_as_they_are(amount: float) -> None:
    for row in (0, 12, 20, 41):
        clean, off = of_amounts(1, np.ones(N)).fractions(), of_amounts(1, amounts_with(row, amount)).fractions()
        others = np.arange(N) != row
        assert off.determined
        np.testing.assert_allclose(off.esd[others], clean.esd[others], rtol=0.1)
        assert (np.abs(off.fraction - clean.fraction)[others] < 0.3 * clean.esd[others] + 1e-9).all()
        assert off.amount_drift == pytest.approx(clean.amount_drift, abs=clean.amount_drift_esd)
        assert off.amount_off[row] == pytest.approx(amount - 1.0, abs=0.05 * max(amount, 1.0))
        assert np.isnan(off.amount_off[others]).all()


@pytest.mark.parametrize("where", BLOCKS.values(), ids=BLOCKS)
def test_a_block_of_scans_at_six_tenths_has_no_say_and_is_named(where: slice) -> None:
    for seed in range(700, 705):
        clean = of_amounts(seed, np.ones(N)).fractions()
        found = of_amounts(seed, amounts_with(where, 0.6)).fractions()
        assert found.determined
        named = np.flatnonzero(np.isfinite(found.amount_off))
        np.testing.assert_array_equal(named, np.arange(N)[where])
        np.testing.assert_allclose(found.amount_off[where], -0.4, atol=0.03)
        assert np.median(found.esd / clean.esd) < 1.25


def test_fractions_and_errors_are_honest_with_a_fifth_of_the_scans_at_other_amounts() -> None:
    z, of_outlying, wrong = [], [], 0
    for seed in range(700, 740):
        rng = np.random.default_rng(seed)
        off = rng.choice(N, N // 5, replace=False)
        amounts = amounts_with(off, rng.uniform(0.3, 0.85, off.size))
        record = of_amounts(seed, amounts)
        found = record.fractions()
        score = ((found.fraction - record.truth) / found.esd)[:, 1]
        z.append(score[(FP > 0.03) & (amounts == 1.0)])
        of_outlying.append(score[(FP > 0.03) & (amounts < 1.0)])
        wrong += int((np.isfinite(found.amount_off) != (amounts < 1.0)).sum())
    assert 0.85 < np.sqrt(np.mean(np.concatenate(z) ** 2)) < 1.15
    assert 0.85 < np.sqrt(np.mean(np.concatenate(of_outlying) ** 2)) < 1.15
    assert wrong <= 3


@pytest.mark.parametrize("n_scans", [8, 12, 42])
def test_no_scan_of_a_series_without_incidents_is_left_out(n_scans: int) -> None:
    for seed in range(700, 725):
        for drift in (0.0, 0.2):
            found = of_amounts(seed, 1.0 + linear(n_scans, drift)).fractions()
            assert np.isnan(found.amount_off).all()


SMOOTH = {
    "bent": 0.2 * (PROGRESS - 0.5) ** 2,
    "waves": 0.1 * np.sin(4.0 * np.pi * PROGRESS),
    "decaying": 0.2 * np.exp(-4.0 * PROGRESS),
    "settling at first": 0.2 * np.exp(-PROGRESS / 0.1),
    "falling at last": -0.4 * np.maximum(PROGRESS - 0.75, 0.0),
    "there and back": -0.2 * np.abs(PROGRESS - 0.5),
    "half of the scans": 0.3 * (PROGRESS > 0.5),
}


@pytest.mark.parametrize("noise", [0.001, 0.006])
@pytest.mark.parametrize("change", SMOOTH.values(), ids=SMOOTH)
def test_a_drift_that_is_not_straight_is_not_taken_for_incidents(change: np.ndarray, noise: float) -> None:
    named = [
        int(np.isfinite(of_amounts(seed, 1.0 + change, noise=noise, shared=0.3 * noise).fractions().amount_off).sum())
        for seed in range(700, 705)
    ]
    assert np.mean(named) < 0.5


def test_amounts_that_scatter_in_all_scans_are_scatter_and_not_incidents() -> None:
    named = 0
    for seed in range(700, 712):
        amounts = 1.0 + 0.05 * np.random.default_rng(seed).normal(size=N)
        found = of_amounts(seed, amounts).fractions()
        named += int(np.isfinite(found.amount_off).sum())
        assert found.chi2 > 3.0 * found.dof
    assert named <= 2


def test_with_a_third_of_the_scans_at_another_amount_nobody_can_say_which_is_the_usual_one() -> None:
    found = of_amounts(5, amounts_with(slice(10, 24), 0.6)).fractions()
    assert not found.determined
    assert "scatters too much" in found.notes[0]


def test_scans_with_another_amount_are_named_even_where_fractions_are_not_determined() -> None:
    dip = np.zeros(N)
    dip[20] = -0.5
    found = simulated(6, charge(3.0, 1.0), change=dip).fractions()
    assert not found.determined
    assert found.amount_off[20] == pytest.approx(-0.5, abs=0.05)


def test_factors_from_structures_and_the_drift_beside_them_do_not_mind_a_dip() -> None:
    dip = linear(N, 0.2)
    dip[30:33] -= 0.4
    record = simulated(7, course(), change=dip)
    found = record.fractions(method="structure", alpha=ALPHA)
    assert not found.notes
    assert found.amount_drift == pytest.approx(0.2, abs=4.0 * found.amount_drift_esd)
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(found.amount_off)), [30, 31, 32])


def test_a_scan_without_a_say_is_held_against_the_others() -> None:
    usable = np.ones(N, dtype=bool)
    usable[[15, 25]] = False
    found = of_amounts(8, amounts_with(15, 0.5)).fractions(usable=usable)
    assert found.amount_off[15] == pytest.approx(-0.5, abs=0.05)
    assert np.isnan(found.amount_off[25])


def test_which_amounts_are_off_does_not_depend_on_the_order_of_the_scans() -> None:
    record = of_amounts(9, amounts_with(BLOCKS["end of charge"], 0.6))
    straight = record.fractions()
    order = np.random.default_rng(0).permutation(N)
    errors = record.given["covariance"]
    mixed = record.fractions(
        scale=record.given["scale"][order],
        volume=record.given["volume"][order],
        time_s=record.given["time_s"][order],
        covariance=type(errors)(local=errors.local[order], response=errors.response[order], shared=errors.shared),
    )
    np.testing.assert_allclose(mixed.amount_off, straight.amount_off[order], rtol=1e-9)
    np.testing.assert_allclose(mixed.esd, straight.esd[order], rtol=1e-6)
