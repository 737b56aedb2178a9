"""What is packed comes back to the last bit, and nothing but what its type says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xrdfit.data import Outcome
from xrdfit.io.packed import pack, unpack

T = TypeVar("T")


class Level(IntEnum):
    LOW = 0
    HIGH = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    outcome: Outcome
    numbers: NDArray[np.float64]
    indices: NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer(Generic[T]):
    level: tuple[Level, ...]
    by_name: Mapping[str, float]
    inner: Inner | None
    pair: tuple[int, str]
    used: bool
    other: T


def outer(value: float = 0.1, n: int = 3) -> Outer[Inner]:
    inner = Inner(
        outcome=Outcome.FLAGGED,
        numbers=np.full((n, 2), value),
        indices=np.arange(n, dtype=np.int32),
    )
    return Outer(
        level=(Level.LOW, Level.HIGH), by_name={"a": value}, inner=None, pair=(n, "Å"), used=np.True_, other=inner
    )


@given(st.floats(), st.integers(0, 5))
def test_every_number_comes_back_to_the_last_bit(value: float, n: int) -> None:
    there = unpack(pack(outer(value, n)), Outer[Inner])
    assert np.float64(there.by_name["a"]).tobytes() == np.float64(value).tobytes() or np.isnan(value)
    assert there.other.numbers.tobytes() == outer(value, n).other.numbers.tobytes()
    assert there.other.numbers.shape == (n, 2)
    assert there.other.indices.dtype == np.int32
    assert (there.level, there.pair, there.used, there.inner) == ((Level.LOW, Level.HIGH), (n, "Å"), True, None)
    assert there.level[1] is Level.HIGH
    assert there.other.outcome is Outcome.FLAGGED


def test_arrays_can_be_written_to_like_those_that_were_packed() -> None:
    assert unpack(pack(outer()), Outer[Inner]).other.numbers.flags.writeable


@given(st.data())
def test_bytes_that_were_tampered_with_are_refused_or_make_a_value_of_the_type(data: st.DataObject) -> None:
    packed = bytearray(pack(outer()))
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(packed[: data.draw(st.integers(0, len(packed)))])
    for found in (bytes(packed), cut):
        try:
            value = unpack(found, Outer[Inner])
        except ValueError:
            continue
        assert type(value) is Outer


def test_objects_of_other_types_cannot_be_asked_for() -> None:
    for plain in (["|O", [1]], ["<f8", [-1]], ["<f8", [10**9]], ["<f8", [10**30]], "text"):
        with pytest.raises(ValueError):
            unpack(pack(plain), NDArray[np.float64])
