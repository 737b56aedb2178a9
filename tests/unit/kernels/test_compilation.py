"""A kernel runs its own copies of what it calls."""

from __future__ import annotations

import math
from typing import Any

import pytest
from numba import njit

from xrdfit.kernels.compilation.library import KernelCompiler
from xrdfit.kernels.jit import kernel


def branches(decorate: Any) -> Any:
    """A caller of a function that is too long to be dissolved in it."""
    lines = "".join(f"    total += math.sin({k} * total) if n > {k} else 1.0\n" for k in range(80))
    names: dict[str, Any] = {"math": math}
    exec(f"def long(n):\n    total = 0.0\n{lines}    return total", names)
    long = decorate(names["long"])

    @decorate
    def both(n: int) -> float:
        return long(n) + long(n + 1)

    return both


def shared(caller: Any) -> list[str]:
    """The functions in a caller's code for which that of another library may be taken."""
    caller(3)
    functions = caller.overloads[caller.signatures[0]].library.get_defined_functions()
    return [function.name for function in functions if function.linkage.name == "linkonce_odr"]


def test_no_call_leaves_a_kernel() -> None:
    assert [name for name in shared(branches(njit)) if "long" in name]
    assert not shared(branches(kernel))


@pytest.mark.parametrize("n", [-1, 4, 100])
def test_kernels_that_call_kernels_compute_what_python_does(n: int) -> None:
    both = branches(kernel)

    @kernel
    def outer(n: int) -> float:
        return both(n) + both(n)

    assert outer(n) == pytest.approx(2.0 * branches(lambda function: function)(n), rel=1e-12)


def test_a_kernel_that_would_take_in_machine_code_is_refused() -> None:
    both = njit(pipeline_class=KernelCompiler)(lambda n: n + n)
    outer = njit(pipeline_class=KernelCompiler)(lambda n: both(n) + both(n))
    with pytest.raises(RuntimeError, match="kernels take in parts"):
        outer(1)
