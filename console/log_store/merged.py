"""Lines of several logs in the order of their moments, without a list of them all.

Each log is a sequence of moments that never fall. Of two logs with the same moment, the first log's lines come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol


class Moments(Protocol):
    """The moments of one log's lines, in microseconds, oldest first."""

    def __len__(self) -> int: ...
    def at(self, index: int) -> int:
        """Moment of a line."""
        ...

    def before(self, at: int) -> int:
        """How many lines are older."""
        ...

    def until(self, at: int) -> int:
        """How many lines are not newer."""
        ...


def divided(logs: Sequence[Moments], row: int) -> list[int]:
    """How many lines of each log stand before a row of all of them together."""
    lengths = [len(log) for log in logs]
    if row <= 0:
        return [0] * len(logs)
    if row >= sum(lengths):
        return lengths
    low = min(log.at(0) for log, length in zip(logs, lengths, strict=True) if length)
    high = max(log.at(length - 1) for log, length in zip(logs, lengths, strict=True) if length)
    # The moment of that row: the first up to which there are more lines than stand before it.
    while low < high:
        middle = (low + high) // 2
        if sum(log.until(middle) for log in logs) > row:
            high = middle
        else:
            low = middle + 1
    older = [log.before(low) for log in logs]
    left = row - sum(older)
    for place, log in enumerate(logs):
        taken = min(left, log.until(low) - older[place])
        older[place] += taken
        left -= taken
    return older


def row_of(logs: Sequence[Moments], log: int, index: int) -> int:
    """The row of a line among all of them together."""
    at = logs[log].at(index)
    others = (each.until(at) if place < log else each.before(at) for place, each in enumerate(logs) if place != log)
    return index + sum(others)


def in_order(logs: Sequence[Moments], row: int, count: int) -> Iterator[tuple[int, int]]:
    """(log, index) of `count` lines from a row on; fewer at the end."""
    heads = divided(logs, row)
    for _ in range(count):
        ready = [(log.at(heads[place]), place) for place, log in enumerate(logs) if heads[place] < len(log)]
        if not ready:
            return
        _at, place = min(ready)
        yield place, heads[place]
        heads[place] += 1
