"""Mole fractions of the active phases over a series, with errors that carry the covariance of all scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Amount, FractionMethod
from xrdfit.errors import InputError, Problem
from xrdfit.series.fractions.anchored import from_anchors
from xrdfit.series.fractions.balance import NO_EXCESS, scaled_time, scatter
from xrdfit.series.fractions.conservation import conserved, hardly_vary, one_way, seen_phases, too_few, too_uncertain
from xrdfit.series.fractions.given_factors import from_structure, single_phase
from xrdfit.series.fractions.result import Amounts, PhaseFractions, fractions_from, shares_of, undetermined
from xrdfit.series.fractions.scale_covariance import ScaleCovariance


def phase_fractions(
    *,
    scale: NDArray[np.float64],
    volume: NDArray[np.float64],
    time_s: NDArray[np.float64],
    covariance: ScaleCovariance,
    usable: NDArray[np.bool_],
    names: Sequence[str],
    method: FractionMethod = "auto",
    amount: Amount = "drifting",
    alpha: NDArray[np.float64] | None = None,
    alpha_covariance: NDArray[np.float64] | None = None,
    anchors: Mapping[int, int] | None = None,
    scans: Sequence[int] | None = None,
) -> PhaseFractions:
    """Mole fractions from the scales of a series.

    Parameters
    ----------
    scale : (n, P) irradiated volume of each active phase in a unit of its own per phase, NaN where nothing was fitted.
    volume : (n, P) cell volume in Å^3.
    time_s : (n,) mid-time of the scans, s, in any zero.
    covariance : of the scales.
    usable : (n,) scans that may decide on the conversion factors.
    names : (P,) of the phases, for the notes.
    method : ``"auto"`` takes conservation if the series determines it, else structure, else anchors, if given.
    amount : ``"constant"`` declares that the irradiated amount does not drift.
    alpha, alpha_covariance : (P,), (P, P) relative conversion factors where intensities come from a structure: the
        number of formula units in the cell of each phase (Hill & Howard 1987, J. Appl. Cryst. 20, 467), if the scale
        is the irradiated volume. No covariance: exact.
    anchors : phase number to the row of the scan in which the user declares that phase to be alone.
    scans : (n,) what notes call the rows; by default their numbers.

    Raises
    ------
    InputError
        If a method is asked for without what it needs, or an anchor is a scan or phase that does not exist.
    """
    _check(method, alpha, anchors, scale.shape)
    fitted = covariance.known & np.isfinite(scale / volume).all(axis=1)
    n = np.where(fitted[:, None], scale / volume, 0.0)
    # A scan without any active phase says nothing of how they add up.
    usable = usable & fitted & (n > 0.0).any(axis=1)
    series = Amounts(
        n=n,
        errors=covariance.of_multiples(1.0 / volume, fitted),
        tau=scaled_time(time_s, usable),
        fitted=fitted,
        usable=usable,
        amount_off=np.full(len(n), np.nan),
        scans=range(len(n)) if scans is None else scans,
        names=names,
        drifting=amount == "drifting",
    )
    if n.shape[1] == 1 and usable.any():
        return single_phase(series)
    seen = seen_phases(n, series.errors, usable)
    series = series.steady(seen)
    notes: list[str] = []
    ways = {
        "conservation": lambda: _from_conservation(series, seen, notes, _fall_back(series, alpha, anchors)),
        "structure": lambda: None if alpha is None else from_structure(series, alpha, alpha_covariance, notes),
        "anchored": lambda: from_anchors(series, anchors, notes) if anchors else None,
    }
    for name, way in ways.items():
        found = way() if method in (name, "auto") and usable.any() else None
        if found is not None:
            return found
    notes = notes or ["no scan can be used"]
    return replace(undetermined(scale.shape, notes), amount_off=series.amount_off)


def _from_conservation(
    series: Amounts, seen: NDArray[np.bool_], notes: list[str], fall_back: str
) -> PhaseFractions | None:
    n, errors, names = series.n, series.errors, series.names
    balance, shares, spread = None, None, NO_EXCESS
    reason = too_few(series.usable, seen, names, drifting=series.drifting)
    if reason is None and series.drifting:
        reason = one_way(n, series.usable, seen, names)
    if reason is None:
        balance = conserved(n, errors, series.drift_time, series.usable, seen)
        reason = "the fractions do not vary enough, or not apart from a drift of the amount"
    if balance is not None:
        shares, spread = shares_of(n, balance), scatter(balance, errors)
        reason = too_uncertain(balance, errors, spread, shares[2][series.usable])
        if reason is None and series.drifting:
            reason = hardly_vary(shares[0][series.usable])
    if balance is None or shares is None or reason is not None:
        notes.append(f"not determined by conservation: {reason}; {fall_back}")
        return None
    for p in np.flatnonzero(~seen):
        notes.append(
            f"{names[int(p)]} is nowhere seen: it is left out of the sum, and there is no limit of its fraction"
        )
    if spread.excess > 1.0:
        notes.append(
            f"the sum of the phases scatters {np.sqrt(spread.excess):.2g} times as much as the errors of the scales "
            f"allow: errors of the fractions are widened, by {spread.of_scans:.2g} for what each scan brings and by "
            f"{spread.of_fitted:.2g} for the conversion factors"
        )
    found = fractions_from(series, balance, shares, "conservation", notes, spread=spread)
    # Without conversion factor, nothing limits the fraction of a phase.
    return replace(found, esd=np.where(seen, found.esd, np.nan), upper95=np.where(seen, found.upper95, np.nan))


def _fall_back(series: Amounts, alpha: NDArray[np.float64] | None, anchors: Mapping[int, int] | None) -> str:
    if alpha is not None:
        return "fall-back: factors from the structures"
    if anchors:
        return "fall-back: the scans declared pure"
    declare = ", or declare the amount constant" if series.drifting else ""
    return f"fall-back: give structures, declare a scan of each phase pure{declare}"


def _check(
    method: FractionMethod, alpha: NDArray[np.float64] | None, anchors: Mapping[int, int] | None, shape: tuple[int, ...]
) -> None:
    if (method == "structure" and alpha is None) or (method == "anchored" and not anchors):
        raise InputError(
            Problem(
                code="E141",
                what="phase fractions cannot be found in this way",
                where="fractions",
                found=f"{method} without {'structures' if method == 'structure' else 'a scan declared pure'}",
                todo="give what is missing, or choose auto",
            )
        )
    wrong = [(p, s) for p, s in (anchors or {}).items() if not (0 <= p < shape[1] and 0 <= s < shape[0])]
    if wrong:
        raise InputError(
            Problem(
                code="E141",
                what="no such scan or phase to declare pure",
                where="fractions",
                found=", ".join(f"phase {p} in scan {s}" for p, s in wrong)
                + f" against {shape[1]} phases and {shape[0]} scans, counted from 0",
                todo="name a scan of the stack",
            )
        )
