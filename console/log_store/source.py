"""One log: its file and those that were rotated away, read from the newest line on to the older ones."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from console.log_store.block import BLOCK_BYTES, Block, FileText, heads_of, older_block
from console.log_store.line import MOST_BYTES

MOST_LINES = 1_000_000
"""Lines of one log that are known at a time; older ones are in its files."""

_READ_BYTES = 1 << 18
_MOST_LINE_SPAN = 1 << 22
"""Bytes after which a line without an end is taken as several."""
_ROTATED = re.compile(r"\.(\d{1,4})", re.ASCII)


class _File:
    """One file of a log, between `low` and `high` of which its lines are known."""

    def __init__(self, path: Path) -> None:
        self.text = FileText(path)
        self.begins = self.text.begins
        self.low = self.high = max(self.begins, self._last_line_end())

    def _last_line_end(self) -> int:
        size = self.text.size
        start = max(self.begins, size - MOST_BYTES)
        return start + self.text.read(start, size - start).rfind(b"\n") + 1


class LogSource:
    """One log by the name of its file; files named like it with `.1`, `.2` … are older.

    Args:
        path: The file; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        """Where it is."""
        self._files: list[_File] = []
        """Oldest first; the last one is written to."""
        self._older: list[_File] | None = None
        """Those of which lines are still to be read backwards, newest last; None before the first look."""
        self._quiet = -1
        """Where the file ended at the last look, with something after its last line end."""
        self.blocks: list[Block] = []
        """Oldest first."""
        self.problem = ""
        """Why it cannot be read; empty when it can, or is not there."""
        self.missing = True
        """Whether there is no such file."""
        self.forgotten = False
        """Whether older lines are there and not known, for there are too many."""

    @property
    def count(self) -> int:
        """Lines that are known."""
        return sum(map(len, self.blocks))

    @property
    def unread(self) -> int:
        """Bytes of older lines that are still to be looked at."""
        return sum(max(0, each.low - each.begins) for each in self._older or ())

    def oldest(self, now: int) -> int:
        """Microseconds since 1970 of the oldest line that is known; `now` when none is."""
        return next((block.times[0] for block in self.blocks), now)

    def close(self) -> None:
        """Close its files."""
        for each in self._files:
            each.text.close()
        self._files, self._older, self.blocks = [], None, []

    # --- what is new ---

    def forward(self, floor: int, now: int) -> bool:
        """Read what was written since the last look, at most a block; whether anything was.

        Args:
            floor: Microseconds since 1970 of the newest line that is known of any log: what is read now came later.
            now: Microseconds since 1970.
        """
        if self._older is None:
            self._look_first()
        newest = self._files[-1] if self._files else None
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            found = None
        except OSError as error:
            self.problem = f"{self.path} cannot be read: {os.strerror(error.errno or 0)}"
            return False
        self.missing = found is None
        if newest is not None and (found is None or (found.st_dev, found.st_ino) != newest.text.identity):
            # Rotated: the old file may have grown after the last look.
            if self._read(newest, floor, now, whole=True):
                return True
            self._drop_gone()
            newest = None
        if newest is None:
            newest = None if found is None else self._opened((found.st_dev, found.st_ino))
            if newest is None:
                return False
        elif found is not None and found.st_size < newest.high:
            self._start_again(newest)
        return self._read(newest, floor, now)

    def _read(self, file: _File, floor: int, now: int, *, whole: bool = False) -> bool:
        content = file.text.read(file.high, _READ_BYTES)
        length = content.rfind(b"\n") + 1
        if not length and content:
            end = file.high + len(content)
            # What stands still without an end are last words; what never ends is cut.
            length = len(content) if whole or end == self._quiet or len(content) == _READ_BYTES else 0
            self._quiet = end
        if not length:
            return False
        for size, head in heads_of(content[:length], now):
            block = self.blocks[-1] if self.blocks else None
            if block is None or block.text is not file.text or block.end != file.high or _is_full(block):
                block = Block(file.text, file.high)
                self.blocks.append(block)
            # Of the present: a line that does not say when was written now.
            floor = max(floor, head.at if head.at is not None else now)
            block.add(size, floor, head.level)
            file.high += size
        self._forget()
        return True

    # --- what is older ---

    def backward(self, now: int) -> bool:
        """Read a block of older lines; whether there were any.

        Args:
            now: Microseconds since 1970.
        """
        while self._older:
            file = self._older[-1]
            if file.low > file.begins and not self.forgotten:
                return self._read_back(file, now)
            self._older.pop()
        return False

    def _read_back(self, file: _File, now: int) -> bool:
        span = BLOCK_BYTES
        while True:
            start = max(file.begins, file.low - span)
            content = file.text.read(start, file.low - start)
            # The first line is whole only at the file's beginning.
            skipped = 0 if start == file.begins else content.find(b"\n") + 1
            if start == file.begins or 0 < skipped < len(content) or span >= _MOST_LINE_SPAN:
                break
            span *= 4
        # A line that has no beginning within the span is taken as several.
        skipped = skipped if skipped < len(content) else 0
        content = content[skipped:]
        ceiling = self.oldest(now)
        if content:
            self.blocks.insert(0, older_block(file.text, start + skipped, content, ceiling))
        # A file that cannot be read, or was cut meanwhile, has no older lines.
        file.low = start + skipped if content else file.begins
        self.forgotten = self.forgotten or (self.count >= MOST_LINES and self.unread > 0)
        return bool(content)

    # --- files ---

    def _look_first(self) -> None:
        for path in (*_rotated(self.path), self.path):
            with contextlib.suppress(FileNotFoundError):
                try:
                    self._files.append(_File(path))
                    self.problem = ""
                except FileNotFoundError:
                    raise
                except OSError as error:
                    self.problem = f"{path} cannot be read: {os.strerror(error.errno or 0)}"
        for rotated in self._files[:-1]:
            # Nobody writes to it any more, so its last words are a line too.
            rotated.low = rotated.high = rotated.text.size
        self._older = list(self._files)

    def _opened(self, identity: tuple[int, int]) -> _File | None:
        """The file that has the log's name now, as the newest."""
        for known in self._files:
            if known.text.identity == identity:
                self._files.remove(known)
                self._files.append(known)
                return known
        try:
            file = _File(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.problem = f"{self.path} cannot be read: {os.strerror(error.errno or 0)}"
            return None
        self.problem = ""
        # It is new, so all of it is.
        file.low = file.high = file.begins
        self._files.append(file)
        return file

    def _start_again(self, file: _File) -> None:
        """The file was cut: what was known of it is no more."""
        self.blocks = [block for block in self.blocks if block.text is not file.text]
        file.begins = file.low = file.high = 0

    def _drop_gone(self) -> None:
        """Close what rotation deleted, with its lines: an open file keeps its room on the disk."""
        there = set()
        for path in (*_rotated(self.path), self.path):
            with contextlib.suppress(OSError):
                found = os.stat(path)
                there.add((found.st_dev, found.st_ino))
        for file in [each for each in self._files if each.text.identity not in there]:
            self._files.remove(file)
            if self._older and file in self._older:
                self._older.remove(file)
            self.blocks = [block for block in self.blocks if block.text is not file.text]
            file.text.close()

    def _forget(self) -> None:
        while len(self.blocks) > 1 and self.count - len(self.blocks[0]) >= MOST_LINES:
            del self.blocks[0]
            self.forgotten = True


def _is_full(block: Block) -> bool:
    return block.end - block.start >= BLOCK_BYTES


def _rotated(path: Path) -> list[Path]:
    """Files that were rotated away, oldest first."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir(path.parent):
            if name.startswith(path.name) and (number := _ROTATED.fullmatch(name[len(path.name) :])):
                found.append((int(number[1]), path.parent / name))
    return [each for _number, each in sorted(found, reverse=True)]
