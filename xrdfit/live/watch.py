"""The work of a watch: what has come is fitted, kept, and shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from xrdfit.live.arrivals import Arrivals, Frame
from xrdfit.live.board import Board
from xrdfit.live.entries import Entry, Ledger
from xrdfit.live.image import image_of
from xrdfit.series.following import Following

# Scans waiting from which on, and as many looks in a row, it is said that the fits fall behind.
_BEHIND, _LOOKS = 5, 3
# s between two lines on how far it is.
_SAID_EVERY_S = 10.0


@dataclass(slots=True)
class Watch:
    """Looks, fits, keeps, shows, until it is idle for long enough or told to stop.

    Attributes
    ----------
    poll_s : s between two looks. until_idle_s : s without anything new after which it ends; None: never.
    stop : set it to end the watch after the scan at work.
    say : gets a line for the user.
    """

    arrivals: Arrivals
    following: Following
    ledger: Ledger
    board: Board
    poll_s: float
    until_idle_s: float | None
    stop: threading.Event
    say: Callable[[str], None]
    _behind: int = 0
    _said_behind: bool = False
    _said_when: float = field(default_factory=time.monotonic)
    _said_scans: int = 0

    def restore(self) -> int:
        """Take over what an earlier watch has fitted; how many scans that are."""
        for entry in self.ledger.entries():
            self.arrivals.done_before(entry)
            self.board.add(entry)
        return len(self.board)

    def run(self) -> None:
        """Watch to the end."""
        named: set[str] = set()
        while not self.stop.is_set():
            began = time.monotonic()
            self._look()
            tally = self.arrivals.tally
            self.board.stand(backlog=tally.backlog, waiting=tally.waiting, troubled=tally.troubled)
            for name in tally.troubled.keys() - named:
                self.say(f"W424 a file that cannot be read · {name} · {tally.troubled[name]} · write it again")
            named = set(tally.troubled)
            self._say_whether_behind(tally.backlog)
            self._say_how_far()
            now = time.monotonic()
            if self.until_idle_s is not None and not tally.backlog and now - tally.last_change > self.until_idle_s:
                break
            self.stop.wait(max(began + self.poll_s - now, 0.0))

    def _look(self) -> None:
        """Fit what is there, until it is time to look again; looking itself takes a while in a large folder."""
        began = None
        for frame in self.arrivals.look():
            began = began or time.monotonic()
            self._take(frame)
            self.arrivals.tally.last_change = time.monotonic()
            self.board.stand(backlog=self.arrivals.tally.backlog)
            if self.stop.is_set() or time.monotonic() - began > self.poll_s:
                return

    def _take(self, frame: Frame) -> None:
        followed = self.following.fit(frame.pattern)
        intensity = frame.pattern.intensity
        entry = Entry(
            source=frame.source,
            path=frame.path,
            place=frame.place,
            of=frame.of,
            size=frame.size,
            mtime_ns=frame.mtime_ns,
            when=time.time(),
            counts=float(np.nansum(intensity)),
            outcome=str(followed.row["outcome"]),
            message=followed.message,
            numbers=self.board.numbers_of(followed.row),
            image=image_of(frame.pattern, self.board.span),
        )
        self.ledger.add(entry, followed.known)
        for alarm in self.board.add(entry):
            self.say(f"{_clock(alarm.when)} {alarm}")

    def _say_how_far(self) -> None:
        n, now = len(self.board), time.monotonic()
        if n != self._said_scans and now - self._said_when > _SAID_EVERY_S:
            self._said_scans, self._said_when = n, now
            tally = self.arrivals.tally
            waiting = f"{tally.backlog} wait, {tally.waiting} are being written"
            rate = self.board.rate
            speed = f", {rate:.2g} per second" if np.isfinite(rate) else ""
            self.say(f"{n} scans fitted{speed}; {waiting}")

    def _say_whether_behind(self, backlog: int) -> None:
        self._behind = self._behind + 1 if backlog >= _BEHIND else 0
        if self._behind >= _LOOKS and not self._said_behind:
            self._said_behind = True
            rate = self.board.rate
            found = f"{backlog} scans have come and wait, {rate:.2g} are fitted per second"
            self.say(f"W425 the fits fall behind · the newest scans · {found} · nothing, if it catches up")
        elif self._said_behind and backlog == 0:
            self._said_behind = False
            self.say("caught up: every scan that has come is fitted")


def _clock(when: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(when))
