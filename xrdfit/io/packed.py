"""Results as bytes and back, to the last bit. What comes back is what its type says and nothing else can come."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

_LENGTH_BYTES = 8
_KINDS = "fiub"
_Make = Callable[[Any, "_Arrays"], Any]


def pack(value: object) -> bytes:
    """Dataclasses, tuples, mappings with texts as keys, arrays and what JSON has, as bytes.

    The text comes first, the numbers of arrays behind it in the order in which they are met.
    """
    arrays: list[bytes] = []

    def plain(item: Any) -> Any:
        if isinstance(item, np.ndarray):
            arrays.append(item.tobytes())
            return [item.dtype.str, item.shape]
        if isinstance(item, np.generic):
            return item.item()
        if isinstance(item, Mapping):
            return dict(item)
        return [getattr(item, field.name) for field in fields(item)]

    head = json.dumps(value, default=plain, separators=(",", ":")).encode()
    return b"".join((len(head).to_bytes(_LENGTH_BYTES, "little"), head, *arrays))


def unpack(data: bytes, kind: Any) -> Any:
    """What was packed, as a value of this type, such as ``tuple[int, ScanRecord]``.

    Raises
    ------
    ValueError
        The bytes are not those of such a value.
    """
    start = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    try:
        return _maker(kind)(json.loads(data[_LENGTH_BYTES:start]), _Arrays(data, start))
    except (TypeError, LookupError, OverflowError, RecursionError) as error:
        raise ValueError(f"no packed {kind}: {error}") from error


@dataclass(slots=True)
class _Arrays:
    """The numbers behind the text, and where the next of them begin."""

    data: bytes
    place: int

    def next(self, dtype: str, shape: list[int]) -> np.ndarray:
        kind = np.dtype(dtype)
        count = math.prod(shape)
        if kind.kind not in _KINDS or min(shape, default=0) < 0:
            raise ValueError(f"an array of {dtype} {shape}")
        start, self.place = self.place, self.place + count * kind.itemsize
        # A copy, because compiled code is specialised on what may be written to.
        return np.frombuffer(self.data[start : self.place], kind, count).reshape(shape).copy()


@cache
def _maker(kind: Any) -> _Make:
    """What makes a value of a type from its JSON."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in (int, float, str, bool, NoneType):
        return _checked(kind)
    if origin is np.ndarray:
        return lambda plain, arrays: arrays.next(*plain)
    if origin is UnionType:
        some = [part for part in inner if part is not NoneType]
        (make,) = [_maker(part) for part in some]
        return lambda plain, arrays: None if plain is None else make(plain, arrays)
    if origin is tuple:
        if inner[1:] == (Ellipsis,):
            make = _maker(inner[0])
            return lambda plain, arrays: tuple(make(item, arrays) for item in plain)
        makers = [_maker(part) for part in inner]
        return lambda plain, arrays: tuple(m(item, arrays) for m, item in zip(makers, plain, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        make = _maker(inner[1])
        return lambda plain, arrays: {key: make(item, arrays) for key, item in plain.items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda plain, arrays: kind(plain)
    return _dataclass_maker(origin or kind, inner)


def _checked(kind: type) -> _Make:
    as_json = (float, int) if kind is float else (kind,)

    def make(plain: Any, arrays: _Arrays) -> Any:
        if type(plain) not in as_json:
            raise TypeError(f"found {type(plain).__name__} against {kind.__name__}")
        return plain

    return make


def _dataclass_maker(kind: type, chosen: tuple[Any, ...]) -> _Make:
    names, hints = [field.name for field in fields(kind)], get_type_hints(kind)
    # Of a generic class, what its type variables stand for.
    stands_for = dict(zip(getattr(kind, "__parameters__", ()), chosen, strict=False))
    wanted = [hints[name] for name in names]
    makers = [_maker(stands_for[hint] if isinstance(hint, TypeVar) else hint) for hint in wanted]

    def make(plain: Any, arrays: _Arrays) -> Any:
        values = [m(item, arrays) for m, item in zip(makers, plain, strict=True)]
        return kind(**dict(zip(names, values, strict=True)))

    return make
