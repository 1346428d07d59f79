"""A proposal of x/gov in full, as lines: the plan, the deposit, the tally against its rules, what it says. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from console import strict_json
from console.model import Ballot, Choice, Proposal, ProposalStatus
from console.model.ballot import rule_words, share_words
from console.text import UntrustedText, shortened, untrusted
from widgets.ballot_words import (
    coins_words,
    deposit_words,
    outcome_words,
    rules_line,
    shares_line,
    turnout_line,
    until_words,
)
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN
from widgets.moments import UNKNOWN, power_words, wall_clock
from widgets.power_bar import Share, power_bar
from widgets.proposal_reading import Reading, field, head, when_words

_BAR = 60
_MOST_BINARIES = 12
_LONGEST_PLATFORM = 40
_LONGEST_URL = 2000


def ballot_lines(reading: Reading) -> list[Content]:
    """All of it under each other, what decides first."""
    return [*_what(reading), *_when(reading), *ballot_right(reading), *_says(reading)]


def ballot_left(reading: Reading) -> list[Content]:
    """Of two columns the left one: what it is, when it comes, and what it says of itself."""
    return [*_what(reading), *_when(reading), *_says(reading)]


def ballot_right(reading: Reading) -> list[Content]:
    """Of two columns the right one: the deposit, and the votes against their rules."""
    ballot = reading.proposal.ballot
    if ballot is None:
        return [head("Votes", "not known: the chain's newest proposals do not hold it"), Content("")]
    return [*_deposit(reading, ballot), *_votes(reading, ballot), *_validators(reading)]


def ballot_summary(reading: Reading) -> list[Content]:
    """The proposal in at most eleven lines: below the list."""
    proposal, ballot = reading.proposal, reading.proposal.ballot
    lines = [field("plan", _plan_words(proposal), STRONG)]
    if proposal.has_height:
        lines.append(field("height H", when_words(reading)))
    if ballot is None:
        lines.append(field("proposal", "not known: the chain's newest proposals do not hold it"))
    else:
        lines += [field("title", ballot.title or UNKNOWN), *_stage(reading, ballot)]
        if ballot.tally.turnout or proposal.status is ProposalStatus.VOTING:
            lines.append(field("votes", f"{shares_line(ballot)}; {turnout_line(ballot)}"))
        if ballot.failed_reason:
            lines.append(field("failed", ballot.failed_reason, BAD))
    if proposal.release_url:
        lines.append(field("info", proposal.release_url))
    return lines


def _stage(reading: Reading, ballot: Ballot) -> Iterator[Content]:
    now = reading.clock.now
    if reading.proposal.status is ProposalStatus.DEPOSIT:
        yield field("deposit", deposit_words(ballot), WARN)
        yield field("until", until_words(ballot.deposit_ends_at, now))
    elif reading.proposal.status is ProposalStatus.VOTING:
        yield field("vote ends", until_words(ballot.voting_ends_at, now))
        yield field("outcome", outcome_words(ballot), GOOD if ballot.passes else WARN)
    else:
        yield field("state", reading.proposal.status.words)


def _plan_words(proposal: Proposal) -> str:
    if proposal.ballot is not None and proposal.ballot.cancels:
        return "would cancel the plan that is scheduled when its vote ends"
    return str(proposal.name)


def _what(reading: Reading) -> Iterator[Content]:
    proposal, ballot = reading.proposal, reading.proposal.ballot
    state = f"{proposal.status.words.upper()}{', EXPEDITED vote' if proposal.expedited else ''}"
    yield head("What", state, _state_style(proposal))
    yield field("plan", _plan_words(proposal), STRONG)
    if ballot is not None:
        yield field("title", ballot.title or UNKNOWN)
        if proposal.proposer:
            yield field("proposer", proposal.proposer)
        if ballot.messages > 1:
            more = ballot.messages - 1
            yield field("with it", f"{more} further message{' is' if more == 1 else 's are'} run", WARN)
        if ballot.failed_reason:
            yield field("failed", ballot.failed_reason, BAD)
    yield from _binaries(proposal)
    yield Content("")


def _state_style(proposal: Proposal) -> str:
    if proposal.status in {ProposalStatus.REJECTED, ProposalStatus.FAILED, ProposalStatus.CANCELLED}:
        return f"{STRONG} {BAD}"
    return f"{STRONG} {WARN if proposal.expedited or not proposal.status.open else GOOD}"


def _binaries(proposal: Proposal) -> Iterator[Content]:
    """The plan's info: where its binaries are, a line each, where it says that; else as it is."""
    links = _links(str(proposal.release_url))
    if not links:
        if proposal.release_url:
            yield field("info", proposal.release_url)
        return
    for number, (platform, url) in enumerate(links[:_MOST_BINARIES]):
        checked = "" if "checksum=" in url else "  no checksum"
        yield Content.assemble(
            (f"{'binaries' if not number else '':<10}", MUTED), (f"{platform} ", STRONG), (checked, WARN)
        )
        yield Content(url)
    if len(links) > _MOST_BINARIES:
        yield Content.styled(f"and {len(links) - _MOST_BINARIES} more", MUTED)


def _links(info: str) -> list[tuple[UntrustedText, UntrustedText]]:
    try:
        found = strict_json.loads(info.encode("utf-8", "replace"))
    except strict_json.NotStrictJson:
        return []
    binaries = found.get("binaries") if isinstance(found, dict) else None
    if not isinstance(binaries, dict):
        return []
    # JSON's own escapes hide what was made safe before.
    return [
        (untrusted(platform, _LONGEST_PLATFORM), untrusted(url, _LONGEST_URL))
        for platform, url in binaries.items()
        if isinstance(url, str)
    ]


def _when(reading: Reading) -> Iterator[Content]:
    proposal, ballot, now = reading.proposal, reading.proposal.ballot, reading.clock.now
    yield head("When")
    if proposal.has_height:
        yield field("height H", when_words(reading))
    if proposal.status is ProposalStatus.SCHEDULED:
        yield Content.styled(f"{'':<10}the chain stops every node before it executes H", MUTED)
    if ballot is not None:
        yield field("submitted", UNKNOWN if ballot.submitted_at is None else wall_clock(ballot.submitted_at, now))
        if proposal.status is ProposalStatus.DEPOSIT:
            yield field("time", f"for the deposit {until_words(ballot.deposit_ends_at, now)}")
        if ballot.voting_ends_at is not None and proposal.status is not ProposalStatus.DEPOSIT:
            yield field("vote ends", until_words(ballot.voting_ends_at, now))
    yield Content("")


def _says(reading: Reading) -> Iterator[Content]:
    ballot = reading.proposal.ballot
    if ballot is None or not (ballot.summary or ballot.metadata):
        return
    yield head("What it says")
    if ballot.summary:
        yield Content(str(ballot.summary))
    if ballot.metadata:
        yield field("metadata", ballot.metadata)
    yield Content("")


def _deposit(reading: Reading, ballot: Ballot) -> Iterator[Content]:
    missing = ballot.deposit_missing()
    waits = reading.proposal.status is ProposalStatus.DEPOSIT
    yield head("Deposit", *(("not enough yet", WARN) if waits and missing else ("", MUTED)))
    yield Content(deposit_words(ballot) if waits else coins_words(ballot.deposit))
    yield Content("")


def _votes(reading: Reading, ballot: Ballot) -> Iterator[Content]:
    proposal, tally, rules = reading.proposal, ballot.tally, ballot.rules
    width = min(_BAR, reading.width)
    if proposal.status is ProposalStatus.DEPOSIT:
        yield head("Votes", "not open yet")
        yield Content.styled(rules_line(ballot), MUTED)
        yield Content("")
        return
    yield head("Votes", *_vote_state(proposal, ballot))
    yield power_bar((Share(tally.turnout, "█", GOOD),), ballot.quorum_needed, ballot.bonded, width)
    yield Content(turnout_line(ballot))
    shares = (Share(tally.yes, "█", GOOD), Share(tally.no, "▒", BAD), Share(tally.veto, "▓", BAD))
    yield power_bar(shares, ballot.yes_needed if rules.known else 0, tally.decided, width)
    if rules.known:
        yield Content(f"yes {share_words(tally.yes, tally.decided)}, more than {rule_words(rules.threshold)} needed")
        yield Content.styled(
            f"veto {share_words(tally.veto, tally.turnout)} of all votes, at most {rule_words(rules.veto)}",
            f"{STRONG} {BAD}" if ballot.vetoed else "",
        )
    for name, tokens, style in (
        ("yes", tally.yes, GOOD), ("abstain", tally.abstain, MUTED), ("no", tally.no, BAD), ("veto", tally.veto, BAD)
    ):  # fmt: skip
        share = share_words(tokens, tally.turnout)
        yield Content.assemble((f"  {name:<8}", style), f"{share:>7}  {power_words(tokens, 12):>12}")
    if ballot.bonded:
        silent = max(0, ballot.bonded - tally.turnout)
        words = f"  {'silent':<8}{share_words(silent, ballot.bonded):>7}  {power_words(silent, 12):>12} of all bonded"
        yield Content.styled(words, MUTED)
    yield Content("")


def _validators(reading: Reading) -> Iterator[Content]:
    """What each validator voted, the heaviest first: with its whole power, which its delegators may take back."""
    if reading.proposal.status is not ProposalStatus.VOTING:
        return
    if reading.governance is None:
        said = f"not known: {reading.problem}" if reading.problem else "the chain is asked for it"
        yield head("Validators", said, WARN if reading.problem else MUTED)
        yield Content("")
        return
    votes = reading.governance.votes
    missing = sum(1 for vote in votes if vote.choice is Choice.NONE)
    yield head("Validators", f"{missing} of {len(votes)} have not voted", WARN if missing else MUTED)
    for vote in votes:
        name = reading.names.get(vote.address) or vote.address
        yield Content.assemble(
            f"  {shortened(name, 24):<25}{power_words(vote.power, 8):>8}  ", (vote.choice.words, _STYLES[vote.choice])
        )
    yield Content("")


_STYLES = {
    Choice.YES: GOOD,
    Choice.NO: BAD,
    Choice.VETO: BAD,
    Choice.ABSTAIN: MUTED,
    Choice.SPLIT: "",
    Choice.NONE: WARN,
}


def _vote_state(proposal: Proposal, ballot: Ballot) -> tuple[str, str]:
    if proposal.status is ProposalStatus.VOTING:
        return f"open: {outcome_words(ballot)}", GOOD if ballot.passes else WARN
    if proposal.status is ProposalStatus.REJECTED:
        return f"LOST: {ballot.reason}" if ballot.reason else "LOST", BAD
    if proposal.status is ProposalStatus.FAILED:
        return "WON, and what it would run failed", BAD
    return "WON", GOOD
