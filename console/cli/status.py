"""`status`: the Snapshot once, as text or as the schema-1 document."""

from __future__ import annotations

import argparse
import asyncio
import textwrap

from console.cli.node.showing import node_lines
from console.cli.printing import complain, print_json
from console.cli.sources import Target, explained, load_target, observing
from console.errors import BadAnswer, ChainError, EndpointDown
from console.model import (
    AgreementState,
    ChainView,
    ProposalStatus,
    ReleaseKind,
    Snapshot,
    Upgrade,
    Validator,
    at_its_halt,
    power_back,
)
from console.operations.status import failure_words, status_document
from console.text import duration, percent, shortened
from widgets.ballot_words import shares_line, stage_line, turnout_line
from widgets.proposal_words import waits_for
from widgets.stake_words import stake_words


def run(arguments: argparse.Namespace) -> int:
    """Print the status.

    Raises:
        ConsoleError: Neither the chain nor the controller answers, or the registry's address has no contract.
    """
    target = load_target(arguments)
    snapshot = asyncio.run(_read(target))
    node_problem = snapshot.node_problem if target.node is not None else ""
    if snapshot.chain is None and not _controller_answers(snapshot):
        both = "; ".join(part.rstrip(".") for part in (snapshot.chain_problem, node_problem) if part)
        raise explained(EndpointDown(both), target.network, target.node)
    if arguments.json:
        print_json(status_document(snapshot))
    else:
        print(status_text(snapshot))
    for problem in (snapshot.chain_problem, node_problem):
        if problem:
            complain(problem)
    return 0


async def _read(target: Target) -> Snapshot:
    from console.chain.registry import NoRegistry

    async with observing(target) as (chain, observer):
        registry_problem: ChainError | None = None
        try:
            await chain.check()
        except NoRegistry:
            raise
        except ChainError as error:
            registry_problem = error
        snapshot = await observer.snapshot()
    # Silence is told beside what is known. A wrong answer is a wrong setting, unless our own node still speaks.
    if isinstance(registry_problem, BadAnswer) and not _controller_answers(snapshot):
        raise registry_problem
    return snapshot


def _controller_answers(snapshot: Snapshot) -> bool:
    return snapshot.node is not None and not snapshot.node_problem


def status_text(snapshot: Snapshot) -> str:
    """The status as plain text of at most 80 columns, but for a release URL, which is never cut."""
    network = snapshot.network
    age = "" if snapshot.age_s is None else f", {duration(snapshot.age_s)} ago"
    lines = [f"Network {network.name} ({network.kind}, {network.chain_id})"]
    height = "—" if snapshot.height is None else str(snapshot.height)
    block_time = None if snapshot.chain is None else snapshot.chain.block_time_s
    lines.append(
        f"Current height: {height}{age}" + ("" if block_time is None else f", a block every {block_time:.2f} s")
    )
    agreement = None if snapshot.chain is None else snapshot.chain.agreement
    if agreement is not None and agreement.state is not AgreementState.OWN:
        words = "DISAGREEMENT: " if agreement.state is AgreementState.DISAGREED else "Endpoints: "
        lines += wrapped(words + agreement.sentence)
    if snapshot.chain is not None and snapshot.chain.stalled is not None:
        lines += wrapped(f"The chain {snapshot.chain.stalled.sentence}.")
    lines.append("")
    if snapshot.upgrade is not None and snapshot.chain is not None:
        lines += _upgrade_lines(snapshot.upgrade, snapshot.chain, snapshot.taken_at)
    else:
        # With a problem, a proposal may just not have been read.
        known = snapshot.chain is not None and not snapshot.chain.problem
        lines.append("No upgrade is proposed." if known else "No upgrade is known.")
    if snapshot.chain is not None and snapshot.chain.validators:
        lines += ["", *_validator_lines(snapshot.chain)]
    if snapshot.node is not None:
        lines += ["", *node_lines(snapshot.node, journalled=bool(snapshot.node_problem))]
    return "\n".join(lines)


def wrapped(sentence: str) -> list[str]:
    """A sentence on lines of at most 80 columns."""
    return textwrap.wrap(sentence, 80, subsequent_indent="  ", break_on_hyphens=False)


def _upgrade_lines(upgrade: Upgrade, chain: ChainView, now: float) -> list[str]:
    proposal = upgrade.proposal
    total = upgrade.total_power
    verdict = f", verdict {proposal.verdict.name}" if proposal.verdict else ""
    where = f"target height: {proposal.target_height}" if proposal.has_height else "no height yet"
    if proposal.release_kind is ReleaseKind.NONE:
        where = f"{proposal.linked_calls} contract calls, no height"
    expedited = ", expedited" if proposal.expedited else ""
    if proposal.halts_itself:
        return _lines_of_the_chain(upgrade, chain, now)
    lines = [f"Upgrade #{proposal.id} {proposal.name} ({where}) {proposal.status.words}{verdict}{expedited}"]
    if waiting := waits_for(proposal):
        lines += textwrap.wrap(f"It {waiting}." if waiting.startswith("waits") else f"{waiting.capitalize()}.", 80)
    if proposal.release_kind is ReleaseKind.NONE:
        return lines
    lines += [
        f"Ready: {upgrade.ready_count}/{upgrade.validator_count} validators"
        f" ({percent(upgrade.ready_power, total)} of power), armed: {percent(upgrade.armed_power, total)} of power",
    ]
    if upgrade.blocks_left is not None and upgrade.blocks_left > 0:
        eta = "unknown" if upgrade.eta_s is None else f"~{duration(upgrade.eta_s)}"
        lines.append(f"Blocks left: {upgrade.blocks_left}, ETA: {eta}")
    if proposal.status is ProposalStatus.SCHEDULED:
        lines.append("GO" if upgrade.go else f"NO-GO: {'; '.join(upgrade.no_go_reasons)}")
    lines += [f"Release: sha256:{proposal.release_hash}", f"         {proposal.release_url}"]
    return lines


def _lines_of_the_chain(upgrade: Upgrade, chain: ChainView, now: float) -> list[str]:
    """An upgrade that the chain itself schedules, and stops its nodes for."""
    proposal, ballot = upgrade.proposal, upgrade.proposal.ballot
    expedited = ", expedited" if proposal.expedited else ""
    number = "" if ballot is None else f"#{proposal.id} "
    height = f"target height: {proposal.target_height}"
    lines = [f"Upgrade {number}{proposal.name} ({height}) {proposal.status.words}{expedited}"]
    if waiting := stage_line(proposal, now):
        lines += wrapped(f"It {'is ' if waiting.startswith('voted') else ''}{waiting}.")
    if ballot is not None and (ballot.tally.turnout or proposal.status is ProposalStatus.VOTING):
        lines += wrapped(f"Vote: {shares_line(ballot)}; {turnout_line(ballot)}")
    if ballot is not None and ballot.failed_reason:
        lines += wrapped(f"It failed: {ballot.failed_reason}")
    if upgrade.blocks_left is not None and upgrade.blocks_left > 0 and proposal.status.open:
        eta = "unknown" if upgrade.eta_s is None else f"~{duration(upgrade.eta_s)}"
        lines.append(f"Blocks left: {upgrade.blocks_left}, ETA: {eta}")
    if proposal.status is ProposalStatus.SCHEDULED and upgrade.blocks_left is not None and upgrade.blocks_left <= 0:
        lines += _lines_of_the_halt(upgrade, chain)
    elif proposal.status is ProposalStatus.SCHEDULED:
        lines += wrapped("GO" if upgrade.go else f"NO-GO: {'; '.join(upgrade.no_go_reasons)}")
    if proposal.release_url:
        lines.append(f"Info: {proposal.release_url}")
    return lines


def _lines_of_the_halt(upgrade: Upgrade, chain: ChainView) -> list[str]:
    """Who has stopped, and how much power is back, at H."""
    proposal = upgrade.proposal
    back = power_back(chain, proposal.target_height, proposal)
    waiting = sum(1 for node in chain.nodes if at_its_halt(node, proposal))
    nodes = f"{waiting} of {len(chain.nodes)} nodes stand at their halt"
    return wrapped(
        f"The chain stops before executing block {proposal.target_height}: {back.words} is back"
        f" with {proposal.name}, {back.needed:,} is needed; {nodes}."
    )


def _staked_lines(chain: ChainView, outside: tuple[Validator, ...]) -> list[str]:
    lines = [f"{'VALIDATOR':<20} {'CONSENSUS':<13} {'POWER':>12}  {'MISSED':>6}  {'VERSION':<12} STATE"]
    nodes = {node.consensus_address: node for node in chain.nodes}
    for validator in (*sorted(chain.validators, key=lambda entry: (-entry.power, entry.moniker)), *outside):
        node, stake = nodes.get(validator.consensus_address), validator.stake
        version = "—" if node is None else "down" if not node.reachable else node.version or "—"
        missed = "—" if stake is None or stake.missed_blocks is None else str(stake.missed_blocks)
        lines.append(
            f"{shortened(validator.moniker, 20):<20} {shortened(validator.address, 13):<13} {validator.power:>12}"
            f"  {missed:>6}  {shortened(version, 12):<12} {stake_words(validator)}".rstrip()
        )
    return lines


def _validator_lines(chain: ChainView) -> list[str]:
    if chain.cosmos is not None:
        return _staked_lines(chain, chain.cosmos.outside)
    lines = [f"{'VALIDATOR':<14} {'ADDRESS':<13} {'POWER':>8}  {'READY':<9} {'ARMED':<9} VERSION"]
    for validator in sorted(chain.validators, key=lambda entry: (-entry.power, entry.moniker)):
        entry = None if chain.readiness is None else chain.readiness.of(validator.address)
        node = next((each for each in chain.nodes if each.consensus_address == validator.consensus_address), None)
        version = "down" if node is not None and not node.reachable else node.version if node is not None else "—"
        ready = "—" if entry is None else f"at {entry.ready_at}" if entry.ready else "no"
        armed = "—" if entry is None else f"at {entry.armed_at}" if entry.armed else "no"
        failure = None if entry is None else failure_words(entry.failure_code)
        lines.append(
            f"{shortened(validator.moniker, 14):<14} {shortened(validator.address, 13):<13} {validator.power:>8}"
            f"  {ready:<9} {armed:<9} {shortened(version or '—', 20)}"
        )
        if failure:
            lines.append(f"{'':<14} failed: {failure}")
    return lines
