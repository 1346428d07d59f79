"""`proposals` and `proposal N`: the registry read whole, as text and as JSON."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.cli import proposals_on_cosmos
from console.cli.calling import calling
from console.cli.printing import print_json
from console.cli.sources import Target, load_target
from console.model import Approval, LinkedCall, Proposal, ReleaseKind
from console.operations.linked_words import described
from console.operations.proposal_document import full_document, halt_words, proposal_document, timeline
from console.text import percent, shortened
from widgets.proposal_words import MIGRATIONS, height_words, readiness_words, vote_words, waits_for

if TYPE_CHECKING:
    from console.chain.governance import ProposalInFull

_BAR = 30
"""Columns of a bar of power."""


def run_list(arguments: argparse.Namespace) -> int:
    """Print every proposal. Raises ConsoleError."""
    if load_target(arguments).network.kind == "cosmos":
        return proposals_on_cosmos.run_list(arguments)
    found = chosen(asyncio.run(_all(load_target(arguments))), arguments.status, arguments.sort)
    if arguments.json:
        print_json({"proposals": [proposal_document(entry) for entry in found]})
    elif not found:
        print("No proposal." if not arguments.status else f"No proposal is {' or '.join(arguments.status)}.")
    else:
        print("\n".join(list_lines(found)))
    return 0


def run_one(arguments: argparse.Namespace) -> int:
    """Print one proposal in full. Raises ConsoleError."""
    target = load_target(arguments)
    if target.network.kind == "cosmos":
        return proposals_on_cosmos.run_one(arguments)
    found = asyncio.run(_one(target, arguments.proposal))
    registry = target.network.registry
    if arguments.json:
        print_json(full_document(found.proposal, found.readiness, found.rules, found.governance, registry))
    else:
        print("\n".join(full_lines(found, registry)))
    return 0


def chosen(proposals: Sequence[Proposal], statuses: Sequence[str], sort: str) -> list[Proposal]:
    """The proposals of these statuses, all without any, in order.

    Args:
        proposals: Newest first.
        statuses: As `rolled-back`.
        sort: `id` keeps the newest first; `height` has those without one last.
    """
    wanted = {word.replace("-", " ") for word in statuses}
    found = [entry for entry in proposals if not wanted or entry.status.words in wanted]
    match sort:
        case "height":
            return sorted(found, key=lambda entry: (not entry.has_height, entry.target_height))
        case "status":
            return sorted(found, key=lambda entry: entry.status)
        case "name":
            return sorted(found, key=lambda entry: str(entry.name))
    return found


def list_lines(proposals: Sequence[Proposal]) -> list[str]:
    """A table of at most 80 columns."""
    lines = [f"{'ID':>4}  {'NAME':<20} {'STATUS':<12} {'HEIGHT':<14} {'YES':>5} {'READY':>6}  NOTES"]
    for entry in proposals:
        yes = percent(entry.yes_power, entry.voting_power) if entry.voting_power else "—"
        marks = ("expedited" if entry.expedited else "", f"{entry.linked_calls} calls" if entry.linked_calls else "")
        lines.append(
            f"{entry.id:>4}  {shortened(str(entry.name), 20):<20} {entry.status.words:<12} {height_words(entry):<14}"
            f" {yes:>5} {percent(entry.ready_power, entry.total_power):>6}  {', '.join(filter(None, marks))}".rstrip()
        )
    return lines


def bar(part: int, whole: int, needed: int) -> str:
    """Power as a bar with a line where it is enough: `[#####------|-----]`."""
    if whole <= 0:
        return ""
    filled, line = part * _BAR // whole, min(_BAR, -(-needed * _BAR // whole))
    cells = "#" * filled + "-" * (_BAR - filled)
    return f"[{cells[:line]}|{cells[line:]}]"


def full_lines(found: ProposalInFull, registry: str) -> list[str]:
    """Everything about one proposal: what, when, who; votes, readiness, calls, approvals, timeline."""
    proposal = found.proposal
    expedited = ", EXPEDITED" if proposal.expedited else ""
    verdict = f", verdict {proposal.verdict.name}" if proposal.verdict else ""
    lines = [f"Proposal {proposal.id} {proposal.name}: {proposal.status.words}{verdict}{expedited}"]
    lines += [f"by {proposal.proposer}, height {proposal.proposed_at}; read at height {found.governance.height}"]
    if waiting := waits_for(proposal):
        lines.append(f"It {waiting}." if not waiting.startswith("approved") else f"{waiting.capitalize()}.")
    lines += ["", *_what_lines(proposal), "", *_vote_lines(found), "", *_ready_lines(found)]
    lines += _call_lines("Linked calls", found.governance.calls, registry)
    lines += _call_lines("Undo", found.governance.undo, registry)
    lines += _approval_lines(found)
    lines += ["", "Timeline", *(f"  {height:>10}  {event}" for height, event in timeline(proposal))]
    return lines


def _what_lines(proposal: Proposal) -> list[str]:
    if proposal.release_kind is ReleaseKind.NONE:
        return ["Contract calls alone: no node stops."]
    lines = [
        f"Release    sha256:{proposal.release_hash} ({proposal.release_kind.name.lower()})",
        f"           {proposal.release_url}",
    ]
    if proposal.release_round:
        lines.append(f"           replaced {proposal.release_round} times")
    rules = (
        "breaking: every node stops at H" if proposal.breaking else "compatible: nodes that are not ready may follow"
    )
    lines.append(f"Rules      {rules}")
    lines.append(f"Migration  {MIGRATIONS[proposal.migration_kind]}")
    if proposal.migration_hash:
        lines.append(f"           sha256:{proposal.migration_hash}")
    lines.append(f"Height     {height_words(proposal)}")
    return lines


def _vote_lines(found: ProposalInFull) -> list[str]:
    proposal = found.proposal
    lines = [f"Vote       {vote_words(proposal)}"]
    if proposal.voting_power:
        lines.append(f"           {bar(proposal.yes_power, proposal.voting_power, proposal.vote_needed)}")
        lines += [
            f"  {vote.address}  {vote.power:>8}  {vote.choice.name.lower() if vote.choice else '—'}"
            + (f" at {vote.voted_at}" if vote.voted_at else "")
            for vote in found.governance.votes
        ]
    return lines


def _ready_lines(found: ProposalInFull) -> list[str]:
    proposal = found.proposal
    if proposal.release_kind is ReleaseKind.NONE:
        return ["Ready      nobody has to be"]
    lines = [
        f"Ready      {readiness_words(proposal)}",
        f"           {bar(proposal.ready_power, proposal.total_power, proposal.readiness_needed)}",
    ]
    for entry in found.readiness.validators:
        said = f"ready at {entry.ready_at}" if entry.ready else "not ready"
        armed = f", armed at {entry.armed_at}" if entry.armed else ""
        lines.append(f"  {entry.address}  {entry.power:>8}  {said}{armed}  {entry.version}".rstrip())
    return lines


def _call_lines(title: str, calls: Sequence[LinkedCall], registry: str) -> list[str]:
    if not calls:
        return []
    return ["", title, *(f"  {described(call.target, call.data, registry)}" for call in calls)]


def _approval_lines(found: ProposalInFull) -> list[str]:
    governance, rules, proposal = found.governance, found.rules, found.proposal
    lines: list[str] = []
    if governance.halts:
        lines += [
            "",
            f"Emergency halt: {len(governance.halts)} of the {rules.council_threshold} approvals that cancel it",
        ]
        lines += [f"{_who(each)}  {halt_words(each.code)}: {each.text}" for each in governance.halts]
    if governance.replacements:
        lines += ["", f"Replacement: {proposal.replace_power} of {proposal.total_power} power agrees on one"]
        lines += [f"{_who(each)}  sha256:{each.subject} {each.text}" for each in governance.replacements]
    if governance.rollbacks:
        lines += ["", f"Rollback: {proposal.rollback_power} of {proposal.total_power} power"]
        lines += [f"{_who(each)}  {each.text}" for each in governance.rollbacks]
    return lines


def _who(approval: Approval) -> str:
    return f"  {approval.approver} at {approval.approved_at}"


async def _all(target: Target) -> tuple[Proposal, ...]:
    async with calling(target) as (reader, _):
        return await reader.proposals()


async def _one(target: Target, number: int) -> ProposalInFull:
    async with calling(target) as (reader, _):
        return await reader.in_full(number)
