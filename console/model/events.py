"""What happened, as differences of Snapshots: the last events, and what a notification may tell. Pure.

A Snapshot is read as a set of facts, each under a key of its own; an event is a fact that was not there before. What
the chain itself has recorded carries its block, so that the first Snapshot of a session tells the past as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest

from console.model.ballot import Ballot
from console.model.network import Bond
from console.model.node import Attempt, Crossing, NodeState, NodeStatus, Preparation
from console.model.plan import FailureCode, Proposal, ProposalStatus, Readiness, ValidatorReadiness, Verdict
from console.model.snapshot import ChainView, Snapshot
from console.text import shortened

MOST_EVENTS = 200
"""Events that are kept."""

SILENT_AFTER_S = 10.0
"""Seconds without an answer after which a node's silence is an event: a restart takes less."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    key: tuple[str | int, ...]
    """Tells it from others; its first word is its kind."""
    words: str
    """What happened, without a full stop."""
    subject: str = ""
    """The validator or node that it happened to, to stand before the words; empty where they say it."""
    height: int = 0
    """Block that recorded it, or the newest one when it was seen; 0 where none was known."""
    moment: float = 0.0
    """Unix seconds at which it was seen here, or at which it was where the chain says that; 0 for what it had recorded
    before."""
    tone: str = ""
    """`good`, `bad`, `warn` or empty."""
    recorded: bool = False
    """Whether the chain holds it for good: such a key never comes twice."""

    @property
    def kind(self) -> str:
        """`ready`, `verdict`, `crossing` and so on."""
        return str(self.key[0])

    @property
    def text(self) -> str:
        """Who and what."""
        return f"{self.subject} {self.words}".strip()


def events_between(before: Snapshot | None, after: Snapshot) -> tuple[Event, ...]:
    """What happened from one Snapshot to the next, in the order of blocks.

    Args:
        before: None when there was none: then only what the chain has recorded, as of the past.
        after: The newer one.
    """
    old = set() if before is None else {fact.key for fact in _facts(before, after)}
    news = [fact for fact in _facts(after, before) if fact.key not in old and (before is not None or fact.recorded)]
    # What the chain tells with its first answer was not seen to happen.
    first = before is None or before.chain is None
    return tuple(sorted((_seen(fact, after, past=first and fact.recorded) for fact in news), key=_order))


def remembered(events: tuple[Event, ...], news: tuple[Event, ...]) -> tuple[Event, ...]:
    """The events with what is new behind them; the oldest go, and what the chain recorded stands there once."""
    if not news:
        return events
    known = {event.key for event in events if event.recorded}
    return (*events, *(event for event in news if event.key not in known))[-MOST_EVENTS:]


def _seen(fact: Event, snapshot: Snapshot, *, past: bool) -> Event:
    if fact.moment:
        # The chain itself says when it was.
        return fact
    height = fact.height or snapshot.height or 0
    return replace(fact, height=height, moment=0.0 if past else snapshot.taken_at)


def _order(event: Event) -> tuple[float, int]:
    return event.moment, event.height


def _facts(snapshot: Snapshot, other: Snapshot | None) -> Iterator[Event]:
    """What a Snapshot says, without what validators said alike in the other one."""
    chain = snapshot.chain
    if chain is not None:
        for proposal in reversed(chain.proposals):
            yield from _of_proposal(proposal)
        yield from _of_readiness(chain, None if other is None or other.chain is None else other.chain.readiness)
        yield from _of_nodes(chain, snapshot)
        yield from _of_stakes(chain)
    yield from _of_halves(snapshot)
    if snapshot.node is not None and not snapshot.node_problem:
        yield from _of_own_node(snapshot.node)


def _recorded(key: tuple[str | int, ...], words: str, height: int, tone: str = "", *, subject: str = "") -> Event:
    return Event(key, words, subject, height, tone=tone, recorded=True)


def _of_ballot(proposal: Proposal, ballot: Ballot) -> Iterator[Event]:
    """What x/gov did with a proposal, each at the time that the chain has for it."""
    number, name, status = proposal.id, proposal.name, proposal.status
    what = f"proposal {number} {name}"

    def at(moment: float | None, key: tuple[str | int, ...], words: str, tone: str = "") -> Event:
        return Event(key, words, moment=moment or 0.0, tone=tone, recorded=True)

    yield at(ballot.submitted_at, ("proposed", number), f"{what} was made")
    if status is ProposalStatus.DEPOSIT:
        return
    if ballot.voting_starts_at is not None:
        yield at(ballot.voting_starts_at, ("vote open", number), f"the vote on {what} opened")
    if status is ProposalStatus.VOTING:
        return
    if status in _LOST:
        yield at(ballot.voting_ends_at, ("ended", number, status.words), f"{what} {_LOST[status]}", "warn")
        return
    yield at(ballot.voting_ends_at, ("approved", number), f"{what} passed", "good")
    if proposal.has_height and status is not ProposalStatus.CANCELLED:
        text = f"{name} is scheduled for block {proposal.target_height:,}"
        yield at(ballot.voting_ends_at, ("scheduled", number, proposal.target_height), text)


_LOST = {ProposalStatus.REJECTED: "was rejected", ProposalStatus.FAILED: "passed, and could not be carried out"}


def _of_proposal(proposal: Proposal) -> Iterator[Event]:
    number, name = proposal.id, proposal.name
    if proposal.halts_itself:
        if proposal.ballot is not None:
            yield from _of_ballot(proposal, proposal.ballot)
        elif proposal.status is ProposalStatus.SCHEDULED:
            yield Event(("plan", name, number), f"{name} is scheduled for block {proposal.target_height:,}")
        if proposal.has_height and proposal.status in _ENDS_OF_PLANS:
            words, tone = _ENDS_OF_PLANS[proposal.status]
            at = proposal.target_height if proposal.status is ProposalStatus.EXECUTED else 0
            yield _recorded(("ended", number, proposal.status.words), f"{name} {words}", at, tone)
        return
    yield _recorded(("proposed", number), f"proposal {number} {name} was made", proposal.proposed_at)
    if proposal.approved_at and proposal.voting_power:
        yield _recorded(("approved", number), f"{name} was approved", proposal.approved_at, "good")
    if proposal.scheduled_at and proposal.has_height:
        text = f"{name} is scheduled for block {proposal.target_height:,}"
        yield _recorded(("scheduled", number, proposal.target_height), text, proposal.scheduled_at)
    if proposal.release_round:
        yield Event(("replaced", number, proposal.release_round), f"the release of {name} was replaced", tone="warn")
    if proposal.contracts_at:
        calls = f"{proposal.linked_calls} contract call{'' if proposal.linked_calls == 1 else 's'}"
        yield _recorded(("calls made", number), f"{calls} of {name} made", proposal.contracts_at, "good")
    if proposal.undone_at:
        yield _recorded(("undone", number), f"contract calls of {name} taken back", proposal.undone_at, "warn")
    if proposal.verdict is not Verdict.NONE:
        crosses = proposal.verdict is Verdict.CROSS
        text = f"verdict on {name}: {proposal.verdict.name}"
        yield _recorded(("verdict", number), text, proposal.frozen_at, "good" if crosses else "bad")
    yield from _of_its_end(proposal)


_ENDS_OF_PLANS = {
    ProposalStatus.EXECUTED: ("was applied: the chain goes on with it", "good"),
    ProposalStatus.CANCELLED: ("is not planned any more: cancelled, replaced or skipped", "bad"),
}
_ENDS = {
    ProposalStatus.REJECTED: ("was rejected", "warn"),
    ProposalStatus.EXECUTED: ("is executed: more than 2/3 confirmed it", "good"),
    ProposalStatus.ABORTED: ("was aborted: the old binary goes on", "bad"),
    ProposalStatus.EXPIRED: ("expired", "warn"),
    ProposalStatus.CANCELLED: ("was cancelled", "bad"),
    ProposalStatus.ROLLED_BACK: ("was rolled back", "bad"),
}


def _of_its_end(proposal: Proposal) -> Iterator[Event]:
    if proposal.status in _ENDS:
        words, tone = _ENDS[proposal.status]
        at = proposal.ended_at or max(proposal.target_height, proposal.proposed_at)
        yield _recorded(("ended", proposal.id, proposal.status.words), f"{proposal.name} {words}", at, tone)


def _of_readiness(chain: ChainView, other: Readiness | None) -> Iterator[Event]:
    readiness = chain.readiness
    if readiness is None:
        return
    number = readiness.proposal_id
    alike = other.validators if other is not None and other.proposal_id == number else ()
    # An entry that is the very same object need not be compared value by value: there may be ten thousand.
    changed = [
        said
        for said, same in zip_longest(readiness.validators, alike)
        if said is not None and said is not same and said != same
    ]
    if not changed:
        return
    names = {validator.address: str(validator.moniker) for validator in chain.validators}
    for said in changed:
        yield from _of_validator(said, names.get(said.address) or shortened(said.address, 12), number)


def _of_validator(said: ValidatorReadiness, name: str, number: int) -> Iterator[Event]:
    address = said.address
    if said.ready:
        yield _recorded(("ready", number, address, said.ready_at), "ready", said.ready_at, "good", subject=name)
    if said.armed:
        yield _recorded(("armed", number, address, said.armed_at), "armed", said.armed_at, "good", subject=name)
    if said.failure_code:
        try:
            why = FailureCode(said.failure_code).words
        except ValueError:
            why = f"failure code {said.failure_code}"
        key = ("failed", number, address, said.failed_at)
        yield _recorded(key, f"could not prepare: {why}", said.failed_at, "bad", subject=name)
    if said.confirmed_at:
        confirmed = ("confirmed", number, address)
        yield _recorded(confirmed, "confirmed the crossing", said.confirmed_at, "good", subject=name)


def _of_nodes(chain: ChainView, snapshot: Snapshot) -> Iterator[Event]:
    upgrade = snapshot.upgrade
    target = upgrade.proposal.target_height if upgrade is not None and upgrade.proposal.has_height else 0
    number = upgrade.proposal.id if upgrade is not None else 0
    for node in chain.nodes:
        name = str(node.moniker) or node.url
        if not node.reachable:
            if node.age_s >= SILENT_AFTER_S:
                yield Event(("silent", node.url), "not answering", name, tone="bad")
            continue
        if target and node.height >= target - 1 and node.app_height == target - 1 and chain.height >= target:
            yield Event(("halted", number, node.url), f"halted before block {target:,}", name, tone="warn")
        if target and node.app_height >= target and chain.height <= target:
            yield Event(("back", number, node.url), f"executed block {target:,}", name, tone="good")
    if target and upgrade is not None and chain.height > target and upgrade.proposal.status is ProposalStatus.SCHEDULED:
        yield Event(("past H", number), f"the chain goes on past block {target:,}", tone="good")


def _of_stakes(chain: ChainView) -> Iterator[Event]:
    """Whom a Cosmos chain has jailed lately; of who was jailed before the first look nothing is said."""
    for each in () if chain.cosmos is None else chain.cosmos.outside:
        stake = each.stake
        if stake is not None and stake.jailed and stake.bond is not Bond.UNBONDED:
            words = "tombstoned: it signed twice" if stake.tombstoned else "jailed: its power is gone"
            yield Event(("jailed", each.address), words, str(each.moniker) or shortened(each.address, 12), tone="bad")


def _of_halves(snapshot: Snapshot) -> Iterator[Event]:
    if snapshot.chain is not None and (stands := snapshot.chain.stalled) is not None:
        words = f"the chain stands: {stands.power} of {stands.total} power votes, {stands.needed} is needed"
        yield Event(("stalled", stands.height), words, tone="bad")
    if snapshot.chain is not None and snapshot.chain.agreement is not None and snapshot.chain.agreement.blocks:
        yield Event(("agreement", snapshot.chain.agreement.state.value), snapshot.chain.agreement.sentence, tone="bad")
    if snapshot.node is not None and snapshot.node_problem:
        yield Event(("controller",), "controller not answering", snapshot.node.name, tone="bad")


_BAD_CROSSINGS = {Crossing.ROLLBACK, Crossing.PARKED, Crossing.MISSED_HALT, Crossing.NEEDS_OPERATOR}
_STATES = {
    NodeState.STOPPED.value: ("stopped", "bad"),
    NodeState.STOPPED_BY_OPERATOR.value: ("stopped by the operator", "warn"),
}
_PREPARED = {
    Preparation.FETCHING: "fetches",
    Preparation.VERIFIED: "verified",
    Preparation.STAGED: "staged",
    Preparation.READY: "prepared for",
}


def _of_own_node(node: NodeStatus) -> Iterator[Event]:
    name = node.name
    if node.alarm:
        yield Event(("alarm", without_digits(node.alarm)), f"needs you: {node.alarm}", name, tone="bad")
    if node.paused:
        yield Event(("paused", node.paused), f"automation paused: {node.paused}", name, tone="warn")
    # Around arming and a crossing a node is down as planned; one that should not be raises an alarm.
    planned = node.state == NodeState.STOPPED.value and node.attempt is not None and not node.alarm
    if node.state in _STATES and not planned:
        words, tone = _STATES[node.state]
        yield Event(("state", node.state), words, name, tone=tone)
    if node.attempt is not None:
        yield from _of_attempt(node.attempt, name)


def _of_attempt(attempt: Attempt, name: str) -> Iterator[Event]:
    number = attempt.id
    if attempt.crossing is not Crossing.NONE:
        tone = "bad" if attempt.crossing in _BAD_CROSSINGS else "good" if attempt.crossing is Crossing.COMMITTED else ""
        yield Event(("crossing", number, attempt.crossing.value), attempt.crossing.value, name, tone=tone)
    elif attempt.preparation in _PREPARED:
        words = f"{_PREPARED[attempt.preparation]} {attempt.name}"
        yield Event(("preparation", number, attempt.preparation.value), words, name)


def without_digits(text: str) -> str:
    """What an alarm counts up is no second alarm."""
    return "".join(character for character in text if not character.isdecimal())
