"""Conversion factors from conservation of matter: what one phase loses, the others gain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.fractions.balance import Balance, Scatter, fitted_covariance, scan_weights
from xrdfit.series.fractions.scale_covariance import ScaleCovariance
from xrdfit.series.words import count_of_scans

# A phase takes part if it stands out of its error by this much in at least one scan.
_SEEN = 5.0
# Largest error of a fraction that the conversion factors alone may bring.
_LARGEST_ESD = 0.02
# From this many scans on, medians of three keep single bad scans from looking like a return.
_SMOOTHED = 9
# Shares that stay within this range hardly vary: an amount that bends by 1 % shifts them by 0.007 and more.
_LEAST_SPAN = 0.1
# Part of a phase's range that must come back. Below a third, a curvature of the drift of only 2 % of the amount, which
# the straight line cannot take up, shifts fractions by 0.01 and more; on a one-way record by 0.03, rests or not.
_RETURN = 0.3


def seen_phases(n: NDArray[np.float64], errors: ScaleCovariance, usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(P,) phases that stand out of their error somewhere."""
    sigma = np.sqrt(np.diagonal(errors.local, axis1=1, axis2=2))
    return np.asarray((n[usable] > _SEEN * sigma[usable]).any(axis=0))


def conserved(
    n: NDArray[np.float64],
    errors: ScaleCovariance,
    tau: NDArray[np.float64] | None,
    usable: NDArray[np.bool_],
    seen: NDArray[np.bool_],
) -> Balance | None:
    """Conversion factors, and a linear drift if `tau` (n,) is given, from the amounts `n` (n, P); None if singular.

    All errors are in the regressors. Plain least squares would be drawn to the mixture whose errors are least; taking
    the expected share of the errors out of the normal matrix, ``sum w (n n^T - cov n)``, removes that (Fuller 1987,
    Measurement Error Models, sec. 3.1). Weights are those of a scan's own errors: what the scans share moves all alike.
    """
    where, who = np.flatnonzero(usable), np.flatnonzero(seen)
    unit = n[usable][:, who].max(axis=0)
    amount = n[np.ix_(where, who)] / unit
    local = errors.local[np.ix_(where, who, who)] / np.outer(unit, unit)
    z = amount if tau is None else np.column_stack([amount, -tau[usable]])
    alpha = np.ones(who.size)
    for _ in range(30):
        weight = scan_weights(alpha, local)
        matrix = (weight[:, None] * z).T @ z
        matrix[: who.size, : who.size] -= np.einsum("s,spq->pq", weight, local)
        size = np.sqrt(np.abs(np.diag(matrix)))
        if not (size > 0.0).all() or np.linalg.eigvalsh(matrix / np.outer(size, size))[0] < 1e-9:
            return None
        theta = np.linalg.solve(matrix, z.T @ weight)
        if not (theta[: who.size] > 0.0).all():
            return None
        step, alpha = np.abs(theta[: who.size] / alpha - 1.0).max(), theta[: who.size]
        if step < 1e-10:
            break
    reach = np.zeros((n.shape[0], n.shape[1] + z.shape[1] - who.size, n.shape[1]))
    fitted = np.concatenate([who, np.arange(n.shape[1], reach.shape[1])])
    # With a residual r = alpha n - 1 - d tau, the fitted numbers move by -matrix^-1 sum w z dr.
    answer = -np.linalg.solve(matrix, (weight[:, None] * z).T).T[:, :, None] * alpha
    answer[:, : who.size] /= unit[:, None]
    reach[np.ix_(where, fitted, who)] = answer / unit
    full = np.zeros(n.shape[1])
    full[who] = alpha / unit
    drift = 0.0 if tau is None else float(theta[-1])
    design = n if tau is None else np.column_stack([n, -tau])
    expected = np.ones(n.shape[0]) if tau is None else 1.0 + drift * tau
    spread = np.zeros(n.shape[0])
    spread[where] = weight
    return Balance(
        alpha=full,
        reach=reach,
        given=np.zeros((reach.shape[1],) * 2),
        design=design,
        drift=drift if tau is not None else np.nan,
        drift_of=None if tau is None else np.eye(reach.shape[1])[-1],
        residual=np.where(usable, n @ full - expected, np.nan),
        weight=spread,
        dof=where.size - z.shape[1],
    )


def too_few(usable: NDArray[np.bool_], seen: NDArray[np.bool_], names: Sequence[str], *, drifting: bool) -> str | None:
    """Why there is nothing to balance; None if there is."""
    if seen.sum() < 2:
        return f"{'only ' + names[int(np.argmax(seen))] if seen.any() else 'no active phase'} is seen in the series"
    needed = int(seen.sum()) + drifting + 2
    if usable.sum() < needed:
        return f"{count_of_scans(usable.sum())} with a fit, fewer than the {needed} that it needs"
    return None


def one_way(
    n: NDArray[np.float64], usable: NDArray[np.bool_], seen: NDArray[np.bool_], names: Sequence[str]
) -> str | None:
    """Which phases only come or only go, so that a drift of the amount may pass for conversion; None if all return.

    The errors do not tell: the kinks where a charge begins and ends separate it from a straight drift, and from no
    other smooth one.
    """
    courses = {names[int(p)]: _course(n[usable], seen, int(p)) for p in np.flatnonzero(seen)}
    stuck = [name for name, (back, span) in courses.items() if back < _RETURN * span or span == 0.0]
    if not stuck:
        return None
    if max(span for _, span in courses.values()) < _LEAST_SPAN:
        return "the fractions hardly vary"
    which = f"{' and '.join(stuck)} {'do' if len(stuck) > 1 else 'does'} not come back"
    return f"the conversion goes one way ({which}), and a drift of the amount looks just like it"


def hardly_vary(fraction: NDArray[np.float64]) -> str | None:
    """Whether fractions (m, P) stay within a range so small that a bend of the amount may pass for them."""
    span = float(np.ptp(_smooth(fraction), axis=0).max())
    if span >= _LEAST_SPAN:
        return None
    return f"the fractions hardly vary (by {span:.2g}), and an amount that bends a little looks just like it"


def too_uncertain(
    balance: Balance, errors: ScaleCovariance, spread: Scatter, by_fitted: NDArray[np.float64]
) -> str | None:
    """Whether the conversion factors leave the fractions open, which depend on them by `by_fitted` (m, P, K)."""
    covariance = fitted_covariance(errors, balance, spread)
    worst = float(np.sqrt(np.nanmax(((by_fitted @ covariance) * by_fitted).sum(axis=2))))
    if worst < _LARGEST_ESD:
        return None
    return (
        f"the fractions vary too little, or their sum scatters too much: factors from it leave an error of {worst:.2g}"
    )


def _course(n: NDArray[np.float64], seen: NDArray[np.bool_], phase: int) -> tuple[float, float]:
    """How much of a phase's share is gone through both ways, 0 if it is monotonic, and the range of the share.

    Amounts in units of their largest value do: their ratios, which no drift touches, go the way that fractions go.
    """
    relative = n[:, seen] / n[:, seen].max(axis=0)
    total = relative.sum(axis=1)
    share = n[total > 0.0, phase] / n[:, phase].max() / total[total > 0.0]
    share = _smooth(share)
    fall = np.max(np.maximum.accumulate(share) - share)
    rise = np.max(share - np.minimum.accumulate(share))
    return float(min(fall, rise)), float(np.ptp(share))


def _smooth(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Medians of three scans that follow each other, if there are enough."""
    if len(share) < _SMOOTHED:
        return share
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(share, 3, axis=0), axis=-1))
