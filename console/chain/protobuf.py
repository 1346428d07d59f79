"""Protobuf's wire format, read strictly: enough for a message of a chain whose fields are known (facts/cosmos.md §4.1).

Unknown fields are passed over, as every protobuf reader does, so that a newer chain can still be read. What two readers
could understand differently is refused: a field that comes twice, a number that is too long, groups, cut-off bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from console.chain.fields import INT64_MAX, wrong
from console.errors import BadAnswer

MAX_FIELDS = 1000
"""Fields of one message that are read."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def message(raw: bytes, what: str) -> Mapping[int, int | bytes]:
    """Read one message: field number → varint or bytes.

    Args:
        raw: The message.
        what: What it is, for the sentence.

    Raises:
        BadAnswer: It is no message, or one with a field twice.
    """
    found: dict[int, int | bytes] = {}
    for number, value in occurrences(raw, what):
        if number in found:
            raise _broken(what)
        found[number] = value
    return found


def occurrences(raw: bytes, what: str) -> Iterator[tuple[int, int | bytes]]:
    """Read one message whose fields may repeat: (field number, varint or bytes) in the order of the bytes.

    Raises:
        BadAnswer: It is no message, or one of more than `MAX_FIELDS`.
    """
    at = count = 0
    while at < len(raw):
        tag, at = _varint(raw, at, what)
        number, kind = tag >> 3, tag & 7
        value: int | bytes
        if kind == _VARINT:
            value, at = _varint(raw, at, what)
        elif kind in {_FIXED64, _FIXED32, _BYTES}:
            size = 8 if kind == _FIXED64 else 4
            if kind == _BYTES:
                size, at = _varint(raw, at, what)
            value, at = raw[at : at + size], at + size
        else:
            raise _broken(what)
        count += 1
        if at > len(raw) or not 0 < number < 1 << 29 or count > MAX_FIELDS:
            raise _broken(what)
        yield number, value


def text_field(fields: Mapping[int, int | bytes], number: int, what: str, *, most: int) -> str:
    """A string field, absent being empty; at most `most` bytes of UTF-8. Raises BadAnswer."""
    value = bytes_field(fields, number, what)
    try:
        if len(value) <= most:
            return value.decode()
    except UnicodeDecodeError:
        pass
    raise wrong(what, f"{len(value)} bytes")


def bytes_field(fields: Mapping[int, int | bytes], number: int, what: str) -> bytes:
    """A field of bytes or an embedded message, absent being empty. Raises BadAnswer."""
    value = fields.get(number, b"")
    if isinstance(value, int):
        raise wrong(what, value)
    return value


def int64_field(fields: Mapping[int, int | bytes], number: int, what: str) -> int:
    """A whole number of 0 to 2^63 − 1, absent being 0. Raises BadAnswer."""
    value = fields.get(number, 0)
    if isinstance(value, bytes) or value > INT64_MAX:
        raise wrong(what, value)
    return value


def text_message(number: int, text: str) -> bytes:
    """A message with one string field."""
    return written_bytes(number, text.encode())


def written_bytes(number: int, value: bytes) -> bytes:
    """A field of bytes, a string or an embedded message; empty ones are left out, as proto3 does."""
    return _written(number << 3 | _BYTES) + _written(len(value)) + value if value else b""


def written_integer(number: int, value: int) -> bytes:
    """A whole number of 0 to 2^64 − 1, or true as 1; 0 is left out."""
    return _written(number << 3 | _VARINT) + _written(value) if value else b""


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _varint(raw: bytes, at: int, what: str) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(raw[at : at + 10]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, at + index + 1
    raise _broken(what)


def _broken(what: str) -> BadAnswer:
    return BadAnswer(f"{what} is not a protobuf message that can be read")
