"""Sessions over what is over, a recording or this session's own past: it is shown, and nothing is asked or done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, TypeVar

from console.errors import InputError
from console.hand_lock import REPLAY
from console.model import (
    AuditCheck,
    AuditReading,
    InsideReading,
    JournalEntry,
    NodeStorage,
    ProcessTree,
    Snapshot,
    Standing,
)
from console.operations.audit import journal_entry
from console.operations.silent_session import SilentSession
from console.ports.session import Audit, Session, Timeline

if TYPE_CHECKING:
    from console.procedures.desk import Desk
    from console.recording.file import Recording

T = TypeVar("T")

JOURNAL_SHOWN = 200
"""Entries of the journal that are told at a time."""

IN_A_REPLAY = "it is not in the recording, and in a replay nobody is asked"
IN_THE_PAST = "it was not recorded, so it is not known of the past; End returns to the present"


class _RecordedAudit:
    """What a recording says that was decided and done."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._reading: AuditReading | None = None

    def read(self) -> AuditReading:
        """All of the recording; read once."""
        if self._reading is None:
            found = self._recording.audit()
            if not self._recording.done:
                found = AuditReading((), (f"{IN_A_REPLAY}.",))
            self._reading = found
        return self._reading

    def check(self) -> AuditCheck:
        """Nothing: of a recording it cannot be told."""
        return AuditCheck((), (f"{IN_A_REPLAY}.",))


class ReplaySession(SilentSession):
    """`console.ports.session.Session` over a recording. Of the node from inside its scenes tell: see `PastSession`.

    Args:
        recording: Open; closed with the session.
    """

    def __init__(self, recording: Recording) -> None:
        super().__init__(IN_A_REPLAY, REPLAY)
        self._recording = recording
        self._audit = _RecordedAudit(recording)

    @property
    def network(self) -> str:
        """The recorded network's name."""
        return self._recording.header.network

    @property
    def standing(self) -> Standing:
        """What was at stake there."""
        return self._recording.header.standing

    @property
    def own_address(self) -> str:
        """Checksummed address of the validator whose node the recorded session had; empty for none."""
        return self._recording.header.own_address

    @property
    def recording(self) -> Timeline:
        """What is shown."""
        return self._recording.timeline

    def now(self) -> float:
        """Unix seconds of the recording's first moment: the present of now means nothing in it."""
        first = self._recording.timeline.first
        return 0.0 if first is None else first.time

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        """Yield every Snapshot of the recording, one after the other. Raises RecordingError."""
        timeline = self._recording.timeline
        moment = timeline.first
        while moment is not None:
            yield timeline.scene(moment.number).snapshot
            moment = timeline.after(moment.number)

    async def log_lines(self) -> AsyncIterator[tuple[str, str]]:
        """Yield the log lines of the recording's end. Raises RecordingError."""
        timeline = self._recording.timeline
        if timeline.last is not None:
            for line in timeline.scene(timeline.last.number).lines:
                yield line

    def audit(self) -> Audit:
        """What was decided and done, as it was recorded."""
        return self._audit

    async def node_timeline(self) -> tuple[JournalEntry, ...]:
        """The journal's entries as they were recorded, newest first. Raises InputError: none was."""
        reading = await asyncio.to_thread(self._audit.read)
        if reading.problems:
            self._refuse()
        found = (journal_entry(entry) for entry in reversed(reading.entries))
        return tuple(entry for entry in found if entry is not None)

    async def close(self) -> None:
        """Close the file."""
        self._recording.close()


class PastSession(SilentSession):
    """A session over whose past a view stands, or a replay: what only its present could answer is not asked.

    Args:
        session: Of the present, or of the recording.
        until: The moment that is shown, Unix seconds.
        inside: The node from inside, as it was seen before that moment.
    """

    def __init__(self, session: Session, until: float, inside: InsideReading | None = None) -> None:
        reason = IN_THE_PAST if session.recording is None else IN_A_REPLAY
        super().__init__(reason, reason)
        self._session = session
        self._until = until
        self._inside = inside

    @property
    def network(self) -> str:
        """The network's name."""
        return self._session.network

    @property
    def standing(self) -> Standing:
        """What is at stake there."""
        return self._session.standing

    @property
    def own_address(self) -> str:
        """Checksummed address of the validator whose node the session has; empty for none."""
        return self._session.own_address

    @property
    def recording(self) -> Timeline | None:
        """None: it is a session's own past."""
        return None

    def now(self) -> float:
        """Unix seconds at present."""
        return self._session.now()

    def audit(self) -> Audit:
        """What is known of it now, or was at the recording's end."""
        return self._session.audit()

    async def node_processes(self) -> ProcessTree:
        """As they were seen. Raises InputError: nobody looked."""
        return self._seen(None if self._inside is None else self._inside.processes)

    async def node_storage(self) -> NodeStorage:
        """As it was read. Raises InputError: nobody looked."""
        return self._seen(None if self._inside is None else self._inside.storage)

    async def node_timeline(self) -> tuple[JournalEntry, ...]:
        """What the journal held at that moment, newest first: it keeps when each entry was made."""
        entries = await self._session.node_timeline()
        kept = tuple(entry for entry in entries if entry.at <= self._until)
        if entries and not kept:
            # Those that are read at once are all later.
            self._refuse()
        return kept[:JOURNAL_SHOWN]

    async def procedures(self) -> Desk:
        """Its runs as they were at that moment: their journals keep when each row was made. Raises InputError."""
        return (await self._session.procedures()).as_of(self._until, self._hands)

    def _seen(self, found: T | None) -> T:
        if found is None:
            raise InputError(self._inside.problem if self._inside else self._reason, safe="nothing was changed")
        return found
