"""Solidity's ABI: values to bytes and back, by the contract ABI specification (docs.soliditylang.org, "Encoding").

eth_abi does the same and brings 15 MB and an eighth of a second of imports with it, which a controller that watches a
chain for months does not need; tests/console/chain/test_abi.py holds the two against each other. Decoding is strict:
padding must be zero, offsets must lead into the data, and nothing is read twice as large as it came.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_WORD = 32
_NUMBER = re.compile(r"(u?int)([0-9]{1,3})", re.ASCII)
_FIXED_BYTES = re.compile(r"bytes([0-9]{1,2})", re.ASCII)
_ARRAY = re.compile(r"(.*)\[([0-9]{0,9})\]", re.ASCII | re.DOTALL)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


class AbiError(ValueError):
    """A value does not fit its type, or bytes do not hold what they should."""


@dataclass(frozen=True, slots=True)
class _Type:
    """One type: `kind` is uint, int, bool, address, bytesN, bytes, string, array or tuple."""

    kind: str
    size: int = 0
    """Bits of a number, bytes of a fixed value, items of a fixed array (-1 for any number)."""
    parts: tuple[_Type, ...] = ()
    """Of a tuple its fields, of an array its item."""

    @property
    def dynamic(self) -> bool:
        """Whether it lies behind an offset."""
        if self.kind in {"bytes", "string"}:
            return True
        if self.kind == "array":
            return self.size < 0 or self.parts[0].dynamic
        return any(part.dynamic for part in self.parts)

    @property
    def head(self) -> int:
        """Bytes that it takes where it stands: an offset, or the whole of it."""
        if self.dynamic:
            return _WORD
        if self.kind == "array":
            return self.size * self.parts[0].head
        return sum(part.head for part in self.parts) if self.kind == "tuple" else _WORD


def encode(types: Sequence[str], values: Sequence[object]) -> bytes:
    """Encode arguments.

    Args:
        types: Canonical spellings, as `(uint64,string)[]`.
        values: Integers, booleans, bytes, text, addresses as 0x and 40 hex digits or 20 bytes, and sequences.

    Raises:
        AbiError: A value does not fit, or a type is not known.
    """
    return _encode_tuple(tuple(_parse(kind) for kind in types), values)


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Decode what a function returned.

    Args:
        types: As for `encode`.
        data: The bytes; what stands behind them is ignored, as the specification allows.

    Returns:
        Integers, booleans, bytes, text, addresses as 0x and 40 lower-case hex digits; tuples for structs and arrays.

    Raises:
        AbiError: They are not values of these types.
    """
    # One budget for all: a few hostile bytes may point at the same large value again and again.
    return _Decoder(data).tuple_at(0, tuple(_parse(kind) for kind in types))


@lru_cache(maxsize=512)
def _parse(kind: str) -> _Type:
    if array := _ARRAY.fullmatch(kind):
        return _Type("array", int(array[2]) if array[2] else -1, (_parse(array[1]),))
    if kind.startswith("(") and kind.endswith(")"):
        return _Type("tuple", 0, tuple(_parse(part) for part in _split(kind[1:-1])))
    if kind in {"bool", "address", "bytes", "string"}:
        return _Type(kind)
    if (number := _NUMBER.fullmatch(kind)) and 8 <= int(number[2]) <= 256 and int(number[2]) % 8 == 0:
        return _Type(number[1], int(number[2]))
    if (fixed := _FIXED_BYTES.fullmatch(kind)) and 1 <= int(fixed[1]) <= _WORD:
        return _Type("bytesN", int(fixed[1]))
    raise AbiError(f"the type {kind} is not known")


def _split(inner: str) -> list[str]:
    """The fields of a tuple's spelling, by the commas that stand in no inner one."""
    fields, depth, begun = [], 0, 0
    for at, letter in enumerate(inner):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            fields.append(inner[begun:at])
            begun = at + 1
    return [*fields, inner[begun:]] if inner else []


# --- to bytes ---


def _encode(kind: _Type, value: object) -> bytes:
    match kind.kind:
        case "uint" | "int":
            return _encode_number(kind, value)
        case "bool" if isinstance(value, bool):
            return int(value).to_bytes(_WORD, "big")
        case "address":
            return _encode_address(value)
        case "bytesN" if isinstance(value, bytes) and len(value) <= kind.size:
            return value.ljust(_WORD, b"\0")
        case "bytes" if isinstance(value, bytes):
            return _encode_bytes(value)
        case "string" if isinstance(value, str):
            return _encode_bytes(_utf8(value))
        case "tuple" if isinstance(value, list | tuple):
            return _encode_tuple(kind.parts, value)
        case "array" if isinstance(value, list | tuple) and kind.size in {-1, len(value)}:
            items = _encode_tuple(kind.parts * len(value), value)
            return items if kind.size >= 0 else len(value).to_bytes(_WORD, "big") + items
    raise AbiError(f"a value of type {type(value).__name__} does not fit {kind.kind}")


def _encode_tuple(kinds: tuple[_Type, ...], values: Sequence[object]) -> bytes:
    if len(kinds) != len(values):
        raise AbiError(f"{len(kinds)} values are needed, not {len(values)}")
    heads: list[bytes] = []
    tails: list[bytes] = []
    at = sum(kind.head for kind in kinds)
    for kind, value in zip(kinds, values, strict=True):
        encoded = _encode(kind, value)
        if kind.dynamic:
            heads.append(at.to_bytes(_WORD, "big"))
            tails.append(encoded)
            at += len(encoded)
        else:
            heads.append(encoded)
    return b"".join(heads + tails)


def _encode_number(kind: _Type, value: object) -> bytes:
    signed = kind.kind == "int"
    if not isinstance(value, int) or isinstance(value, bool):
        raise AbiError(f"{type(value).__name__} is no {kind.kind}{kind.size}")
    low, high = (-(1 << (kind.size - 1)), 1 << (kind.size - 1)) if signed else (0, 1 << kind.size)
    if not low <= value < high:
        raise AbiError(f"a number is out of the range of {kind.kind}{kind.size}")
    return value.to_bytes(_WORD, "big", signed=signed)


def _encode_address(value: object) -> bytes:
    if isinstance(value, str) and _ADDRESS.fullmatch(value):
        value = bytes.fromhex(value[2:])
    if not isinstance(value, bytes) or len(value) != 20:
        raise AbiError("an address has 20 bytes")
    return value.rjust(_WORD, b"\0")


def _encode_bytes(value: bytes) -> bytes:
    return len(value).to_bytes(_WORD, "big") + value + bytes(-len(value) % _WORD)


def _utf8(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise AbiError("text that is no UTF-8") from None


# --- and back ---


class _Decoder:
    """Reads one answer.

    Args:
        data: The bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        # Every word that is read counts, more than once when it is read more than once.
        self._budget = len(data)

    def tuple_at(self, base: int, kinds: tuple[_Type, ...]) -> tuple[Any, ...]:
        values, at = [], base
        heads = sum(kind.head for kind in kinds)
        for kind in kinds:
            values.append(self._value(base, at, kind, heads))
            at += kind.head
        return tuple(values)

    def _value(self, base: int, at: int, kind: _Type, heads: int) -> Any:
        """The value whose head stands at `at`; offsets count from `base` and lead behind all `heads` bytes of heads."""
        if kind.dynamic:
            offset = self._number(at)
            if offset < heads:
                raise AbiError("an offset leads back to where the offsets are")
            at = base + offset
        match kind.kind:
            case "tuple":
                return self.tuple_at(at, kind.parts)
            case "array":
                return self._array(at, kind)
            case "bytes":
                return self._bytes(at)
            case "string":
                return self._text(at)
        return self._word(kind, self._take(at, _WORD))

    def _array(self, at: int, kind: _Type) -> tuple[Any, ...]:
        length = kind.size
        if length < 0:
            length = self._number(at)
            at += _WORD
        (item,) = kind.parts
        # Before as many are made as somebody says that there are.
        if length * max(item.head, 1) > len(self._data) - at:
            raise AbiError("an array is longer than the data")
        return self.tuple_at(at, (item,) * length)

    def _bytes(self, at: int) -> bytes:
        length = self._number(at)
        padded = self._take(at + _WORD, length + -length % _WORD)
        if any(padded[length:]):
            raise AbiError("padding is not zero")
        return padded[:length]

    def _text(self, at: int) -> str:
        try:
            return self._bytes(at).decode()
        except UnicodeDecodeError:
            raise AbiError("text that is no UTF-8") from None

    def _word(self, kind: _Type, word: bytes) -> Any:
        match kind.kind:
            case "bytesN":
                if any(word[kind.size :]):
                    raise AbiError("padding is not zero")
                return word[: kind.size]
            case "address":
                if any(word[:12]):
                    raise AbiError("padding is not zero")
                return "0x" + word[12:].hex()
            case "int":
                number = int.from_bytes(word, "big", signed=True)
                if not -(1 << (kind.size - 1)) <= number < 1 << (kind.size - 1):
                    raise AbiError(f"a number is out of the range of int{kind.size}")
                return number
        number = int.from_bytes(word, "big")
        if number >> (1 if kind.kind == "bool" else kind.size):
            raise AbiError(f"a number is out of the range of {kind.kind}")
        return bool(number) if kind.kind == "bool" else number

    def _number(self, at: int) -> int:
        """An offset or a length; none can be larger than the data."""
        number = int.from_bytes(self._take(at, _WORD), "big")
        if number > len(self._data):
            raise AbiError("an offset or a length leads out of the data")
        return number

    def _take(self, at: int, count: int) -> bytes:
        if at + count > len(self._data):
            raise AbiError("the data ends too early")
        self._budget -= count
        if self._budget < 0:
            raise AbiError("parts of the data are used more than once")
        return self._data[at : at + count]
