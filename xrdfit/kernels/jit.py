"""The decorators of all kernels."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import njit

from xrdfit.kernels.compilation.cache import SharedCache
from xrdfit.kernels.compilation.library import KernelCompiler

# All kernels that were imported.
KERNELS: list[Any] = []


def _decorator(**options: Any) -> Callable[[Any], Any]:
    compiled = njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True, pipeline_class=KernelCompiler, **options)

    def decorate(function: Any) -> Any:
        found = compiled(function)
        if found is function:  # NUMBA_DISABLE_JIT
            return function
        with suppress(RuntimeError):  # no place to write to: compiled in every process
            found._cache = SharedCache(function)
        KERNELS.append(found)
        return found

    return decorate


kernel = _decorator()

# Sums and products may be reassociated so that loops become vector code; NaN and infinity keep their meaning. The
# rounding this costs is bounded by the twin tests (rtol 1e-12).
vector_kernel = _decorator(fastmath={"contract", "reassoc", "arcp", "nsz"})
