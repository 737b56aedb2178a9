"""Compiled kernels on disk, shared by processes that compile at the same time: each kernel by one of them."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar
from zlib import crc32

from numba.core import event
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.compiler import CompileResult

from xrdfit.kernels.compilation.library import PartLibrary

try:
    import fcntl
except ImportError:  # Windows: whoever needs a kernel compiles it
    fcntl = None  # type: ignore[assignment]

LOCKS_WORK = fcntl is not None

# Longer than any kernel takes, s: whoever keeps others waiting for so long has been stopped.
_PATIENCE = 120.0

# At most one, called when a kernel is not on disk.
_before_compiling: list[Callable[[], None]] = []


def before_compiling(call: Callable[[], None]) -> None:
    """Have `call`, and no other, called once before the first kernel that has to be compiled to be kept on disk."""
    _before_compiling[:] = [call]


class SharedCache(FunctionCache):
    """Numba's cache of one function, but for those who miss something: they wait for whoever is compiling it."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self.lock = _Lock(self.cache_path, self._impl.filename_base)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = super().load_overload(sig, target_context)
        if found is None:
            while _before_compiling:
                _before_compiling.pop()()
            self.lock.acquire()
            found = super().load_overload(sig, target_context)
            if found is not None:
                self.lock.release()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        finally:
            self.lock.release()


class _PartsOnDisk(CompileResultCacheImpl):
    """How parts of kernels are written and read."""

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        return super().get_filename_base(fullname + ".part", abiflags)

    def reduce(self, data: CompileResult) -> Any:
        data.fndesc.typemap = data.fndesc.calltypes = None  # as numba does: they may not be picklable
        return data.library.name, data.library.as_bitcode(), data.fndesc, data.environment, data.signature

    def rebuild(self, target_context: Any, payload: Any) -> CompileResult:
        name, bitcode, fndesc, environment, signature = payload
        library = PartLibrary.from_bitcode(target_context.codegen(), name, bitcode)
        return CompileResult(
            target_context=target_context,
            typing_context=target_context.typing_context,
            library=library,
            environment=environment,
            entry_point=target_context.get_executable(library, fndesc, environment),
            fndesc=fndesc,
            signature=signature,
            objectmode=False,
            lifted=(),
            type_annotation="",
            typing_error=None,
            call_helper=None,
            metadata=None,
            reload_init=(),
            referenced_envs=(),
        )


class PartCache(SharedCache):
    """The cache of what kernels take in where they call a function."""

    _impl_class = _PartsOnDisk


class _Lock:
    """One byte of a file that all kernels of a directory share; the system frees it when a process ends.

    Kernels call each other in no circle, so nobody waits for someone who waits for him. Where locks do not work, work
    is done twice, and right.
    """

    files: ClassVar[dict[str, int]] = {}

    def __init__(self, folder: str, name: str) -> None:
        self._path = os.path.join(folder, "kernels.lock")
        self._place = crc32(name.encode())

    def acquire(self) -> None:
        if fcntl is None:
            return
        with suppress(OSError):
            if self._path not in self.files:
                # Never closed: closing it would free all that is locked in it.
                self.files[self._path] = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            end = time.monotonic() + _PATIENCE
            while time.monotonic() < end:
                try:
                    fcntl.lockf(self.files[self._path], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._place)
                    return
                except (BlockingIOError, PermissionError):
                    time.sleep(0.02)

    def release(self) -> None:
        if fcntl is not None and self._path in self.files:
            with suppress(OSError):
                fcntl.lockf(self.files[self._path], fcntl.LOCK_UN, 1, self._place)


class _Interrupted(event.Listener):
    """A compilation that was interrupted keeps nobody waiting."""

    def on_start(self, event: Any) -> None:
        pass

    def on_end(self, event: Any) -> None:
        cache = event.data["dispatcher"]._cache
        # Not `event.is_failed`: in numba 0.68 that is true where nothing failed, and a lock is held until it is saved.
        if sys.exc_info()[0] is not None and isinstance(cache, SharedCache):
            cache.lock.release()


class _NoGarbage(event.Listener):
    """Nothing is looked for that could be thrown away, while a kernel and all it calls are compiled.

    It took a sixth of the time, since numba's trees of objects live as long as that anyway.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._collects = False

    def on_start(self, event: Any) -> None:
        if self._depth == 0:
            self._collects = gc.isenabled()
            gc.disable()
        self._depth += 1

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        if self._depth == 0 and self._collects:
            gc.enable()


event.register("numba:compile", _Interrupted())
event.register("numba:compile", _NoGarbage())
