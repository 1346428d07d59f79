"""Protobuf's wire format, as much of it as votes and ABCI need: written by field, read as a list of fields."""

from __future__ import annotations

from .errors import MalformedError

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_MOST_VARINT = 10
"""Bytes of the longest number."""


def varint(value: int) -> bytes:
    """A number as protobuf writes it; a negative one as its 64-bit complement."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """A number's field; nothing for 0."""
    return varint(field << 3) + varint(value) if value else b""


def fixed64(field: int, value: int) -> bytes:
    """A field of eight bytes; nothing for 0."""
    return varint(field << 3 | _FIXED64) + value.to_bytes(8, "little", signed=True) if value else b""


def embedded(field: int, value: bytes) -> bytes:
    """A field of bytes or of an embedded message, also when it is empty."""
    return varint(field << 3 | _BYTES) + varint(len(value)) + value


def blob(field: int, value: bytes) -> bytes:
    """A field of bytes; nothing for none."""
    return embedded(field, value) if value else b""


def text(field: int, value: str) -> bytes:
    """A field of text; nothing for none."""
    return blob(field, value.encode())


def delimited(message: bytes) -> bytes:
    """A message with its length before it."""
    return varint(len(message)) + message


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where what follows begins.

    Raises:
        MalformedError: The bytes end inside it, or it is too long.
    """
    value = 0
    for index, byte in enumerate(data[at : at + _MOST_VARINT]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    raise MalformedError("a message ends inside a number")


def fields(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """Each field of a message: number, whole encoding, payload.

    Raises:
        MalformedError: It is no message.
    """
    out: list[tuple[int, bytes, bytes]] = []
    at = 0
    while at < len(data):
        start = at
        tag, at = read_varint(data, at)
        wire = tag & 7
        if wire == _VARINT:
            begin = at
            _, at = read_varint(data, at)
        elif wire == _FIXED64:
            begin, at = at, at + 8
        elif wire == _BYTES:
            size, begin = read_varint(data, at)
            at = begin + size
        else:
            raise MalformedError(f"wire type {wire} in a message")
        if at > len(data):
            raise MalformedError("a message ends inside a field")
        out.append((tag >> 3, data[start:at], data[begin:at]))
    return out


class Fields:
    """A message's fields by number, for reading what is known of it; what is not there has its zero value.

    Raises:
        MalformedError: It is no message.
    """

    def __init__(self, data: bytes) -> None:
        self._found: dict[int, list[bytes]] = {}
        for field, _, payload in fields(data):
            self._found.setdefault(field, []).append(payload)

    def all(self, field: int) -> list[bytes]:
        """Every occurrence of a field of bytes or of messages, in order."""
        return self._found.get(field, [])

    def bytes(self, field: int) -> bytes:
        """A field of bytes or an embedded message."""
        found = self._found.get(field)
        return found[-1] if found else b""

    def number(self, field: int) -> int:
        """A number of 0 to 2^64 - 1."""
        payload = self.bytes(field)
        return read_varint(payload, 0)[0] if payload else 0

    def text(self, field: int) -> str:
        """A field of text; MalformedError when it is none."""
        try:
            return self.bytes(field).decode()
        except UnicodeDecodeError:
            raise MalformedError("text that is not UTF-8 in a message") from None
