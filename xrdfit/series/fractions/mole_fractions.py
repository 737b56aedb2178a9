"""Mole fractions of the active phases over a series, with errors that carry the covariance of all scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Amount, FractionMethod
from xrdfit.errors import InputError, Problem
from xrdfit.series.fractions.balance import Balance, against_given, scaled_time, scatter
from xrdfit.series.fractions.conservation import conserved, one_way, seen_phases, too_few, too_uncertain
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
    anchors : phase number to the scan in which the user declares that phase to be alone.

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
        names=names,
        drifting=amount == "drifting",
    )
    if n.shape[1] == 1 and usable.any():
        return _single_phase(series)
    notes: list[str] = []
    ways = {
        "conservation": lambda: _from_conservation(series, notes, _fall_back(series, alpha, anchors)),
        "structure": lambda: None if alpha is None else _from_structure(series, alpha, alpha_covariance, notes),
        "anchored": lambda: _from_anchors(series, anchors, notes) if anchors else None,
    }
    for name, way in ways.items():
        found = way() if method in (name, "auto") and usable.any() else None
        if found is not None:
            return found
    notes = notes or ["no scan can be used"]
    return undetermined(scale.shape, notes)


def _from_conservation(series: Amounts, notes: list[str], fall_back: str) -> PhaseFractions | None:
    n, errors, usable, names = series.n, series.errors, series.usable, series.names
    seen = seen_phases(n, errors, usable)
    balance = None
    reason = too_few(usable, seen, names, drifting=series.drifting)
    if reason is None and series.drifting:
        reason = one_way(n, usable, seen, names)
    if reason is None:
        balance = conserved(n, errors, series.drift_time, usable, seen)
        reason = too_uncertain(balance, errors, None if balance is None else shares_of(n, balance)[2][usable])
    if balance is None or reason is not None:
        notes.append(f"not determined by conservation: {reason}; {fall_back}")
        return None
    for p in np.flatnonzero(~seen):
        notes.append(
            f"{names[int(p)]} is nowhere seen: it is left out of the sum, and there is no limit of its fraction"
        )
    spread = scatter(balance, errors)
    if spread.excess > 1.0:
        notes.append(
            f"the sum of the phases scatters {np.sqrt(spread.excess):.2g} times as much as the errors of the scales "
            f"allow: errors of the fractions are widened, by {spread.of_scans:.2g} for what each scan brings and by "
            f"{spread.of_fitted:.2g} for the conversion factors"
        )
    found = fractions_from(series, balance, shares_of(n, balance), "conservation", notes, spread=spread)
    # Without conversion factor, nothing limits the fraction of a phase.
    return replace(found, esd=np.where(seen, found.esd, np.nan), upper95=np.where(seen, found.upper95, np.nan))


def _from_structure(
    series: Amounts, alpha: NDArray[np.float64], covariance: NDArray[np.float64] | None, notes: list[str]
) -> PhaseFractions:
    n_scans, n_phases = series.n.shape
    given = np.zeros((n_phases, n_phases)) if covariance is None else covariance
    exact = np.zeros((n_scans, n_phases, n_phases))
    return _known_factors(series, alpha, exact, given, "structure", notes)


def _from_anchors(series: Amounts, anchors: Mapping[int, int], notes: list[str]) -> PhaseFractions | None:
    n_scans, n_phases = series.n.shape
    for phase, scan in anchors.items():
        if not series.n[scan, phase] > 0.0:
            notes.append(
                f"not determined by anchors: {series.names[phase]} is not there in scan {scan}, where it is said pure"
            )
            return None
    if len(anchors) < n_phases and n_phases > 2:
        notes.append("not determined by anchors: with more than two phases, each needs a scan where it is pure")
        return None
    alpha = np.zeros(n_phases)
    reach = np.zeros((n_scans, n_phases, n_phases))
    for phase, scan in anchors.items():
        alpha[phase] = 1.0 / series.n[scan, phase]
        reach[scan, phase, phase] = -(alpha[phase] ** 2)
    given = np.zeros((n_phases, n_phases))
    if len(anchors) == n_phases:
        return _known_factors(series, alpha, reach, given, "anchored", notes)
    (phase,) = anchors
    notes.append(
        f"fraction of {series.names[1 - phase]} taken as 1 less that of {series.names[phase]}, which is pure in scan "
        f"{anchors[phase]} by declaration: true only if the irradiated amount does not change"
    )
    return _one_anchor(series, alpha, reach, phase, notes)


def _known_factors(
    series: Amounts,
    alpha: NDArray[np.float64],
    reach: NDArray[np.float64],
    given: NDArray[np.float64],
    method: str,
    notes: list[str],
) -> PhaseFractions:
    """Fractions by factors that conservation has no part in; the sum then tests them."""
    balance = against_given(
        series.n, series.errors, series.drift_time, series.usable, alpha=alpha, reach=reach, given=given
    )
    excess = scatter(balance, series.errors).excess
    if excess > 1.0:
        notes.append(
            f"the sum of the phases scatters {np.sqrt(excess):.2g} times as much as the errors allow: the conversion "
            f"factors or the scales are off, or the irradiated amount changes unevenly"
        )
    return fractions_from(series, balance, shares_of(series.n, balance), method, notes)


def _single_phase(series: Amounts) -> PhaseFractions:
    one = np.ones(1)
    notes = [f"{series.names[0]} is the only active phase: its fraction is 1 wherever it is, which says nothing"]
    balance = against_given(
        series.n,
        series.errors,
        series.drift_time,
        series.usable,
        alpha=one,
        reach=np.zeros((*series.n.shape, 1)),
        given=np.zeros((1, 1)),
    )
    return fractions_from(series, balance, shares_of(series.n, balance), "single phase", notes)


def _one_anchor(
    series: Amounts, alpha: NDArray[np.float64], reach: NDArray[np.float64], phase: int, notes: list[str]
) -> PhaseFractions:
    """One phase by its anchor, the other as what is missing to 1."""
    sign = np.array([1.0, -1.0]) if phase == 0 else np.array([-1.0, 1.0])
    fraction = np.array([0.0, 1.0] if phase == 0 else [1.0, 0.0]) + sign * (series.n[:, [phase]] * alpha[phase])
    own, by_fitted = np.zeros_like(reach), np.zeros_like(reach)
    own[:, :, phase] = sign * alpha[phase]
    by_fitted[:, :, phase] = sign * series.n[:, [phase]]
    none = np.full(series.n.shape[0], np.nan)
    balance = Balance(
        alpha=alpha,
        reach=reach,
        given=np.zeros((2, 2)),
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
    )


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
