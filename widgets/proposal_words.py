"""What a proposal is, needs and waits for, in words. Pure; list, proposal in full, readiness and countdown say it."""

from __future__ import annotations

from dataclasses import dataclass

from console.model import MigrationKind, Proposal, ProposalStatus, ReleaseKind, ScheduleKind, Snapshot
from console.text import duration
from widgets.moments import UNKNOWN, chain_age, count, wall_clock

MIGRATIONS = {
    MigrationKind.NONE: "none",
    MigrationKind.COMPILED: "compiled into the release",
    MigrationKind.STANDARD: "standard operations",
    MigrationKind.WASM: "a WASM module: its vote needs 3/4",
}


def share_words(bps: int) -> str:
    """A share in 1/10000 as a person writes it: `67%`, `66.67%`."""
    return f"{bps / 100:.2f}".rstrip("0").rstrip(".") + "%"


def height_words(proposal: Proposal) -> str:
    """H, or in at most 13 columns what gives the proposal its height."""
    if proposal.has_height:
        return count(proposal.target_height)
    if proposal.release_kind is ReleaseKind.NONE:
        return "calls only"
    if not proposal.status.open:
        return UNKNOWN
    if proposal.schedule_kind is ScheduleKind.READINESS:
        return f"at {share_words(proposal.readiness_bps)} ready"
    return f"vote + {count(proposal.delay)}"


def waits_for(proposal: Proposal) -> str:
    """What a proposal without a height waits for: one sentence without its full stop; empty where it has one."""
    if proposal.has_height or not proposal.status.open:
        return ""
    if proposal.status is ProposalStatus.VOTING:
        return f"waits for its vote: {vote_words(proposal)}"
    if proposal.release_kind is ReleaseKind.NONE:
        return "approved: anyone may have its calls made now; no node stops for it"
    if proposal.schedule_kind is ScheduleKind.READINESS:
        return f"waits for readiness: {readiness_words(proposal)}"
    return "approved: the next look at it gives it its height"


def vote_words(proposal: Proposal) -> str:
    """Power for and against, and what is needed."""
    if not proposal.voting_power:
        return "no vote is needed"
    share = "3/4" if proposal.migration_kind is MigrationKind.WASM else "more than 2/3"
    return f"yes {proposal.yes_power} of {proposal.voting_power} power, {proposal.vote_needed} needed ({share})"


def readiness_words(proposal: Proposal) -> str:
    """Ready power, and what is needed."""
    share = f" ({share_words(proposal.readiness_bps)})" if proposal.readiness_bps else ""
    return f"ready {proposal.ready_power} of {proposal.total_power} power, {proposal.readiness_needed} needed{share}"


def schedule_words(proposal: Proposal) -> str:
    """When a proposal that waits for readiness gets its height, as far as that can be known."""
    if proposal.status is not ProposalStatus.APPROVED:
        return "Counted when its vote is won."
    missing = proposal.readiness_needed - proposal.ready_power
    if missing > 0:
        return f"It is scheduled when {missing} more power is ready."
    return "Enough: a controller gives it its height in its turn; s does it at once."


def expedited_mark(proposal: Proposal) -> str:
    """A sign that a vote is shorter than usual, to stand behind the name."""
    return " EXPEDITED" if proposal.expedited else ""


@dataclass(frozen=True, slots=True)
class Clock:
    """Heights turned into time: what the chain's newest height and its block time make of a block number."""

    height: int | None
    block_time_s: float | None
    taken_at: float
    """Unix seconds at which `height` was read."""
    now: float

    @classmethod
    def of(cls, snapshot: Snapshot | None, now: float) -> Clock:
        """As a Snapshot tells; an old one tells no time."""
        if snapshot is None or snapshot.chain is None or chain_age(snapshot.chain, snapshot.taken_at, now).stale:
            return cls(None, None, now, now)
        return cls(snapshot.height, snapshot.chain.block_time_s, snapshot.taken_at, now)

    def until(self, block: int) -> int | None:
        """Blocks left to a block; None while the height is not known."""
        return None if self.height is None else block - self.height

    def span(self, blocks: int) -> str:
        """So many blocks and the time that they take: `100 blocks ≈ 1m 40s`."""
        words = f"{count(blocks)} block{'' if blocks == 1 else 's'}"
        return words if self.block_time_s is None else f"{words} ≈ {duration(blocks * self.block_time_s)}"

    def left(self, block: int) -> str:
        """Time left to a block and the clock then: `≈ 56s · 08:54:16 UTC`; the block where that is not known."""
        left = self.until(block)
        if left is None or self.block_time_s is None:
            return f"at block {count(block)}"
        seconds = max(0, left) * self.block_time_s
        return f"≈ {duration(seconds)} · {wall_clock(self.taken_at + seconds, self.now)}"

    def at(self, block: int) -> str:
        """A block with how far it is and when: `1,300, in 90 blocks ≈ 1m 30s, 08:54:50 UTC`, or `1,300, passed`."""
        left = self.until(block)
        if left is None:
            return count(block)
        if left <= 0:
            return f"{count(block)}, passed" if left else f"{count(block)}, now"
        if self.block_time_s is None:
            return f"{count(block)}, in {self.span(left)}"
        return f"{count(block)}, in {self.span(left)}, {wall_clock(self.taken_at + left * self.block_time_s, self.now)}"
