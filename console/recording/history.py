"""This session's own moments, in bounded memory: the newest whole, older ones thinner and thinner."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from threading import Lock

from console.model import InsideReading, Moment, Snapshot
from console.recording.format import (
    STRETCH,
    LogLine,
    delta_line,
    full_line,
    inside_line,
    insides_of,
    log_line,
    log_of,
    moment_of,
    snapshots_of,
)
from console.recording.timeline import Loose, Packed, Stretch, Timeline

MAX_STRETCHES = 28
"""Stretches kept: about 7,200 Snapshots, two hours at one a second, are kept whole."""
MAX_BYTES = 32 << 20
"""Bytes kept of them, compressed."""
_LINES_KEPT = 20
"""Log lines that a moment keeps when its neighbours are thinned out."""


@dataclass(frozen=True, slots=True)
class Tidied:
    """What becomes of stretches that are not written to any more."""

    before: tuple[Stretch, ...]
    after: Stretch


class History(Timeline):
    """Moments as they come. Changed by one thread; the scene of a moment may be asked for in others."""

    def __init__(self) -> None:
        super().__init__()
        self._open: list[bytes] = []
        self._moments: list[Moment] = []
        self._growing: Stretch | None = None
        self._growth = Lock()
        self._count = 0

    @property
    def wants_whole(self) -> bool:
        """Whether the next Snapshot has to be a whole one."""
        return not self._moments or len(self._moments) >= STRETCH

    def add_snapshot(self, line: bytes) -> Moment:
        """Take the line of a Snapshot; a whole one begins a stretch."""
        self._count += 1
        moment = moment_of(line, self._count)
        assert moment is not None  # the recorder encoded it
        with self._growth:
            if self.wants_whole and self._moments:
                self._stretches = [*self._stretches, Stretch(tuple(self._moments), Loose(tuple(self._open)))]
                self._open, self._moments = [], []
            self._open.append(line)
            self._moments.append(moment)
            self._growing = None
        return moment

    def add_beside(self, line: bytes) -> None:
        """Take a line of what was told beside the Snapshots: log lines, a reading of the node."""
        with self._growth:
            self._open.append(line)
            self._growing = None

    def untidy(self) -> tuple[Stretch, ...]:
        """Stretches that should be packed, or thinned into one; empty when all is in order."""
        for stretch in self._stretches:
            if isinstance(stretch.lines, Loose):
                return (stretch,)
        size = sum(len(each.lines.body) for each in self._stretches if isinstance(each.lines, Packed))
        if len(self._stretches) <= MAX_STRETCHES and size <= MAX_BYTES:
            return ()
        # As a counter counts in binary: each level has one stretch or two, so that hours shrink to a few.
        for one, two in zip(self._stretches, self._stretches[1:], strict=False):
            if one.level == two.level:
                return (one, two)
        return tuple(self._stretches[:2]) if len(self._stretches) > 1 else ()

    def take(self, tidied: Tidied) -> None:
        """Put a tidied stretch in the place of those that it was made of."""
        at = self._stretches.index(tidied.before[0])
        self._stretches = [
            *self._stretches[:at],
            tidied.after,
            *self._stretches[at + len(tidied.before) :],
        ]

    def _all(self) -> list[Stretch]:
        with self._growth:
            if self._moments and self._growing is None:
                self._growing = Stretch(tuple(self._moments), Loose(tuple(self._open)))
            return self._stretches if self._growing is None else [*self._stretches, self._growing]


def snapshot_line(before: Snapshot | None, snapshot: Snapshot, *, event: bool) -> bytes:
    """The line of a Snapshot: what changed, or all of it where there is none before it. Raises RecordingError."""
    return full_line(snapshot, event=event) if before is None else delta_line(before, snapshot, event=event)


def tidied(stretches: tuple[Stretch, ...]) -> Tidied:
    """One stretch packed, or two thinned into one: every second moment goes, events stay. For a thread.

    Where nearly everything is an event, as with an endpoint that comes and goes, events go as well.
    """
    if len(stretches) == 1:
        return Tidied(stretches, replace(stretches[0], lines=Packed.of(stretches[0].lines.read())))
    lines: list[bytes] = []
    moments: list[Moment] = []
    last: Snapshot | None = None
    pending: list[LogLine] = []
    seen: InsideReading | None = None
    crowded = sum(moment.event for stretch in stretches for moment in stretch.moments) > STRETCH
    for stretch in stretches:
        read = stretch.lines.read()
        snapshots = iter(zip(stretch.moments, snapshots_of(read), strict=True))
        insides = insides_of(read)
        for line in read:
            if moment_of(line, 0) is None:
                pending += log_of(line)
                continue
            moment, snapshot = next(snapshots)
            stays = moment.event and not crowded
            if last is not None and not stays and moment.number % (2 << stretch.level):
                continue
            if pending:
                lines.append(log_line(moment.time, pending[-_LINES_KEPT:]))
                pending = []
            looked = bisect_right(insides, moment.time, key=lambda each: each[0])
            if looked and insides[looked - 1][1] != seen:
                read_at, reading = insides[looked - 1]
                lines.append(inside_line(read_at, seen, reading))
                seen = reading
            lines.append(snapshot_line(last, snapshot, event=moment.event))
            moments.append(moment)
            last = snapshot
    level = max(each.level for each in stretches) + 1
    return Tidied(stretches, Stretch(tuple(moments), Packed.of(lines), level))
