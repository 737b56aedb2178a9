"""Kernels compiled before they are called, for the types with which a run would call them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from xrdfit.kernels.jit import KERNELS

Call = tuple[Any, tuple[Any, ...]]


def calls_in(run: Callable[[], object]) -> list[Call]:
    """The kernels that Python calls in a run, each with its types, in the order of their first calls.

    The run is the interpreter's and compiles nothing, so it had better be small. No kernel may have been called before.
    """
    calls: dict[Call, None] = {}
    depth = 0

    def interpreter(kernel: Any) -> Callable[..., Any]:
        def run_kernel(*arguments: Any) -> Any:
            nonlocal depth
            if depth == 0:
                calls[kernel, tuple(numba.typeof(argument) for argument in arguments)] = None
            depth += 1
            try:
                return kernel.py_func(*arguments)
            finally:
                depth -= 1

        return lambda *_: run_kernel

    for kernel in KERNELS:
        # What numba's dispatcher asks for what to call, in the place of compiling it.
        kernel._compile_for_args = interpreter(kernel)
    try:
        run()
    finally:
        for kernel in KERNELS:
            del kernel._compile_for_args
    return list(calls)


def compile_calls(calls: list[Call]) -> None:
    """Compile what is not on disk yet, and put it there."""
    for kernel, types in calls:
        kernel.compile(types)
