"""Which scans of a series are no patterns of the sample, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from xrdfit.series.screening.signs import Signs
from xrdfit.series.words import names_of_scans

# Scans on either side that a scan is held against, and from how many scans on there is something to hold it against.
_BESIDE, _ENOUGH = 10, 5
# Part of what the neighbours on either side have below which the beam was off; standard deviations of the difference.
_OFF, _SURE = 0.2, 10.0
# Part of the usual number of points below which a scan is not whole.
_WHOLE = 0.9
# Roughness from which on points have nothing in common with the next, where most scans have less than the other; and
# the part of it that noise may make.
_ROUGH, _SMOOTH, _MORE_THAN_NOISE = 0.75, 0.4, 4.0
# Scans that are held against their neighbours together.
_AT_ONCE = 64
# A spike has no company of this part of its height in so many scans on either side, so many steps away.
_COMPANY, _SCANS_AROUND, _STEPS_AROUND = 0.25, 6, 1.5


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a scan is left out: its kind, and what was found in this one; ``no data`` where there is nothing to fit."""

    kind: str
    found: str

    def __str__(self) -> str:
        return self.found if self.kind == "no data" else f"left out, {self.kind}: {self.found}"


def faults(seen: Iterable[tuple[int, Signs | str]], *, keep: bool = False) -> dict[int, Fault]:
    """The scans, by index, that show no pattern of the sample.

    What half of the scans or more show is a property of the series and no fault.

    Parameters
    ----------
    seen : what the scans show, in their order, or why they cannot be fitted.
    keep : every scan that can be fitted, whatever it shows.
    """
    found: dict[int, Fault] = {}
    signs: dict[int, Signs] = {}
    for index, own in seen:
        if isinstance(own, str):
            found[index] = Fault("no data", own)
        else:
            signs[index] = own
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
    # With nothing on one side, the other alone decides.
    usual = np.minimum(_median_before(level, np.inf), _median_before(level[::-1], np.inf)[::-1])
    error = np.hypot(esd, np.maximum(_median_before(esd, 0.0), _median_before(esd[::-1], 0.0)[::-1]))
    with np.errstate(invalid="ignore"):
        low = (level < _OFF * usual) & (usual - level > _SURE * error)
    for place in map(int, np.flatnonzero(low.any(axis=1))):
        here = low[place]
        part = float(np.median(level[place, here] / usual[place, here]))
        yield sound[place], f"a background of {part:.1%} of that before and after in {here.mean():.0%} of the range"


def _median_before(values: NDArray[np.float64], nothing: float) -> NDArray[np.float64]:
    """(m, n_blocks) over the scans before each; NaN where one of them has no points, `nothing` for the first."""
    result = np.full(values.shape, nothing)
    for place in range(1, min(_BESIDE, len(values))):
        result[place] = np.median(values[:place], axis=0)
    for first in range(_BESIDE, len(values), _AT_ONCE):
        windows = sliding_window_view(values[first - _BESIDE : first + _AT_ONCE - 1], _BESIDE, axis=0)
        result[first : first + _AT_ONCE] = np.median(windows[: len(values) - first], axis=2)
    return result


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
