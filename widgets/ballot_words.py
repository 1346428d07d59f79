"""A vote of x/gov in words: shares, what is needed, how it would end now, and until when. Pure."""

from __future__ import annotations

from console.model import Ballot, Coin, Proposal, ProposalStatus
from console.model.ballot import rule_words, share_words
from console.text import duration
from widgets.moments import UNKNOWN, count, wall_clock


def shares_line(ballot: Ballot) -> str:
    """What was voted, as shares of all votes."""
    tally = ballot.tally
    said = (("yes", tally.yes), ("no", tally.no), ("veto", tally.veto), ("abstain", tally.abstain))
    return ", ".join(f"{name} {share_words(tokens, tally.turnout)}" for name, tokens in said)


def turnout_line(ballot: Ballot) -> str:
    """How much of the bonded tokens voted, against quorum."""
    needed = f", quorum {rule_words(ballot.rules.quorum)}" if ballot.rules.known else ""
    return f"turnout {share_words(ballot.tally.turnout, ballot.bonded)}{needed}"


def rules_line(ballot: Ballot) -> str:
    """What the vote needs."""
    rules = ballot.rules
    if not rules.known:
        return "what it needs is not known"
    return (
        f"quorum {rule_words(rules.quorum)}, yes more than {rule_words(rules.threshold)},"
        f" veto at most {rule_words(rules.veto)}"
    )


def outcome_words(ballot: Ballot) -> str:
    """How it would end if the vote ended now."""
    if not ballot.rules.known or not ballot.bonded:
        return f"outcome {UNKNOWN}: {ballot.reason}"
    return "it would pass now" if ballot.passes else f"it would fail now: {ballot.reason}"


def until_words(moment: float | None, now: float) -> str:
    """When time ends: `in 2h 10m, 18:04:10 UTC`; once it is over, the chain acts on it `with the next block`."""
    if moment is None:
        return UNKNOWN
    left, at = moment - now, wall_clock(moment, now)
    return f"in {duration(left)}, {at}" if left > 0 else f"with the next block (due {at})"


def coins_words(coins: tuple[Coin, ...]) -> str:
    """Amounts, exact: `1,000,000 stake`."""
    return ", ".join(f"{count(coin.amount)} {coin.denom}" for coin in coins) or "nothing"


def deposit_words(ballot: Ballot) -> str:
    """What is deposited, and what is still needed for the vote to open."""
    paid = coins_words(ballot.deposit)
    missing = ballot.deposit_missing()
    return f"{paid}, {coins_words(missing)} more opens the vote" if missing else paid


def stage_line(proposal: Proposal, now: float) -> str:
    """What a proposal of x/gov waits for, in one sentence without its full stop; empty where it waits for nothing."""
    ballot = proposal.ballot
    if ballot is None:
        return ""
    if proposal.status is ProposalStatus.DEPOSIT:
        return f"waits for its deposit: {deposit_words(ballot)}; time ends {until_words(ballot.deposit_ends_at, now)}"
    if proposal.status is ProposalStatus.VOTING:
        return f"voted on: {outcome_words(ballot)}; the vote ends {until_words(ballot.voting_ends_at, now)}"
    return ""
