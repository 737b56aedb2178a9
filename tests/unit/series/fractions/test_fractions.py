"""Phase fractions from scales, against simulated cycles whose fractions are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.cycles import ALPHA, NAMES, VOLUME, charge, course, linear, simulated
from xrdfit.errors import InputError
from xrdfit.series.fractions.conservation import conserved
from xrdfit.series.fractions.mole_fractions import phase_fractions
from xrdfit.series.fractions.scale_covariance import ScaleCovariance

CASES = {
    "constant amount": {},
    "amount drifting by 20 %": {"change": linear(42, 0.2)},
    "large shared errors": {"shared": 0.01},
    "successive scans linked": {"linked": 0.4},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_errors_of_fractions_from_conservation_are_honest(options: dict[str, Any]) -> None:
    mixed, z, drift_z, chi2 = (course()[1] > 0.03), [], [], []
    error, below = [], []
    for seed in range(150):
        record = simulated(seed, course(), **options)
        found = record.fractions()
        assert found.method == "conservation"
        off = (found.fraction - record.truth)[:, 1]
        error.append(off)
        z.append((off / found.esd[:, 1])[mixed])
        below.append(record.truth <= found.upper95)
        drift_z.append((found.amount_drift - np.ptp(options.get("change", 0.0))) / found.amount_drift_esd)
        chi2.append(found.chi2 / found.dof)
    assert 0.9 < np.sqrt(np.mean(np.square(z))) < 1.1
    assert np.sqrt(np.mean(np.square(error))) < (0.004 if "shared" not in options else 0.005)
    assert 0.8 < np.sqrt(np.mean(np.square(drift_z))) < 1.2
    assert np.mean(chi2) == pytest.approx(1.0, abs=0.08)
    assert 0.93 < np.mean(below) < 0.98


def test_conversion_factors_are_unbiased_though_all_errors_are_in_the_scales() -> None:
    """Where a third converts at 10 % noise, plain least squares makes their ratio 10 % too large."""
    ratio = []
    for seed in range(300):
        given = simulated(seed, course(fp=(0.0, 0.0, 0.3, 0.3, 0.0, 0.0)), noise=0.10, shared=0.0, bounded=False).given
        every = given["usable"]
        errors = given["covariance"].of_multiples(1.0 / given["volume"], every)
        balance = conserved(given["scale"] / given["volume"], errors, linear(42, 1.0), every, np.ones(2, dtype=bool))
        assert balance is not None
        ratio.append(balance.alpha[1] / balance.alpha[0])
    assert np.mean(ratio) / (ALPHA[1] / ALPHA[0]) == pytest.approx(1.0, abs=0.05)


def test_drift_of_the_amount_is_reported_and_without_it_the_fractions_would_be_off() -> None:
    record = simulated(1, course(), noise=0.003, change=linear(42, 0.2))
    found = record.fractions()
    assert found.amount_drift == pytest.approx(0.2, abs=4.0 * found.amount_drift_esd)
    assert found.amount_drift_esd < 0.005
    assert np.sqrt(np.mean((found.fraction - record.truth) ** 2)) < 0.002
    assert found.amount[-1] - found.amount[0] == pytest.approx(0.2, abs=0.02)
    declared = record.fractions(amount="constant")
    assert not declared.determined or (declared.chi2 > 10.0 * declared.dof and declared.notes)


@pytest.mark.parametrize("rests", [(0.0, 0.0), (3.0, 1.0), (10.0, 10.0), (0.0, 19.0), (40.0, 40.0)], ids=str)
def test_charge_alone_is_not_determined_whatever_the_rests(rests: tuple[float, float]) -> None:
    for noise in (1e-4, 0.01):
        found = simulated(2, charge(*rests), noise=noise).fractions()
        assert not found.determined
        assert found.method == "none"
        assert np.isnan(found.fraction).all() and np.isnan(found.esd).all()
        (note,) = found.notes
        assert "one way" in note and "declare the amount constant" in note


def test_charge_alone_is_determined_if_the_amount_is_declared_constant() -> None:
    record = simulated(3, charge(3.0, 1.0))
    found = record.fractions(amount="constant")
    assert found.method == "conservation"
    assert np.isnan(found.amount_drift)
    assert np.sqrt(np.mean((found.fraction - record.truth) ** 2)) < 0.006


def test_not_determined_falls_back_on_structure_then_on_anchors_and_says_so() -> None:
    record = simulated(4, charge(3.0, 1.0))
    by_structure = record.fractions(alpha=ALPHA, anchors={0: 0, 1: 41})
    assert by_structure.method == "structure"
    assert "fall-back: factors from the structures" in by_structure.notes[0]
    by_anchor = record.fractions(anchors={0: 0})
    assert by_anchor.method == "anchored"
    assert "one way" in by_anchor.notes[0] and "declaration" in by_anchor.notes[1]
    assert not record.fractions(alpha=ALPHA, method="conservation").determined


def test_fractions_that_do_not_vary_are_not_determined() -> None:
    time, fp = course()
    steady = simulated(5, (time, np.full_like(fp, 0.4)))
    for amount in ("drifting", "constant"):
        assert not steady.fractions(amount=amount).determined
    one = simulated(5, (time, np.zeros_like(fp)))
    pure = one.fractions()
    assert not pure.determined
    assert "only LFP is seen" in pure.notes[0]


@pytest.mark.parametrize("highest", [0.02, 0.05, 0.08])
def test_a_phase_that_hardly_comes_up_is_not_determined_because_a_bend_of_the_amount_looks_like_it(
    highest: float,
) -> None:
    way = course(fp=(0.0, 0.0, highest, highest, 0.0, 0.0))
    bend = 0.01 * np.linspace(-1.0, 1.0, 42) ** 2
    for change in (0.0, bend):
        found = simulated(20, way, noise=0.002, change=change).fractions()
        assert not found.determined
        assert "the fractions hardly vary" in found.notes[0]
    # Who knows that the amount is constant has the fractions, and by who is wrong a bend is taken for FP.
    steady, bent = (simulated(20, way, noise=0.002, change=change) for change in (0.0, bend))
    error = [record.fractions(amount="constant").fraction[:, 1] - record.truth[:, 1] for record in (steady, bent)]
    middle = way[1] > 0.7 * highest
    assert np.abs(error[0][middle]).mean() < 0.002
    assert np.abs(error[1][middle]).mean() > 0.005


def test_too_few_scans_are_not_determined() -> None:
    assert simulated(6, course(8)).fractions().determined
    few = simulated(6, course(4)).fractions()
    assert not few.determined
    assert "4 scans with a fit" in few.notes[0]
    assert "1 scan with a fit" in simulated(6, course(1)).fractions().notes[0]


def test_single_active_phase_has_fraction_one() -> None:
    given = dict(simulated(7, course()).given)
    errors = given["covariance"]
    lfp = ScaleCovariance(local=errors.local[:, :1, :1], response=errors.response[:, :1], shared=errors.shared)
    scale = given["scale"][:, :1].copy()
    scale[20] = 0.0
    given |= {"scale": scale, "volume": given["volume"][:, :1], "covariance": lfp, "names": ("LFP",)}
    found = phase_fractions(**given)
    assert found.determined and found.method == "single phase"
    there = scale[:, 0] > 0.0
    np.testing.assert_array_equal(found.fraction[there], 1.0)
    assert np.isnan(found.fraction[20]).all()


def test_phase_that_is_nowhere_seen_leaves_the_others_determined_and_has_no_limit() -> None:
    record = simulated(8, course())
    errors = record.given["covariance"]
    local = np.zeros((42, 3, 3))
    local[:, :2, :2], local[:, 2, 2] = errors.local, 1.0
    third = ScaleCovariance(
        local=local, response=np.pad(errors.response, ((0, 0), (0, 1), (0, 0))), shared=errors.shared
    )
    found = record.fractions(
        scale=np.pad(record.given["scale"], ((0, 0), (0, 1))),
        volume=np.broadcast_to([*VOLUME, 280.0], (42, 3)),
        covariance=third,
        names=(*NAMES, "X"),
    )
    alone = record.fractions()
    np.testing.assert_allclose(found.fraction[:, :2], alone.fraction, rtol=1e-9)
    np.testing.assert_allclose(found.esd[:, :2], alone.esd, rtol=1e-9)
    assert (found.fraction[:, 2] == 0.0).all()
    assert np.isnan(found.upper95[:, 2]).all()
    assert any("X is nowhere seen" in note for note in found.notes)


def test_three_phases_that_all_come_back_are_determined() -> None:
    time, fp = course(60)
    middle = 0.6 * np.sin(np.pi * fp) ** 2 + 0.1 * fp
    truth = np.column_stack([(1.0 - fp) * (1.0 - middle), middle, fp * (1.0 - middle)])
    rng = np.random.default_rng(9)
    alpha = np.array([1.3, 1.0, 0.8])
    scale = truth / alpha * (1.0 + 0.003 * rng.normal(size=truth.shape))
    local = np.einsum("sp,pq->spq", (0.003 * truth / alpha) ** 2 + 1e-10, np.eye(3))
    found = phase_fractions(
        scale=scale,
        volume=np.ones_like(scale),
        time_s=time,
        covariance=ScaleCovariance(local=local, response=np.zeros((60, 3, 1)), shared=np.zeros((1, 1))),
        usable=np.ones(60, dtype=bool),
        names=("A", "B", "C"),
    )
    assert found.determined
    assert np.abs(found.fraction - truth).max() < 0.01
    np.testing.assert_allclose(found.fraction.sum(axis=1), 1.0)


def test_scatter_beyond_the_errors_widens_them_and_is_said() -> None:
    jumps = 0.05 * np.random.default_rng(0).normal(size=42)
    quiet, loud = simulated(10, course()).fractions(), simulated(10, course(), change=jumps).fractions()
    assert not quiet.notes
    assert loud.chi2 > 5.0 * loud.dof
    assert loud.residual_rms == pytest.approx(0.05, rel=0.3)
    assert "scatters" in loud.notes[0]
    middle = np.abs(course()[1] - 0.5) < 0.3
    assert (loud.esd[middle] > 2.0 * quiet.esd[middle]).all()


def test_amount_that_bends_slowly_widens_what_the_factors_bring_and_hardly_what_a_scan_brings() -> None:
    bend = 0.04 * np.cos(np.linspace(0.0, 4.0 * np.pi, 42))
    bent, straight = simulated(11, course(), change=bend).fractions(), simulated(11, course()).fractions()
    assert "scatters" in bent.notes[0]
    assert bent.chi2 > 5.0 * bent.dof
    fp, wider = course()[1], bent.esd[:, 1] / straight.esd[:, 1]
    # Where one phase is all there is, the factors have no part in the error.
    assert (wider[fp < 0.01] < 1.6).all()
    assert (wider[np.abs(fp - 0.5) < 0.3] > 2.0).all()


def test_scan_that_is_not_usable_has_a_fraction_but_no_say_and_one_without_fit_has_none() -> None:
    record = simulated(12, course())
    scale, usable = record.given["scale"].copy(), record.given["usable"].copy()
    usable[[10, 30]] = False
    without = record.fractions(usable=usable)
    scale[10] *= 3.0
    scale[30] = np.nan
    found = record.fractions(scale=scale, usable=usable)
    np.testing.assert_allclose(found.alpha, without.alpha, rtol=1e-12)
    assert np.isnan(found.fraction[30]).all() and np.isnan(found.amount[30])
    np.testing.assert_allclose(found.fraction[10], without.fraction[10], rtol=1e-12)
    assert found.amount[10] == pytest.approx(3.0 * without.amount[10])
    assert np.isnan(found.residual[[10, 30]]).all()


def test_errors_of_fractions_by_structure_factors_and_of_the_amount_are_honest() -> None:
    z, amount_z, drift_z = [], [], []
    for seed in range(150):
        rng = np.random.default_rng(1000 + seed)
        covariance = np.diag((0.02 * ALPHA) ** 2)
        record = simulated(seed, course(), change=linear(42, 0.2), bounded=False)
        alpha = ALPHA * (1.0 + 0.02 * rng.normal(size=2))
        found = record.fractions(method="structure", alpha=alpha, alpha_covariance=covariance)
        z.append(((found.fraction - record.truth) / found.esd)[:, 1])
        drift_z.append((found.amount_drift - 0.2) / found.amount_drift_esd)
        known = record.fractions()
        amount_z.append((known.amount - 1.0 - linear(42, 0.2)) / known.amount_esd)
    assert 0.85 < np.sqrt(np.mean(np.square(z))) < 1.15
    assert 0.85 < np.sqrt(np.mean(np.square(drift_z))) < 1.15
    assert 0.85 < np.sqrt(np.mean(np.square(amount_z))) < 1.15


@pytest.mark.parametrize(
    "options",
    [{"method": "structure"}, {"method": "anchored"}, {"anchors": {0: 42}}, {"anchors": {2: 0}}, {"anchors": {0: -1}}],
    ids=str,
)
def test_method_without_what_it_needs_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="E141"):
        simulated(15, course()).fractions(**options)


def test_fraction_does_not_depend_on_the_units_of_the_scales_and_times() -> None:
    record = simulated(16, course(), change=linear(42, 0.2))
    errors, unit = record.given["covariance"], np.array([1e5, 3e-4])
    other = record.fractions(
        scale=record.given["scale"] * unit,
        time_s=record.given["time_s"] / 3600.0 - 700.0,
        covariance=replace(errors, local=errors.local * np.outer(unit, unit), response=errors.response * unit[:, None]),
    )
    here = record.fractions()
    np.testing.assert_allclose(other.fraction, here.fraction, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(other.esd, here.esd, rtol=1e-6)
    assert other.amount_drift == pytest.approx(here.amount_drift)


def test_no_usable_scan_gives_no_fraction_and_no_error() -> None:
    record = simulated(17, course())
    found = record.fractions(usable=np.zeros(42, dtype=bool))
    assert not found.determined
    assert found.notes == ("no scan can be used",)
