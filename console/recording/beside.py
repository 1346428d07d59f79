"""What no Snapshot holds, read while a session is recorded to a file: the node from inside, and what was done."""

from __future__ import annotations

import asyncio

from console.errors import ConsoleError
from console.model import AuditEntry, InsideReading
from console.ports.session import Audit, Session
from console.recording.recorder import Recorder

LOOK_S = 5.0
"""Seconds between two looks: each costs some milliseconds."""
STORAGE_S = 60.0
"""Seconds after which generations and rollback points are read again although nothing was done."""
ENTRIES_BEFORE = 2000
"""Entries from before the recording that are taken into it, the newest."""


class Beside:
    """Looks now and then, and gives what is new to the recorder.

    Args:
        session: Looks.
        recorder: Takes it.
    """

    def __init__(self, session: Session, recorder: Recorder) -> None:
        self._session = session
        self._recorder = recorder
        self._known: dict[str, AuditEntry] | None = None
        self._seen = InsideReading(None, None)
        self._storage_at = float("-inf")

    async def run(self) -> None:
        """Look until nothing is written to a file any more, or until cancelled."""
        await self._recorder.began.wait()
        audit = self._session.audit()
        while self._recorder.to_file:
            await self.look(audit)
            await asyncio.sleep(LOOK_S)

    async def look(self, audit: Audit) -> None:
        """Look once."""
        now = self._session.now()
        new = await asyncio.to_thread(self._new_entries, audit)
        await self._recorder.done(now, new)
        self._seen = await self._inside(now, something_done=bool(new))
        await self._recorder.inside(now, self._seen)

    def _new_entries(self, audit: Audit) -> list[AuditEntry]:
        entries = audit.read().entries
        known = self._known
        if known is None:
            # Older ones are known, and stay out.
            known = {entry.key: entry for entry in entries[:-ENTRIES_BEFORE]}
        new = [entry for entry in entries if known.get(entry.key) != entry]
        self._known = known | {entry.key: entry for entry in new}
        return new

    async def _inside(self, now: float, *, something_done: bool) -> InsideReading:
        try:
            processes = await self._session.node_processes()
            storage = self._seen.storage
            if storage is None or something_done or now - self._storage_at >= STORAGE_S:
                storage, self._storage_at = await self._session.node_storage(), now
        except ConsoleError as error:
            return InsideReading(None, None, str(error))
        return InsideReading(processes, storage)
