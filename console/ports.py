"""The seams, as Protocols: where chain, node, screens and operations meet without knowing each other (DESIGN §2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from console.model import MigrationKind, ReleaseKind, ScheduleKind

if TYPE_CHECKING:
    from console.hand_lock import HandLock
    from console.log_store import LogStore
    from console.maintenance import MaintenanceWindow
    from console.model import (
        AuditReading,
        CallOutcome,
        CallReview,
        Governance,
        JournalEntry,
        KnownRelease,
        LinkedReview,
        Moment,
        NodeCommand,
        NodeStatus,
        NodeStorage,
        ProcessTree,
        ProofReading,
        Proposal,
        Readiness,
        RegistryCall,
        RegistryRules,
        Scene,
        SigningRecord,
        Snapshot,
        Stance,
        Standing,
        Traffic,
        Verdict,
    )


class KeyKind(StrEnum):
    """What the signer found in a key's file; it looks at the content, never at the name."""

    RAW = "raw"
    """One key in hex, mode 0600: a devnet's."""
    KEYSTORE = "keystore"
    """A Web3 JSON keystore of version 3, closed by a passphrase."""
    IPC_CLI = "ipc-cli"
    """ipc-cli's `evm_keystore.json`: keys in plain text, read and never written."""


@dataclass(frozen=True, slots=True)
class KeyReference:
    """Where the signer process finds a key. The key itself is never in this process (DESIGN §1)."""

    path: Path
    """The file; which of `KeyKind` it is, its content says."""
    address: str = ""
    """The key's address, 0x and 40 hex digits, or `default-key` of ipc-cli's file; empty: the only key in it."""
    passphrase_file: Path | None = None
    """File of mode 0600 with the passphrase of a keystore that is opened unattended; None: a person is asked."""
    credential: str = ""
    """Name of a systemd credential with that passphrase, instead of a file."""


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """What is known of a key without using it."""

    address: str
    """Checksummed. A keystore's own word until it is opened."""
    kind: KeyKind
    warnings: tuple[str, ...] = ()
    """Sentences about how the file is kept."""


class Terminal(Protocol):
    """The terminal on which the signer process may ask a person for a passphrase."""

    def lent(self) -> AbstractAsyncContextManager[None]:
        """Leave it to the signer: whoever draws on it stops, and goes on at the end."""
        ...


@dataclass(frozen=True, slots=True)
class PlanReading:
    """What a plan source said in one read."""

    height: int
    """Height of the state that was read: the last block that the answering node's application executed."""
    proposals: tuple[Proposal, ...]
    """Newest first."""
    readiness: Readiness | None
    """Of the scheduled proposal, else of the newest, else of none (id 0); None where nobody signals."""
    contested: str = ""
    """Which endpoints do not say the same, in one sentence; empty when they do, and always where our own node said it.
    Nothing is done on a contested reading."""


@dataclass(frozen=True, slots=True)
class ConsensusReading:
    """What one CometBFT node said in one read (one HTTP request)."""

    height: int
    """Block store height."""
    app_height: int
    app_hash: str
    """Hex digits of `abci_info.last_block_app_hash`."""
    version: str
    catching_up: bool
    peers: int
    signed_power: int
    """Power in the last commit."""
    total_power: int
    own_signature: bool
    """Whether the asked validator's signature is in the last commit."""
    own_power: int
    """Power of our validator in consensus; 0 for a node that is none."""
    own_address: str = ""
    """Our validator as `PeerView.verified_commit` names it; where the settings name none, by the key of our node."""
    own_consensus_address: str = ""
    """40 upper-case hex digits of the key that the node signs with, as the node says; empty when it does not."""
    protocol: int = 0
    """The application's version of its protocol, as it says itself; 0 when it says none."""


class PlanSource(Protocol):
    """Plans for the controller: a registry today, x/upgrade and a file later."""

    async def read(self, *, own_node_only: bool) -> PlanReading:
        """Read plans and readiness.

        Args:
            own_node_only: Only ask our own node (its state is what it will execute on); else also ask the network's
                other endpoints, in order, and take the reading with the highest height.

        Raises:
            ChainError: No usable answer.
        """
        ...


class StateReader(Protocol):
    """The state that a migration meets, as it is after a block."""

    async def height(self) -> int:
        """Height of the last block. Raises ChainError."""
        ...

    async def value(self, key: bytes, height: int) -> bytes | None:
        """What is under a key after a block; None for nothing. Raises ChainError."""
        ...


MOST_SIGNED_HEIGHTS = 6
"""Heights of one `PeerView.signed_by_us`: with the validators they fit into one request."""


class PeerView(Protocol):
    """What the controller sees of consensus."""

    async def own(self) -> ConsensusReading:
        """Read our own node. Raises ChainError when it does not answer."""
        ...

    async def highest_peer(self) -> int | None:
        """Highest block height that any other endpoint tells, None when none answers."""
        ...

    async def verified_commit(self, height: int) -> frozenset[str]:
        """Validators whose signatures on the commit of `height` were verified.

        Each by its checksummed Ethereum address; by its consensus address, 40 upper-case hex digits, when its key has
        none (ed25519).

        Asks our own node. Raises ChainError when there is no such commit, it does not hold more than 2/3 of the known
        validators' power, or a signature is wrong.
        """
        ...

    async def agreed_app_hash(self, height: int) -> str:
        """Hex digits of the app hash after `height`, from the header of `height + 1`.

        Asks our own node and every other endpoint that answers. Raises ChainError when our own node does not have that
        header yet, or when an endpoint has another hash there.
        """
        ...

    async def app_hashes(self, height: int) -> tuple[str, ...]:
        """Hex digits of the app hash after `height`, one per other endpoint that has a block of `height + 1`.

        For comparing with what our own application computed; endpoints that do not tell are left out.
        """
        ...

    async def consensus_round(self) -> int:
        """Round of the height that is being decided, as our own node sees it. Raises ChainError."""
        ...

    async def signed_by_us(self, heights: Sequence[int], consensus_address: str) -> frozenset[int] | None:
        """Which of these heights hold a signature of our key, verified; None when no other endpoint tells.

        A signature cannot be made up, so one endpoint is enough. Only other endpoints are asked: our node may be down.

        Args:
            heights: At most `MOST_SIGNED_HEIGHTS`.
            consensus_address: Of our key, as `ConsensusReading` has it.
        """
        ...


class Signals(Protocol):
    """What the controller says to the chain on behalf of its validator. Each returns when the receipt is seen.

    Raises:
        ChainError: Not sent, refused (`ContractRefused`) or not seen in time.
        SignerError: The signer did not sign.
    """

    async def prepare(self) -> None:
        """Get the next signature under way; a signer takes half a second to start. Raises SignerError."""
        ...

    async def ready(self, proposal_id: int, release_hash: str) -> None: ...
    async def withdraw(self, proposal_id: int) -> None:
        """Take `ready` back; said already where it is not there."""
        ...

    async def armed(self, proposal_id: int, height: int) -> None: ...
    async def failure(self, proposal_id: int, code: int) -> None: ...
    async def freeze(self, proposal_id: int) -> Verdict:
        """Have the verdict stored, by us or by somebody before us; what it is, NONE when no endpoint tells it yet."""
        ...

    async def confirm(self, proposal_id: int, exe_hash: str, app_hash: str) -> None: ...
    async def schedule(self, proposal_id: int) -> None:
        """Give an approved proposal its height; anyone may."""
        ...

    async def execute(self, proposal_id: int) -> None:
        """Have the registry make a proposal's linked calls; anyone may."""
        ...

    async def undo(self, proposal_id: int) -> None:
        """Have the registry take linked calls back, after an upgrade that did not come; anyone may."""
        ...

    async def advertise(self, version: str, protocol: int, release_hash: str) -> None:
        """Say what this validator runs.

        Args:
            version: The release's name: at most 32 bytes of ASCII.
            protocol: The application's version of its protocol.
            release_hash: 64 hex digits.
        """
        ...


class ProvingNetwork(Protocol):
    """Another network, on which a release has to have been executed before it is armed for here."""

    async def read(self, release_hash: str, binaries: Collection[str]) -> ProofReading:
        """Read what it has executed, and its block times.

        Args:
            release_hash: As in `console.model.crossing_of`.
            binaries: As there.

        Raises:
            ChainError: None of its endpoints gives a usable answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class ProposeRequest:
    """A checked proposal, ready to be sent: contracts/IUpgradeRegistry.sol `ProposalInput` and its calls."""

    name: str
    height: int
    """H for a fixed height; 0 otherwise."""
    url: str
    """Empty for a proposal of calls alone."""
    release_hash: str
    """64 lower-case hex digits; empty for a proposal of calls alone."""
    kind: ReleaseKind = ReleaseKind.RAW
    breaking: bool = True
    schedule_kind: ScheduleKind = ScheduleKind.FIXED
    delay: int = 0
    """Blocks from the vote's end, or from enough readiness, to H; 0 for a fixed height."""
    readiness_bps: int = 0
    """Share of power in 1/10000 that schedules; 0 unless by readiness."""
    readiness_deadline: int = 0
    """Last block in which it may be scheduled; 0 unless by readiness."""
    voting_blocks: int = 0
    """Blocks that the vote is open; 0 where none is needed."""
    expedited: bool = False
    execution_window: int = 0
    """Blocks; 0 for the registry's own."""
    grace_blocks: int = 0
    migration_kind: MigrationKind = MigrationKind.NONE
    migration_hash: str = ""
    """64 hex digits, or empty."""
    contracts_first: bool = False
    init_allowed: bool = False
    calls: tuple[tuple[str, bytes], ...] = ()
    """(target address, call data) of each linked call."""
    undo: tuple[tuple[str, bytes], ...] = ()


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
        """The fields of the propose form that a manifest settles: name, hash, breaking and migration.

        Args:
            path: Of the manifest on this machine.
            url: As typed.
            height: H as typed; anything but a number where the vote or readiness gives it.

        Raises:
            ConsoleError: It cannot be read, or is not for this chain or height.
        """
        ...

    async def proposal_call(self, fields: dict[str, str]) -> RegistryCall:
        """The call that proposes what the form says, with its cut file and manifest read. Raises ConsoleError."""
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

    async def review(self, call: RegistryCall) -> CallReview:
        """What would be signed, with nonce, gas and cost as the chain tells them now. Raises ConsoleError."""
        ...

    async def send(self, review: CallReview) -> CallOutcome:
        """Have the reviewed call signed and sent, and wait for its block. Raises ConsoleError."""
        ...

    async def export(self, review: CallReview) -> str:
        """Write the reviewed call to a file for a multisig or a hardware wallet; its path. Raises ConsoleError."""
        ...

    async def ready(self, proposal_id: int) -> None:
        """Signal readiness for this session's node by hand. Raises ConsoleError."""
        ...

    async def node_command(self, command: NodeCommand) -> NodeStatus:
        """Have this session's node do it, whatever a reason is needed for with one. Raises ConsoleError."""
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
