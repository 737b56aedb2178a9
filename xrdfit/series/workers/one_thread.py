"""Linear algebra on one thread: its matrices here are small, and threads would wait for each other."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """While it lasts, the linear algebra of this process uses one thread; on a busy day many take ten times as long."""
    return _libraries().limit(limits=1, user_api="blas")


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    """Looking for the libraries that are loaded takes milliseconds; numpy and scipy are, before anything is fitted."""
    return ThreadpoolController()
