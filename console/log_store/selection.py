"""Which lines of the logs are shown: by log, by level, by text; found block by block, the newest first."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

from console.log_store.block import Block
from console.log_store.line import Level, LogEntry, entry_of, plain
from console.log_store.merged import in_order, row_of

Rows: TypeAlias = "range | array[int]"
"""Numbers of lines in a block, rising."""


@dataclass(frozen=True, slots=True)
class LineFilter:
    """What is asked of a line."""

    sources: frozenset[str] | None = None
    """Names of the logs; None for all."""
    least: Level = Level.DEBUG
    keeps: Callable[[str], bool] | None = None
    """Asked of the line's text; None keeps all."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line, wherever others come and go."""

    source: str
    block: Block
    index: int


@dataclass(frozen=True, slots=True)
class Window:
    """Some of the selected lines that stand together."""

    first: int
    """Row of the first among all selected ones, from 0."""
    entries: tuple[LogEntry, ...]
    places: tuple[Place, ...]
    total: int
    """Selected lines."""


class _Column:
    """The selected lines of one log, as `console.log_store.merged.Moments`."""

    def __init__(self, source: str, parts: Sequence[tuple[Block, Rows]]) -> None:
        self.source = source
        self._parts = [(block, rows) for block, rows in parts if len(rows)]
        self._starts = [0, *accumulate(len(rows) for _block, rows in self._parts)]

    def __len__(self) -> int:
        return self._starts[-1]

    def place(self, index: int) -> tuple[Block, int]:
        """Block and number of a line."""
        part = bisect_right(self._starts, index) - 1
        block, rows = self._parts[part]
        return block, rows[index - self._starts[part]]

    def at(self, index: int) -> int:
        block, number = self.place(index)
        return block.times[number]

    def before(self, at: int) -> int:
        return self._count(at, lambda block: block.before(at))

    def until(self, at: int) -> int:
        return self._count(at, lambda block: block.until(at))

    def index_of(self, block: Block, number: int) -> int:
        """How many lines stand before one, which need not be selected itself."""
        before = 0
        for each, rows in self._parts:
            if each is block:
                return before + _below(rows, number)
            if each.text is block.text and each.start > block.start:
                return before
            if each.text is not block.text and each.times[0] > block.times[min(number, len(block) - 1)]:
                return before
            before += len(rows)
        return before

    def _count(self, at: int, inside: Callable[[Block], int]) -> int:
        # Moments never fall: only one block can hold the border, or some whose lines all have this moment.
        found = bisect_left(self._parts, at, key=lambda part: part[0].times[-1])
        count = self._starts[found]
        for block, rows in self._parts[found:]:
            number = inside(block)
            if not number:
                break
            count += _below(rows, number)
            if number < len(block):
                break
        return count


class Selection:
    """The lines that pass a filter, as far as they are looked at.

    Args:
        asked: The filter.
        within: Only lines of this selection are looked at: a search.
    """

    def __init__(self, asked: LineFilter, within: Selection | None = None) -> None:
        self.asked = asked
        self.within = within
        self.until: int | None = None
        """Microseconds since 1970 of the newest line that is shown: the log as it was then; None for all."""
        self._found: dict[Block, tuple[int, array[int]]] = {}
        """By block: how many of its lines were looked at, and which pass."""

    @property
    def _takes_all(self) -> bool:
        return self.asked.keeps is None and self.asked.least <= Level.DEBUG

    def scan(self, logs: Mapping[str, Sequence[Block]], stop: Callable[[], bool]) -> bool:
        """Look at lines that were not looked at, the newest blocks first; whether all are looked at now.

        Args:
            logs: The blocks of each log, oldest first.
            stop: Asked after each block.
        """
        if self.within is not None and not self.within.scan(logs, stop):
            return False
        if self._takes_all:
            return True
        there = {block for blocks in logs.values() for block in blocks}
        for gone in self._found.keys() - there:
            del self._found[gone]
        left = [block for block in self._taken(logs) if self._looked_at(block) < len(block)]
        for block in sorted(left, key=lambda block: -block.times[-1]):
            self._look_at(block)
            if stop():
                return False
        return True

    def has_seen(self, place: Place) -> bool:
        """Whether a line was looked at."""
        if self._takes_all:
            return self.within is None or self.within.has_seen(place)
        return self._looked_at(place.block) > place.index

    def progress(self, logs: Mapping[str, Sequence[Block]]) -> tuple[int, int]:
        """(lines looked at, lines there are)."""
        mine = self._taken(logs)
        there = sum(map(len, mine))
        return there if self._takes_all else sum(map(self._looked_at, mine)), there

    def total(self, logs: Mapping[str, Sequence[Block]]) -> int:
        """Lines found so far."""
        return sum(map(len, self._columns(logs)))

    def window(self, logs: Mapping[str, Sequence[Block]], first: int, count: int) -> Window:
        """Lines from a row on, with their text."""
        columns = self._columns(logs)
        total = sum(map(len, columns))
        first = max(0, min(first, total - 1))
        entries, places = [], []
        for log, index in in_order(columns, first, count):
            block, number = columns[log].place(index)
            raw, length = block.line(number)
            source = columns[log].source
            entries.append(entry_of(source, block.times[number], Level(block.levels[number]), raw, length))
            places.append(Place(source, block, number))
        return Window(first, tuple(entries), tuple(places), total)

    def places(self, logs: Mapping[str, Sequence[Block]]) -> Iterator[Place]:
        """Every line found so far, oldest first."""
        columns = self._columns(logs)
        for log, index in in_order(columns, 0, sum(map(len, columns))):
            yield Place(columns[log].source, *columns[log].place(index))

    def row_of(self, logs: Mapping[str, Sequence[Block]], place: Place) -> int:
        """The row of a line; where it is not selected, of the next one that is."""
        columns = self._columns(logs)
        own = next((log for log, column in enumerate(columns) if column.source == place.source), None)
        at = place.block.times[min(place.index, len(place.block) - 1)]
        if own is None:
            return sum(column.before(at) for column in columns)
        index = columns[own].index_of(place.block, place.index)
        if index < len(columns[own]) and columns[own].place(index) == (place.block, place.index):
            return row_of(columns, own, index)
        return index + sum(column.before(at) for log, column in enumerate(columns) if log != own)

    def row_at(self, logs: Mapping[str, Sequence[Block]], at: int) -> int:
        """The first row that is not older than a moment, in microseconds since 1970."""
        return sum(column.before(at) for column in self._columns(logs))

    def row_after(self, logs: Mapping[str, Sequence[Block]], at: int) -> int:
        """The first row that is newer than a moment."""
        return sum(column.until(at) for column in self._columns(logs))

    def _columns(self, logs: Mapping[str, Sequence[Block]]) -> list[_Column]:
        return [
            _Column(source, [(block, self._rows_then(block)) for block in blocks])
            for source, blocks in logs.items()
            if self.takes(source)
        ]

    def rows(self, block: Block) -> Rows:
        """The selected lines of a block."""
        if self._takes_all:
            return range(len(block)) if self.within is None else self.within.rows(block)
        found = self._found.get(block)
        return array("I") if found is None else found[1]

    def _rows_then(self, block: Block) -> Rows:
        rows = self.rows(block)
        if self.until is None or block.times[-1] <= self.until:
            return rows
        return rows[: _below(rows, block.until(self.until))]

    def takes(self, source: str) -> bool:
        asked = self.asked.sources
        return (asked is None or source in asked) and (self.within is None or self.within.takes(source))

    def _taken(self, logs: Mapping[str, Sequence[Block]]) -> list[Block]:
        return [block for source, blocks in logs.items() if self.takes(source) for block in blocks]

    def _looked_at(self, block: Block) -> int:
        found = self._found.get(block)
        return 0 if found is None else found[0]

    def _look_at(self, block: Block) -> None:
        start, rows = self._found.get(block) or (0, array("I"))
        least, keeps = self.asked.least, self.asked.keeps
        base = range(len(block)) if self.within is None else self.within.rows(block)
        fresh = [number for number in base[_below(base, start) :] if block.levels[number] >= least]
        if keeps is not None and fresh:
            lines = block.lines()
            fresh = [number for number in fresh if keeps(plain(lines[number]))]
        self._found[block] = (len(block), array("I", [*rows, *fresh]))


def _below(rows: Rows, number: int) -> int:
    return bisect_left(rows, number)
