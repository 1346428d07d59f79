"""`proposals` and `proposal N` of a Cosmos chain: those of its governance that schedule or cancel an upgrade."""

from __future__ import annotations

import argparse
import asyncio
import textwrap
import time

from console.cli.printing import complain, print_json
from console.cli.sources import Target, governance_of, load_target
from console.errors import ConsoleError, EndpointDown, InputError
from console.model import Ballot, ChainView, Choice, Governance, Proposal, ProposalStatus
from console.model.ballot import rule_words, share_words
from console.operations.chains import chain_of
from console.operations.status import gov_proposal_document
from console.text import duration, shortened, utc
from widgets.ballot_words import coins_words, deposit_words, outcome_words, shares_line, stage_line, turnout_line
from widgets.moments import UNKNOWN

_PLACES = {"id": 0, "height": 1, "status": 2, "name": 3}


def run_list(arguments: argparse.Namespace) -> int:
    """Print every proposal. Raises ConsoleError."""
    view = asyncio.run(_view(load_target(arguments)))
    wanted = {word.replace("-", " ") for word in arguments.status}
    found = [each for each in view.proposals if not wanted or each.status.words in wanted]
    place = _PLACES.get(arguments.sort, 0)
    if place:
        found.sort(key=lambda each: (each.target_height, each.status, str(each.name))[place - 1])
    if arguments.json:
        print_json({"proposals": [gov_proposal_document(each) for each in found]})
    elif not found:
        print("No proposal." if not wanted else f"No proposal is {' or '.join(sorted(wanted))}.")
    else:
        print("\n".join(list_lines(found, time.time())))
    if view.problem:
        complain(view.problem)
    return 0


def run_one(arguments: argparse.Namespace) -> int:
    """Print one proposal in full. Raises ConsoleError."""
    target = load_target(arguments)
    view, votes, problem = asyncio.run(_one(target, arguments.proposal))
    proposal = next(each for each in view.proposals if each.id == arguments.proposal)
    names = {each.address: str(each.moniker) or each.address for each in view.validators}
    if arguments.json:
        said = [] if votes is None else votes.votes
        rows = [
            {
                "address": each.address,
                "moniker": names.get(each.address),
                "power": each.power,
                "vote": None if each.choice is Choice.NONE else each.choice.words,
            }
            for each in said
        ]
        print_json({**gov_proposal_document(proposal), "validators": rows})
    else:
        print("\n".join(full_lines(proposal, votes, names, time.time())))
    if problem:
        complain(problem)
    return 0


def list_lines(proposals: list[Proposal], now: float) -> list[str]:
    """A table of at most 80 columns."""
    lines = [f"{'ID':>5}  {'NAME':<20} {'STATUS':<11} {'HEIGHT':>11} {'YES':>7} {'TURNOUT':>8}  ENDS"]
    for each in proposals:
        ballot = each.ballot
        voted = ballot is not None and ballot.tally.turnout > 0
        yes = share_words(ballot.tally.yes, ballot.tally.decided) if ballot is not None and voted else UNKNOWN
        turnout = share_words(ballot.tally.turnout, ballot.bonded) if ballot is not None and voted else UNKNOWN
        height = str(each.target_height) if each.has_height else "cancels"
        name = shortened(f"{each.name}{' !' if each.expedited else ''}", 20)
        lines.append(
            f"{each.id:>5}  {name:<20} {each.status.words:<11} {height:>11} {yes:>7} {turnout:>8}  {_ends(each, now)}"
        )
    return lines


def full_lines(proposal: Proposal, votes: Governance | None, names: dict[str, str], now: float) -> list[str]:
    """Everything about one proposal: plan, deposit, votes against their rules, who voted what."""
    ballot = proposal.ballot
    expedited = ", EXPEDITED" if proposal.expedited else ""
    number = "Plan" if ballot is None else f"Proposal {proposal.id}"
    lines = [f"{number} {proposal.name}: {proposal.status.words}{expedited}"]
    if waiting := stage_line(proposal, now):
        lines += textwrap.wrap(f"It {'is ' if waiting.startswith('voted') else ''}{waiting}.", 80)
    lines.append("")
    lines.append(f"Height     {proposal.target_height or 'none: it would cancel the plan'}")
    if ballot is not None:
        lines += _ballot_lines(proposal, ballot)
    if proposal.release_url:
        lines.append(f"Info       {proposal.release_url}")
    if votes is not None and votes.votes:
        lines += ["", "Validators"]
        lines += [
            f"  {shortened(names.get(each.address, each.address), 30):<30} {each.power:>12}  {each.choice.words}"
            for each in votes.votes
        ]
    return lines


def _ballot_lines(proposal: Proposal, ballot: Ballot) -> list[str]:
    unpaid = proposal.status is ProposalStatus.DEPOSIT
    rows = [
        ("Title", str(ballot.title)),
        ("Proposer", str(proposal.proposer)),
        ("Submitted", "" if ballot.submitted_at is None else utc(ballot.submitted_at)),
        ("Deposit", deposit_words(ballot) if unpaid else coins_words(ballot.deposit)),
        ("Vote ends", "" if ballot.voting_ends_at is None else utc(ballot.voting_ends_at)),
    ]
    rules = ballot.rules
    if rules.known:
        needs = f"quorum {rule_words(rules.quorum)}, yes more than {rule_words(rules.threshold)}"
        rows.append(("Needs", f"{needs}, veto at most {rule_words(rules.veto)}"))
    if ballot.tally.turnout or proposal.status is ProposalStatus.VOTING:
        rows += [("Votes", shares_line(ballot)), ("", turnout_line(ballot))]
    if proposal.status is ProposalStatus.VOTING:
        rows.append(("", outcome_words(ballot)))
    rows += [("Failed", str(ballot.failed_reason)), ("Summary", str(ballot.summary))]
    return [f"{name:<10} {value}" for name, value in rows if value]


def _ends(proposal: Proposal, now: float) -> str:
    ballot = proposal.ballot
    if ballot is None or proposal.status not in {ProposalStatus.VOTING, ProposalStatus.DEPOSIT}:
        return UNKNOWN
    ends = ballot.voting_ends_at if proposal.status is ProposalStatus.VOTING else ballot.deposit_ends_at
    return UNKNOWN if ends is None else f"in {duration(ends - now)}" if ends > now else "over"


async def _view(target: Target) -> ChainView:
    chain = chain_of(target.network)
    try:
        return await chain.view()
    finally:
        await chain.close()


async def _one(target: Target, number: int) -> tuple[ChainView, Governance | None, str]:
    view = await _view(target)
    found = next((each for each in view.proposals if each.id == number), None)
    if found is None and view.problem:
        raise EndpointDown(view.problem)
    if found is None:
        raise InputError(
            f"none of the chain's newest proposals that are about an upgrade has the number {number}",
            next_step="look at `upgrade-console proposals`",
        )
    if found.status is not ProposalStatus.VOTING:
        return view, None, view.problem
    # The chain keeps votes while they are open, and no longer.
    source = governance_of(target.network, target.node)
    try:
        return view, await source.read(number), view.problem
    except ConsoleError as error:
        return view, None, f"what validators voted is not known: {error.what}"
    finally:
        await source.close()
