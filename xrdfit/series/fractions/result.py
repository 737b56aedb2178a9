"""What fractions come to: shares of the amounts, their derivatives, their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.fractions.balance import NO_EXCESS, Balance, Scatter, fitted_covariance, propagated, scatter
from xrdfit.series.fractions.outlying import outlying_amounts
from xrdfit.series.fractions.scale_covariance import ScaleCovariance

# One-sided 95 % of a normal distribution.
_SIGMA_95 = 1.645


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseFractions:
    """What is known of the fractions of P active phases in n scans; NaN where a scan has no fit or nothing is known.

    Attributes
    ----------
    fraction, esd : (n, P) mole fractions over the active phases.
    upper95 : (n, P) one-sided 95 % upper limit.
    alpha, alpha_covariance : (P,), (P, P) factors that turn ``scale / volume`` into amount, in units of the mean
        irradiated amount; 0 for a phase that is nowhere seen.
    amount, amount_esd : (n,) irradiated amount of all active phases, mean 1.
    amount_drift, amount_drift_esd : linear change of the amount from the first to the last scan, in units of the
        mean; NaN if taken to be zero.
    residual, residual_rms : (n,) of conservation (amount less its straight line) for the scans that take part.
    amount_off : (n,) part by which the amount of a scan stands off the line of the others, where it does so far beyond
        its error, and the scan has therefore no say in the factors; NaN elsewhere.
    impurity, impurity_esd : (P,) fraction of the other phases in the scan in which a phase is declared to be alone, by
        these factors; NaN without such a scan, and where nothing can be said.
    chi2, dof : of conservation, the errors of the scales and their correlations taken into account.
    determined : whether there are fractions.
    method : ``"conservation"``, ``"structure"``, ``"anchored"``, ``"single phase"`` or ``"none"``.
    notes : what the reader of the fractions should know, in plain words.
    """

    fraction: NDArray[np.float64]
    esd: NDArray[np.float64]
    upper95: NDArray[np.float64]
    alpha: NDArray[np.float64]
    alpha_covariance: NDArray[np.float64]
    amount: NDArray[np.float64]
    amount_esd: NDArray[np.float64]
    amount_drift: float
    amount_drift_esd: float
    residual: NDArray[np.float64]
    residual_rms: float
    amount_off: NDArray[np.float64]
    impurity: NDArray[np.float64]
    impurity_esd: NDArray[np.float64]
    chi2: float
    dof: int
    determined: bool
    method: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """The amounts ``scale / volume`` (n, P) and all that goes with them; scans without a fit hold zeros.

    `usable` scans decide on the factors; those with an `amount_off` do not, because they have so much more or less of
    everything than the line of the series; it is NaN for the others. Notes call the scans by the numbers in `scans`.
    """

    n: NDArray[np.float64]
    errors: ScaleCovariance
    tau: NDArray[np.float64]
    fitted: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    amount_off: NDArray[np.float64]
    scans: Sequence[int]
    names: Sequence[str]
    drifting: bool

    @property
    def drift_time(self) -> NDArray[np.float64] | None:
        return self.tau if self.drifting else None

    def steady(self, seen: NDArray[np.bool_]) -> Amounts:
        """With no say for scans whose amount is outlying, by the phases that are `seen` (P,)."""
        if not seen.any():
            return self
        others = self.fitted & ~self.usable & (self.n > 0.0).any(axis=1)
        local = self.errors.local[:, seen][:, :, seen]
        off = outlying_amounts(self.n[:, seen], local, self.tau, self.usable, others, drifting=self.drifting)
        return replace(self, usable=self.usable & np.isnan(off), amount_off=off)


Shares = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def shares_of(n: NDArray[np.float64], balance: Balance) -> Shares:
    """Fractions (n, P), NaN where no phase is; their derivatives by the scan's amounts and by the fitted numbers."""
    part = n * balance.alpha
    total = part.sum(axis=1, keepdims=True)
    total = np.where(total > 0.0, total, np.nan)
    fraction = part / total
    by_part = (np.eye(n.shape[1]) - fraction[:, :, None]) / total[:, :, None]
    by_fitted = np.zeros((*n.shape, balance.reach.shape[1]))
    by_fitted[:, :, : n.shape[1]] = by_part * n[:, None, :]
    return fraction, by_part * balance.alpha, by_fitted


def fractions_from(
    series: Amounts, balance: Balance, shares: Shares, method: str, notes: list[str], spread: Scatter = NO_EXCESS
) -> PhaseFractions:
    n, n_phases = series.n, series.n.shape[1]
    found = scatter(balance, series.errors) if spread is NO_EXCESS else spread
    fraction, own, by_fitted = (np.where(_there(series, x), x, np.nan) for x in shares)
    esd = roots(propagated(series.errors, balance, own, by_fitted, spread))
    by_alpha = np.zeros((n.shape[0], 1, balance.reach.shape[1]))
    by_alpha[:, 0, :n_phases] = n
    of_amount = np.broadcast_to(balance.alpha, (n.shape[0], 1, n_phases))
    amount_esd = roots(propagated(series.errors, balance, of_amount, by_alpha, spread))[:, 0]
    covariance = fitted_covariance(series.errors, balance, spread)
    drift_variance = np.nan if balance.drift_of is None else float(balance.drift_of @ covariance @ balance.drift_of)
    limit = np.minimum(np.maximum(fraction, 0.0) + _SIGMA_95 * esd, 1.0)
    inside = balance.residual[series.usable]
    return PhaseFractions(
        fraction=fraction,
        esd=esd,
        upper95=np.maximum(limit, fraction),
        alpha=balance.alpha,
        alpha_covariance=covariance[:n_phases, :n_phases],
        amount=np.where(series.fitted, n @ balance.alpha, np.nan),
        amount_esd=np.where(series.fitted, amount_esd, np.nan),
        amount_drift=balance.drift,
        amount_drift_esd=float(np.sqrt(drift_variance)),
        residual=balance.residual,
        residual_rms=float(np.sqrt(np.mean(inside**2))),
        amount_off=series.amount_off,
        impurity=np.full(n_phases, np.nan),
        impurity_esd=np.full(n_phases, np.nan),
        chi2=found.chi2,
        dof=found.dof,
        determined=True,
        method=method,
        notes=tuple(notes),
    )


def _there(series: Amounts, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return series.fitted.reshape(-1, *(1,) * (values.ndim - 1))


def roots(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Esds from (n, m, m); rounding may leave an exact zero slightly negative."""
    return np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))


def undetermined(shape: tuple[int, ...], notes: Sequence[str]) -> PhaseFractions:
    of_all, of_scans = np.full(shape, np.nan), np.full(shape[0], np.nan)
    return PhaseFractions(
        fraction=of_all,
        esd=of_all,
        upper95=of_all,
        alpha=np.full(shape[1], np.nan),
        alpha_covariance=np.full((shape[1], shape[1]), np.nan),
        amount=of_scans,
        amount_esd=of_scans,
        amount_drift=np.nan,
        amount_drift_esd=np.nan,
        residual=of_scans,
        residual_rms=np.nan,
        amount_off=of_scans,
        impurity=np.full(shape[1], np.nan),
        impurity_esd=np.full(shape[1], np.nan),
        chi2=np.nan,
        dof=0,
        determined=False,
        method="none",
        notes=tuple(notes),
    )
