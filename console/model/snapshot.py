"""One immutable picture of chain and node: what every screen and `status --json` draw from (DESIGN §3)."""

from __future__ import annotations

from dataclasses import dataclass

from console.model.agreement import Agreement
from console.model.network import NetworkIdentity, Validator
from console.model.node import Arming, NodeStatus
from console.model.plan import Proposal, ProposalStatus, Readiness, ReleaseKind, Verdict
from console.model.power import more_than_two_thirds, power_may_fail, power_needed
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
    go: bool
    no_go_reasons: tuple[str, ...]
    power_may_fail: int


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


def upgrade_of(chain: ChainView | None, node: NodeStatus | None, height: int | None) -> Upgrade | None:
    """Derive the current upgrade: the scheduled proposal, else the newest one; None when there is none.

    GO only if more than 2/3 of power is ready and armed (by registry weight and by CometBFT power) and our own node,
    when there is one, is armed; otherwise each failing term with its number (DESIGN §6, §9).
    """
    if chain is None or not chain.proposals:
        return None
    proposal = next(
        (entry for entry in chain.proposals if entry.status is ProposalStatus.SCHEDULED), chain.proposals[0]
    )
    entries = (
        chain.readiness.validators if chain.readiness is not None and chain.readiness.proposal_id == proposal.id else ()
    )
    left = None if height is None or not proposal.has_height else proposal.target_height - height
    eta = None if left is None or chain.block_time_s is None else max(0, left) * chain.block_time_s
    reasons = _no_go_reasons(proposal, chain, node, height)
    return Upgrade(
        proposal=proposal,
        blocks_left=left,
        eta_s=eta,
        ready_power=proposal.ready_power,
        armed_power=proposal.armed_power,
        total_power=proposal.total_power,
        ready_count=sum(1 for entry in entries if entry.ready),
        validator_count=len(entries) or len(chain.validators),
        go=not reasons,
        no_go_reasons=reasons,
        power_may_fail=power_may_fail(proposal.go_power, proposal.total_power),
    )


def _no_go_reasons(
    proposal: Proposal, chain: ChainView, node: NodeStatus | None, height: int | None
) -> tuple[str, ...]:
    if proposal.verdict is Verdict.CROSS:
        return ()
    if proposal.release_kind is ReleaseKind.NONE:
        return ("it is about contract calls alone: no node stops for it",)
    reasons: list[str] = []
    total = proposal.total_power
    needed = power_needed(total)
    if proposal.verdict is Verdict.ABORT:
        reasons.append("the verdict is ABORT")
    if proposal.status not in {ProposalStatus.SCHEDULED, ProposalStatus.EXECUTED, ProposalStatus.ABORTED}:
        reasons.append(f"the proposal is {proposal.status.words}")
    if proposal.ready_power < proposal.readiness_needed:
        reasons.append(f"ready {proposal.ready_power} of {total} power, {proposal.readiness_needed} needed")
    # Nobody can arm for a height that is not known.
    if proposal.has_height and not more_than_two_thirds(proposal.armed_power, total):
        reasons.append(f"armed {proposal.armed_power} of {total} power, {needed} needed")
    if not reasons and not proposal.go:
        reasons.append(f"ready and armed {proposal.go_power} of {total} power, {needed} needed")
    reasons.extend(_consensus_power_reasons(proposal, chain))
    if proposal.contracts_first and proposal.linked_calls and not proposal.contracts_at:
        reasons.append(f"{proposal.linked_calls} contract calls that come before the freeze are not made yet")
    if chain.agreement is not None and chain.agreement.blocks:
        reasons.append(chain.agreement.sentence)
    if node is not None and proposal.breaking and _own_node_unarmed(node, proposal, height):
        reasons.append("this node is not armed")
    return tuple(reasons)


def _consensus_power_reasons(proposal: Proposal, chain: ChainView) -> list[str]:
    readiness = chain.readiness
    if readiness is None or readiness.proposal_id != proposal.id or not chain.validators:
        return []
    said = {entry.address for entry in readiness.validators if entry.ready and entry.armed}
    total = sum(validator.power for validator in chain.validators)
    part = sum(validator.power for validator in chain.validators if validator.address in said)
    if proposal.go and not more_than_two_thirds(part, total):
        return [f"ready and armed {part} of {total} consensus power, {2 * total // 3 + 1} needed"]
    return []


def _own_node_unarmed(node: NodeStatus, proposal: Proposal, height: int | None) -> bool:
    if not proposal.has_height or (height is not None and height >= proposal.target_height):
        return False
    attempt = node.attempt
    if attempt is None or attempt.proposal_id != proposal.id:
        return True
    return attempt.arming is not Arming.ARMED
