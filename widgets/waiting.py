"""The countdown of a proposal that has no height yet: to the end of its vote, or to enough readiness. Pure."""

from __future__ import annotations

from console.model import Proposal, ProposalStatus, ReleaseKind, ScheduleKind, Snapshot
from widgets.moments import CLOCK_SIGN, UNKNOWN
from widgets.phases import Outlook, Phase
from widgets.proposal_words import Clock, expedited_mark, schedule_words


def waiting(proposal: Proposal, snapshot: Snapshot, now: float) -> Outlook:
    """What an open proposal without a height waits for.

    Args:
        proposal: Voted on, or approved.
        snapshot: With a chain.
        now: Unix seconds.
    """
    clock = Clock.of(snapshot, now)
    title = f"{proposal.name} · proposal {proposal.id} · {proposal.status.words}{expedited_mark(proposal)}"
    if proposal.status is ProposalStatus.VOTING:
        return _vote(proposal, clock, title)
    if proposal.release_kind is ReleaseKind.NONE:
        last = proposal.approved_at + proposal.execution_window
        return Outlook(
            Phase.WAITING,
            title,
            _left(clock, last),
            ("blocks", "to expiry"),
            _until("expires", clock, last),
            f"{_calls(proposal)} approved; 2, Enter, e has it made. No node stops for it.",
        )
    if proposal.schedule_kind is ScheduleKind.READINESS:
        return Outlook(
            Phase.WAITING,
            title,
            f"{proposal.ready_power}/{proposal.readiness_needed}",
            ("power", "ready"),
            _until("deadline", clock, proposal.readiness_deadline),
            schedule_words(proposal),
        )
    return Outlook(
        Phase.WAITING,
        title,
        UNKNOWN,
        ("no", "height yet"),
        "",
        f"Approved: the next checkAndSchedule (2, Enter, s) sets H {clock.span(proposal.delay)} after the vote.",
    )


def _vote(proposal: Proposal, clock: Clock, title: str) -> Outlook:
    what = f" {_calls(proposal)} linked." if proposal.linked_calls else ""
    return Outlook(
        Phase.VOTING,
        title,
        _left(clock, proposal.voting_ends_at),
        ("blocks", "to vote"),
        _until("vote ends", clock, proposal.voting_ends_at),
        f"The vote is open: 2, Enter, t votes.{what}",
    )


def _calls(proposal: Proposal) -> str:
    return f"{proposal.linked_calls} contract call{' is' if proposal.linked_calls == 1 else 's are'}"


def _left(clock: Clock, block: int) -> str:
    left = clock.until(block)
    return UNKNOWN if left is None else str(max(0, left))


def _until(what: str, clock: Clock, block: int) -> str:
    sign = f"{CLOCK_SIGN} " if clock.height is None else ""
    return f"{sign}{what} {clock.left(block)}"
