"""Blocks of an index: for some hundred lines that stand together, where each begins, its moment and its level."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from typing import Protocol

from console.log_store.line import MOST_BYTES, Head, Level, head_of, plain

BLOCK_BYTES = 1 << 18
"""Bytes of text that one block is made of, about."""

_HEAD_BYTES = 512
_AHEAD_US = 60_000_000
"""Microseconds that a line may be ahead of our clock; one that says more is not believed."""


class Text(Protocol):
    """Where the text of a block is."""

    def read(self, start: int, length: int) -> bytes:
        """Bytes from `start` on; fewer where there are no more, none where it cannot be read."""
        ...


class FileText:
    """The text of one file, which stays open under whatever name it gets.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], *, writing: bool = False) -> None:
        self._descriptor = os.open(path, (os.O_RDWR if writing else os.O_RDONLY) | os.O_CLOEXEC | os.O_NONBLOCK)
        found = os.fstat(self._descriptor)
        self.identity = (found.st_dev, found.st_ino)

    @property
    def size(self) -> int:
        """Bytes."""
        return os.fstat(self._descriptor).st_size

    @property
    def begins(self) -> int:
        """Where its first byte is that was not given back to the disk; a node's log has a hole there."""
        try:
            return os.lseek(self._descriptor, 0, os.SEEK_DATA)
        except OSError:
            return 0

    def read(self, start: int, length: int) -> bytes:
        """Bytes from `start` on."""
        try:
            return os.pread(self._descriptor, length, start)
        except OSError:
            return b""

    def write(self, start: int, content: bytes) -> None:
        """Write bytes from `start` on, where it was opened for that. Raises OSError: the disk is full."""
        while content:
            written = os.pwrite(self._descriptor, content, start)
            start, content = start + written, content[written:]

    def close(self) -> None:
        """Close it; afterwards nothing is read any more."""
        os.close(self._descriptor)
        self._descriptor = -1


class MemoryText:
    """Text that is in memory, to which lines are added."""

    def __init__(self) -> None:
        self._content = bytearray()

    def add(self, line: str) -> tuple[int, bytes]:
        """Add a line; where it begins, and its bytes."""
        start = len(self._content)
        raw = line.replace("\n", " ").encode("utf-8", "replace")
        self._content += raw + b"\n"
        return start, raw

    def read(self, start: int, length: int) -> bytes:
        """Bytes from `start` on."""
        return bytes(self._content[start : start + length])


class Block:
    """Lines that stand together in one text: 13 bytes a line. Moments never fall from one line to the next.

    Args:
        text: Where they stand.
        start: Where the first begins.
    """

    __slots__ = ("end", "levels", "offsets", "start", "text", "times")

    def __init__(self, text: Text, start: int) -> None:
        self.text = text
        self.start = start
        self.end = start
        self.offsets = array("I")
        self.times = array("q")
        """Microseconds since 1970."""
        self.levels = bytearray()

    def __len__(self) -> int:
        return len(self.offsets)

    def add(self, length: int, at: int, level: Level | None) -> None:
        """Add the next line; its level where it says none is that of the line before.

        Args:
            length: Bytes with its end.
            at: Its moment; never before that of the line before.
            level: As it says itself.
        """
        self.offsets.append(self.end - self.start)
        self.times.append(max(at, self.times[-1]) if self.times else at)
        self.levels.append(level if level is not None else self.levels[-1] if self.levels else Level.INFO)
        self.end += length

    def line(self, index: int, most: int = MOST_BYTES) -> tuple[bytes, int]:
        """Bytes of a line without its end, at most `most` of them, and how many it has."""
        start = self.start + self.offsets[index]
        end = self.end if index + 1 == len(self.offsets) else self.start + self.offsets[index + 1]
        raw = self.text.read(start, min(end - start, most + 1))
        length = end - start
        if raw.endswith(b"\n") and len(raw) == length:
            raw, length = raw[:-1], length - 1
        return raw[:most], length

    def lines(self) -> list[bytes]:
        """Every line, read at once, each with at most `MOST_BYTES`."""
        content = self.text.read(self.start, self.end - self.start)
        ends = [*self.offsets[1:], self.end - self.start]
        return [content[start : min(end, start + MOST_BYTES)] for start, end in zip(self.offsets, ends, strict=True)]

    def before(self, at: int) -> int:
        """How many lines are older than a moment."""
        return bisect_left(self.times, at)

    def until(self, at: int) -> int:
        """How many lines are not newer than a moment."""
        return bisect_right(self.times, at)


def heads_of(content: bytes, now: int) -> list[tuple[int, Head]]:
    """Length with its end, and head, of each line; a moment ahead of `now` is left out."""
    found = []
    start, end = 0, len(content)
    while start < end:
        stop = content.find(b"\n", start) + 1 or end
        head = head_of(plain(content[start : min(stop, start + _HEAD_BYTES)]))
        if head.at is not None and head.at > now + _AHEAD_US:
            head = Head(None, head.level, head.length)
        found.append((stop - start, head))
        start = stop
    return found


def older_block(text: Text, start: int, content: bytes, ceiling: int) -> Block:
    """A block of lines that stand before others.

    Args:
        text: Where they stand.
        start: Where the first begins.
        content: Their bytes.
        ceiling: The moment of the line after them: none of theirs is later.
    """
    heads = heads_of(content, ceiling)
    moments: list[int | None] = []
    for _length, head in heads:
        # A line that does not say when belongs to the one before it.
        moments.append(head.at if head.at is not None else moments[-1] if moments else None)
    first = next((at for at in moments if at is not None), ceiling)
    settled = [first if at is None else at for at in moments]
    for place in range(len(settled) - 1, -1, -1):
        ceiling = settled[place] = min(settled[place], ceiling)
    block = Block(text, start)
    for (length, head), at in zip(heads, settled, strict=True):
        block.add(length, at, head.level)
    return block
