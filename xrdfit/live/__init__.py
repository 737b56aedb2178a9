"""Scans fitted while they are measured, and the page that shows them."""

from xrdfit.live.alarms import Alarm
from xrdfit.live.arrivals import FileArrivals, FrameArrivals, arrivals_of
from xrdfit.live.board import Board, nothing_yet
from xrdfit.live.entries import Entry, Ledger
from xrdfit.live.server import PageServer
from xrdfit.live.watch import Watch

__all__ = [
    "Alarm",
    "Board",
    "Entry",
    "FileArrivals",
    "FrameArrivals",
    "Ledger",
    "PageServer",
    "Watch",
    "arrivals_of",
    "nothing_yet",
]
