"""How kernels are compiled: what a kernel calls becomes a part of it that is its own.

Numba leaves in every compiled function copies of those it calls, and of all copies in a process the one that was
compiled or loaded first is run. They round differently, as each is optimised for its caller; so what ran before would
change the last digits. Kernels keep their copies to themselves: one gives the same bits whether it was just compiled
or loaded from the cache, in whatever order.

A function is optimised and turned into machine code in the kernels that Python calls, and nowhere else: what other
kernels take in is not, since most are never called by Python, and all they call would be compiled again for each.
"""

from __future__ import annotations

from typing import Any

from llvmlite.binding import Linkage, parse_assembly, parse_bitcode
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class KernelLibrary(JITCodeLibrary):
    """Machine code whose calls stay inside it."""

    def _optimize_final_module(self) -> None:
        super()._optimize_final_module()
        _relink(self._final_module, Linkage.linkonce_odr, Linkage.internal)

    def _get_module_for_linking(self) -> Any:
        raise RuntimeError(f"{self.name} calls a compiled kernel; kernels take in parts (`xrdfit.kernels.jit`)")

    def serialize_using_object_code(self) -> tuple[str, str, tuple[bytes, bytes]]:
        """The machine code and, in the place of what callers would take in, the names of what is in it."""
        self._ensure_finalized()
        functions = self._final_module.functions
        names = [function.name for function in functions if function.linkage == Linkage.external]
        named = parse_assembly("\n".join(f'define void @"{name}"() {{ ret void }}' for name in names))
        return self.name, "object", (self._get_compiled_object(), named.as_bitcode())


class PartLibrary(JITCodeLibrary):
    """What kernels take in where they call a function: neither optimised as a whole nor machine code."""

    def finalize(self) -> None:
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        _relink(self._final_module, Linkage.external, Linkage.linkonce_odr)
        self._shared_module = self._final_module
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Numba asks for the place of a function's code, for callers that are not kernels: there are none."""
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Any:
        return _Nowhere(self._codegen)

    def as_bitcode(self) -> bytes:
        self._ensure_finalized()
        return self._final_module.as_bitcode()

    @classmethod
    def from_bitcode(cls, codegen: Any, name: str, bitcode: bytes) -> PartLibrary:
        self = cls(codegen, name)
        self._final_module = self._shared_module = parse_bitcode(bitcode)
        self._finalized = True
        return self


class _Nowhere:
    """Numba's generator of code, as it is to a library that has no place in memory."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def set_env(self, env_name: str, env: Any) -> None:
        """Write nothing where the library would have its environment."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)


class KernelCompiler(Compiler):
    """Numba's compiler, writing into a `KernelLibrary`."""

    library: type[JITCodeLibrary] = KernelLibrary

    def define_pipelines(self) -> Any:
        state = self.state
        state.library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return super().define_pipelines()


class PartCompiler(KernelCompiler):
    """Numba's compiler, writing into a `PartLibrary`."""

    library = PartLibrary


def _relink(module: Any, old: Linkage, new: Linkage) -> None:
    for function in module.functions:
        if not function.is_declaration and function.linkage == old:
            function.linkage = new
