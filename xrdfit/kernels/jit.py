"""The decorators of all kernels.

What a kernel costs to compile grows with all that it calls, since each holds its callees. So thin ones are made part of
their callers; none is given a literal number or truth value that it is also given as a variable (numba would compile it
for both: hence `np.int64(0)` where a count begins); and no array is assigned to a part of another, which would bring in
the words of an error message. No kernel calls itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import njit
from numba.extending import register_jitable

from xrdfit.kernels.compilation.cache import PartCache, SharedCache
from xrdfit.kernels.compilation.library import KernelCompiler, PartCompiler

# All kernels that were imported.
KERNELS: list[Any] = []


def _decorator(**options: Any) -> Callable[[Any], Any]:
    # Kernels are not called from C.
    options = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **options}
    kernel = njit(pipeline_class=KernelCompiler, **options)
    part = njit(pipeline_class=PartCompiler, no_cpython_wrapper=True, **options)

    def decorate(function: Any) -> Any:
        called = kernel(function)
        if called is function:  # NUMBA_DISABLE_JIT
            return function
        taken_in = part(function)
        # What numba asks for when it compiles a kernel that calls this one.
        called.get_call_template = taken_in.get_call_template
        called.get_overload = taken_in.get_overload
        with suppress(RuntimeError):  # no place to write to: compiled in every process
            called._cache = SharedCache(function)
            taken_in._cache = PartCache(function)
        KERNELS.append(called)
        return called

    return decorate


# Sums and products may be reassociated so that loops become vector code; NaN and infinity keep their meaning. The
# rounding this costs is bounded by the twin tests (rtol 1e-12).
_VECTOR = {"contract", "reassoc", "arcp", "nsz"}

kernel = _decorator()
vector_kernel = _decorator(fastmath=_VECTOR)

# For what runs in inner loops: without numba's runtime nothing can be allocated, which is an error of compilation then,
# and no references to arrays are counted, which costs more than a short loop does.
lean_kernel = _decorator(_nrt=False)
lean_vector_kernel = _decorator(fastmath=_VECTOR, _nrt=False)

# For what does little but call others: it becomes part of the kernels that call it.
inlined_kernel = _decorator(inline="always")

# For a plain function that kernels call too: called from Python it costs no conversion of its arguments.
plain_or_kernel = register_jitable
