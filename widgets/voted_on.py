"""The countdown of a proposal of x/gov before it is a plan: to the end of its deposit, or of its vote. Pure."""

from __future__ import annotations

from console.model import Ballot, Proposal, ProposalStatus, Snapshot, Upgrade
from console.text import duration
from widgets.ballot_words import deposit_words, outcome_words
from widgets.moments import CLOCK_SIGN, UNKNOWN, chain_age, count, wall_clock
from widgets.phases import Outlook, Phase
from widgets.proposal_words import expedited_mark

_UNITS = ((2 * 86_400, 86_400, "days"), (2 * 3600, 3600, "hours"), (120, 60, "minutes"), (0, 1, "seconds"))
"""From how many seconds on which unit is counted in."""


def voted_on(snapshot: Snapshot, upgrade: Upgrade, now: float) -> Outlook:
    """What an open proposal of x/gov waits for.

    Args:
        snapshot: With a chain.
        upgrade: Its proposal has a ballot, and is voted on or in deposit.
        now: Unix seconds.
    """
    proposal = upgrade.proposal
    ballot = proposal.ballot
    assert ballot is not None
    title = f"{proposal.name} · proposal {proposal.id} · {proposal.status.words}{expedited_mark(proposal)}"
    voting = proposal.status is ProposalStatus.VOTING
    ends = ballot.voting_ends_at if voting else ballot.deposit_ends_at
    number, unit = _left(ends, now)
    late = _comes_too_early(snapshot, upgrade, ballot)
    old = f"{CLOCK_SIGN} " if chain_age(snapshot.chain, snapshot.taken_at, now).stale else ""
    sentence = late or (_vote_sentence(proposal, ballot) if voting else f"Deposited: {deposit_words(ballot)}.")
    return Outlook(
        Phase.VOTING,
        title,
        number,
        (unit, "to vote" if voting else "to deposit"),
        f"{old}{'vote' if voting else 'deposit'} ends {_when(ends, now)}",
        sentence,
        "warning" if late or old else "",
    )


def _vote_sentence(proposal: Proposal, ballot: Ballot) -> str:
    words = outcome_words(ballot)
    then = f"; the chain would stop for it at block {count(proposal.target_height)}" if ballot.passes else ""
    return f"{words[:1].upper()}{words[1:]}{then}."


def _left(ends: float | None, now: float) -> tuple[str, str]:
    if ends is None:
        return UNKNOWN, ""
    left = max(0.0, ends - now)
    size, unit = next((size, unit) for least, size, unit in _UNITS if left >= least)
    return str(int(left // size)), unit


def _when(ends: float | None, now: float) -> str:
    return UNKNOWN if ends is None else f"≈ {duration(ends - now)} · {wall_clock(ends, now)}"


def _comes_too_early(snapshot: Snapshot, upgrade: Upgrade, ballot: Ballot) -> str:
    """Why the plan could not be scheduled any more when the vote ends: x/upgrade takes no height of the past."""
    height = count(upgrade.proposal.target_height)
    if upgrade.blocks_left is not None and upgrade.blocks_left <= 0:
        return f"Block {height} is past: the plan would fail when the vote ends, whatever it says."
    if upgrade.eta_s is None or ballot.voting_ends_at is None:
        return ""
    if snapshot.taken_at + upgrade.eta_s < ballot.voting_ends_at:
        return f"Block {height} comes before the vote ends, in about {duration(upgrade.eta_s)}: the plan would fail."
    return ""
