"""GO or NO-GO: whether the upgrade would cross as things stand, term by term, by power (DESIGN §6, §9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.model.node import Arming, Crossing, NodeStatus, Preparation
from console.model.plan import Proposal, ProposalStatus, ReleaseKind, Verdict
from console.model.power import more_than_two_thirds, power_may_fail, power_needed

if TYPE_CHECKING:
    from console.model.snapshot import ChainView


@dataclass(frozen=True, slots=True)
class GoTerm:
    """One thing that must hold, with its number."""

    text: str
    """Without a full stop; as it is, whether it holds or not."""
    holds: bool


@dataclass(frozen=True, slots=True)
class Reckoning:
    """GO only if every term holds."""

    terms: tuple[GoTerm, ...]
    registry_may_fail: int
    """Weight in the registry that may still fail before it stops being GO."""
    consensus_may_fail: int | None
    """The same in consensus power; None where it is not known who of its validators is ready and armed."""

    @property
    def go(self) -> bool:
        """Whether the upgrade would cross as things stand."""
        return all(term.holds for term in self.terms)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The terms that fail."""
        return tuple(term.text for term in self.terms if not term.holds)


def reckon(proposal: Proposal, chain: ChainView, node: NodeStatus | None, height: int | None) -> Reckoning:
    """Count every term of a proposal.

    Where the chain itself stops its nodes and decides, as x/upgrade does, nobody signals: GO is a scheduled plan, a set
    of validators whose power is known, and our own binary staged and verified.

    GO needs more than 2/3 ready and armed by the registry's weight and by consensus power, our own node armed where
    there is one, and the cuts that come first made and verified. A stored verdict outranks the count.

    Args:
        proposal: The current one.
        chain: As read.
        node: Our own; None where there is none.
        height: The newest known, in blocks.
    """
    if proposal.halts_itself:
        total = sum(validator.power for validator in chain.validators)
        return Reckoning(tuple(_terms_of_the_chain(proposal, chain, node, total)), power_may_fail(total, total), None)
    consensus = _consensus_power(proposal, chain)
    return Reckoning(
        terms=tuple(_terms(proposal, chain, node, height, consensus)),
        registry_may_fail=power_may_fail(proposal.go_power, proposal.total_power),
        consensus_may_fail=None if consensus is None else power_may_fail(*consensus),
    )


def _terms(
    proposal: Proposal,
    chain: ChainView,
    node: NodeStatus | None,
    height: int | None,
    consensus: tuple[int, int] | None,
) -> Iterator[GoTerm]:
    if proposal.verdict is Verdict.CROSS:
        return
    if proposal.release_kind is ReleaseKind.NONE:
        yield GoTerm("it is about contract calls alone: no node stops for it", False)
        return
    if proposal.verdict is Verdict.ABORT:
        yield GoTerm("the verdict is ABORT", False)
    if proposal.status not in {ProposalStatus.SCHEDULED, ProposalStatus.EXECUTED, ProposalStatus.ABORTED}:
        yield GoTerm(f"the proposal is {proposal.status.words}", False)
    yield from _power_terms(proposal, consensus)
    yield from _cut_terms(proposal, chain)
    if chain.agreement is not None and chain.agreement.blocks:
        yield GoTerm(chain.agreement.sentence, False)
    if node is not None and proposal.breaking and proposal.has_height and not _reached(proposal, height):
        armed = _is_armed(node, proposal)
        yield GoTerm(f"this node is{'' if armed else ' not'} armed", armed)


def _terms_of_the_chain(proposal: Proposal, chain: ChainView, node: NodeStatus | None, total: int) -> Iterator[GoTerm]:
    scheduled = proposal.status in {ProposalStatus.SCHEDULED, ProposalStatus.EXECUTED}
    if scheduled:
        yield GoTerm(f"the chain has scheduled it for block {proposal.target_height:,}", True)
    else:
        yield GoTerm(f"the chain has not scheduled it: it is {proposal.status.words}", False)
    ballot = proposal.ballot
    if ballot is not None and proposal.status is ProposalStatus.VOTING:
        yield GoTerm(
            f"its vote would {'pass' if ballot.passes else 'fail'} now: {ballot.reason or 'yes'}", ballot.passes
        )
    if total:
        yield GoTerm(f"{power_needed(total):,} of {total:,} power has to be back at block H+1", True)
    else:
        yield GoTerm("the power of the validators is not known", False)
    if chain.agreement is not None and chain.agreement.blocks:
        yield GoTerm(chain.agreement.sentence, False)
    if node is not None and scheduled:
        yield _staged_term(proposal, node)


def _staged_term(proposal: Proposal, node: NodeStatus) -> GoTerm:
    attempt = node.attempt
    if attempt is None or attempt.proposal_id != proposal.attempt_id:
        return GoTerm(f"{node.name} has not taken it up", False)
    if attempt.crossing is not Crossing.NONE:
        return GoTerm(f"{node.name} is crossing", True)
    staged = attempt.preparation in {Preparation.STAGED, Preparation.READY}
    return GoTerm(f"the binary is {'' if staged else 'not '}verified and staged on {node.name}", staged)


def _power_terms(proposal: Proposal, consensus: tuple[int, int] | None) -> Iterator[GoTerm]:
    total, needed = proposal.total_power, power_needed(proposal.total_power)
    ready = proposal.ready_power >= proposal.readiness_needed
    yield GoTerm(f"ready {proposal.ready_power} of {total} power, {proposal.readiness_needed} needed", ready)
    # Nobody can arm for a height that is not known.
    armed = not proposal.has_height or more_than_two_thirds(proposal.armed_power, total)
    if proposal.has_height:
        yield GoTerm(f"armed {proposal.armed_power} of {total} power, {needed} needed", armed)
    if ready and armed and not proposal.go:
        yield GoTerm(f"ready and armed {proposal.go_power} of {total} power, {needed} needed", False)
    if consensus is not None and proposal.has_height:
        part, whole = consensus
        enough = more_than_two_thirds(part, whole)
        # Where both weights tell the same, the lines above say it.
        if (proposal.go and not enough) or (enough and consensus != (proposal.go_power, total)):
            yield GoTerm(f"ready and armed {part} of {whole} consensus power, {power_needed(whole)} needed", enough)


def _cut_terms(proposal: Proposal, chain: ChainView) -> Iterator[GoTerm]:
    if not (proposal.contracts_first and proposal.linked_calls):
        return
    calls = proposal.linked_calls
    if not proposal.contracts_at:
        one = calls == 1
        named = f"{calls} contract call{' that comes' if one else 's that come'} before the freeze"
        yield GoTerm(f"{named} {'is' if one else 'are'} not made yet", False)
        return
    watch = chain.cuts
    if watch is None or watch.proposal_id != proposal.id:
        yield GoTerm(f"{calls} contract call{'' if calls == 1 else 's'} made, not verified yet", False)
        return
    yield GoTerm(watch.sentence, watch.verified)


def _consensus_power(proposal: Proposal, chain: ChainView) -> tuple[int, int] | None:
    """Consensus power that is ready and armed, and all of it, joined with the registry by address."""
    readiness = chain.readiness
    if readiness is None or readiness.proposal_id != proposal.id or not chain.validators:
        return None
    said = {entry.address for entry in readiness.validators if entry.ready and entry.armed}
    total = sum(validator.power for validator in chain.validators)
    return sum(validator.power for validator in chain.validators if validator.address in said), total


def _reached(proposal: Proposal, height: int | None) -> bool:
    return height is not None and height >= proposal.target_height


def _is_armed(node: NodeStatus, proposal: Proposal) -> bool:
    attempt = node.attempt
    return attempt is not None and attempt.proposal_id == proposal.attempt_id and attempt.arming is Arming.ARMED
