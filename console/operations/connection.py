"""A network and its node as one session uses them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from console.hand_lock import HandLock
from console.maintenance import MaintenanceWindow
from console.model import (
    CallOutcome,
    CallReview,
    ChainMessage,
    Governance,
    MessageReview,
    RegistryCall,
    RegistryRules,
    SigningRecord,
    Snapshot,
    Traffic,
)
from console.operations.node import NodeControl
from console.operations.stances import SayingsSource
from console.ports.chain import PlanSource, Signals
from console.ports.keys import Terminal
from console.settings import NetworkSettings, NodeSettings

if TYPE_CHECKING:
    from console.procedures.desk import Desk


class GovernanceSource(SayingsSource, Protocol):
    """What a session reads of a registry beside its Snapshots: `console.chain.governance.GovernanceReader`, on a Cosmos
    chain `console.chain.cosmos.votes.CosmosVotes`."""

    async def rules(self) -> RegistryRules: ...
    async def read(self, proposal_id: int) -> Governance: ...
    async def close(self) -> None: ...


class CommitSource(Protocol):
    """Who signed the last blocks: `console.chain.signing_record.SigningRecords`."""

    async def read(self, consensus_address: str, height: int | None) -> SigningRecord: ...


class TrafficSource(Protocol):
    """How busy the chain was: `console.chain.traffic.TrafficReader`."""

    async def read(self, height: int, block_time_s: float) -> Traffic: ...


class CallSender(Protocol):
    """How a session's calls are reviewed and sent: `console.operations.registry_call.RegistryCalls`."""

    async def review(self, call: RegistryCall) -> CallReview: ...
    async def send(self, review: CallReview) -> CallOutcome: ...


class MessageSender(Protocol):
    """How something is said to a Cosmos chain: `console.operations.chain_daemon.DaemonMessages`."""

    @property
    def proposals_form(self) -> str: ...
    async def sdk_version(self) -> tuple[int, int] | None: ...
    async def authority(self) -> str: ...
    async def review(self, message: ChainMessage) -> MessageReview: ...
    async def send(self, review: MessageReview) -> CallOutcome: ...


class SnapshotSource(Protocol):
    """What a session needs of the observer."""

    def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """One Snapshot per change, until closed."""
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """A network and its node as one session uses them."""

    network: NetworkSettings
    node: NodeSettings | None
    source: SnapshotSource
    control: NodeControl | None
    """The node's controller; None when there is no node."""
    plans: PlanSource | None
    """None when there is no node."""
    signals: Signals | None
    """Sends from the node's operator key; None when there is no node."""
    governance: GovernanceSource
    calls: CallSender
    messages: MessageSender | None
    """On a Cosmos chain; None where a registry is called."""
    commits: CommitSource
    traffic: TrafficSource
    own_windows: tuple[MaintenanceWindow, ...]
    """When this operator is at hand."""
    procedures: Callable[[Terminal | None, HandLock], Desk]
    """Makes what runs procedures, read anew; raises SettingsError."""
    close: Callable[[], Awaitable[None]]
