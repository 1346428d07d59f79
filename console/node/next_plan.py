"""Which plan comes next: pure functions over what the chain shows and what this node has done (DESIGN §4, §6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from console.model import Attempt, Crossing, Preparation, Proposal, ProposalStatus, ReleaseKind, ScheduleKind, Verdict
from console.node.cosmovisor.names import same_name


def same_plan(proposal: Proposal, attempt: Attempt) -> bool:
    """Whether an attempt is one at this proposal."""
    if proposal.halts_itself:
        # The operator's file may spell it in another case than the chain.
        return proposal.id == attempt.proposal_id and same_name(str(proposal.name), str(attempt.name))
    return proposal.id == attempt.proposal_id and str(proposal.name) == str(attempt.name)


def crossed(proposal: Proposal) -> bool:
    """Whether the network executed H with this release and stayed with it."""
    return proposal.verdict is Verdict.CROSS and proposal.status is not ProposalStatus.ROLLED_BACK


def put_off(attempt: Attempt) -> bool:
    """Whether an attempt ended only to make room for another plan, or with one that the chain may bring again."""
    return attempt.crossing is Crossing.RESUMED_OLD and attempt.verdict is Verdict.NONE


def newest_at(proposal: Proposal, past: Iterable[Attempt]) -> Attempt | None:
    """The newest attempt at this proposal; None when there is none.

    Args:
        proposal: The plan.
        past: Attempts that came from a plan, newest first.
    """
    return next((attempt for attempt in past if same_plan(proposal, attempt)), None)


def done_with(proposal: Proposal, past: Sequence[Attempt]) -> bool:
    """Whether this node is past a plan. A chain's own plan has no number, and may come again.

    Plans are crossed in the order of their heights, and not of their numbers: one that is voted on for long may be
    scheduled after a later one.

    Args:
        proposal: The plan.
        past: Attempts that came from a plan, newest first.
    """
    if proposal.halts_itself:
        return bool(past) and not put_off(past[0]) and proposal.target_height <= past[0].target_height
    mine = newest_at(proposal, past)
    if mine is not None:
        return not put_off(mine) and not _replaying(proposal, mine, past[0])
    behind = max((attempt.target_height for attempt in past if attempt.verdict is Verdict.CROSS), default=0)
    return crossed(proposal) and proposal.target_height <= behind


def _replaying(proposal: Proposal, mine: Attempt, newest: Attempt) -> bool:
    """Whether this node crosses everything again, in order, and comes to this plan from one before it."""
    again = newest.id > mine.id and newest.verdict is Verdict.CROSS
    return again and crossed(proposal) and newest.target_height < proposal.target_height


def prepared(proposal: Proposal, past: Iterable[Attempt]) -> bool:
    """Whether this node had these very bytes ready before the plan was put off."""
    mine = newest_at(proposal, past)
    return mine is not None and mine.preparation is Preparation.READY and mine.release_hash == proposal.release_hash


def next_of_chain(proposals: Iterable[Proposal]) -> Proposal | None:
    """The plan that a chain which stops its nodes itself comes to first."""
    scheduled = (entry for entry in proposals if entry.halts_itself and entry.status is ProposalStatus.SCHEDULED)
    return min(scheduled, key=lambda entry: entry.target_height, default=None)


def scheduled_one(proposals: Iterable[Proposal], past: Sequence[Attempt]) -> Proposal | None:
    """The registry's scheduled release, while this node is not past it; there is one at a time."""
    return next(
        (entry for entry in proposals if entry.status is ProposalStatus.SCHEDULED and not done_with(entry, past)), None
    )


def approved_to_prepare(proposals: Iterable[Proposal], past: Sequence[Attempt]) -> list[Proposal]:
    """Approved releases, the one to prepare next first: what is not prepared yet, and of that the likeliest.

    A height that is fixed, or follows from the vote, needs nobody's readiness and comes next. Of those that wait for
    readiness the one that lacks least. One that this node failed at waits until the others were tried.

    Args:
        proposals: What the registry shows.
        past: Attempts that came from a plan, newest first.
    """

    def place(proposal: Proposal) -> tuple[object, ...]:
        mine = newest_at(proposal, past)
        tried = 0 if mine is None else mine.id
        if proposal.schedule_kind is not ScheduleKind.READINESS:
            at = proposal.target_height or proposal.approved_at + proposal.delay
            return prepared(proposal, past), tried, 0, 0.0, at, proposal.id
        needed = proposal.total_power * proposal.readiness_bps
        share = proposal.ready_power * 10_000 / needed if needed else 0.0
        return prepared(proposal, past), tried, 1, -share, proposal.readiness_deadline, proposal.id

    found = [
        entry
        for entry in proposals
        if entry.status is ProposalStatus.APPROVED
        and entry.release_kind is not ReleaseKind.NONE
        and not done_with(entry, past)
    ]
    return sorted(found, key=place)


def plan_to_open(
    proposals: Iterable[Proposal],
    past: Sequence[Attempt],
    current: tuple[str, str],
    executed: int | None,
    began_at: int | None = None,
) -> Proposal | None:
    """The proposal that a node without an open attempt should take up, or None.

    A node that catches up crosses every halt in order: the lowest height that the network crossed and that this node
    has not executed. Else it is the scheduled one, else an approved one, which is prepared. Else the newest that
    crossed without us: then this node has missed its halt.

    Args:
        proposals: What the plan source said.
        past: Attempts that came from a plan, newest first.
        current: Sha256 of the current generation's binary, and of its manifest where it has one.
        executed: Last height that our application executed, None when it is not known.
        began_at: Height at which this controller first saw the application: what the network crossed before, this
            node crossed in its own way, with a build of its own perhaps.
    """
    fresh = [entry for entry in proposals if not done_with(entry, past)]
    if any(entry.halts_itself for entry in fresh):
        # Such a chain stops every node at its plan, and no node can be past it without the release.
        return next_of_chain(fresh)
    without_us = [entry for entry in fresh if crossed(entry) and entry.breaking]
    if began_at is not None:
        without_us = [entry for entry in without_us if entry.target_height > began_at]
    # When the release of one runs here, it and those before it are behind us.
    behind = max((entry.target_height for entry in without_us if entry.release_hash in current), default=0)
    without_us = [entry for entry in without_us if entry.target_height > behind]
    ahead = [entry for entry in without_us if executed is not None and entry.target_height > executed]
    if ahead:
        return min(ahead, key=lambda entry: entry.target_height)
    missed = max(without_us, key=lambda entry: entry.target_height, default=None)
    approved = approved_to_prepare(fresh, past)
    return scheduled_one(fresh, past) or missed or (approved[0] if approved else None)
