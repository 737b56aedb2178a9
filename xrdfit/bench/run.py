"""The whole benchmark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from threadpoolctl import threadpool_limits

from xrdfit.bench.cases import laboratory, synchrotron
from xrdfit.bench.machine import machine
from xrdfit.bench.one_scan import measure
from xrdfit.bench.peers import compare
from xrdfit.bench.series import measure_series


def run_benchmark(*, quick: bool, peers: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure everything on one thread; `say` is told what comes next.

    Returns plain values, fit for JSON: ``machine``, ``cases`` by name, ``series``, and ``peers`` if asked for. Times
    are milliseconds, of one call or of one scan: ``min_ms`` and ``median_ms`` over ``repeats``.
    """
    seconds = 0.1 if quick else 2.0
    with threadpool_limits(limits=1, user_api="blas"):
        told: dict[str, Any] = {"quick": quick, "machine": machine(), "cases": {}}
        for make in (laboratory, synchrotron):
            say(f"one scan, {make.__name__} case")
            case = make()
            told["cases"][case.name] = measure(case, seconds=seconds)
        n_scans, repeats = (42, 1) if quick else (420, 3)
        say(f"a series of {n_scans} scans")
        told["series"] = measure_series(n_scans, repeats=repeats)
        if peers:
            say("the same scans through other programs")
            told["peers"] = compare(6 if quick else 32)
    return told
