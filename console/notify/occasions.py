"""What an operator has to be told, read from one Snapshot. Pure.

An occasion holds as long as its Snapshot says so; its key tells it from others, and `console.notify.watch` tells each
key once. States that pass quickly are read from those that follow them, so that none is missed between two looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from console.model import (
    Attempt,
    Bond,
    ChainView,
    Crossing,
    NodeState,
    NodeStatus,
    Preparation,
    Proposal,
    ProposalStatus,
    ReleaseKind,
    Snapshot,
    Upgrade,
    Verdict,
)
from console.model.events import without_digits
from console.monitoring.notices import KINDS
from console.monitoring.rules import Severity
from console.text import duration, utc

DAY_S, HOUR_S = 86400.0, 3600.0
IMMINENT_S = 600.0
IMMINENT_BLOCKS = 100
"""Where the block time is not known."""
SETTLED_S = 600.0
"""Seconds that a plan has to be known for before somebody counts as late; less where the whole way to H is short."""
BEHIND_BLOCKS = 10
BEHIND_S = 120.0
STANDS_S = 60.0
SILENT_S = 120.0
_MOST_NAMES = 5

_OVER_THE_HALT = frozenset(Crossing) - {Crossing.NONE, Crossing.MISSED_HALT, Crossing.NEEDS_OPERATOR}
_WENT_BACK = {Crossing.ROLLBACK, Crossing.RESTORED, Crossing.FLIPPED_BACK, Crossing.PARKED}


@dataclass(frozen=True, slots=True)
class Occasion:
    """One thing to be told."""

    kind: str
    """Of `KINDS`."""
    key: tuple[str | int, ...]
    """Tells it from others of its kind."""
    sentence: str
    """What happened, with a full stop."""
    node: str = ""
    """Name of the node that it is about; empty for the network's."""
    over: bool = False
    """Whether nothing follows from it any more: who looks for the first time is not told."""
    holds_s: float = 0.0
    """Seconds for which it has to hold."""
    weight: Severity | None = None
    """Where it is another than its kind's."""

    @property
    def severity(self) -> Severity:
        """How much it weighs."""
        return self.weight or KINDS[self.kind].severity

    @property
    def identity(self) -> str:
        """Kind, node and key as one text."""
        return "|".join((self.kind, self.node, *(str(part) for part in self.key)))


def occasions(snapshot: Snapshot, *, of_network: bool = True) -> tuple[Occasion, ...]:
    """What holds now.

    Args:
        snapshot: Chain and node; what of both is not there says nothing.
        of_network: Whether to tell of the network too, or of the node alone.
    """
    return tuple(_found(snapshot, of_network))


def _found(snapshot: Snapshot, of_network: bool) -> Iterator[Occasion]:
    chain, node = snapshot.chain, snapshot.node if not snapshot.node_problem else None
    if chain is not None and of_network:
        for proposal in reversed(chain.proposals):
            yield from _of_proposal(proposal, chain)
        if snapshot.upgrade is not None:
            yield from _of_countdown(snapshot.upgrade, chain, snapshot.height)
            yield from _of_nodes(snapshot.upgrade.proposal, chain)
        yield from _of_stall(snapshot)
        yield from _of_stakes(chain, snapshot.taken_at)
        if snapshot.chain_problem and chain.age_s >= SILENT_S:
            yield Occasion("no-answer", ("silent",), f"No endpoint of {snapshot.network.name} answers.")
    if node is not None:
        yield from _of_own_node(node, snapshot)


def _of_proposal(proposal: Proposal, chain: ChainView) -> Iterator[Occasion]:
    name, over = f"Proposal {proposal.id} {proposal.name}", not proposal.status.open
    key = (proposal.id, proposal.name)
    where = f" for block {proposal.target_height:,}" if proposal.has_height else ""
    yield Occasion("proposal-created", key, f"{name} was made{where}.", over=over)
    if proposal.status is ProposalStatus.VOTING:
        until = f" until {_vote_end(proposal)}" if _vote_end(proposal) else ""
        yield Occasion("vote-open", key, f"The vote on proposal {proposal.id} {proposal.name} is open{until}.")
    if proposal.status is ProposalStatus.SCHEDULED and proposal.has_height:
        height = proposal.target_height
        yield Occasion("scheduled", (*key, height), f"{name} is scheduled: nodes stop before block {height:,}.")
    if proposal.verdict is not Verdict.NONE and not proposal.halts_itself:
        crosses = proposal.verdict is Verdict.CROSS
        follows = "the nodes cross" if crosses else "the old binary goes on after the halt"
        weight = None if crosses else Severity.WARNING
        sentence = f"The verdict on {proposal.name} is {proposal.verdict.name}: {follows}."
        yield Occasion("verdict", key, sentence, over=over, weight=weight)
    if proposal.halt_approvals and proposal.status.open:
        yield Occasion("emergency-halt", (*key, "asked"), f"The council is asked to stop {proposal.name}.")
    ends = _ENDS_BY_GOV if proposal.halts_itself else _ENDS
    if proposal.status in ends:
        kind, words = ends[proposal.status]
        yield Occasion(kind, (*key, "ended"), f"{name} {words}.", over=True)
    if _went_on(proposal, chain.height):
        sentence = f"The network went on past block {proposal.target_height:,} with {proposal.name}."
        yield Occasion("resumed", key, sentence, over=over)


_ENDS = {
    ProposalStatus.REJECTED: ("closed", "was rejected"),
    ProposalStatus.EXPIRED: ("closed", "expired"),
    ProposalStatus.ABORTED: ("aborted", "was aborted: the old binary goes on"),
    ProposalStatus.CANCELLED: ("emergency-halt", "was cancelled: no node stops for it"),
    ProposalStatus.ROLLED_BACK: ("rolled-back", "was rolled back by the network"),
}


_ENDS_BY_GOV = {
    ProposalStatus.REJECTED: ("closed", "was rejected"),
    ProposalStatus.FAILED: ("closed", "passed, and could not be carried out: no node stops for it"),
    ProposalStatus.CANCELLED: ("aborted", "is not planned any more: no node stops for it"),
}


def _vote_end(proposal: Proposal) -> str:
    """When the vote ends: by the clock, or by a block; empty where it is not known."""
    if proposal.ballot is not None and proposal.ballot.voting_ends_at is not None:
        return utc(proposal.ballot.voting_ends_at)
    return f"block {proposal.voting_ends_at:,}" if proposal.voting_ends_at else ""


def _went_on(proposal: Proposal, height: int) -> bool:
    crossing = proposal.status in {ProposalStatus.SCHEDULED, ProposalStatus.EXECUTED}
    decided = proposal.verdict is Verdict.CROSS and proposal.has_height
    return crossing and decided and height > proposal.target_height


def _of_countdown(upgrade: Upgrade, chain: ChainView, height: int | None) -> Iterator[Occasion]:
    proposal, left = upgrade.proposal, upgrade.blocks_left
    if proposal.status is not ProposalStatus.SCHEDULED or left is None or left <= 0 or height is None:
        return
    key = (proposal.id, proposal.name, proposal.target_height)
    soon = left <= IMMINENT_BLOCKS if upgrade.eta_s is None else upgrade.eta_s <= IMMINENT_S
    if soon and _settled(proposal, height, chain.block_time_s):
        about = "" if upgrade.eta_s is None else f", in about {duration(upgrade.eta_s)}"
        go = "GO" if upgrade.go else f"NO-GO: {'; '.join(upgrade.no_go_reasons)}"
        sentence = f"Nodes stop before block {proposal.target_height:,} for {proposal.name}{about}. {go}."
        yield Occasion("halt-imminent", key, sentence, weight=None if upgrade.go else Severity.CRITICAL)
    late = _late(proposal, upgrade.eta_s, height, chain.block_time_s)
    # Whose chain halts by itself tells no readiness.
    if late and proposal.total_power and upgrade.ready_power < proposal.readiness_needed:
        missing = _not_ready(chain, proposal)
        sentence = (
            f"Only {upgrade.ready_power} of {proposal.total_power} power is ready for {proposal.name},"
            f" {proposal.readiness_needed} is needed; H is in about {duration(upgrade.eta_s)}.{missing}"
        )
        yield Occasion(late, key, sentence)


def _late(proposal: Proposal, eta_s: float | None, height: int, block_time_s: float | None) -> str:
    """The kind that lateness is of now, or empty."""
    if eta_s is None or eta_s > DAY_S or not _settled(proposal, height, block_time_s):
        return ""
    return "not-ready-1h" if eta_s <= HOUR_S else "not-ready-24h"


def _settled(proposal: Proposal, height: int, block_time_s: float | None) -> bool:
    """Whether everybody had the time to get ready and armed: a quarter of the way to H, ten minutes at most."""
    passed, whole = height - proposal.scheduled_at, proposal.target_height - proposal.scheduled_at
    if not proposal.scheduled_at:
        return True
    return passed >= whole / 4 or (block_time_s is not None and passed * block_time_s >= SETTLED_S)


def _not_ready(chain: ChainView, proposal: Proposal) -> str:
    if chain.readiness is None or chain.readiness.proposal_id != proposal.id:
        return ""
    names = {validator.address: str(validator.moniker) for validator in chain.validators}
    return _listed(" Missing: ", [names.get(e.address) or e.address for e in chain.readiness.validators if not e.ready])


def _listed(words: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{words}{', '.join(names[:_MOST_NAMES])}{more}."


def _of_nodes(proposal: Proposal, chain: ChainView) -> Iterator[Occasion]:
    target = proposal.target_height
    if not proposal.has_height or proposal.release_kind is ReleaseKind.NONE:
        return
    key = (proposal.id, proposal.name)
    at_halt = [
        str(node.moniker) or node.url
        for node in chain.nodes
        if node.reachable and node.app_height == target - 1 and node.height >= target - 1
    ]
    if at_halt and chain.height >= target - 1 and proposal.status is ProposalStatus.SCHEDULED:
        yield Occasion("halted", key, f"The first nodes stopped before block {target:,} for {proposal.name}.")
    if at_halt and chain.height >= target + BEHIND_BLOCKS:
        sentence = f"The network is at block {chain.height:,}.{_listed(' Still before the halt: ', at_halt)}"
        yield Occasion("behind-after-upgrade", key, sentence, holds_s=BEHIND_S)


def _of_stall(snapshot: Snapshot) -> Iterator[Occasion]:
    chain, upgrade = snapshot.chain, snapshot.upgrade
    if chain is None or chain.stalled is None:
        return
    planned = (
        upgrade is not None
        and upgrade.proposal.has_height
        and abs(chain.height - upgrade.proposal.target_height) <= 1
        and upgrade.proposal.status is ProposalStatus.SCHEDULED
    )
    if not planned:
        sentence = f"The chain {chain.stalled.sentence}."
        yield Occasion("chain-stands", ("stands",), sentence, holds_s=STANDS_S)


def _of_stakes(chain: ChainView, now: float) -> Iterator[Occasion]:
    """Whom a Cosmos chain has jailed. Who could be released already is nobody's news at the first look."""
    for each in () if chain.cosmos is None else chain.cosmos.outside:
        stake = each.stake
        if stake is None or not stake.jailed or stake.bond is Bond.UNBONDED:
            continue
        name = str(each.moniker) or each.address
        words = "was tombstoned: it signed twice" if stake.tombstoned else "was jailed"
        over = stake.jailed_until is not None and stake.jailed_until < now
        yield Occasion("validator-jailed", (each.address,), f"{name} {words}, and its power is gone.", over=over)


def _of_own_node(node: NodeStatus, snapshot: Snapshot) -> Iterator[Occasion]:
    if node.alarm:
        sentence = f"{node.name} needs you: {node.alarm.rstrip('.')}."
        yield Occasion("needs-operator", (without_digits(node.alarm),), sentence, node.name)
    if node.state == NodeState.STOPPED_BY_OPERATOR.value:
        yield Occasion("node-stopped", (), f"{node.name} was stopped by hand.", node.name)
    if node.attempt is not None:
        yield from _of_attempt(node.attempt, node, snapshot)


def _of_attempt(attempt: Attempt, node: NodeStatus, snapshot: Snapshot) -> Iterator[Occasion]:
    name, crossing = node.name, attempt.crossing
    key = (attempt.id, str(attempt.name))
    over = crossing.ended and not crossing.waits_for_operator
    if attempt.preparation is Preparation.FAILED and not crossing.ended:
        why = f": {attempt.note.rstrip('.')}" if attempt.note else ""
        yield Occasion("preparation-failed", key, f"{name} could not prepare {attempt.name}{why}.", name)
    yield from _of_lateness(attempt, node, snapshot)
    if crossing in _OVER_THE_HALT:
        where = f" before block {attempt.target_height:,}" if attempt.has_height else ""
        yield Occasion("halted", key, f"{name} stopped{where} for {attempt.name}.", name, over=over)
    if crossing is Crossing.COMMITTED:
        yield Occasion("resumed", key, f"{name} runs {attempt.name}, and the upgrade is committed.", name, over=over)
    if crossing is Crossing.RESUMED_OLD:
        why = f" ({attempt.note.rstrip('.')})" if attempt.note else ""
        yield Occasion(
            "aborted", key, f"{name} goes on with the old binary, without {attempt.name}{why}.", name, over=over
        )
    if crossing in _WENT_BACK:
        why = f": {attempt.note.rstrip('.')}" if attempt.note else ""
        yield Occasion("rolled-back", key, f"{name} goes back to the old binary{why}.", name)
    behind = snapshot.height is not None and node.height is not None and snapshot.height - node.height
    passed = attempt.has_height and snapshot.height is not None and snapshot.height > attempt.target_height
    if behind and behind >= BEHIND_BLOCKS and passed and crossing is not Crossing.NONE:
        sentence = f"{name} is {behind:,} blocks behind its network after the upgrade to {attempt.name}."
        yield Occasion("behind-after-upgrade", key, sentence, name, holds_s=BEHIND_S)


def _of_lateness(attempt: Attempt, node: NodeStatus, snapshot: Snapshot) -> Iterator[Occasion]:
    upgrade, chain = snapshot.upgrade, snapshot.chain
    if upgrade is None or chain is None or snapshot.height is None or attempt.crossing is not Crossing.NONE:
        return
    proposal = upgrade.proposal
    ours = proposal.has_height and proposal.target_height == attempt.target_height
    if not ours or attempt.preparation is Preparation.READY or (upgrade.blocks_left or 0) <= 0:
        return
    late = _late(proposal, upgrade.eta_s, snapshot.height, chain.block_time_s)
    if late:
        why = f" ({attempt.note.rstrip('.')})" if attempt.note else ""
        sentence = (
            f"{node.name} is not ready for {attempt.name}: it is {attempt.preparation.value}{why},"
            f" and H is in about {duration(upgrade.eta_s)}."
        )
        yield Occasion(late, (attempt.id, str(attempt.name), attempt.target_height), sentence, node.name)
