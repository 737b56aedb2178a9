"""All programs on one stack, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from xrdfit.bench.peers.own import SCAN_BY_SCAN, TOGETHER
from xrdfit.bench.peers.rietx import PAWLEY
from xrdfit.bench.peers.stack import PeerStack, Program, score

PROGRAMS = (SCAN_BY_SCAN, TOGETHER, PAWLEY)
# The first to compare others with.
_YARDSTICK = 0


def compare(n_scans: int, programs: Sequence[Program] = PROGRAMS) -> dict[str, Any]:
    """What every program makes of the first `n_scans`; one that cannot be run is there with the reason.

    ``times_as_long`` compares medians of a warm scan with xrdfit's scan by scan.
    """
    stack = PeerStack.of(n_scans)
    rows = [_row(program, stack) for program in programs]
    own = rows[_YARDSTICK].get("median_ms")
    for row in rows:
        if own and "median_ms" in row:
            row["times_as_long"] = row["median_ms"] / own
    return {"scans": len(stack.scans), "points": stack.simulated.two_theta.size, "programs": rows}


def _row(program: Program, stack: PeerStack) -> dict[str, Any]:
    named = {"name": program.name, "mode": program.mode}
    try:
        named["version"] = program.version()
        # Its own small talk has no place in a table.
        logging.disable(logging.WARNING)
        return named | {"status": "run"} | score(stack, program.refine(stack))
    except ImportError as missing:
        return named | {"status": "not installed", "reason": str(missing)}
    except Exception as error:  # whatever another program throws is its row in the table
        return named | {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
    finally:
        logging.disable(logging.NOTSET)
