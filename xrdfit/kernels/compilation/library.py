"""How kernels are compiled: what a kernel calls becomes a part of it that is its own.

Numba leaves in every compiled function copies of those it calls, and of all copies in a process the one that was
compiled or loaded first is run. They round differently, as each is optimised for its caller; so what ran before would
change the last digits. Kernels keep their copies to themselves: one gives the same bits whether it was just compiled
or loaded from the cache, in whatever order.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class ClosedLibrary(JITCodeLibrary):
    """Machine code whose calls stay inside it."""

    def _optimize_final_module(self) -> None:
        super()._optimize_final_module()
        # In what callers are given, functions keep the names by which they are merged.
        self._shared_module = self._final_module.clone()
        _relink(self._shared_module, "external", "linkonce_odr")
        _relink(self._final_module, "linkonce_odr", "internal")


class KernelCompiler(Compiler):
    """Numba's compiler, writing into a `ClosedLibrary`."""

    def define_pipelines(self) -> Any:
        state = self.state
        state.library = ClosedLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return super().define_pipelines()


def _relink(module: Any, old: str, new: str) -> None:
    for function in module.functions:
        if not function.is_declaration and function.linkage.name == old:
            function.linkage = new
