"""The logs of a node on this machine: followed, read back to their beginning bit by bit, selected and searched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from console.log_store.block import BLOCK_BYTES, Block, MemoryText
from console.log_store.journal_source import JournalReader, JournalSource
from console.log_store.line import MOST_BYTES, Level, LogEntry, entry_of, head_of, plain
from console.log_store.selection import LineFilter, Place, Selection, Window
from console.log_store.source import LogSource
from console.text import untrusted


class LogStore:
    """What is known of some logs. `step` does the reading; it is called again and again in a thread, as all else is.

    Args:
        files: File of each log by the log's name; older ones are beside it.
        clock: Unix seconds.
        journals: Who reads the logs that are in systemd's journal, by the log's name.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        clock: Callable[[], float] = time.time,
        journals: Mapping[str, JournalReader] | None = None,
    ) -> None:
        self._sources: dict[str, LogSource | JournalSource] = {
            **{name: JournalSource(reader) for name, reader in (journals or {}).items()},
            **{name: LogSource(path) for name, path in files.items()},
        }
        self._clock = clock
        self._lock = threading.RLock()
        self._given: dict[str, list[Block]] = {}
        self._closed = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the logs."""
        return (*self._sources, *(name for name in self._given if name not in self._sources))

    @property
    def paths(self) -> tuple[str, ...]:
        """Where the logs are, as it may be shown."""
        return tuple(untrusted(source.path) for source in self._sources.values())

    def add(self, source: str, line: str, at: float | None = None) -> None:
        """Add a line that is in no file, as a recording does.

        Args:
            source: Name of its log.
            line: Its text.
            at: Unix seconds when it came; None for now.
        """
        with self._lock:
            blocks = self._given.setdefault(source, [])
            block = blocks[-1] if blocks else None
            if block is None or block.end - block.start >= BLOCK_BYTES:
                block = Block(MemoryText(), 0)
                blocks.append(block)
            assert isinstance(block.text, MemoryText)
            _start, raw = block.text.add(line)
            head = head_of(plain(raw))
            arrived = int((self._clock() if at is None else at) * 1_000_000)
            block.add(len(raw) + 1, max(self._newest(), head.at if head.at is not None else arrived), head.level)

    def step(self, selection: Selection | None = None, stop: Callable[[], bool] = lambda: True) -> bool:
        """Read what is new, then older lines, then look at them for a selection; whether there is more to do.

        Args:
            selection: For which lines are looked at.
            stop: Asked between two blocks: whether it is time to come back.
        """
        while not self._closed:
            with self._lock:
                now = int(self._clock() * 1_000_000)
                grew = [source.forward(self._newest(), now) for source in self._sources.values()]
                # Both go back evenly in time: first the one of which less is known.
                order = sorted(self._sources.values(), key=lambda source: -source.oldest(now))
                older = any(source.backward(now) for source in order)
                scanned = selection is None or selection.scan(self._blocks(), lambda: True)
            busy = any(grew) or older or not scanned
            if not busy or stop():
                return busy
        return False

    def close(self) -> None:
        """Close the files; a step that goes on elsewhere ends soon."""
        self._closed = True
        with self._lock:
            for source in self._sources.values():
                source.close()

    # --- what is known ---

    @property
    def problems(self) -> tuple[str, ...]:
        """Which logs cannot be read, one clause each."""
        return tuple(source.problem for source in self._sources.values() if source.problem)

    @property
    def missing(self) -> bool:
        """Whether there is no line and no file to read."""
        return all(source.missing and not source.blocks for source in self._sources.values()) and not self._given

    @property
    def unread(self) -> int:
        """Bytes of older lines that are still to be read."""
        return sum(source.unread for source in self._sources.values() if not source.forgotten)

    @property
    def forgotten(self) -> bool:
        """Whether there are older lines than are known at a time."""
        return any(source.forgotten for source in self._sources.values())

    def total(self, selection: Selection) -> int:
        """Lines selected so far."""
        with self._lock:
            return selection.total(self._blocks())

    def progress(self, selection: Selection) -> tuple[int, int]:
        """(lines looked at, lines there are)."""
        with self._lock:
            return selection.progress(self._blocks())

    def window(self, selection: Selection, first: int, count: int) -> Window:
        """Selected lines from a row on, with their text."""
        with self._lock:
            return selection.window(self._blocks(), first, count)

    def row_of(self, selection: Selection, place: Place) -> int:
        """The row of a line; where it is not selected, of the next that is."""
        with self._lock:
            return selection.row_of(self._blocks(), place)

    def row_at(self, selection: Selection, at: float) -> int:
        """The first row that is not older than a moment, in Unix seconds."""
        with self._lock:
            return selection.row_at(self._blocks(), int(at * 1_000_000))

    def until(self, at: float, count: int, selection: Selection | None = None) -> tuple[LogEntry, ...]:
        """The newest lines that were there at a moment, oldest first: the log as it was then.

        Args:
            at: Unix seconds.
            count: Most lines.
            selection: Which lines; all when not given.
        """
        chosen = selection or Selection(LineFilter())
        with self._lock:
            end = chosen.row_after(self._blocks(), int(at * 1_000_000))
            first = max(0, end - count)
            return chosen.window(self._blocks(), first, end - first).entries if end > first else ()

    def whole(self, place: Place) -> tuple[LogEntry, str]:
        """A line, and its text uncut up to `MOST_BYTES`, made safe."""
        with self._lock:
            raw, length = place.block.line(place.index)
            level = Level(place.block.levels[place.index])
            entry = entry_of(place.source, place.block.times[place.index], level, raw, length)
        text = untrusted(plain(raw), MOST_BYTES)
        return entry, text + (f" (+{length - len(raw)} bytes)" if length > len(raw) else "")

    def saved_lines(self, selection: Selection) -> Iterator[str]:
        """Every selected line uncut and made safe, after its log's name where there are several."""
        with self._lock:
            places = selection.places(self._blocks())
        several = sum(selection.takes(name) for name in self.names) > 1
        for place in places:
            _entry, text = self.whole(place)
            yield f"{place.source:<10} {text}" if several else text

    def _blocks(self) -> dict[str, list[Block]]:
        found = {name: source.blocks for name, source in self._sources.items()}
        for name, blocks in self._given.items():
            found[name] = [*found.get(name, []), *blocks]
        return found

    def _newest(self) -> int:
        return max(
            (blocks[-1].times[-1] for blocks in self._blocks().values() if blocks and len(blocks[-1])), default=0
        )
