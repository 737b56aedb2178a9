"""Which scans of a series are no patterns of the sample, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.fit import PreparedScan
from xrdfit.series.screening.signs import Signs, signs_of
from xrdfit.series.words import names_of_scans

# Parts of the range in which a scan is held against its neighbours.
_BLOCKS = 16
# Scans on either side that a scan is held against, and from how many scans on there is something to hold it against.
_BESIDE, _ENOUGH = 10, 5
# Part of what the neighbours on either side have below which the beam was off; standard deviations of the difference.
_OFF, _SURE = 0.2, 10.0
# Part of the usual number of points below which a scan is not whole.
_WHOLE = 0.9
# Roughness from which on points have nothing in common with the next, where most scans have less than the other; and
# the part of it that noise may make.
_ROUGH, _SMOOTH, _MORE_THAN_NOISE = 0.75, 0.4, 4.0
# A spike has no company of this part of its height in so many scans on either side, so many steps away.
_COMPANY, _SCANS_AROUND, _STEPS_AROUND = 0.25, 6, 1.5


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a scan is left out: its kind, and what was found in this one; ``no data`` where there is nothing to fit."""

    kind: str
    found: str

    def __str__(self) -> str:
        return self.found if self.kind == "no data" else f"left out, {self.kind}: {self.found}"


def faults(
    scans: Sequence[int], prepare: Callable[[int], PreparedScan | str], *, keep: bool = False
) -> dict[int, Fault]:
    """The scans, by index, that show no pattern of the sample.

    What half of the scans or more show is a property of the series and no fault.

    Parameters
    ----------
    prepare : gives a scan, or why there is none.
    keep : every scan that can be fitted, whatever it shows.
    """
    found: dict[int, Fault] = {}
    signs: dict[int, Signs] = {}
    edges = None
    for index in scans:
        scan = prepare(index)
        if isinstance(scan, str):
            found[index] = Fault("no data", scan)
            continue
        if edges is None:
            edges = np.linspace(scan.points.two_theta[0], scan.points.two_theta[-1], _BLOCKS + 1)
        signs[index] = signs_of(scan, edges)
    for kind, look in () if keep else _KINDS.items():
        here = look({index: own for index, own in signs.items() if index not in found})
        if 2 * len(here) < len(signs):
            found |= {index: Fault(kind, words) for index, words in here.items()}
    return found


def fault_warnings(left_out: Mapping[int, Fault]) -> list[str]:
    """One warning for all scans that are left out of the series."""
    kinds: dict[str, list[int]] = {}
    for index, fault in sorted(left_out.items()):
        kinds.setdefault(fault.kind, []).append(index)
    if not kinds:
        return []
    named = "; ".join(f"{kind}: {', '.join(map(str, scans))}" for kind, scans in kinds.items())
    where = names_of_scans(sorted(left_out))
    return [
        f"W411 scans that show no pattern of the sample are left out · {where} · found {named} · measure or export "
        'them again; if they are sound, write bad_scans = "keep" under [data]'
    ]


def _not_finite(signs: Mapping[int, Signs]) -> dict[int, str]:
    return {i: f"{own.infinite} points are infinite" for i, own in signs.items() if own.infinite}


def _huge(signs: Mapping[int, Signs]) -> dict[int, str]:
    return {i: f"{own.huge} points, up to {own.top:.3g}" for i, own in signs.items() if own.huge}


def _repeated(signs: Mapping[int, Signs]) -> dict[int, str]:
    first: dict[bytes, int] = {}
    seen = {index: first.setdefault(own.digest, index) for index, own in signs.items()}
    return {index: f"the same numbers as scan {other}" for index, other in seen.items() if other != index}


def _negative(signs: Mapping[int, Signs]) -> dict[int, str]:
    return {i: f"{own.negative} points below 0 by more than noise" for i, own in signs.items() if own.negative}


def _saturated(signs: Mapping[int, Signs]) -> dict[int, str]:
    return {i: f"{own.at_top} points at the highest value, {own.top:g}" for i, own in signs.items() if own.at_top}


def _not_whole(signs: Mapping[int, Signs]) -> dict[int, str]:
    if len(signs) < _ENOUGH:
        return {}
    usual = float(np.median([own.size for own in signs.values()]))
    return {i: f"{own.size} usable points of {usual:.0f}" for i, own in signs.items() if own.size < _WHOLE * usual}


def _shuffled(signs: Mapping[int, Signs]) -> dict[int, str]:
    if len(signs) < _ENOUGH or np.median([own.roughness for own in signs.values()]) > _SMOOTH:
        return {}
    return {
        i: f"steps from point to point are {own.roughness:.0%} of those between points far apart"
        for i, own in signs.items()
        if own.roughness > _ROUGH and own.excess > _MORE_THAN_NOISE
    }


def _spiked(signs: Mapping[int, Signs]) -> dict[int, str]:
    """A point that stands above its neighbours, too narrow for a line, where the scans around have nothing like it."""
    if len(signs) < _ENOUGH:
        return {}
    order, spiked = list(signs), {}
    for place, (index, own) in enumerate(signs.items()):
        around = [*order[max(place - _SCANS_AROUND, 0) : place], *order[place + 1 : place + 1 + _SCANS_AROUND]]
        lone = [at for at in np.flatnonzero(own.spike) if not any(_accompanied(own, at, signs[i]) for i in around)]
        if lone:
            highest = max(lone, key=lambda at: own.height[at])
            at, height = own.feature[highest], own.height[highest]
            spiked[index] = f"{len(lone)} points, the highest {height:.3g} above its neighbours at {at:.2f} deg"
    return spiked


def _accompanied(own: Signs, at: np.intp, other: Signs) -> bool:
    reach = _STEPS_AROUND * own.step
    first, last = np.searchsorted(other.feature, (own.feature[at] - reach, own.feature[at] + reach))
    return bool((other.height[first:last] > _COMPANY * own.height[at]).any())


def _beam_off(signs: Mapping[int, Signs]) -> dict[int, str]:
    """Parts of a scan where the background is far below that of the scans before and of those after it.

    The background, because lines may come and go; before and after, because a measurement may be changed for good.
    """
    off: dict[int, str] = {}
    while len(signs) - len(off) >= _ENOUGH:
        sound = [index for index in signs if index not in off]
        found = dict(_off_beside(signs, sound))
        if not found:
            break
        off |= found
    return off


def _off_beside(signs: Mapping[int, Signs], sound: Sequence[int]) -> Iterator[tuple[int, str]]:
    level, esd = (np.array([getattr(signs[i], name) for i in sound]) for name in ("level", "level_esd"))
    for place, index in enumerate(sound):
        sides = [slice(max(place - _BESIDE, 0), place), slice(place + 1, place + 1 + _BESIDE)]
        usual = np.min([_median(level[side]) for side in sides if level[side].size], axis=0)
        error = np.hypot(esd[place], np.max([_median(esd[side]) for side in sides if level[side].size], axis=0))
        with np.errstate(invalid="ignore"):
            low = (level[place] < _OFF * usual) & (usual - level[place] > _SURE * error)
        if low.any():
            part = float(np.median(level[place][low] / usual[low]))
            yield index, f"a background of {part:.1%} of that before and after in {low.mean():.0%} of the range"


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n_blocks,) over scans; NaN where one of them has no points."""
    return np.median(values, axis=0)


# In this order: a scan is told of the first that it shows.
_KINDS: Mapping[str, Callable[[Mapping[int, Signs]], dict[int, str]]] = {
    "not finite": _not_finite,
    "huge": _huge,
    "repeated": _repeated,
    "negative": _negative,
    "saturated": _saturated,
    "not whole": _not_whole,
    "points in disorder": _shuffled,
    "spikes": _spiked,
    "beam off": _beam_off,
}
