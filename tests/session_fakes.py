"""A session without a network: it answers from memory and records what it was asked to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable

from console.errors import ConsoleError, NodeError
from console.hand_lock import READ_ONLY, HandLock
from console.log_store import LogStore
from console.maintenance import MaintenanceWindow
from console.model import (
    AuditCheck,
    AuditReading,
    CallOutcome,
    ChainMessage,
    FleetNode,
    Governance,
    JournalEntry,
    KnownRelease,
    LinkedReview,
    MessageReview,
    NodeCommand,
    NodeStatus,
    NodeStorage,
    ProcessTree,
    RegistryCall,
    RegistryRules,
    Reviewed,
    Said,
    SigningKey,
    SigningRecord,
    Snapshot,
    Stance,
    Standing,
    Traffic,
)
from console.operations.node_abort import NetworkAbort
from console.ports.keys import Terminal
from console.ports.session import Timeline
from console.procedures.desk import Desk
from tests.fakes import ADDRESSES, HASH, LOG, NOW, a_day_of_traffic, a_release, a_signing_record, audit_entries, node


class FakeAudit:
    """An audit from memory."""

    def __init__(self) -> None:
        self.reading = AuditReading(audit_entries(), ())
        self.checked = AuditCheck(("the journal of node1 is whole: 5 rows without a gap, each with its hash",), ())

    def read(self) -> AuditReading:
        return self.reading

    def check(self) -> AuditCheck:
        return self.checked


class FakeSession:
    """A session that answers from memory and records what it was asked to do."""

    def __init__(
        self,
        *snapshots: Snapshot,
        network: str = "devnet",
        read_only: bool = False,
        locked: bool = False,
        lock_after_s: float = 0.0,
        log: Iterable[tuple[str, str]] = LOG,
        problems: Callable[[dict[str, str]], dict[str, str]] | None = None,
        error: ConsoleError | None = None,
    ) -> None:
        from tests import node_fakes

        self._snapshots = snapshots
        self._log = tuple(log)
        self._problems = problems or check
        self.network = network
        self.standing = Standing("devnet")
        self.read_only = read_only
        self.hands = HandLock(READ_ONLY if read_only else "", locked=locked, after_s=lock_after_s)
        self.bringing_up_devnet = False
        self.own_address = ADDRESSES[0]
        self.recording: Timeline | None = None
        self.clock = NOW
        self.error = error
        self.proposed: list[dict[str, str]] = []
        self.readied: list[int] = []
        self.commands: list[NodeCommand] = []
        self.abort: NetworkAbort | None = None
        self.known_release = a_release()
        self.tree = node_fakes.a_tree()
        self.storage = node_fakes.a_storage()
        self.fleet_nodes = node_fakes.a_fleet()
        self.fleet_feed: asyncio.Queue[tuple[FleetNode, ...]] | None = None
        self.journal = node_fakes.JOURNAL
        self.looks = 0
        self.storage_reads = 0
        self.node_error: ConsoleError | None = None
        self.releases_asked = 0
        self.registry_rules: RegistryRules | None = None
        self.governances: dict[int, Governance] = {}
        self.governance_asked: list[int] = []
        self.records_asked: list[str] = []
        self.signing_record = a_signing_record()
        self.said_before: tuple[Stance, ...] = ()
        self.maintenance: tuple[MaintenanceWindow, ...] = ()
        self.known_traffic = a_day_of_traffic()
        self.traffic_asked = 0
        self.reviewed: list[RegistryCall] = []
        self.warnings: tuple[str, ...] = ()
        self.sent: list[RegistryCall] = []
        self.exported: list[RegistryCall] = []
        self.messages: list[ChainMessage] = []
        """Reviewed on a Cosmos chain; those of `messages_sent` were sent as well."""
        self.messages_sent: list[ChainMessage] = []
        self.review_error: ConsoleError | None = None
        self.opened = 0
        self.feed: asyncio.Queue[Snapshot] | None = None
        self.log_feed: asyncio.Queue[tuple[str, str]] | None = None
        self.store: LogStore | None = LogStore({}, self.now)
        for source, text in self._log:
            self.store.add(source, text)
        self.saved: dict[str, list[str]] = {}
        self.audited = FakeAudit()
        self.desk: Desk | None = None
        self.answer = asyncio.Event()
        self.answer.set()
        self.review_answer = asyncio.Event()
        self.review_answer.set()

    def now(self) -> float:
        return self.clock

    def check_proposal(self, fields: dict[str, str], snapshot: Snapshot | None) -> dict[str, str]:
        return self._problems(fields)

    async def traffic(self) -> Traffic:
        self.traffic_asked += 1
        if self.error is not None:
            raise self.error
        return self.known_traffic

    def earliest_height(self, fields: dict[str, str], snapshot: Snapshot | None) -> int | None:
        if snapshot is None or snapshot.chain is None or snapshot.height is None:
            return None
        return snapshot.height + 21

    def lend_terminal(self, terminal: Terminal) -> None:
        self.terminal = terminal

    async def manifest_fields(self, path: str, url: str, height: str) -> dict[str, str]:
        if self.error is not None:
            raise self.error
        settled = {"name": "v0.3.0", "hash": HASH, "breaking": "no", "kind": "manifest", "info": ""}
        return {**settled, "migration": "wasm", "migration_hash": "cd" * 32, "url": url, "height": height}

    async def proposal_call(self, fields: dict[str, str]) -> Said:
        self.hands.require_free()
        self.proposed.append(dict(fields))
        if "deposit" in fields:
            from tests import chain_fakes

            return chain_fakes.proposing(fields)
        return RegistryCall("propose", tuple(fields.values()), SigningKey.PROPOSER, 0, f"Proposes {fields['name']}.")

    async def cut_file_reviews(self, path: str) -> tuple[LinkedReview, ...]:
        if self.error is not None:
            raise self.error
        from tests import governance_fakes

        return governance_fakes.linked_reviews()

    async def rules(self) -> RegistryRules:
        if self.error is not None:
            raise self.error
        from tests import governance_fakes

        return self.registry_rules or governance_fakes.rules()

    async def governance(self, proposal_id: int) -> Governance:
        self.governance_asked.append(proposal_id)
        if self.error is not None:
            raise self.error
        from tests import governance_fakes

        return self.governances.get(proposal_id) or governance_fakes.governance(proposal_id)

    async def signing(self, consensus_address: str) -> SigningRecord:
        self.records_asked.append(consensus_address)
        return self.signing_record

    async def stances(self, address: str) -> tuple[Stance, ...]:
        if self.error is not None:
            raise self.error
        return self.said_before

    async def linked_reviews(self, proposal_id: int) -> tuple[LinkedReview, ...]:
        if self.error is not None:
            raise self.error
        from tests import governance_fakes

        return governance_fakes.linked_reviews()

    async def review(self, call: Said) -> Reviewed:
        if isinstance(call, ChainMessage):
            self.messages.append(call)
        else:
            self.reviewed.append(call)
        await self.review_answer.wait()
        if self.review_error is not None:
            raise self.review_error
        from tests import chain_fakes, governance_fakes

        if isinstance(call, ChainMessage):
            return chain_fakes.message_review(call, *self.warnings)
        return governance_fakes.review(call, *self.warnings)

    async def send(self, review: Reviewed) -> CallOutcome:
        self.hands.require_free()
        if isinstance(review, MessageReview):
            self.messages_sent.append(review.message)
        else:
            self.sent.append(review.call)
        await self.answer.wait()
        if self.error is not None:
            raise self.error
        from tests import governance_fakes

        if isinstance(review, MessageReview):
            return CallOutcome("F3" * 32, 1240, 71234, review.message.proposal_id or 43)
        return governance_fakes.outcome(review.call)

    async def export(self, review: Reviewed) -> str:
        if self.error is not None:
            raise self.error
        if isinstance(review, MessageReview):
            return "/home/op/gov-vote.json"
        self.exported.append(review.call)
        return f"/home/op/{review.call.function}-12.json"

    async def ready(self, proposal_id: int) -> None:
        self.hands.require_free()
        self.readied.append(proposal_id)
        if self.error is not None:
            raise self.error

    async def node_command(self, command: NodeCommand) -> NodeStatus:
        self.hands.require_free()
        self.commands.append(command)
        if self.error is not None:
            raise self.error
        return node(1234, state="STOPPED_BY_OPERATOR")

    @property
    def node_actions(self) -> list[str]:
        """The verbs that the node was given."""
        return [command.verb.value for command in self.commands]

    async def node_processes(self) -> ProcessTree:
        self.looks += 1
        self._raise_of_node()
        return self.tree

    async def fleet(self) -> AsyncGenerator[tuple[FleetNode, ...], None]:
        self._raise_of_node()
        self.fleet_feed = asyncio.Queue()
        yield self.fleet_nodes
        while True:
            yield await self.fleet_feed.get()

    async def node_storage(self) -> NodeStorage:
        self.storage_reads += 1
        self._raise_of_node()
        return self.storage

    async def node_timeline(self) -> tuple[JournalEntry, ...]:
        self._raise_of_node()
        return self.journal

    def _raise_of_node(self) -> None:
        error = self.error or self.node_error
        if error is not None:
            raise error

    async def network_abort(self) -> NetworkAbort:
        if self.abort is None:
            raise NodeError("node1 knows of no upgrade that could be aborted", safe="nothing was changed")
        return self.abort

    async def release(self) -> KnownRelease:
        self.releases_asked += 1
        if self.error is not None:
            raise self.error
        return self.known_release

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        self.opened += 1
        self.feed = asyncio.Queue()
        for each in self._snapshots:
            yield each
        while True:
            yield await self.feed.get()

    async def log_lines(self) -> AsyncIterator[tuple[str, str]]:
        self.log_feed = asyncio.Queue()
        for line in self._log:
            yield line
        while True:
            yield await self.log_feed.get()

    def logs(self) -> LogStore | None:
        return self.store

    def audit(self) -> FakeAudit:
        return self.audited

    async def procedures(self) -> Desk:
        from tests import procedure_fakes

        if self.desk is None:
            self.desk = procedure_fakes.FakeDesk(runs=procedure_fakes.readings(), hands=self.hands)
        return self.desk

    async def save_lines(self, name: str, lines: Iterable[str]) -> tuple[str, int]:
        if self.error is not None:
            raise self.error
        self.saved[name] = list(lines)
        return f"/home/op/exports/{name}-devnet.txt", len(self.saved[name])


def check(fields: dict[str, str]) -> dict[str, str]:
    """Refuses what is empty, and what the words below say."""
    asked = ("name", "height", "url", "hash", "calls")
    problems = {name: f"{name} is missing" for name in asked if not fields.get(name, "given")}
    height, digits, url = (fields.get(name, "") for name in ("height", "hash", "url"))
    if height and not height.isdigit():
        problems["height"] = "the height is not a whole number"
    elif height and int(height) < 1260:
        problems["height"] = "H must be at least 20 blocks ahead"
    if digits and len(digits.removeprefix("sha256:")) != 64:
        problems["hash"] = "the hash is not 64 hex digits"
    if url and not url.startswith("http"):
        problems["url"] = "the URL is not http or https"
    return problems
