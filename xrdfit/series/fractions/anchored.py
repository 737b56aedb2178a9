"""Mole fractions from scans in which a phase is declared to be alone, and what the series says against that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.fractions.balance import NO_EXCESS, Balance, fitted_covariance, propagated
from xrdfit.series.fractions.given_factors import balance_of, by_given_factors
from xrdfit.series.fractions.result import Amounts, PhaseFractions, fractions_from, roots, shares_of

# Scans with more than this part of the largest amount of a phase tell what it is worth.
_MUCH = 0.5


def from_anchors(series: Amounts, anchors: Mapping[int, int], notes: list[str]) -> PhaseFractions | None:
    """Factors that make a phase all there is in its scan, `anchors` being phase number to row; None if it is not there.

    Where a part x of what there is in its scan is something else, a phase's factor is too large by that part, and where
    there is less of everything, by as much. Declarations stay what they are, but as far as the series speaks against
    them, and beyond the error with which it does, the difference counts as an error of the factors.
    """
    n_scans, n_phases = series.n.shape
    for phase, row in anchors.items():
        if not series.n[row, phase] > 0.0:
            where = f"scan {series.scans[row]}, where it is said pure"
            notes.append(f"not determined by anchors: {series.names[phase]} is not there in {where}")
            return None
    if len(anchors) < n_phases and n_phases > 2:
        notes.append("not determined by anchors: with more than two phases, each needs a scan where it is pure")
        return None
    alpha = np.zeros(n_phases)
    reach = np.zeros((n_scans, n_phases, n_phases))
    for phase, row in anchors.items():
        alpha[phase] = 1.0 / series.n[row, phase]
        reach[row, phase, phase] = -(alpha[phase] ** 2)
    if len(anchors) == n_phases:
        pure = " and ".join(f"{series.names[phase]} in scan {series.scans[row]}" for phase, row in anchors.items())
        notes.append(f"pure by declaration: {pure}; true only if the irradiated amount is the same there")
        return _all_anchored(series, alpha, reach, anchors, notes)
    ((phase, row),) = anchors.items()
    notes.append(
        f"fraction of {series.names[1 - phase]} taken as 1 less that of {series.names[phase]}, which is pure in scan "
        f"{series.scans[row]} by declaration: true only if the irradiated amount does not change"
    )
    return _one_anchored(series, alpha, reach, phase, row, notes)


def _all_anchored(
    series: Amounts,
    alpha: NDArray[np.float64],
    reach: NDArray[np.float64],
    anchors: Mapping[int, int],
    notes: list[str],
) -> PhaseFractions:
    phases, rows = list(anchors), list(anchors.values())
    declared = balance_of(series, alpha, reach, np.zeros((alpha.size, alpha.size)))
    fraction, own, by_fitted = shares_of(series.n, declared)
    esd = roots(propagated(series.errors, declared, own, by_fitted))
    impurity, impurity_esd = np.full(alpha.size, np.nan), np.full(alpha.size, np.nan)
    impurity[phases], impurity_esd[phases] = 1.0 - fraction[rows, phases], esd[rows, phases]
    drifted, dipped = np.zeros(alpha.size), np.zeros(alpha.size)
    drifted[phases] = _drift_beyond_error(series, declared) * series.tau[rows]
    dipped[phases] = _amount_off(series)[rows]
    given = _in_doubt(alpha, _beyond_error(impurity, impurity_esd), drifted, dipped)
    found = by_given_factors(series, balance_of(series, alpha, reach, given), "anchored", notes)
    return replace(found, impurity=impurity, impurity_esd=impurity_esd)


def _drift_beyond_error(series: Amounts, balance: Balance) -> float:
    if balance.drift_of is None:
        return 0.0
    variance = float(balance.drift_of @ fitted_covariance(series.errors, balance, NO_EXCESS) @ balance.drift_of)
    return float(_beyond_error(np.array(balance.drift), np.array(variance**0.5)))


def _amount_off(series: Amounts) -> NDArray[np.float64]:
    """(n,), 0 for scans whose amount is not outlying."""
    return np.asarray(np.nan_to_num(series.amount_off))


def _beyond_error(value: NDArray[np.float64], esd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Size of a value as far as it is not made by chance; 0 where nothing is known."""
    return np.asarray(np.sqrt(np.nan_to_num(np.maximum(value**2 - esd**2, 0.0))))


def _in_doubt(alpha: NDArray[np.float64], *parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, P) covariance of factors that may be off by these parts (P,) of themselves, each for a reason of its own.

    What all factors are off by leaves the fractions as they are.
    """
    return np.asarray(sum(np.outer(alpha * part, alpha * part) for part in parts))


def _one_anchored(
    series: Amounts, alpha: NDArray[np.float64], reach: NDArray[np.float64], phase: int, row: int, notes: list[str]
) -> PhaseFractions:
    """One phase by its anchor, the other as what is missing to 1."""
    sign = np.array([1.0, -1.0]) if phase == 0 else np.array([-1.0, 1.0])
    fraction = np.array([0.0, 1.0] if phase == 0 else [1.0, 0.0]) + sign * (series.n[:, [phase]] * alpha[phase])
    own, by_fitted = np.zeros_like(reach), np.zeros_like(reach)
    own[:, :, phase] = sign * alpha[phase]
    by_fitted[:, :, phase] = sign * series.n[:, [phase]]
    none = np.full(series.n.shape[0], np.nan)
    impurity, impurity_esd = np.full(2, np.nan), np.full(2, np.nan)
    impurity[phase], impurity_esd[phase] = _missing(series, alpha[phase], phase, row)
    dipped = np.zeros(2)
    dipped[phase] = _amount_off(series)[row]
    balance = Balance(
        alpha=alpha,
        reach=reach,
        given=_in_doubt(alpha, _beyond_error(impurity, impurity_esd), dipped),
        design=np.zeros_like(series.n),
        drift=np.nan,
        drift_of=None,
        residual=none,
        weight=np.zeros_like(none),
        dof=0,
    )
    found = fractions_from(series, balance, (fraction, own, by_fitted), "anchored", notes)
    known = np.arange(2) == phase
    return replace(
        found,
        alpha=np.where(known, found.alpha, np.nan),
        alpha_covariance=np.where(np.outer(known, known), found.alpha_covariance, np.nan),
        amount=none,
        amount_esd=none,
        impurity=impurity,
        impurity_esd=impurity_esd,
    )


def _missing(series: Amounts, alpha: float, phase: int, row: int) -> tuple[float, float]:
    """Fraction of the other phase in the scan where this one is declared pure, and its esd; NaN if not to be had.

    What a unit of the other is worth follows from the scans with much of it, where it is what is missing to 1.
    """
    other = series.n[:, 1 - phase]
    much = series.usable & (other > _MUCH * other.max(initial=0.0, where=series.usable))
    worth = float(np.median((1.0 - alpha * series.n[much, phase]) / other[much])) if much.any() else 0.0
    if not worth > 0.0:
        return np.nan, np.nan
    weight = np.zeros((len(series.n), 1, 2))
    weight[row, 0, 1 - phase] = worth
    return worth * float(other[row]), float(roots(series.errors.of_each(weight))[row, 0])
