"""How messages speak of scans."""

from __future__ import annotations

from collections.abc import Sequence

# So many scans are named one by one.
_MOST_NAMED = 6


def count_of_scans(number: int) -> str:
    """``1 scan``, ``2 scans``."""
    return f"{number} scan{'' if number == 1 else 's'}"


def names_of_scans(scans: Sequence[int]) -> str:
    """``scan 3``, ``scans 3, 5, 6``, ``scans 3 to 40 (12 of them)``."""
    if len(scans) == 1:
        return f"scan {scans[0]}"
    if len(scans) <= _MOST_NAMED:
        return f"scans {', '.join(str(scan) for scan in sorted(scans))}"
    if max(scans) - min(scans) + 1 == len(scans):
        return f"scans {min(scans)} to {max(scans)}"
    return f"scans {min(scans)} to {max(scans)} ({len(scans)} of them)"
