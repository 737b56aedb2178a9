"""What a benchmark ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from xrdfit.recipe import package_versions


def machine() -> dict[str, Any]:
    """Processor, cores, load and versions; BLAS threads as they are where this is called."""
    blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "blas": sorted({str(pool["internal_api"]) for pool in blas}),
        "blas_threads": max((int(pool["num_threads"]) for pool in blas), default=None),
        "versions": package_versions(),
    }


def _cpu_model() -> str:
    """The processor's name as Linux has it, or what Python knows of it elsewhere."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
