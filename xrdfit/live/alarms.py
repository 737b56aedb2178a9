"""What somebody at the beam must know at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from xrdfit.live.entries import Entry

# Scans that are taken for usual, and from how many on there is something to compare with.
_RECENT, _ENOUGH = 31, 5
# A jump of R_wp: so many robust standard deviations above the median, and by at least this part of it.
_DEVIATIONS, _LEAST_RISE = 6.0, 0.3
# Half the interquartile range of a normal distribution, in standard deviations.
_MAD = 1.4826
# Part of the usual counts below which the beam is lost.
_LOST = 0.2
# Scans in a row that must agree before a phase is taken to have come or gone.
_AGREE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One of them, as the user is told it.

    Attributes
    ----------
    code, what, found, todo : in the form of all messages.
    source, when : the scan, and s since 1970 at which it came.
    """

    code: str
    what: str
    source: str
    when: float
    found: str
    todo: str

    def __str__(self) -> str:
        return f"{self.code} {self.what} · {self.source} · {self.found} · {self.todo}"


@dataclass(slots=True)
class _PhaseWatch:
    """Whether a phase is there, and what the last scans said against it."""

    there: bool | None = None
    against: list[Entry] = field(default_factory=list)


class Alarms:
    """Hears of every scan once, in the order in which they were fitted.

    Each alarm is given when something begins and when it has passed, not at every scan in between.
    """

    def __init__(self, phases: Sequence[str]) -> None:
        self._r_wp: deque[float] = deque(maxlen=_RECENT)
        self._counts: deque[float] = deque(maxlen=_RECENT)
        self._phases = {name: _PhaseWatch() for name in phases}
        self._jumped = self._lost = False

    def hear(self, entry: Entry) -> list[Alarm]:
        """The alarms that a scan gives."""
        alarms = list(self._beam(entry))
        if not self._lost:
            alarms += self._quality(entry)
            alarms += self._presence(entry)
        return alarms

    def _beam(self, entry: Entry) -> Iterator[Alarm]:
        usual = float(np.median(self._counts)) if len(self._counts) >= _ENOUGH else np.nan
        lost = entry.counts < _LOST * usual
        if not lost:
            self._counts.append(entry.counts)
        if lost != self._lost:
            self._lost = lost
            yield _alarm(
                entry,
                "W421",
                "beam lost" if lost else "beam back",
                f"found {entry.counts:.3g} counts against {usual:.3g} of the scans before",
                "look at shutter, beam and sample" if lost else "nothing",
            )

    def _quality(self, entry: Entry) -> Iterator[Alarm]:
        r_wp = entry.numbers.get("r_wp", np.nan)
        if not np.isfinite(r_wp):
            return
        if len(self._r_wp) >= _ENOUGH:
            usual = float(np.median(self._r_wp))
            spread = _MAD * float(np.median(np.abs(np.array(self._r_wp) - usual)))
            jumped = r_wp > usual + max(_DEVIATIONS * spread, _LEAST_RISE * usual)
            if jumped != self._jumped:
                self._jumped = jumped
                yield _alarm(
                    entry,
                    "W422",
                    "R_wp has jumped" if jumped else "R_wp is as before",
                    f"found {r_wp:.4f} against {usual:.4f} of the scans before",
                    "look at the pattern: a phase that the recipe does not know, another sample, or a disturbed scan"
                    if jumped
                    else "nothing",
                )
        self._r_wp.append(r_wp)

    def _presence(self, entry: Entry) -> Iterator[Alarm]:
        for name, watch in self._phases.items():
            present = entry.numbers.get(f"{name}_present", np.nan)
            if not np.isfinite(present):
                continue
            there = bool(present)
            if watch.there in (None, there):
                watch.there = there
                watch.against.clear()
                continue
            watch.against.append(entry)
            if len(watch.against) == _AGREE:
                first = watch.against[0]
                yield _alarm(
                    first,
                    "W423",
                    f"{name} has {'appeared' if there else 'vanished'}",
                    _share(first.numbers, name, there),
                    "nothing, if it is the reaction that is measured",
                )
                watch.there = there
                watch.against.clear()


def _share(numbers: Mapping[str, float], phase: str, there: bool) -> str:
    share = 100.0 * numbers.get(f"{phase}_apparent_share", np.nan)
    return f"found {share:.1f} % of the lines' intensity against none" if there else "found none of its lines"


def _alarm(entry: Entry, code: str, what: str, found: str, todo: str) -> Alarm:
    return Alarm(code=code, what=what, source=entry.source, when=entry.when, found=found, todo=todo)
