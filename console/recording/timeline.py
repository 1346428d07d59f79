"""Moments in the order of their taking, and the scene of each; where the lines are kept is the stretch's matter."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from console.errors import RecordingError
from console.model import InsideReading, Moment, Scene, Snapshot
from console.recording.format import LogLine, completed, insides_of, log_of, moment_of, snapshots_of

SHOWN_LINES = 200
"""Log lines of one scene."""
_LOOK_BACK = 3
"""Stretches before a moment's own in which log lines are looked for."""


class Lines(Protocol):
    """The lines of one stretch, wherever they are."""

    def read(self) -> list[bytes]:
        """All of them. Raises RecordingError."""
        ...


@dataclass(frozen=True, slots=True)
class Packed:
    """Lines in memory, compressed."""

    body: bytes

    @classmethod
    def of(cls, lines: Sequence[bytes]) -> Packed:
        """Compress lines."""
        return cls(zlib.compress(b"".join(lines), 6))

    def read(self) -> list[bytes]:
        return zlib.decompress(self.body).splitlines(keepends=True)


@dataclass(frozen=True, slots=True)
class Loose:
    """Lines in memory, as they are: those of the stretch that grows."""

    lines: tuple[bytes, ...]

    def read(self) -> list[bytes]:
        return list(self.lines)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Moments that are read together: a whole Snapshot and its changes, with the log lines between them."""

    moments: tuple[Moment, ...]
    """At least one."""
    lines: Lines
    level: int = 0
    """How often it was thinned."""


class Timeline:
    """What was recorded, for looking back. Methods but `scene` cost microseconds; `scene` may be called in a thread.

    Args:
        stretches: In the order of their moments.
    """

    def __init__(self, stretches: Iterable[Stretch] = ()) -> None:
        self._stretches: list[Stretch] = list(stretches)
        self._lock = Lock()
        self._decoded: _Decoded | None = None

    def __len__(self) -> int:
        return sum(len(each.moments) for each in self._all())

    @property
    def first(self) -> Moment | None:
        """The oldest moment; None while there is none."""
        stretches = self._all()
        return stretches[0].moments[0] if stretches else None

    @property
    def last(self) -> Moment | None:
        """The newest moment; None while there is none."""
        stretches = self._all()
        return stretches[-1].moments[-1] if stretches else None

    def before(self, number: int, *, event: bool = False) -> Moment | None:
        """The newest moment before a place, or the newest event before it; None where there is none."""
        stretches = self._all()
        for stretch in stretches[: self._stretch_at(stretches, number) + 1][::-1]:
            for moment in reversed(stretch.moments):
                if moment.number < number and (moment.event or not event):
                    return moment
        return None

    def after(self, number: int, *, event: bool = False) -> Moment | None:
        """The oldest moment after a place, or the oldest event after it; None where there is none."""
        stretches = self._all()
        for stretch in stretches[max(0, self._stretch_at(stretches, number)) :]:
            for moment in stretch.moments:
                if moment.number > number and (moment.event or not event):
                    return moment
        return None

    def place(self, number: int) -> int:
        """How many moments there are up to this one."""
        stretches = self._all()
        at = self._stretch_at(stretches, number)
        whole = sum(len(each.moments) for each in stretches[:at]) if at > 0 else 0
        return whole + (bisect_right([each.number for each in stretches[at].moments], number) if at >= 0 else 0)

    def scene(self, number: int) -> Scene:
        """What was known at a moment: it, or where it was thinned out the one before it.

        Raises:
            RecordingError: There is no such moment, or what is kept of it cannot be read.
        """
        stretches = self._all()
        at = self._stretch_at(stretches, number)
        if at < 0:
            raise RecordingError("nothing is recorded of that time")
        stretch, decoded = stretches[at], self._read(stretches, at)
        index = bisect_right([each.number for each in stretch.moments], number) - 1
        if len(decoded.snapshots) <= index:
            raise RecordingError("a stretch of the recording holds fewer Snapshots than it should")
        shown = decoded.log[: decoded.said[index]][-SHOWN_LINES:]
        moment = stretch.moments[index]
        looked = bisect_right(decoded.insides, moment.time, key=lambda each: each[0])
        inside = decoded.insides[looked - 1][1] if looked else None
        return Scene(moment, completed(decoded.snapshots[index]), tuple(shown), inside)

    def _all(self) -> list[Stretch]:
        """Every stretch at this time; the list is not changed later."""
        return self._stretches

    @staticmethod
    def _stretch_at(stretches: Sequence[Stretch], number: int) -> int:
        """Index of the last stretch that begins at or before a place; -1 where none does."""
        return bisect_right(stretches, number, key=lambda each: each.moments[0].number) - 1

    def _read(self, stretches: Sequence[Stretch], at: int) -> _Decoded:
        # Steps go from one moment to its neighbour: what was decoded for one serves for all of its stretch.
        lines = stretches[at].lines
        with self._lock:
            if self._decoded is None or self._decoded.lines is not lines:
                self._decoded = _decoded(lines, [each.lines for each in stretches[max(0, at - _LOOK_BACK) : at]])
            return self._decoded


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A stretch as it is shown."""

    lines: Lines
    snapshots: list[Snapshot]
    log: list[LogLine]
    """Oldest first; those of the stretches before it as far as they are shown."""
    said: list[int]
    """How many log lines there were at each Snapshot."""
    insides: list[tuple[float, InsideReading]]
    """Readings of the node with their times."""


def _decoded(lines: Lines, earlier: Sequence[Lines]) -> _Decoded:
    log: list[LogLine] = []
    for before in reversed(earlier):
        if len(log) < SHOWN_LINES:
            log = [*(each for line in before.read() for each in log_of(line)), *log]
    read, said = lines.read(), []
    for line in read:
        if moment_of(line, 0) is not None:
            said.append(len(log))
        else:
            log += log_of(line)
    return _Decoded(lines, snapshots_of(read), log, said, insides_of(read))
