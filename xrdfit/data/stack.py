"""What a series of scans looks like to everyone who reads one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from xrdfit.data.pattern import Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanTimes:
    """When each scan began and ended.

    Attributes
    ----------
    start_s, end_s : (n_scans,) seconds since the first scan began.
    origin : ISO 8601 instant of zero seconds, or None if only relative times are known.
    """

    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    origin: str | None = None


class ScanStack(Protocol):
    """A lazy view of ``n_scans`` patterns; `read` fetches one and keeps nothing."""

    def __len__(self) -> int: ...

    @property
    def sources(self) -> tuple[str, ...]:
        """One name a scan: the file, or ``stack.h5[17]``."""
        ...

    @property
    def times(self) -> ScanTimes | None: ...

    def read(self, index: int) -> Pattern: ...


@dataclass(frozen=True, slots=True)
class MemoryStack:
    """A stack of patterns already at hand (simulated, or made in a notebook)."""

    patterns: tuple[Pattern, ...]
    times: ScanTimes | None = None

    @classmethod
    def of(cls, patterns: Iterable[Pattern], *, times: ScanTimes | None = None) -> MemoryStack:
        return cls(tuple(patterns), times)

    def __len__(self) -> int:
        return len(self.patterns)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(pattern.source for pattern in self.patterns)

    def read(self, index: int) -> Pattern:
        return self.patterns[index]
