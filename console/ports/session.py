"""What a screen is given: operations and clock, the moments that can be looked back at, what was done."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import TYPE_CHECKING, Protocol

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
    Moment,
    NodeCommand,
    NodeStatus,
    NodeStorage,
    ProcessTree,
    RegistryRules,
    Reviewed,
    Said,
    Scene,
    SigningRecord,
    Snapshot,
    Stance,
    Standing,
    Traffic,
)
from console.ports.keys import Terminal

if TYPE_CHECKING:
    from console.operations.node_abort import NetworkAbort
    from console.procedures.desk import Desk


class Timeline(Protocol):
    """Moments that can be looked back at, in the order of their taking. All but `scene` costs microseconds."""

    def __len__(self) -> int: ...
    @property
    def first(self) -> Moment | None:
        """The oldest; None while there is none."""
        ...

    @property
    def last(self) -> Moment | None:
        """The newest; None while there is none."""
        ...

    def before(self, number: int, *, event: bool = False) -> Moment | None:
        """The newest moment, or event, before that place; None where there is none."""
        ...

    def after(self, number: int, *, event: bool = False) -> Moment | None:
        """The oldest moment, or event, after that place; None where there is none."""
        ...

    def place(self, number: int) -> int:
        """How many moments there are up to this one."""
        ...

    def scene(self, number: int) -> Scene:
        """What was known then; takes some milliseconds, and may be called in a thread. Raises RecordingError."""
        ...


class Audit(Protocol):
    """What was decided and done."""

    def read(self) -> AuditReading:
        """Read what is new; what cannot be read is told in it."""
        ...

    def check(self) -> AuditCheck:
        """Look whether what it is read from is whole: no row changed, none missing."""
        ...


class Session(Protocol):
    """What a screen gets: operations, read-only flag, clock. Screens never import the application."""

    @property
    def network(self) -> str: ...
    @property
    def standing(self) -> Standing:
        """What is at stake on the network."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether nothing can ever be changed in this session."""
        ...

    @property
    def hands(self) -> HandLock:
        """Whether changes are let through now."""
        ...

    @property
    def bringing_up_devnet(self) -> bool: ...
    @property
    def own_address(self) -> str:
        """Checksummed address of the validator whose node this session has; empty for none."""
        ...

    @property
    def recording(self) -> Timeline | None:
        """What is shown again instead of chain and node; None where those are followed."""
        ...

    def now(self) -> float:
        """Unix seconds; injected so that pictures do not depend on the hour."""
        ...

    def lend_terminal(self, terminal: Terminal) -> None:
        """Use this terminal for questions of the signer, instead of one on which nobody draws."""
        ...

    def check_proposal(self, fields: dict[str, str], snapshot: Snapshot | None) -> dict[str, str]:
        """Validate the propose form as typed: field name → one sentence; empty when all is well. No I/O."""
        ...

    @property
    def maintenance(self) -> tuple[MaintenanceWindow, ...]:
        """When operators of this network are at hand, as they declared it; one's own first."""
        ...

    async def traffic(self) -> Traffic:
        """How busy the chain was over the last hours, sampled; says itself why nothing is known.

        Raises:
            ConsoleError: There is no chain that could be asked.
        """
        ...

    def earliest_height(self, fields: dict[str, str], snapshot: Snapshot | None) -> int | None:
        """The first target height that a proposal as typed can have now, its vote included. No I/O.

        None while the chain does not tell.
        """
        ...

    async def manifest_fields(self, path: str, url: str, height: str) -> dict[str, str]:
        """The fields of the propose form that a manifest settles: name, hash, breaking and migration; on a Cosmos
        chain name and info.

        Args:
            path: Of the manifest on this machine.
            url: As typed.
            height: H as typed; anything but a number where the vote or readiness gives it.

        Raises:
            ConsoleError: It cannot be read, or is not for this chain or height.
        """
        ...

    async def proposal_call(self, fields: dict[str, str]) -> Said:
        """What proposes as the form says: on IPC with its cut file and manifest read. Raises ConsoleError."""
        ...

    async def rules(self) -> RegistryRules:
        """What the registry was deployed with. Raises ConsoleError."""
        ...

    async def governance(self, proposal_id: int) -> Governance:
        """Votes, approvals and linked calls of a proposal: one reading. Raises ConsoleError."""
        ...

    async def signing(self, consensus_address: str) -> SigningRecord:
        """Which of the last blocks a validator signed; says itself why nothing is known. At most one request each time.

        Args:
            consensus_address: 40 upper-case hex digits.

        Raises:
            ConsoleError: There is no chain that could be asked.
        """
        ...

    async def stances(self, address: str) -> tuple[Stance, ...]:
        """What a validator said of the newest proposals, newest first.

        Args:
            address: Checksummed.

        Raises:
            ConsoleError: The registry does not tell.
        """
        ...

    async def linked_reviews(self, proposal_id: int) -> tuple[LinkedReview, ...]:
        """What the linked calls of a proposal change, read from the chain now. Raises ConsoleError."""
        ...

    async def cut_file_reviews(self, path: str) -> tuple[LinkedReview, ...]:
        """What the calls in a cut file change, read from the chain now. Raises ConsoleError."""
        ...

    async def review(self, call: Said) -> Reviewed:
        """What would be signed, with nonce, gas and cost as the chain tells them now. Raises ConsoleError."""
        ...

    async def send(self, review: Reviewed) -> CallOutcome:
        """Have the reviewed call signed and sent, and wait for its block. Raises ConsoleError."""
        ...

    async def export(self, review: Reviewed) -> str:
        """Write the reviewed call to a file for a multisig or a hardware wallet; its path. Raises ConsoleError."""
        ...

    async def ready(self, proposal_id: int) -> None:
        """Signal readiness for this session's node by hand. Raises ConsoleError."""
        ...

    async def node_command(self, command: NodeCommand) -> NodeStatus:
        """Have this session's node do it, whatever a reason is needed for with one. Raises ConsoleError."""
        ...

    async def network_abort(self) -> NetworkAbort:
        """What the abort of a halted network needs, by this node's journal. Raises ConsoleError: nothing to abort."""
        ...

    async def node_processes(self) -> ProcessTree:
        """The processes of this session's node, with CPU of the time since the call before. Raises ConsoleError."""
        ...

    async def node_storage(self) -> NodeStorage:
        """Generations, rollback points and disk of this session's node; counted rarely. Raises ConsoleError."""
        ...

    async def node_timeline(self) -> tuple[JournalEntry, ...]:
        """The newest entries of the controller's journal, newest first. Raises ConsoleError."""
        ...

    def fleet(self) -> AsyncGenerator[tuple[FleetNode, ...], None]:
        """Yield what is known of every node in the settings, at each answer, until closed. Raises ConsoleError."""
        ...

    async def release(self) -> KnownRelease:
        """What the node's controller verified of the release of its newest plan. Raises ConsoleError."""
        ...

    def snapshots(self) -> AsyncIterator[Snapshot]:
        """Yield a Snapshot at each change, until cancelled."""
        ...

    def log_lines(self) -> AsyncIterator[tuple[str, str]]:
        """Yield (source, line) of the node's and the controller's log, `source` being `node` or `controller`."""
        ...

    def logs(self) -> LogStore | None:
        """Both logs whole, each line with its moment, to be read in a thread; None where there is no node."""
        ...

    async def procedures(self) -> Desk:
        """The procedures and their runs, read anew. Raises SettingsError: the operator's own are not acceptable."""
        ...

    def audit(self) -> Audit:
        """What was decided and done, to be read in a thread."""
        ...

    async def save_lines(self, name: str, lines: Iterable[str]) -> tuple[str, int]:
        """Write lines to a new file beside the state, mode 0600; its path, and how many. Raises ConsoleError.

        Args:
            name: What they are, for the file's name.
            lines: Taken one by one, in a thread.
        """
        ...
