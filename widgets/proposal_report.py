"""A proposal in full, as lines: what, when, who, votes, readiness, linked calls, approvals, what happened. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from console.model import (
    Approval,
    Choice,
    HaltCode,
    MigrationKind,
    Proposal,
    ProposalStatus,
    ReleaseKind,
    ScheduleKind,
    ValidatorReadiness,
    Verdict,
    power_needed,
)
from console.text import shortened
from widgets.ballot_report import ballot_left, ballot_lines, ballot_right, ballot_summary
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN
from widgets.moments import UNKNOWN, count, power_words
from widgets.power_bar import Share, power_bar
from widgets.proposal_reading import Reading, field, head, when_words
from widgets.proposal_words import MIGRATIONS, readiness_words, schedule_words, vote_words
from widgets.readiness_rows import failure_words

_INDENT = " " * 10


def report_lines(reading: Reading) -> list[Content]:
    """All of it under each other, what decides first."""
    if reading.proposal.halts_itself:
        return ballot_lines(reading)
    return [*_what(reading), *_when(reading), *right_lines(reading), *_linked(reading), *_timeline(reading)]


def left_lines(reading: Reading) -> list[Content]:
    """Of two columns the left one: what it is, when it comes, what it calls, and what happened so far."""
    if reading.proposal.halts_itself:
        return ballot_left(reading)
    return [*_what(reading), *_when(reading), *_linked(reading), *_timeline(reading)]


def right_lines(reading: Reading) -> list[Content]:
    """Of two columns the right one: votes, readiness, and the approvals outside a vote."""
    if reading.proposal.halts_itself:
        return ballot_right(reading)
    return [*_votes(reading), *_readiness(reading), *_approvals(reading)]


def summary_lines(reading: Reading) -> list[Content]:
    """The proposal in at most eleven lines: below the list."""
    proposal = reading.proposal
    if proposal.halts_itself:
        return ballot_summary(reading)
    lines = [*_release(proposal), field("proposer", proposal.proposer), field("height H", when_words(reading))]
    if proposal.release_kind is not ReleaseKind.NONE:
        lines.append(field("breaking", breaking_words(proposal.breaking)))
    if proposal.voting_power:
        lines.append(Content.assemble((f"{'votes':<10}", MUTED), *_vote_mark(proposal), vote_words(proposal)))
    if proposal.release_kind is not ReleaseKind.NONE:
        lines.append(field("readiness", readiness_words(proposal)))
        lines.append(field("armed", f"{proposal.armed_power}, ready and armed {proposal.go_power}"))
    if proposal.linked_calls:
        lines.append(field("calls", f"{proposal.linked_calls} linked, {_order_words(proposal)}"))
    if proposal.release_kind is ReleaseKind.MANIFEST:
        lines.append(Content.styled("Press v for what is verified of the release that this node took up.", MUTED))
    return lines


def breaking_words(breaking: bool) -> str:
    """What a breaking upgrade means."""
    return "yes: every node stops at H, ready or not" if breaking else "no: only ready nodes stop at H"


_KINDS = {ReleaseKind.RAW: "sha256 of the binary", ReleaseKind.MANIFEST: "sha256 of the manifest"}


def _release(proposal: Proposal) -> list[Content]:
    if proposal.release_kind is ReleaseKind.NONE:
        return [field("release", "none: contract calls alone, no node stops for it")]
    return [
        field("release", f"{_KINDS[proposal.release_kind]}:"),
        Content.styled(proposal.release_hash, STRONG),
        field("url", proposal.release_url),
    ]


def _what(reading: Reading) -> Iterator[Content]:
    proposal = reading.proposal
    state = proposal.status.words.upper()
    yield head("What", f"{state}{', EXPEDITED vote' if proposal.expedited else ''}", _state_style(proposal))
    yield from _release(proposal)
    yield from _address(reading, "proposer", proposal.proposer)
    if proposal.release_kind is not ReleaseKind.NONE:
        yield field("breaking", breaking_words(proposal.breaking))
        yield field("migration", MIGRATIONS[proposal.migration_kind])
        if proposal.migration_kind is not MigrationKind.NONE:
            yield Content.styled(proposal.migration_hash, STRONG)
        if proposal.release_round:
            yield field("replaced", _times(proposal.release_round), WARN)
        if proposal.release_kind is ReleaseKind.MANIFEST:
            yield Content.styled("v shows who signed the release, and every check of it.", MUTED)
    yield Content("")


def _state_style(proposal: Proposal) -> str:
    if proposal.status in {ProposalStatus.ABORTED, ProposalStatus.ROLLED_BACK, ProposalStatus.REJECTED}:
        return f"{STRONG} {BAD}"
    return f"{STRONG} {WARN}" if proposal.expedited or not proposal.status.open else f"{STRONG} {GOOD}"


def _when(reading: Reading) -> Iterator[Content]:
    proposal, clock = reading.proposal, reading.clock
    yield head("When")
    if proposal.voting_ends_at:
        over = "" if proposal.status is ProposalStatus.VOTING else " (over)"
        yield field("vote ends", clock.at(proposal.voting_ends_at) + over)
    if proposal.release_kind is ReleaseKind.NONE:
        yield field("calls", when_words(reading))
        if proposal.approved_at:
            yield field("expires", clock.at(proposal.approved_at + proposal.execution_window))
        yield Content("")
        return
    yield field("height H", when_words(reading))
    if not proposal.has_height and proposal.status.open:
        yield field("then H is", f"{clock.span(proposal.delay)} after that")
    if proposal.schedule_kind is ScheduleKind.READINESS and not proposal.has_height and proposal.status.open:
        yield field("deadline", f"{clock.at(proposal.readiness_deadline)}; else it expires")
    if proposal.has_height:
        frozen = f"frozen at {count(proposal.frozen_at)}: {proposal.verdict.name}" if proposal.frozen_at else ""
        yield field("freeze", frozen or f"{clock.at(proposal.freeze_height)}; then it is too late")
        if proposal.verdict is not Verdict.NONE and not proposal.frozen_at:
            yield field("verdict", proposal.verdict.name, BAD)
    yield field("window", f"it has to be confirmed within {clock.span(proposal.execution_window)} after H")
    if proposal.grace_blocks:
        yield field("grace", f"{clock.span(proposal.grace_blocks)}: until then the old release may follow")
    yield Content("")


def _votes(reading: Reading) -> Iterator[Content]:
    proposal = reading.proposal
    if not proposal.voting_power:
        yield head("Votes", "none was needed" if proposal.approved_at else "none is needed")
        yield Content("")
        return
    yield head("Votes", *_vote_state(proposal))
    shares = (Share(proposal.yes_power, "█", GOOD), Share(proposal.no_power, "▒", BAD))
    yield power_bar(shares, proposal.vote_needed, proposal.voting_power, min(60, reading.width))
    yield Content(vote_words(proposal))
    left = proposal.voting_power - proposal.yes_power - proposal.no_power
    yield Content.styled(f"no {proposal.no_power}, not voted {left}", MUTED)
    if reading.governance is None:
        yield _unknown(reading)
    else:
        for vote in reading.governance.votes:
            word, style = _CHOICES[vote.choice]
            said = f"at {count(vote.voted_at)}" if vote.voted_at else ""
            yield from _person(reading, vote.address, vote.power, (f"{word:<4}", style), said)
    yield Content("")


_CHOICES = {
    Choice.YES: ("yes", GOOD),
    Choice.NO: ("no", BAD),
    Choice.NONE: (UNKNOWN, MUTED),
}
"""A registry knows no other."""


def _vote_state(proposal: Proposal) -> tuple[str, str]:
    if proposal.status is ProposalStatus.REJECTED:
        return "LOST", BAD
    if proposal.status is not ProposalStatus.VOTING:
        return ("WON", GOOD) if proposal.yes_power >= proposal.vote_needed else ("over", MUTED)
    return "open", WARN


def _vote_mark(proposal: Proposal) -> list[tuple[str, str]]:
    return [("✓ ", GOOD)] if proposal.yes_power >= proposal.vote_needed else []


def _readiness(reading: Reading) -> Iterator[Content]:
    proposal = reading.proposal
    if proposal.release_kind is ReleaseKind.NONE:
        return
    needed, total = proposal.readiness_needed, proposal.total_power
    enough = total > 0 and proposal.ready_power >= needed
    yield head("Readiness", *(("enough", GOOD) if enough else ("not yet enough", WARN)))
    yield power_bar((Share(proposal.ready_power, "█", GOOD),), needed, total, min(60, reading.width))
    yield Content(readiness_words(proposal))
    if proposal.schedule_kind is ScheduleKind.READINESS and not proposal.has_height:
        yield Content(schedule_words(proposal))
    yield Content(f"armed {proposal.armed_power}, ready and armed {proposal.go_power} of {total}")
    if proposal.confirmed_power:
        yield Content(f"confirmed {proposal.confirmed_power} of {total}, {power_needed(total)} needed")
    for entry in reading.readiness.validators if reading.readiness is not None else ():
        yield from _person(reading, entry.address, entry.power, *_said(entry))
    yield Content("")


def _said(entry: ValidatorReadiness) -> tuple[tuple[str, str], str]:
    version = f" {entry.version}" if entry.version else ""
    if entry.ready:
        armed = "and armed" if entry.armed else ""
        return ("ready", GOOD), f"{armed:<9} at {count(entry.ready_at)}{version}"
    if entry.failure_code:
        return (failure_words(entry.failure_code), BAD), f"at {count(entry.failed_at)}{version}"
    return ("pending", MUTED), version.strip()


def _linked(reading: Reading) -> Iterator[Content]:
    proposal = reading.proposal
    if not proposal.linked_calls:
        return
    beside = f"made at {count(proposal.contracts_at)}" if proposal.contracts_at else _order_words(proposal)
    yield head(f"Linked contract calls ({proposal.linked_calls})", beside)
    if proposal.init_allowed:
        yield Content.styled("! Their cuts may run an initialiser: code with all rights of the diamond.", BAD)
    if reading.governance is None:
        yield _unknown(reading)
    else:
        for number, call in enumerate(reading.governance.calls, 1):
            yield from _address(reading, f"call {number}", call.target)
            yield Content.styled(f"{_INDENT}{len(call.data)} bytes, 0x{call.data[:4].hex()}…", MUTED)
        undo = len(reading.governance.undo)
        yield field("undo", f"{undo} call{'' if undo == 1 else 's'} take them back" if undo else "none")
        yield Content.styled("d shows what they change, selector by selector.", MUTED)
    if proposal.undone_at:
        yield field("undone", f"at {count(proposal.undone_at)}", WARN)
    yield Content("")


def _order_words(proposal: Proposal) -> str:
    if proposal.release_kind is ReleaseKind.NONE:
        return "anyone has them made once approved"
    return "before the freeze, or the verdict is ABORT" if proposal.contracts_first else "after the crossing"


def _approvals(reading: Reading) -> Iterator[Content]:
    proposal, governance, rules = reading.proposal, reading.governance, reading.rules
    if governance is None:
        yield head("Approvals")
        yield _unknown(reading)
        return
    if rules is not None and rules.council:
        so_far = f"{len(governance.halts)} of the {rules.council_threshold} that stop it"
        yield head("Emergency council", so_far, WARN if governance.halts else MUTED)
        for member in rules.council:
            approval = next((each for each in governance.halts if each.approver == member), None)
            if approval is None:
                yield from _address(reading, "", member, mark=("· ", MUTED))
            else:
                yield from _halt(reading, approval)
    else:
        yield head("Emergency council", "this registry has none" if rules is not None else "")
        for approval in governance.halts:
            yield from _halt(reading, approval)
    yield Content("")
    yield from _agreement(reading, "Replace the release", governance.replacements, proposal.total_power)
    yield from _agreement(reading, "Roll back", governance.rollbacks, proposal.total_power)


def _halt(reading: Reading, approval: Approval) -> Iterator[Content]:
    yield from _address(reading, "", approval.approver, mark=("✗ ", BAD))
    try:
        why = HaltCode(approval.code).words
    except ValueError:
        why = f"code {approval.code}"
    words = f': "{approval.text}"' if approval.text else ""
    yield Content.assemble("  ", (f"{why}{words}", WARN), (f" at {count(approval.approved_at)}", MUTED))


def _agreement(reading: Reading, title: str, approvals: tuple[Approval, ...], total: int) -> Iterator[Content]:
    if not approvals:
        return
    by_subject: dict[tuple[str, str], list[Approval]] = {}
    for approval in approvals:
        # A replacement is agreed on by hash and URL; each rollback has a reason of its own.
        same = (approval.subject, str(approval.text)) if approval.subject else ("", "")
        by_subject.setdefault(same, []).append(approval)
    for (subject, url), group in by_subject.items():
        power = sum(each.power for each in group)
        yield head(title, f"{power} of {total} power, {power_needed(total)} needed", WARN)
        yield power_bar((Share(power, "█", WARN),), power_needed(total), total, min(60, reading.width))
        if subject:
            yield Content.styled(subject, STRONG)
            yield Content(url)
        for each in group:
            why = "" if subject else f'"{each.text}" '
            yield from _person(reading, each.approver, each.power, (why, ""), f"at {count(each.approved_at)}")
        yield Content("")


def _timeline(reading: Reading) -> Iterator[Content]:
    yield head("What happened")
    for height, words, style in sorted(_events(reading), key=lambda event: event[0]):
        yield Content.assemble((f"{count(height):>9} ", MUTED), (words, style))


def _events(reading: Reading) -> Iterator[tuple[int, str, str]]:
    proposal, governance = reading.proposal, reading.governance
    yield proposal.proposed_at, f"proposed by {_name(reading, proposal.proposer)}", ""
    for vote in governance.votes if governance is not None else ():
        if vote.voted_at:
            yield vote.voted_at, f"{_name(reading, vote.address)} voted {_CHOICES[vote.choice][0]}", ""
    if proposal.approved_at:
        yield proposal.approved_at, "approved", GOOD
    if proposal.scheduled_at:
        yield proposal.scheduled_at, f"scheduled for {count(proposal.target_height)}", GOOD
    for entry in reading.readiness.validators if reading.readiness is not None else ():
        name = _name(reading, entry.address)
        if entry.failed_at:
            yield entry.failed_at, f"{name}: {failure_words(entry.failure_code)}", BAD
        if entry.ready_at:
            yield entry.ready_at, f"{name} ready", ""
        if entry.armed_at:
            yield entry.armed_at, f"{name} armed", ""
        if entry.confirmed_at:
            yield entry.confirmed_at, f"{name} confirmed that it crossed", GOOD
    if governance is not None:
        for approvals, what in (
            (governance.halts, "wants to stop it"),
            (governance.replacements, "wants another release"),
            (governance.rollbacks, "wants to roll back"),
        ):
            for each in approvals:
                yield each.approved_at, f"{_name(reading, each.approver)} {what}", WARN
    if proposal.contracts_at:
        yield proposal.contracts_at, "linked calls made", GOOD
    if proposal.frozen_at:
        yield proposal.frozen_at, f"frozen, verdict {proposal.verdict.name}", ""
    if proposal.undone_at:
        yield proposal.undone_at, "linked calls taken back", WARN
    if proposal.ended_at:
        yield proposal.ended_at, proposal.status.words, STRONG


def _name(reading: Reading, address: str) -> str:
    return reading.names.get(address) or shortened(address, 15)


def _person(reading: Reading, address: str, power: int, said: tuple[str, str], rest: str) -> Iterator[Content]:
    yield Content.assemble(
        f"  {shortened(_name(reading, address), 15):<16}",
        f"{power_words(power, 7):>7} ",
        said,
        " " if said[0] else "",
        rest,
    )
    if reading.other_form is not None:
        yield Content.styled(f"    {address}", MUTED)
        yield Content.styled(f"    {reading.other_form(address)}", MUTED)


def _address(reading: Reading, name: str, address: str, *, mark: tuple[str, str] | None = None) -> Iterator[Content]:
    known = reading.names.get(address)
    label = (f"{name:<10}", MUTED) if name else mark or ("", "")
    yield Content.assemble(label, address, (f"  {known}" if known else "", MUTED))
    if reading.other_form is not None:
        yield Content.styled(" " * len(label[0]) + reading.other_form(address), MUTED)


def _unknown(reading: Reading) -> Content:
    if reading.problem:
        return Content.styled(f"not known: {reading.problem}", WARN)
    return Content.styled("the chain is asked for it", MUTED)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
