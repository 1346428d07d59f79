"""Takes what a session shows: into its history, and where asked for into a file. Encoded in a thread, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from console.errors import RecordingError
from console.model import AuditEntry, InsideReading, Snapshot, events_between
from console.recording.file import RecordingFile
from console.recording.format import Header, LogLine, audit_lines, header_line, inside_line, log_line
from console.recording.history import History, snapshot_line, tidied

MAX_WAITING = 256
"""Snapshots and batches that wait to be encoded; beyond it new ones are left out of the recording."""


@dataclass(frozen=True, slots=True)
class _Lines:
    time: float
    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class _Inside:
    time: float
    reading: InsideReading


@dataclass(frozen=True, slots=True)
class _Done:
    time: float
    entries: tuple[AuditEntry, ...]


class Recorder:
    """Keeps a session's Snapshots and what was told beside them.

    Args:
        file: Where they are written as well; None for nowhere.
        tell: Says one sentence to the operator, when the file cannot be written any more.
        header: Whose session it is; asked for when there is something to write.
    """

    def __init__(self, file: RecordingFile | None, tell: Callable[[str], None], header: Callable[[], Header]) -> None:
        self.history = History()
        """What was taken."""
        self.began = asyncio.Event()
        """Set with the first Snapshot: nothing is told beside one before."""
        self._file = file
        self._tell = tell
        self._header = header
        self._begun = False
        self._waiting: asyncio.Queue[Snapshot | _Lines | _Inside | _Done] = asyncio.Queue(MAX_WAITING)
        self._before: Snapshot | None = None
        self._looked: _Inside | None = None
        """The last reading of the node that is in the stretch."""

    @property
    def to_file(self) -> bool:
        """Whether it is written to a file."""
        return self._file is not None

    def snapshot(self, snapshot: Snapshot) -> None:
        """Take a Snapshot; returns at once."""
        if not self._waiting.full():
            self._waiting.put_nowait(snapshot)

    def lines(self, time: float, lines: tuple[LogLine, ...]) -> None:
        """Take log lines that came at a time in Unix seconds; returns at once."""
        if lines and not self._waiting.full():
            self._waiting.put_nowait(_Lines(time, lines))

    async def inside(self, time: float, reading: InsideReading) -> None:
        """Take a reading of the node from inside, made at a time in Unix seconds."""
        await self._waiting.put(_Inside(time, reading))

    async def done(self, time: float, entries: Sequence[AuditEntry]) -> None:
        """Take what was decided and done since, or has another outcome, as known at a time in Unix seconds."""
        if entries:
            await self._waiting.put(_Done(time, tuple(entries)))

    async def run(self) -> None:
        """Encode what was taken, until cancelled."""
        while True:
            match await self._waiting.get():
                case Snapshot() as snapshot:
                    await self._keep(snapshot)
                case _Lines(time, lines):
                    await self._keep_beside(await asyncio.to_thread(log_line, time, lines))
                case _Inside() as looked:
                    await self._keep_looked(looked)
                case _Done(time, entries):
                    # Not in the history: at present the audit itself tells the past.
                    with suppress(RecordingError):
                        for line in await asyncio.to_thread(audit_lines, time, entries):
                            await self._write(line)
            self._waiting.task_done()

    async def caught_up(self) -> None:
        """Wait until everything that was taken is kept."""
        await self._waiting.join()

    async def _keep(self, snapshot: Snapshot) -> None:
        before = None if self.history.wants_whole else self._before
        try:
            line = await asyncio.to_thread(_encoded, before, self._before, snapshot)
        except RecordingError:
            # A number that is none: this one picture is missing, and neither session nor recording ends.
            return
        self._before = snapshot
        self.began.set()
        self.history.add_snapshot(line)
        await self._write(line)
        if before is None and self._looked is not None:
            looked, self._looked = self._looked, None
            await self._keep_looked(looked)
        while untidy := self.history.untidy():
            self.history.take(await asyncio.to_thread(tidied, untidy))

    async def _keep_looked(self, looked: _Inside) -> None:
        known = None if self._looked is None else self._looked.reading
        if known == looked.reading:
            return
        try:
            line = await asyncio.to_thread(inside_line, looked.time, known, looked.reading)
        except RecordingError:
            return
        self._looked = looked
        await self._keep_beside(line)

    async def _keep_beside(self, line: bytes) -> None:
        self.history.add_beside(line)
        await self._write(line)

    async def _write(self, line: bytes) -> None:
        if self._file is not None:
            if not self._begun:
                self._begun, line = True, header_line(self._header()) + line
            try:
                await asyncio.to_thread(self._file.write, line)
            except RecordingError as error:
                self._stop(str(error))

    def _stop(self, sentence: str) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            self._tell(sentence)


def _encoded(before: Snapshot | None, last: Snapshot | None, snapshot: Snapshot) -> bytes:
    """The line of a Snapshot: all of it without one before it in its stretch; told from the last in any case."""
    event = last is None or bool(events_between(last, snapshot))
    return snapshot_line(before, snapshot, event=event)
