"""A log that is in systemd's journal: asked for in turns, its text kept on disk in one unnamed file of ours.

It is read as a file's log is: from the newest line on to the older ones. Moments are those of the journal.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from console.errors import ConsoleError
from console.log_store.block import BLOCK_BYTES, Block, FileText
from console.log_store.line import Level

MOST_LINES = 100_000
"""Lines that are known at a time: each was asked of another program."""
TURN_LINES = 2000
"""Lines that are asked for at once."""
POLL_S = 1.0
"""Seconds between two questions for what is new: each is a program that is started."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry."""

    cursor: str
    """Where it stands in the journal."""
    at: int
    """Microseconds since 1970."""
    level: Level | None
    """None where nobody says: it belongs to the line before."""
    text: bytes
    """Without line ends."""


class JournalReader(Protocol):
    """Reads one unit's entries, oldest first; blocking. Each raises ConsoleError where nothing can be said."""

    @property
    def where(self) -> str:
        """For sentences: `systemd's journal of noded`."""
        ...

    def newest(self, count: int) -> Sequence[JournalEntry]:
        """The newest."""
        ...

    def older(self, cursor: str, count: int) -> Sequence[JournalEntry]:
        """Those right before one."""
        ...

    def newer(self, cursor: str, count: int) -> Sequence[JournalEntry]:
        """Those right after one."""
        ...


class JournalSource:
    """One log, with what `LogSource` has.

    Args:
        reader: Asks the journal.
        clock: Seconds that never fall.
    """

    def __init__(self, reader: JournalReader, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = reader.where
        """Where it is."""
        self._reader = reader
        self._clock = clock
        self._text: FileText | None = None
        self._end = 0
        self._newest = ""
        self._oldest = ""
        self._all_read = False
        self._next = 0.0
        self.blocks: list[Block] = []
        """Oldest first."""
        self.problem = ""
        """Why it cannot be read; empty when it can."""
        self.missing = True
        """Whether it holds nothing."""
        self.forgotten = False
        """Whether older lines are there and not known, for there are too many."""

    @property
    def count(self) -> int:
        """Lines that are known."""
        return sum(map(len, self.blocks))

    @property
    def unread(self) -> int:
        """Bytes of older lines: nobody tells how many."""
        return 0

    def oldest(self, now: int) -> int:
        """Microseconds since 1970 of the oldest line that is known; `now` when none is."""
        return next((block.times[0] for block in self.blocks), now)

    def close(self) -> None:
        """Give the file back; what is read afterwards is read from the beginning."""
        if self._text is not None:
            self._text.close()
        self._text, self._end, self.blocks = None, 0, []
        self._newest = self._oldest = ""
        self._all_read = False

    def forward(self, floor: int, now: int) -> bool:
        """Ask for what was written since the last look; whether anything was. The arguments are `LogSource`'s."""
        if self._clock() < self._next:
            return False
        first = not self._newest
        entries, start = self._asked(
            lambda: self._reader.newest(TURN_LINES) if first else self._reader.newer(self._newest, TURN_LINES)
        )
        self._next = self._clock() + (0.0 if len(entries) == TURN_LINES else POLL_S)
        if not entries:
            return False
        self.missing = False
        if first:
            # Of these, and of what stands before them, each comes with its own moment.
            self._oldest, floor = entries[0].cursor, 0
        self._newest = entries[-1].cursor
        for entry in entries:
            block = self.blocks[-1] if self.blocks else None
            if block is None or block.end != start or block.end - block.start >= BLOCK_BYTES:
                block = self._new_block(start)
                self.blocks.append(block)
            floor = max(floor, entry.at)
            block.add(len(entry.text) + 1, floor, entry.level)
            start = block.end
        while len(self.blocks) > 1 and self.count - len(self.blocks[0]) >= MOST_LINES:
            del self.blocks[0]
            self.forgotten = True
        return True

    def backward(self, now: int) -> bool:
        """Ask for older lines; whether there were any."""
        if not self._oldest or self._all_read or self.forgotten:
            return False
        entries, start = self._asked(lambda: self._reader.older(self._oldest, TURN_LINES))
        if not entries:
            self._all_read = not self.problem
            return False
        self._oldest = entries[0].cursor
        block = self._new_block(start)
        ceiling = self.oldest(now)
        for entry in entries:
            block.add(len(entry.text) + 1, min(entry.at, ceiling), entry.level)
        self.blocks.insert(0, block)
        self.forgotten = self.count >= MOST_LINES
        return True

    def _asked(self, question: Callable[[], Sequence[JournalEntry]]) -> tuple[Sequence[JournalEntry], int]:
        """What the journal told, and where it begins in our file; nothing, where it or the disk refuses."""
        try:
            found = question()
            start = self._kept(found) if found else 0
        except ConsoleError as error:
            self.problem = f"{error.what}: {error.next_step}" if error.next_step else error.what
            return (), 0
        except OSError as error:
            self.problem = f"{self.path} cannot be kept: {error.strerror or error}"
            return (), 0
        self.problem = ""
        return found, start

    def _new_block(self, start: int) -> Block:
        assert self._text is not None
        return Block(self._text, start)

    def _kept(self, entries: Sequence[JournalEntry]) -> int:
        """Write entries to the end of our file; where they begin."""
        if self._text is None:
            descriptor, name = tempfile.mkstemp(prefix="upgrade-console-log-")
            os.close(descriptor)
            try:
                self._text = FileText(name, writing=True)
            finally:
                os.unlink(name)
        start = self._end
        content = b"".join(entry.text + b"\n" for entry in entries)
        self._text.write(start, content)
        self._end = start + len(content)
        return start
