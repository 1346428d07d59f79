"""The timeline of an upgrade, T−7 d to T+1 h, with what is done, due now or late: a pure function of Snapshot and time.

T is the moment of H, by measured block time; the entries are those of the operators' document.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from console.model.crossing import power_back
from console.model.node import Crossing, NodeStatus, Preparation
from console.model.plan import ProposalStatus
from console.model.power import more_than_two_thirds
from console.model.snapshot import Snapshot, Upgrade
from console.text import percent

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


class Due(Enum):
    """How one entry stands."""

    DONE = "done"
    NOW = "now"
    """It is next, and its time has come: everything before it should be done."""
    LATER = "later"
    LATE = "late"
    """Its moment is over and it is not done."""
    UNKNOWN = "unknown"
    """Chain and node do not tell."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of the timeline."""

    id: str
    offset_s: float
    """Seconds after T; before it below zero."""
    title: str
    due: Due
    at: float | None
    """Unix seconds, about; None while H or its moment is not known."""
    words: str
    """What it rests on, with the value."""

    @property
    def offset(self) -> str:
        """`T-7d`, `T-0`, `T+5min`."""
        size, sign = abs(self.offset_s), "-" if self.offset_s <= 0 else "+"
        for unit, seconds in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
            # A day before is said in hours: it is when the hours are counted.
            if size >= seconds and not (unit == "d" and size <= _DAY):
                return f"T{sign}{size / seconds:g}{unit}"
        return "T-0"


@dataclass(frozen=True, slots=True)
class Coordination:
    """The timeline of the current upgrade."""

    upgrade: str
    """Its name; empty for none."""
    height: int | None
    """H; None while it is not known."""
    at: float | None
    """Unix seconds of H, about."""
    sentence: str
    """What T rests on, or why there is no timeline."""
    entries: tuple[TimelineEntry, ...]


Look = Callable[[Snapshot, Upgrade], tuple[bool | None, str]]
"""Whether it is done (None: not told), and the value that says so."""


def coordination_of(snapshot: Snapshot, now: float) -> Coordination:
    """The timeline at this time.

    Args:
        snapshot: Chain and node.
        now: Unix seconds.
    """
    upgrade = snapshot.upgrade
    if upgrade is None:
        why = (
            "No upgrade is proposed."
            if snapshot.chain is not None
            else snapshot.chain_problem or "Nothing is known yet."
        )
        return Coordination("", None, None, why, ())
    proposal = upgrade.proposal
    if not proposal.status.open and proposal.status is not ProposalStatus.EXECUTED:
        words = f"Upgrade #{proposal.id} {proposal.name} is {proposal.status.words}: nothing of it is due."
        return Coordination(str(proposal.name), None, None, words, ())
    at = _moment_of_h(snapshot, upgrade)
    height = proposal.target_height if proposal.has_height else None
    entries: list[TimelineEntry] = []
    before: float | None = None
    waiting = False
    for name, offset, title, look in _ENTRIES:
        done, words = look(snapshot, upgrade)
        moment = None if at is None else at + offset
        due = _due(done, moment, before, now, waiting=waiting)
        waiting = waiting or due in {Due.NOW, Due.LATE}
        entries.append(TimelineEntry(name, offset, title, due, moment, words))
        before = moment
    return Coordination(str(proposal.name), height, at, _basis(snapshot, upgrade, at), tuple(entries))


def _due(done: bool | None, moment: float | None, before: float | None, now: float, *, waiting: bool) -> Due:
    if done:
        return Due.DONE
    if moment is None:
        return Due.LATER if waiting or done is None else Due.NOW
    if done is None and now < moment:
        return Due.UNKNOWN if before is not None and now >= before else Due.LATER
    if now > moment:
        return Due.LATE if done is not None else Due.UNKNOWN
    return Due.NOW if before is None or now >= before else Due.LATER


def _moment_of_h(snapshot: Snapshot, upgrade: Upgrade) -> float | None:
    proposal, chain = upgrade.proposal, snapshot.chain
    if not proposal.has_height or upgrade.blocks_left is None or chain is None:
        return None
    if upgrade.blocks_left > 0:
        return None if upgrade.eta_s is None else snapshot.taken_at + upgrade.eta_s
    if chain.block_time_unix is None:
        return None
    # What the halt itself took is not in it: the blocks since are counted back.
    since = max(0, chain.height - proposal.target_height + 1)
    return chain.block_time_unix - since * (chain.block_time_s or 0.0)


def _basis(snapshot: Snapshot, upgrade: Upgrade, at: float | None) -> str:
    if not upgrade.proposal.has_height:
        return "H is not known yet: the times follow when it is."
    chain = snapshot.chain
    if at is None or chain is None or chain.block_time_s is None:
        return f"H is {upgrade.proposal.target_height:,}; its moment is not known, since the block time is not."
    return f"T is H {upgrade.proposal.target_height:,}, by {chain.block_time_s:.2f} s a block."


# What is looked at for each entry.


def _proposed(_snapshot: Snapshot, upgrade: Upgrade) -> tuple[bool | None, str]:
    proposal = upgrade.proposal
    return proposal.status is not ProposalStatus.DEPOSIT, f"#{proposal.id} is {proposal.status.words}"


def _decided(_snapshot: Snapshot, upgrade: Upgrade) -> tuple[bool | None, str]:
    proposal = upgrade.proposal
    decided = proposal.status not in {ProposalStatus.VOTING, ProposalStatus.DEPOSIT}
    height = f"H is {proposal.target_height:,}" if proposal.has_height else "no height yet"
    return decided, f"{proposal.status.words}, {height}"


def _prepared(snapshot: Snapshot, upgrade: Upgrade) -> tuple[bool | None, str]:
    node, proposal = snapshot.node, upgrade.proposal
    attempt = None if node is None else node.attempt
    power = "" if proposal.halts_itself else f"{percent(upgrade.ready_power, upgrade.total_power)} of power is ready"
    if attempt is not None and attempt.proposal_id == proposal.attempt_id:
        ready = attempt.preparation is Preparation.READY or attempt.crossing is not Crossing.NONE
        words = f"this node: {attempt.preparation.value or attempt.crossing.value}"
        return ready, f"{words}, {power}" if power else words
    if proposal.halts_itself:
        return _not_taken_up(node)
    return more_than_two_thirds(upgrade.ready_power, upgrade.total_power), power


def _not_taken_up(node: NodeStatus | None) -> tuple[bool | None, str]:
    """What a node that has nothing to do with the plan comes to, on a chain where nobody else tells."""
    if node is None:
        return None, "no controller of this machine tells"
    return False, f"{node.name} has not taken it up"


def _halted(snapshot: Snapshot, upgrade: Upgrade) -> tuple[bool | None, str]:
    left = upgrade.blocks_left
    if left is None:
        return (False, "no height yet") if not upgrade.proposal.has_height else (None, "the height is not known")
    stands = snapshot.chain is not None and snapshot.chain.stalled is not None and left == 1
    return left <= 0 or stands, f"at {snapshot.height:,}" if snapshot.height is not None else ""


def _majority(snapshot: Snapshot, upgrade: Upgrade) -> tuple[bool | None, str]:
    resumed, words = _resumed(snapshot, upgrade)
    if resumed or not upgrade.proposal.has_height or snapshot.chain is None:
        return resumed, words
    back = power_back(snapshot.chain, upgrade.proposal.target_height, upgrade.proposal)
    if back.total <= 0:
        return None, "no validator is known"
    return back.enough, f"{percent(back.power, back.total)} of power is back, more than 2/3 needed"


def _resumed(snapshot: Snapshot, upgrade: Upgrade) -> tuple[bool | None, str]:
    if not upgrade.proposal.has_height:
        return False, "no height yet"
    height = None if snapshot.chain is None else snapshot.chain.height
    if height is None:
        return None, "the chain does not tell"
    return height > upgrade.proposal.target_height, f"the chain is at {height:,}"


def _verified(snapshot: Snapshot, upgrade: Upgrade) -> tuple[bool | None, str]:
    proposal = upgrade.proposal
    if not proposal.halts_itself:
        confirmed = more_than_two_thirds(proposal.confirmed_power, proposal.total_power)
        done = proposal.status is ProposalStatus.EXECUTED or confirmed
        return done, f"{percent(proposal.confirmed_power, proposal.total_power)} of power has confirmed"
    attempt = None if snapshot.node is None else snapshot.node.attempt
    if attempt is None or attempt.proposal_id != proposal.attempt_id:
        return _not_taken_up(snapshot.node)
    return attempt.crossing is Crossing.COMMITTED, f"this node: {attempt.crossing.value or 'before the crossing'}"


_ENTRIES: tuple[tuple[str, float, str, Look], ...] = (
    ("proposed", -7 * _DAY, "Governance proposal submitted", _proposed),
    ("decided", -3 * _DAY, "Voting ends, upgrade confirmed", _decided),
    ("prepared", -_DAY, "Final preparation, binary ready", _prepared),
    ("halt", 0.0, "Chain halts at upgrade height", _halted),
    ("majority", 5 * _MINUTE, "Majority of validators upgraded", _majority),
    ("resumed", 15 * _MINUTE, "Chain resumes", _resumed),
    ("verified", _HOUR, "Full verification complete", _verified),
)


def coordination_document(told: Coordination) -> dict[str, Any]:
    """The timeline as plain values; moments in unix seconds."""
    return {
        "upgrade": told.upgrade or None,
        "target_height": told.height,
        "at": None if told.at is None else round(told.at),
        "sentence": told.sentence,
        "entries": [
            {
                "id": each.id,
                "offset_s": each.offset_s,
                "title": each.title,
                "due": each.due.value,
                "at": None if each.at is None else round(each.at),
                "words": each.words,
            }
            for each in told.entries
        ],
    }
