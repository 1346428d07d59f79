"""The session of a recording: everything that was shown is shown again, and nothing can be done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import NoReturn

from console.errors import InputError
from console.hand_lock import REPLAY, HandLock
from console.log_store import LogStore
from console.model import (
    AuditReading,
    CallOutcome,
    CallReview,
    Governance,
    JournalEntry,
    KnownRelease,
    LinkedReview,
    NodeStatus,
    NodeStorage,
    ProcessTree,
    RegistryCall,
    RegistryRules,
    Snapshot,
    Standing,
)
from console.ports import Audit, Terminal, Timeline
from console.recording.file import Recording


class ReplaySession:
    """`console.ports.Session` over a recording.

    Args:
        recording: Open; closed with the session.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._hands = HandLock(REPLAY)

    @property
    def network(self) -> str:
        """The recorded network's name."""
        return self._recording.header.network

    @property
    def standing(self) -> Standing:
        """What was at stake there."""
        return self._recording.header.standing

    @property
    def read_only(self) -> bool:
        """True: there is nothing that could be changed."""
        return True

    @property
    def hands(self) -> HandLock:
        """Forbidden: there is nothing that could be changed."""
        return self._hands

    @property
    def bringing_up_devnet(self) -> bool:
        """False: nothing is started."""
        return False

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

    def lend_terminal(self, terminal: Terminal) -> None:
        """Nothing is signed, so nobody asks."""

    def check_proposal(self, fields: dict[str, str], snapshot: Snapshot | None) -> dict[str, str]:
        """Nothing can be proposed."""
        return {"name": REFUSED}

    def earliest_height(self, fields: dict[str, str], snapshot: Snapshot | None) -> int | None:
        """None: nothing can be proposed."""
        return None

    async def manifest_fields(self, path: str, url: str, height: str) -> dict[str, str]:
        """Raises InputError."""
        _refuse()

    async def proposal_call(self, fields: dict[str, str]) -> RegistryCall:
        """Raises InputError."""
        _refuse()

    async def rules(self) -> RegistryRules:
        """Raises InputError: a recording holds Snapshots and log lines."""
        _refuse()

    async def governance(self, proposal_id: int) -> Governance:
        """Raises InputError: a recording holds Snapshots and log lines."""
        _refuse()

    async def linked_reviews(self, proposal_id: int) -> tuple[LinkedReview, ...]:
        """Raises InputError: a recording holds Snapshots and log lines."""
        _refuse()

    async def cut_file_reviews(self, path: str) -> tuple[LinkedReview, ...]:
        """Raises InputError."""
        _refuse()

    async def review(self, call: RegistryCall) -> CallReview:
        """Raises InputError."""
        _refuse()

    async def send(self, review: CallReview) -> CallOutcome:
        """Raises InputError."""
        _refuse()

    async def export(self, review: CallReview) -> str:
        """Raises InputError."""
        _refuse()

    async def ready(self, proposal_id: int) -> None:
        """Raises InputError."""
        _refuse()

    async def node_action(self, action: str) -> NodeStatus:
        """Raises InputError."""
        _refuse()

    async def node_processes(self) -> ProcessTree:
        """Raises InputError: a recording holds Snapshots and log lines."""
        _refuse()

    async def node_storage(self) -> NodeStorage:
        """Raises InputError: a recording holds Snapshots and log lines."""
        _refuse()

    async def node_timeline(self) -> tuple[JournalEntry, ...]:
        """Raises InputError: a recording holds Snapshots and log lines."""
        _refuse()

    async def release(self) -> KnownRelease:
        """Raises InputError: a recording holds Snapshots and log lines."""
        _refuse()

    async def arm_unproven(self, reason: str) -> NodeStatus:
        """Raises InputError."""
        _refuse()

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

    def logs(self) -> LogStore | None:
        """None: a recording holds the newest lines of each moment, which the views are given."""
        return None

    def audit(self) -> Audit:
        """Says that a recording holds none."""
        return _NoAudit()

    async def save_lines(self, name: str, lines: Iterable[str]) -> tuple[str, int]:
        """Raises InputError."""
        _refuse()

    async def close(self) -> None:
        """Close the file."""
        self._recording.close()


REFUSED = "this is a replay: it shows what was recorded, and asks nobody"


class _NoAudit:
    """The audit of a recording."""

    def read(self) -> AuditReading:
        """Nothing but a word."""
        return AuditReading((), ("A recording holds no audit: it is read from the journal where the node is.",))


def _refuse() -> NoReturn:
    raise InputError(REFUSED, safe="nothing was changed")
