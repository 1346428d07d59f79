"""SSH's wire format, read to the last byte (RFC 4251 §5): lengths are exact and nothing may follow."""

from __future__ import annotations

import struct

_LENGTH = struct.Struct(">I")


class NotWire(ValueError):
    """Bytes end too early, go on too long or are not written in the one way; the message is for a sentence."""


class Reader:
    """Takes one field after the other from bytes that somebody else wrote."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def exactly(self, count: int) -> bytes:
        """The next `count` bytes. Raises NotWire: there are fewer."""
        taken = self._content[self._at : self._at + count]
        if len(taken) != count:
            raise NotWire("a field is longer than what holds it")
        self._at += count
        return taken

    def byte(self) -> int:
        """The next byte. Raises NotWire: there is none."""
        return self.exactly(1)[0]

    def number(self) -> int:
        """uint32. Raises NotWire: there are fewer than four bytes."""
        found: int = _LENGTH.unpack(self.exactly(4))[0]
        return found

    def string(self) -> bytes:
        """The bytes behind a length. Raises NotWire: there are fewer than it says."""
        return self.exactly(self.number())

    def text(self) -> str:
        """A string of printable ASCII. Raises NotWire: it is not."""
        found = self.string()
        if not found.isascii() or not (name := found.decode("ascii")).isprintable():
            raise NotWire("a name has characters that no name has")
        return name

    def positive(self) -> int:
        """An mpint above zero in its shortest form. Raises NotWire: it is zero, negative or padded."""
        found = self.string()
        value = int.from_bytes(found, "big", signed=True)
        if value <= 0 or (found[0] == 0 and found[1] < 0x80):
            raise NotWire("a number is not written in its one form")
        return value

    def end(self) -> None:
        """Raises NotWire: bytes are left."""
        if self._at != len(self._content):
            raise NotWire("bytes follow its end")


def string(content: bytes) -> bytes:
    """Write a string: its length and its bytes."""
    return _LENGTH.pack(len(content)) + content
