"""``--workers`` and ``--scheduler``: who does the work."""

from __future__ import annotations

import os
import sys

from xrdfit.cli.problems import input_error
from xrdfit.data import ScanStack
from xrdfit.series.workers import Cluster, Here, Pool, Workers


def open_workers(count: int | None, scheduler: str | None, *, stack: ScanStack, n_scans: int) -> Workers:
    """This process by default; the caller closes what comes back.

    Raises
    ------
    InputError
        For both at once, for less than one worker, and for a cluster that cannot do the work.
    """
    if count is not None and scheduler is not None:
        raise input_error(
            "E183", "two ways at once", where="--workers --scheduler", found="both against one", todo="choose one"
        )
    if scheduler is not None:
        cluster = Cluster(scheduler)
        try:
            cluster.check_scans(stack)
        except BaseException:
            cluster.close()
            raise
        return cluster
    if count is None or count == 1:
        return Here()
    if count < 1:
        raise input_error(
            "E163",
            "no such number of workers",
            where="--workers",
            found=f"found {count} against 1 or more",
            todo="give the number of cores that are free",
        )
    if count > n_scans:
        print(f"{count} workers for {n_scans} scans: not all of them will find something to do", file=sys.stderr)
    elif count > (cores := os.cpu_count() or count):
        print(f"{count} workers on {cores} cores: more than these will not be faster", file=sys.stderr)
    return Pool(count)
