"""What can be done with a proposal now, and why not: the registry's rules in words, before anything is sent.

The chain decides: what is let through here may still be refused there, with its own words.
"""

from __future__ import annotations

from console.model import Proposal, ProposalStatus, ReleaseKind, ScheduleKind, Verdict

VERBS = ("vote", "deposit", "finalize", "schedule", "execute", "undo", "replace", "rollback", "cancel", "expire")
"""Actions on one proposal; ids of the action registry."""


def verb_refusal(verb: str, proposal: Proposal, height: int | None) -> str:
    """One sentence on why this cannot be done with the proposal now; empty when it can.

    Args:
        verb: Of `VERBS`.
        proposal: As read last.
        height: Of the chain; None while it is not known.

    Raises:
        KeyError: There is no such verb: a mistake in the code.
    """
    if proposal.ballot is not None:
        return _on_cosmos(verb, proposal)
    if proposal.halts_itself:
        return "The chain decides on it by its own rules, not by this registry."
    return _RULES[verb](proposal, height or 0)


def _on_cosmos(verb: str, proposal: Proposal) -> str:
    if verb == "vote":
        open_now = proposal.status is ProposalStatus.VOTING
        return "" if open_now else f"There is no vote to take part in: the proposal is {proposal.status.words}."
    if verb == "deposit":
        takes = proposal.status in {ProposalStatus.DEPOSIT, ProposalStatus.VOTING}
        return "" if takes else f"It takes no deposit any more: it is {proposal.status.words}."
    if verb == "cancel":
        takes = proposal.status in {ProposalStatus.DEPOSIT, ProposalStatus.VOTING}
        if takes:
            return ""
        return f"It is {proposal.status.words}: a scheduled upgrade is taken back by another proposal (p)."
    return "The chain's own governance does that by itself, when the vote ends."


def _vote(proposal: Proposal, height: int) -> str:
    if proposal.status is not ProposalStatus.VOTING:
        return f"There is no vote to take part in: the proposal is {proposal.status.words}."
    if height > proposal.voting_ends_at:
        return f"The vote ended at block {proposal.voting_ends_at:,}: f stores its end."
    return ""


def _finalize(proposal: Proposal, height: int) -> str:
    if proposal.status is not ProposalStatus.VOTING:
        return f"There is no vote to end: the proposal is {proposal.status.words}."
    if 3 * proposal.no_power >= proposal.voting_power or height >= proposal.voting_ends_at:
        return ""
    return f"The vote goes on until block {proposal.voting_ends_at:,}; a vote that is won ends by itself."


def _schedule(proposal: Proposal, height: int) -> str:
    if proposal.release_kind is ReleaseKind.NONE:
        return "Contract calls alone have no height: e has them made."
    if proposal.status is not ProposalStatus.APPROVED:
        return f"Only an approved proposal gets its height, and this one is {proposal.status.words}."
    if proposal.schedule_kind is ScheduleKind.READINESS and proposal.ready_power < proposal.readiness_needed:
        missing = proposal.readiness_needed - proposal.ready_power
        return f"{missing} more power has to be ready: {proposal.ready_power} of {proposal.readiness_needed} is."
    return ""


def _execute(proposal: Proposal, height: int) -> str:
    if not proposal.linked_calls:
        return "No contract call is linked to this proposal."
    if proposal.contracts_at:
        return f"Its calls were made at block {proposal.contracts_at:,}."
    if proposal.release_kind is ReleaseKind.NONE:
        wanted = ProposalStatus.APPROVED
        return "" if proposal.status is wanted else f"Its calls wait for approval: it is {proposal.status.words}."
    if proposal.contracts_first:
        if proposal.status is not ProposalStatus.SCHEDULED:
            return f"Its calls are made once it is scheduled: it is {proposal.status.words}."
        return "" if height < proposal.freeze_height else "Its calls had to be made before the freeze: it is too late."
    if proposal.verdict is not Verdict.CROSS or height <= proposal.target_height:
        return "Its calls are made after the network has crossed."
    return ""


def _undo(proposal: Proposal, height: int) -> str:
    over = {ProposalStatus.ABORTED, ProposalStatus.CANCELLED, ProposalStatus.EXPIRED, ProposalStatus.ROLLED_BACK}
    if not proposal.contracts_at:
        return "None of its calls was made, so there is nothing to take back."
    if proposal.undone_at:
        return f"Its calls were taken back at block {proposal.undone_at:,}."
    if proposal.status not in over:
        return f"Calls are taken back when the upgrade did not come: it is {proposal.status.words}."
    return ""


def _replace(proposal: Proposal, height: int) -> str:
    if proposal.release_kind is ReleaseKind.NONE:
        return "There is no release to replace."
    if proposal.status not in {ProposalStatus.APPROVED, ProposalStatus.SCHEDULED}:
        return f"Only an approved or scheduled release is replaced, and this one is {proposal.status.words}."
    return _frozen(proposal, height)


def _rollback(proposal: Proposal, height: int) -> str:
    if proposal.status is not ProposalStatus.SCHEDULED or proposal.verdict is not Verdict.CROSS:
        return "Only an upgrade that the network began to cross, and did not finish, is rolled back."
    if height < proposal.target_height:
        return f"Before block {proposal.target_height:,} nobody has crossed: there is nothing to roll back."
    return ""


def _cancel(proposal: Proposal, height: int) -> str:
    if not proposal.status.open:
        return f"It is {proposal.status.words} already."
    if proposal.yes_power or proposal.no_power:
        return "Somebody has voted: only the emergency council stops it now (F9)."
    if proposal.voting_power and proposal.status is not ProposalStatus.VOTING:
        return "Its vote is over: only the emergency council stops it now (F9)."
    return _frozen(proposal, height)


def _expire(proposal: Proposal, height: int) -> str:
    if not proposal.status.open:
        return f"It is {proposal.status.words} already."
    last = last_block(proposal)
    if last == 0:
        return "Its vote has to end first: f stores that."
    return "" if height > last else f"It has until block {last:,}."


def last_block(proposal: Proposal) -> int:
    """The last block in which an open proposal may still come about; 0 while that is not settled."""
    if proposal.status is ProposalStatus.SCHEDULED:
        return proposal.target_height + proposal.execution_window
    if proposal.status is not ProposalStatus.APPROVED:
        return 0
    if proposal.release_kind is ReleaseKind.NONE:
        return proposal.approved_at + proposal.execution_window
    return proposal.readiness_deadline if proposal.schedule_kind is ScheduleKind.READINESS else 0


def _frozen(proposal: Proposal, height: int) -> str:
    if proposal.has_height and height >= proposal.freeze_height:
        return f"The plan is frozen since block {proposal.freeze_height:,}: it is too late."
    return ""


def _deposit(_proposal: Proposal, _height: int) -> str:
    return "A registry's proposals have no deposit."


_RULES = {
    "vote": _vote,
    "deposit": _deposit,
    "finalize": _finalize,
    "schedule": _schedule,
    "execute": _execute,
    "undo": _undo,
    "replace": _replace,
    "rollback": _rollback,
    "cancel": _cancel,
    "expire": _expire,
}
