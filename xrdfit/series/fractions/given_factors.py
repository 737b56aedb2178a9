"""Mole fractions from conversion factors that are known, which the sum over the phases then tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.fractions.balance import Balance, against_given, scatter
from xrdfit.series.fractions.result import Amounts, PhaseFractions, fractions_from, shares_of


def balance_of(
    series: Amounts, alpha: NDArray[np.float64], reach: NDArray[np.float64], given: NDArray[np.float64]
) -> Balance:
    """How the amounts add up by these factors."""
    return against_given(
        series.n, series.errors, series.drift_time, series.usable, alpha=alpha, reach=reach, given=given
    )


def by_given_factors(series: Amounts, balance: Balance, method: str, notes: list[str]) -> PhaseFractions:
    """Fractions by factors that conservation has no part in."""
    excess = scatter(balance, series.errors).excess
    if excess > 1.0:
        notes.append(
            f"the sum of the phases scatters {np.sqrt(excess):.2g} times as much as the errors allow: the conversion "
            f"factors or the scales are off, or the irradiated amount changes unevenly"
        )
    return fractions_from(series, balance, shares_of(series.n, balance), method, notes)


def from_structure(
    series: Amounts, alpha: NDArray[np.float64], covariance: NDArray[np.float64] | None, notes: list[str]
) -> PhaseFractions:
    n_scans, n_phases = series.n.shape
    given = np.zeros((n_phases, n_phases)) if covariance is None else covariance
    exact = np.zeros((n_scans, n_phases, n_phases))
    return by_given_factors(series, balance_of(series, alpha, exact, given), "structure", notes)


def single_phase(series: Amounts) -> PhaseFractions:
    """Of the only active phase, whose amount may do what it likes."""
    notes = [f"{series.names[0]} is the only active phase: its fraction is 1 wherever it is, which says nothing"]
    balance = balance_of(series, np.ones(1), np.zeros((*series.n.shape, 1)), np.zeros((1, 1)))
    return fractions_from(series, balance, shares_of(series.n, balance), "single phase", notes)
