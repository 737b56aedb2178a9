"""What is shown of a watch, for those who look at it from another thread."""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import PhaseLabel
from xrdfit.io import natural_key
from xrdfit.live.alarms import Alarm, Alarms
from xrdfit.live.decimate import decimated
from xrdfit.live.entries import Entry
from xrdfit.live.fractions import provisional_fractions

# Points of a trajectory, rows of the map, and alarms that are sent at most.
_POINTS, _ROWS, _ALARMS = 600, 160, 100
# Scans over which the rate is taken.
_RECENT = 31
# Scans from which fractions are found at most, and s between two times that they are.
_FRACTION_SCANS, _FRACTIONS_EVERY_S = 400, 2.0


def nothing_yet(since: int) -> dict[str, Any]:
    """The state before the first scan has come."""
    empty: dict[str, Any] = {"alarms": [], "map": [], "series": {}, "fractions": {}, "troubled": {}}
    none = {"revision": 0, "whole": False, "scans": 0, "rate": None, "last": None, "backlog": 0, "waiting": 0}
    return empty | none | {"now": time.time(), "phase": "watching"}


class Board:
    """The scans so far as columns, the last of them as an image, the alarms, and how things stand.

    Every change has a number, the revision; who knows the state up to one of them gets what has come since.

    Parameters
    ----------
    span : deg, of the map.
    """

    def __init__(
        self, title: str, phases: Sequence[PhaseLabel], colors: Mapping[str, str], span: tuple[float, float]
    ) -> None:
        self.span = span
        self._about = {
            "title": title,
            "span": list(span),
            "phases": [{"name": p.name, "color": colors[p.name], "cell": list(p.cell_names)} for p in phases],
        }
        self._active = [phase.name for phase in phases if phase.role == "active"]
        self._names = _columns(phases)
        self._lock = threading.Lock()
        self._order: list[tuple[Any, int]] = []
        self._columns = {name: array("d") for name in self._names}
        self._revisions = array("q")
        self._rows: deque[tuple[int, str, NDArray[np.float32]]] = deque(maxlen=_ROWS)
        self._alarms: deque[tuple[int, Alarm]] = deque(maxlen=_ALARMS)
        self._hearing = Alarms([phase.name for phase in phases])
        self._fractions: dict[str, Any] = {}
        self._fractions_of, self._fractions_when = 0, 0.0
        self._revision = self._layout = 1
        self._times: deque[float] = deque(maxlen=_RECENT)
        self._last: dict[str, Any] | None = None
        self._stand: dict[str, Any] = {"backlog": 0, "waiting": 0, "troubled": {}, "phase": "watching"}

    def __len__(self) -> int:
        return len(self._order)

    @property
    def rate(self) -> float:
        """Scans fitted per second, over the last of them; NaN if there are too few."""
        times = list(self._times)
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else np.nan

    def numbers_of(self, row: Mapping[str, float | str]) -> dict[str, float]:
        """What is shown of a row of the table."""
        return {name: float(row[name]) for name in self._names if name in row}

    def add(self, entry: Entry) -> list[Alarm]:
        """Show a scan, in its place, instead of what there was of it; the alarms that it gives."""
        key = (natural_key(entry.path), entry.place)
        with self._lock:
            self._revision += 1
            place = bisect_left(self._order, key)
            again = place < len(self._order) and self._order[place] == key
            if not again:
                self._order.insert(place, key)
                self._revisions.insert(place, self._revision)
                for column in self._columns.values():
                    column.insert(place, np.nan)
            for name, column in self._columns.items():
                column[place] = entry.numbers.get(name, np.nan)
            self._revisions[place] = self._revision
            if again or place < len(self._order) - 1:
                # What was sent before stands elsewhere now.
                self._layout = self._revision
            self._rows.append((self._revision, entry.source, entry.image))
            self._times.append(entry.when)
            self._last = {
                "source": entry.source,
                "when": entry.when,
                "outcome": entry.outcome,
                "message": entry.message,
                "r_wp": _number(entry.numbers.get("r_wp", np.nan)),
            }
            alarms = [] if again else self._hearing.hear(entry)
            self._alarms.extend((self._revision, alarm) for alarm in alarms)
            return alarms

    def stand(self, **changes: Any) -> None:
        """How things stand: ``backlog``, ``waiting``, ``troubled``, and the ``phase`` of the watch."""
        with self._lock:
            changed = {name: value for name, value in changes.items() if self._stand[name] != value}
            if changed:
                self._revision += 1
                self._stand |= {name: dict(v) if isinstance(v, Mapping) else v for name, v in changed.items()}
        self._find_fractions()

    def state(self, since: int) -> dict[str, Any]:
        """What has come since a revision, as plain values; everything if that is 0 or things have moved since."""
        with self._lock:
            whole = since < self._layout or since > self._revision
            since = 0 if whole else since
            # Sent scans are at the beginning: others come behind them, or the layout is new.
            first = 0 if whole else next((i for i, r in enumerate(self._revisions) if r > since), len(self._order))
            rate = self.rate
            return {
                "revision": self._revision,
                "whole": whole,
                "now": time.time(),
                "scans": len(self._order),
                "rate": _number(rate),
                "last": self._last,
                "alarms": [_as_plain(r, alarm) for r, alarm in self._alarms if r > since],
                "series": {name: self._trajectory(name, first) for name in self._columns if _is_shown(name)},
                "fractions": self._fractions,
                "map": [[source, _numbers(row)] for r, source, row in self._rows if r > since],
                **self._stand,
                **({"about": self._about} if whole else {}),
            }

    def _trajectory(self, name: str, first: int) -> list[list[float | None]]:
        """Scan, value and esd, point by point."""
        y = np.array(self._columns[name][first:])
        esd = self._columns.get(f"{name}_esd")
        places = decimated(y, _POINTS)
        return [[first + int(i), _number(y[i]), None if esd is None else _number(esd[first + i])] for i in places]

    def _find_fractions(self) -> None:
        """Anew, if scans have come; what the conversion factors are depends on all of them."""
        n, now = len(self._order), time.monotonic()
        if n == self._fractions_of or now - self._fractions_when < _FRACTIONS_EVERY_S or len(self._active) < 2:
            return
        scans = np.unique(np.linspace(0, n - 1, min(n, _FRACTION_SCANS)).round().astype(np.int64))
        scale, esd, volume = (
            np.column_stack([np.array(self._columns[f"{phase}_{word}"])[scans] for phase in self._active])
            for word in ("scale", "scale_esd", "volume")
        )
        found = provisional_fractions(scale, esd, volume, self._active)
        with self._lock:
            self._fractions_of, self._fractions_when = n, now
            self._fractions = {}
            for number, phase in enumerate(self._active if found is not None else ()):
                assert found is not None
                value, error = found[0][:, number], found[1][:, number]
                self._fractions[phase] = [
                    [int(scans[i]), _number(value[i]), _number(error[i])] for i in np.flatnonzero(np.isfinite(value))
                ]


def _columns(phases: Sequence[PhaseLabel]) -> list[str]:
    """What is kept of a row."""
    names = ["r_wp", "gof"]
    for phase in phases:
        for name in (*phase.cell_names, "volume", "scale"):
            names += [f"{phase.name}_{name}", f"{phase.name}_{name}_esd"]
        names += [f"{phase.name}_apparent_share", f"{phase.name}_present"]
    return names


def _is_shown(name: str) -> bool:
    return not name.endswith(("_esd", "_scale", "_present"))


def _as_plain(revision: int, alarm: Alarm) -> dict[str, Any]:
    return {
        "id": revision,
        "code": alarm.code,
        "what": alarm.what,
        "source": alarm.source,
        "when": alarm.when,
        "found": alarm.found,
        "todo": alarm.todo,
    }


def _number(value: float) -> float | None:
    """To seven digits, which is more than any screen shows; None for what JSON has no word for."""
    return float(f"{value:.7g}") if np.isfinite(value) else None


def _numbers(row: NDArray[np.float32]) -> list[float | None]:
    return [float(f"{value:.3g}") if np.isfinite(value) else None for value in row.tolist()]
