"""A session that asks nobody and changes nothing: what sessions over the past have in common."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import TYPE_CHECKING, NoReturn

from console.errors import InputError
from console.hand_lock import HandLock
from console.log_store import LogStore
from console.maintenance import MaintenanceWindow
from console.model import (
    AuditCheck,
    AuditReading,
    CallOutcome,
    FleetNode,
    Governance,
    JournalEntry,
    KnownRelease,
    LinkedReview,
    NodeCommand,
    NodeStatus,
    NodeStorage,
    ProcessTree,
    RegistryRules,
    Reviewed,
    Said,
    SigningRecord,
    Snapshot,
    Stance,
    Traffic,
)
from console.ports.keys import Terminal
from console.ports.session import Audit

if TYPE_CHECKING:
    from console.operations.node_abort import NetworkAbort
    from console.procedures.desk import Desk


class _NoAudit:
    """An audit of which nothing is known.

    Args:
        reason: Why, in one sentence.
    """

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def read(self) -> AuditReading:
        """Nothing but the reason."""
        return AuditReading((), (f"{self._reason}.",))

    def check(self) -> AuditCheck:
        """Nothing but the reason."""
        return AuditCheck((), (f"{self._reason}.",))


class SilentSession:
    """What sessions over the past have in common: nothing is asked, and nothing can be changed.

    Args:
        reason: Why nothing is asked, in one sentence.
        forbidden: Why nothing can be changed, in one sentence.
    """

    def __init__(self, reason: str, forbidden: str) -> None:
        self._reason = reason
        self._hands = HandLock(forbidden)

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

    def lend_terminal(self, terminal: Terminal) -> None:
        """Nothing is signed, so nobody asks."""

    def check_proposal(self, fields: dict[str, str], snapshot: Snapshot | None) -> dict[str, str]:
        """Nothing can be proposed."""
        return {"name": self._reason}

    @property
    def maintenance(self) -> tuple[MaintenanceWindow, ...]:
        """None: nothing can be proposed."""
        return ()

    async def traffic(self) -> Traffic:
        """Raises InputError."""
        self._refuse()

    async def signing(self, consensus_address: str) -> SigningRecord:
        """Raises InputError."""
        self._refuse()

    async def stances(self, address: str) -> tuple[Stance, ...]:
        """Raises InputError."""
        self._refuse()

    def earliest_height(self, fields: dict[str, str], snapshot: Snapshot | None) -> int | None:
        """None: nothing can be proposed."""
        return None

    async def manifest_fields(self, path: str, url: str, height: str) -> dict[str, str]:
        """Raises InputError."""
        self._refuse()

    async def proposal_call(self, fields: dict[str, str]) -> Said:
        """Raises InputError."""
        self._refuse()

    async def rules(self) -> RegistryRules:
        """Raises InputError."""
        self._refuse()

    async def governance(self, proposal_id: int) -> Governance:
        """Raises InputError."""
        self._refuse()

    async def linked_reviews(self, proposal_id: int) -> tuple[LinkedReview, ...]:
        """Raises InputError."""
        self._refuse()

    async def cut_file_reviews(self, path: str) -> tuple[LinkedReview, ...]:
        """Raises InputError."""
        self._refuse()

    async def review(self, call: Said) -> Reviewed:
        """Raises InputError."""
        self._refuse()

    async def send(self, review: Reviewed) -> CallOutcome:
        """Raises InputError."""
        self._refuse()

    async def export(self, review: Reviewed) -> str:
        """Raises InputError."""
        self._refuse()

    async def ready(self, proposal_id: int) -> None:
        """Raises InputError."""
        self._refuse()

    async def node_command(self, command: NodeCommand) -> NodeStatus:
        """Raises InputError."""
        self._refuse()

    async def network_abort(self) -> NetworkAbort:
        """Raises InputError."""
        self._refuse()

    async def node_processes(self) -> ProcessTree:
        """Raises InputError."""
        self._refuse()

    async def node_storage(self) -> NodeStorage:
        """Raises InputError."""
        self._refuse()

    async def node_timeline(self) -> tuple[JournalEntry, ...]:
        """Raises InputError."""
        self._refuse()

    async def fleet(self) -> AsyncGenerator[tuple[FleetNode, ...], None]:
        """Raises InputError."""
        self._refuse()
        yield ()

    async def release(self) -> KnownRelease:
        """Raises InputError."""
        self._refuse()

    def snapshots(self) -> AsyncIterator[Snapshot]:
        """Raises InputError."""
        self._refuse()

    def log_lines(self) -> AsyncIterator[tuple[str, str]]:
        """Raises InputError."""
        self._refuse()

    def logs(self) -> LogStore | None:
        """None: there are the newest lines of each moment, which the views are given."""
        return None

    def audit(self) -> Audit:
        """Says why there is none."""
        return _NoAudit(self._reason)

    async def procedures(self) -> Desk:
        """Raises InputError."""
        self._refuse()

    async def save_lines(self, name: str, lines: Iterable[str]) -> tuple[str, int]:
        """Raises InputError."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise InputError(self._reason, safe="nothing was changed")
