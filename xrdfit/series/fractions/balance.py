"""How the amounts of the phases add up over a series: ``sum_p alpha_p n_sp = 1 + d tau_s``.

n_sp is the amount of phase p that scan s sees, in a unit of its own for each phase; alpha_p turns it into a common
unit, in which the mean irradiated amount is 1; d is the linear drift of that amount over the series, tau_s the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from xrdfit.series.fractions.scale_covariance import ScaleCovariance

# Scatter counts as more than the errors allow if chance makes it in fewer than one series in a hundred.
_CHANCE = 0.01
# Beyond this correlation of successive residuals, how much less they tell is not known well enough to go on.
_MOST_SERIAL = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Conversion factors, and the sum that they make.

    Attributes
    ----------
    alpha : (P,) conversion factors; 0 for a phase that is nowhere seen.
    reach : (n, K, P) derivative of the K fitted numbers, alpha first, by the amounts of each scan.
    given : (K, K) covariance of the fitted numbers that does not come from the amounts.
    design : (n, K) derivative of a scan's residual by the fitted numbers.
    drift, drift_of : drift d, and its derivative by the fitted numbers (K,); NaN and None if taken to be zero.
    residual : (n,) of conservation, NaN for scans that do not take part.
    weight : (n,) of the residuals, 0 for scans that do not take part.
    dof : scans that take part, less the numbers fitted to the sum.
    """

    alpha: NDArray[np.float64]
    reach: NDArray[np.float64]
    given: NDArray[np.float64]
    design: NDArray[np.float64]
    drift: float
    drift_of: NDArray[np.float64] | None
    residual: NDArray[np.float64]
    weight: NDArray[np.float64]
    dof: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """How much the sum scatters about its line.

    Attributes
    ----------
    chi2, dof : weighted sum of squares of the residual, in a unit that makes one expect `dof`.
    serial : correlation of successive residuals, 0 to 0.9.
    """

    chi2: float
    dof: int
    serial: float

    @property
    def excess(self) -> float:
        """chi2 per degree of freedom where that is more than chance makes it, else 1."""
        return self.chi2 / self.dof if self.dof > 0 and chdtrc(self.dof, self.chi2) < _CHANCE else 1.0

    @property
    def of_scans(self) -> float:
        """By how much the errors of single scans are too small: what scatters from one scan to the next shows it."""
        return float(np.sqrt(max(1.0, self.excess * (1.0 - self.serial))))

    @property
    def of_fitted(self) -> float:
        """By how much errors of what is fitted to all scans are too small: runs of like residuals count as fewer."""
        if self.excess == 1.0:
            return 1.0
        return float(np.sqrt(self.excess * (1.0 + self.serial) / (1.0 - self.serial)))


# Of errors that are what they are said to be.
NO_EXCESS = Scatter(chi2=np.nan, dof=0, serial=0.0)


def fitted_covariance(errors: ScaleCovariance, balance: Balance, spread: Scatter) -> NDArray[np.float64]:
    """(K, K) of the fitted numbers, widened by the excess scatter."""
    return errors.widened(spread.of_fitted).of_sum(balance.reach) + balance.given


def propagated(
    errors: ScaleCovariance,
    balance: Balance,
    own: NDArray[np.float64],
    by_fitted: NDArray[np.float64],
    spread: Scatter = NO_EXCESS,
) -> NDArray[np.float64]:
    """(n, m, m) covariance of m numbers per scan, widened by the excess scatter.

    They depend on the scan's amounts by `own` (n, m, P) and on what was fitted to all scans by `by_fitted` (n, m, K);
    that the scan is one of those fitted to is taken into account.
    """
    wide = errors.widened(spread.of_scans)
    transposed = by_fitted.transpose(0, 2, 1)
    cross = own @ wide.with_sum(balance.reach) @ transposed
    fitted = by_fitted @ fitted_covariance(errors, balance, spread) @ transposed
    return np.asarray(wide.of_each(own) + cross + cross.transpose(0, 2, 1) + fitted, dtype=np.float64)


def scatter(balance: Balance, errors: ScaleCovariance) -> Scatter:
    """Scatter of the sum, held against what the full covariance, shared errors included, makes one expect."""
    own = np.broadcast_to(balance.alpha, (balance.weight.size, 1, balance.alpha.size))
    variance = propagated(errors, balance, own, balance.design[:, None, :])[:, 0, 0]
    part = balance.weight > 0.0
    normal = balance.residual[part] * np.sqrt(balance.weight[part])
    square, expected = float(normal @ normal), float(balance.weight @ variance)
    if not (balance.dof > 0 and expected > 0.0 and square > 0.0):
        return Scatter(chi2=np.nan, dof=balance.dof, serial=0.0)
    # Half the mean squared step is the mean square less the covariance of neighbours (von Neumann 1941).
    serial = 1.0 - 0.5 * float(np.mean(np.diff(normal) ** 2)) * normal.size / square
    chi2 = square * balance.dof / expected
    return Scatter(chi2=chi2, dof=balance.dof, serial=float(np.clip(serial, 0.0, _MOST_SERIAL)))


def scaled_time(time_s: NDArray[np.float64], usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) time in lengths of the record, 0 at the mean of the usable scans; all 0 for a record of no length."""
    inside = time_s[usable]
    length = float(np.ptp(inside)) if inside.size else 0.0
    return (time_s - inside.mean()) / length if length > 0.0 else np.zeros_like(time_s)


def against_given(
    n: NDArray[np.float64],
    errors: ScaleCovariance,
    tau: NDArray[np.float64] | None,
    usable: NDArray[np.bool_],
    *,
    alpha: NDArray[np.float64],
    reach: NDArray[np.float64],
    given: NDArray[np.float64],
) -> Balance:
    """The balance of known conversion factors: a mean and, if `tau` is given, a drift fitted to the total amount.

    `alpha` (P,) is scaled so that the mean is 1; `reach` (n, P, P) is its derivative by the amounts, `given` (P, P)
    what else is uncertain about it.
    """
    n_scans, n_phases = n.shape
    weight = np.where(usable, scan_weights(alpha, errors.local), 0.0)
    basis = np.ones((n_scans, 1)) if tau is None else np.column_stack([np.ones(n_scans), tau])
    if usable.sum() <= basis.shape[1]:
        basis = basis[:, :1]
    row = np.linalg.solve((weight[:, None] * basis).T @ basis, (weight[:, None] * basis).T)
    level = row @ (n @ alpha)
    alpha, reach, given = alpha / level[0], reach / level[0], given / level[0] ** 2
    fit = row @ (n @ alpha)
    # The straight line follows the amounts directly and through alpha.
    to_line = np.vstack([np.eye(n_phases), row @ n])
    full_reach = to_line @ reach
    full_reach[:, n_phases:] += row.T[:, :, None] * alpha
    drifting = basis.shape[1] == 2
    return Balance(
        alpha=alpha,
        reach=full_reach,
        given=to_line @ given @ to_line.T,
        design=np.column_stack([n, -basis]),
        drift=float(fit[1]) if drifting else np.nan,
        drift_of=np.array([0.0] * n_phases + [-fit[1], 1.0]) if drifting else None,
        residual=np.where(usable, n @ alpha - basis @ fit, np.nan),
        weight=weight * level[0] ** 2,
        dof=int(usable.sum()) - basis.shape[1],
    )


def scan_weights(alpha: NDArray[np.float64], local: NDArray[np.float64]) -> NDArray[np.float64]:
    variance = (local @ alpha) @ alpha
    # No scan counts for more than a million typical ones; exact amounts count alike.
    return 1.0 / np.maximum(variance, max(1e-6 * float(np.median(variance)), 1e-24))
