"""A kernel runs its own copies of what it calls."""

from __future__ import annotations

from typing import Any

import pytest
from numba import njit

from xrdfit.kernels.compilation.library import KernelCompiler


def branches(decorate: Any) -> Any:
    """A caller of a function that cannot be dissolved in it, as it calls itself."""

    @decorate
    def fibonacci(n: int) -> float:
        if n < 2:
            return 1.0
        return fibonacci(n - 1) + fibonacci(n - 2)

    @decorate
    def both(n: int) -> float:
        return fibonacci(n) + fibonacci(n + 1)

    return both


def shared(caller: Any) -> list[str]:
    """The functions in a caller's code for which that of another library may be taken."""
    caller(3)
    functions = caller.overloads[caller.signatures[0]].library.get_defined_functions()
    return [function.name for function in functions if function.linkage.name == "linkonce_odr"]


def test_no_call_leaves_a_kernel() -> None:
    assert [name for name in shared(branches(njit)) if "fibonacci" in name]
    assert not shared(branches(njit(pipeline_class=KernelCompiler)))


@pytest.mark.parametrize(("n", "expected"), [(1, 3.0), (4, 13.0), (10, 233.0)])
def test_kernels_that_call_kernels_compute_what_python_does(n: int, expected: float) -> None:
    both = branches(njit(pipeline_class=KernelCompiler))
    outer = njit(pipeline_class=KernelCompiler)(lambda n: both(n) + both(n))
    assert outer(n) == 2.0 * expected
