"""What the two choices of an emergency would do now, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from console.model import ChainView, Proposal, ProposalStatus, Snapshot, power_needed
from widgets.moments import UNKNOWN, chain_age, count, why_no_chain
from widgets.proposal_words import Clock, waits_for


@dataclass(frozen=True, slots=True)
class Stays:
    """Power that goes on signing when one validator stops."""

    power: int
    own: int
    total: int

    @property
    def needed(self) -> int:
        """The least power that makes blocks."""
        return power_needed(self.total)

    @property
    def enough(self) -> bool:
        """Whether the chain goes on."""
        return self.power >= self.needed


def stays_without(chain: ChainView | None, address: str) -> Stays | None:
    """The power that stays without a validator: that of all others whose nodes are not known to be silent.

    Args:
        chain: As read last; None when it never answered.
        address: The validator's, in any case; None is returned for one that is not in the set.
    """
    if chain is None:
        return None
    own = next((each for each in chain.validators if each.address.lower() == address.lower()), None)
    if own is None:
        return None
    silent = {node.consensus_address for node in chain.nodes if not node.reachable}
    others = sum(each.power for each in chain.validators if each is not own and each.consensus_address not in silent)
    return Stays(others, own.power, sum(each.power for each in chain.validators))


def as_read(snapshot: Snapshot | None, now: float | None = None) -> str:
    """How old what is said of the chain is, to stand before it; empty while it may pass as current.

    Args:
        snapshot: As read last.
        now: Unix seconds; None for the moment of the Snapshot.
    """
    if snapshot is None or snapshot.chain is None:
        return ""
    ago = chain_age(snapshot.chain, snapshot.taken_at, snapshot.taken_at if now is None else now).read_ago
    return f"{ago}: " if ago else ""


def stop_warning(snapshot: Snapshot | None, address: str, now: float | None = None) -> str:
    """What stopping this node costs the network: one sentence, with its age where it is old.

    Args:
        snapshot: As read last.
        address: The validator's.
        now: Unix seconds; None for the moment of the Snapshot.
    """
    stays = stays_without(snapshot.chain if snapshot is not None else None, address)
    if stays is None:
        return "How much power would stay is not known here: with 2/3 or less the whole chain stops."
    words = f"{as_read(snapshot, now)}{stays.power} of {stays.total} power would stay, {stays.needed} needed"
    if not stays.enough:
        return f"{words}: THE WHOLE CHAIN STOPS, and no approval of the council can be stored any more."
    return f"{words}: the chain goes on without it."


def stoppable(snapshot: Snapshot | None) -> Proposal | None:
    """The proposal that the council can stop: the scheduled one, else the newest that is still open."""
    chain = snapshot.chain if snapshot is not None else None
    if chain is None:
        return None
    of_registry = [entry for entry in chain.proposals if entry.status.open and not entry.halts_itself]
    scheduled = next((entry for entry in of_registry if entry.status is ProposalStatus.SCHEDULED), None)
    return scheduled or next(iter(of_registry), None)


def halt_refusal(snapshot: Snapshot | None, threshold: int | None = None) -> str:
    """Why the council cannot stop an upgrade now; empty when it can.

    Args:
        snapshot: As read last.
        threshold: Approvals that stop one; 0 where there is no council, None while that is not known.
    """
    if snapshot is None or snapshot.chain is None:
        return why_no_chain(snapshot)
    if snapshot.network.kind == "cosmos":
        return "On a Cosmos chain a proposal cancels a plan, and its vote has to end before H; no council can."
    if threshold == 0:
        return "This registry has no emergency council: before any vote its proposer may withdraw it (2, Enter, c)."
    proposal = stoppable(snapshot)
    if proposal is None:
        return "No upgrade is open, so there is nothing to cancel."
    height = snapshot.height or 0
    if proposal.has_height and height >= proposal.freeze_height:
        return (
            f"{proposal.name} is frozen since block {count(proposal.freeze_height)}: nobody can cancel it now, its"
            f" verdict is {proposal.verdict.name if proposal.frozen_at else 'being stored'}."
        )
    return ""


def halt_needs(snapshot: Snapshot | None) -> str:
    """Who can cancel an upgrade, in one sentence."""
    if snapshot is not None and snapshot.network.kind == "cosmos":
        return "A chain that stands at H skips the plan by --unsafe-skip-upgrades at more than 2/3 of its power."
    return "Needs the key of a member of the emergency council, and its approvals from enough of them."


def halt_words(proposal: Proposal, snapshot: Snapshot | None, now: float, threshold: int | None) -> str:
    """What an approval of the council does now: one or two sentences."""
    needed = UNKNOWN if threshold is None else str(threshold)
    so_far = f"{proposal.halt_approvals} of the {needed} approvals that cancel it are there."
    old = as_read(snapshot, now)
    if not proposal.has_height:
        return f"{old}{proposal.name} (proposal {proposal.id}) {waits_for(proposal)}. {so_far}"
    clock = Clock.of(snapshot, now)
    return (
        f"{old}{proposal.name} (proposal {proposal.id}) is {proposal.status.words} for block"
        f" {count(proposal.target_height)}; it can be cancelled until {clock.at(proposal.freeze_height)}. {so_far}"
    )
