"""One immutable picture of chain and node: what every screen and `status --json` draw from (DESIGN §3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.model.agreement import Agreement
from console.model.contracts import CutWatch
from console.model.cosmos import CosmosFacts
from console.model.cross_subnet import ParentIntent, SafeHeights, safe_heights
from console.model.crossing import RoundVotes
from console.model.go import Reckoning, reckon
from console.model.network import NetworkIdentity, Validator
from console.model.node import NodeStatus
from console.model.plan import Proposal, ProposalStatus, Readiness
from console.model.stall import Stalled
from console.text import UntrustedText


@dataclass(frozen=True, slots=True)
class NodeHeight:
    """What one node's CometBFT RPC said last."""

    url: str
    moniker: UntrustedText
    consensus_address: str
    version: UntrustedText
    """`abci_info.version`: the running release, or empty."""
    height: int
    """Block store height (`/status`)."""
    app_height: int
    """`abci_info.last_block_height`; H−1 beside a status of H is a halt."""
    peers: int
    age_s: float
    """Seconds since it was read; large when the node is down."""
    reachable: bool


@dataclass(frozen=True, slots=True)
class ChainView:
    """Everything read from the chain in one refresh."""

    height: int
    """Highest CometBFT height that any node of the network told."""
    block_time_s: float | None
    """Seconds per block over recent headers; None until two headers are known."""
    block_time_unix: float | None
    """Unix seconds of the newest header."""
    validators: tuple[Validator, ...]
    nodes: tuple[NodeHeight, ...]
    proposals: tuple[Proposal, ...]
    """Newest first."""
    readiness: Readiness | None
    """Of the scheduled proposal, else of the newest."""
    age_s: float
    """Seconds since the newest successful answer."""
    problem: str
    """One sentence when something could not be read; empty otherwise."""
    agreement: Agreement | None = None
    """What its endpoints say of each other; None where nothing of the kind is known."""
    cuts: CutWatch | None = None
    """Of the current proposal's linked cuts; None where there are none, and before they were looked at."""
    votes: RoundVotes | None = None
    """On the height that is being decided; None where nobody asked, and where no node tells."""
    stalled: Stalled | None = None
    """Why no blocks are made; None while they are."""
    answer_s: float | None = None
    """Seconds that the quickest of its nodes took to answer; None while none does."""
    cosmos: CosmosFacts | None = None
    """What only a Cosmos chain has; None elsewhere, and before it was read."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The current upgrade with everything derived for the countdown and GO/NO-GO."""

    proposal: Proposal
    blocks_left: int | None
    eta_s: float | None
    ready_power: int
    armed_power: int
    total_power: int
    ready_count: int
    validator_count: int
    reckoning: Reckoning

    @property
    def go(self) -> bool:
        """Whether the upgrade would cross as things stand."""
        return self.reckoning.go

    @property
    def no_go_reasons(self) -> tuple[str, ...]:
        """Each term that fails, with its number."""
        return self.reckoning.reasons

    @property
    def power_may_fail(self) -> int:
        """Weight in the registry that may still fail before it stops being GO."""
        return self.reckoning.registry_may_fail


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Chain and node at one moment; either half may be missing and then says why."""

    network: NetworkIdentity
    height: int | None
    """Best known height: the chain's, else the controller's journalled one."""
    height_age_s: float | None
    chain: ChainView | None
    """None until the first answer of any endpoint."""
    chain_problem: str
    node: NodeStatus | None
    node_problem: str
    """Why there is no node half (no controller configured, controller down); empty otherwise."""
    upgrade: Upgrade | None
    age_s: float | None
    """Seconds since the oldest half that is shown as current was read."""
    taken_at: float
    """Unix seconds."""
    parent: ParentIntent | None = None
    """What the network above intends; None where there is none, and before it was read."""

    @property
    def safe_heights(self) -> tuple[SafeHeights, ...]:
        """Between which heights an upgrade goes with the parent's, the tightest bound first."""
        if self.parent is None:
            return ()
        block_time_s = None if self.chain is None else self.chain.block_time_s
        done = () if self.chain is None else self.chain.proposals
        executed = {str(each.name) for each in done if each.status is ProposalStatus.EXECUTED}
        return safe_heights(self.parent, self.height, block_time_s, self.taken_at, executed)


def upgrade_of(chain: ChainView | None, node: NodeStatus | None, height: int | None) -> Upgrade | None:
    """Derive the current upgrade: the scheduled proposal, else the newest one; None when there is none.

    Of x/gov's proposals one that is voted on, or waits for its deposit, comes before one that is over, and after one
    that was crossed lately.
    """
    proposal = None if chain is None else _current(chain.proposals, chain.height)
    if chain is None or proposal is None:
        return None
    entries = (
        chain.readiness.validators if chain.readiness is not None and chain.readiness.proposal_id == proposal.id else ()
    )
    left = None if height is None or not proposal.has_height else proposal.target_height - height
    eta = None if left is None or chain.block_time_s is None else max(0, left) * chain.block_time_s
    reckoning = reckon(proposal, chain, node, height)
    return Upgrade(
        proposal=proposal,
        blocks_left=left,
        eta_s=eta,
        ready_power=proposal.ready_power,
        armed_power=proposal.armed_power,
        total_power=sum(each.power for each in chain.validators) if proposal.halts_itself else proposal.total_power,
        ready_count=sum(1 for entry in entries if entry.ready),
        validator_count=len(entries) or len(chain.validators),
        reckoning=reckoning,
    )


VERIFIED_AFTER_BLOCKS = 100
"""Blocks past H after which an executed upgrade is no news any more."""

_BY_GOV = (ProposalStatus.EXECUTED, ProposalStatus.VOTING, ProposalStatus.DEPOSIT)


def _current(proposals: Sequence[Proposal], height: int) -> Proposal | None:
    upgrades = [entry for entry in proposals if entry.ballot is None or not entry.ballot.cancels]
    by_gov = any(entry.ballot is not None for entry in upgrades)
    for status in (ProposalStatus.SCHEDULED, *(_BY_GOV if by_gov else ())):
        for entry in upgrades:
            old = status is ProposalStatus.EXECUTED and height - entry.target_height > VERIFIED_AFTER_BLOCKS
            if entry.status is status and not old:
                return entry
    return upgrades[0] if upgrades else None
