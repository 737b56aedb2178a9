"""The decorators of all kernels."""

from __future__ import annotations

from numba import njit

from xrdfit.kernels.compiler import KernelCompiler

kernel = njit(cache=True, nogil=True, error_model="numpy", pipeline_class=KernelCompiler)

# Sums and products may be reassociated so that loops become vector code; NaN and infinity keep their meaning. The
# rounding this costs is bounded by the twin tests (rtol 1e-12).
vector_kernel = njit(
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"contract", "reassoc", "arcp", "nsz"},
    pipeline_class=KernelCompiler,
)
