"""Who is back with the new binary at H, by power: what the crossing is watched by (DESIGN §4.8). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.model.network import Validator
from console.model.plan import Proposal, ProposalStatus
from console.model.power import more_than_two_thirds, power_needed

if TYPE_CHECKING:
    from console.model.snapshot import ChainView, NodeHeight

VOTER_DIGITS = 12
"""Hex digits of a consensus address by which a round state names a voter."""


@dataclass(frozen=True, slots=True)
class RoundVotes:
    """The votes on the height that is being decided, as one node has them."""

    height: int
    round: int
    prevoted: tuple[str, ...]
    """First `VOTER_DIGITS` hex digits of each voter's consensus address, in any round of this height."""
    precommitted: tuple[str, ...]
    present: tuple[str, ...] = ()
    """Those whose vote of the present round is there, for a block or for none: who precommitted, and while nobody has,
    who prevoted. Where a round goes no further, who is not among them does not vote."""


@dataclass(frozen=True, slots=True)
class Back:
    """Voting power that can vote on H+1, counted against what makes a block."""

    power: int
    total: int
    needed: int
    missing: tuple[Validator, ...]
    """Those that are not back, the heaviest first."""
    prevoted: int | None = None
    """Power that has voted on H+1; None where no node tells."""
    precommitted: int | None = None

    @property
    def enough(self) -> bool:
        """Whether block H+1 can be made."""
        return more_than_two_thirds(self.power, self.total)

    @property
    def words(self) -> str:
        """`9 of 11 power`, with thousands marked."""
        return f"{self.power:,} of {self.total:,} power"


def power_back(chain: ChainView, target_height: int, proposal: Proposal | None = None) -> Back:
    """The power that is back and can vote on H+1.

    A validator is back when its node answers and has executed H, or when its vote on H+1 was seen.

    Args:
        chain: What nodes and registry tell.
        target_height: H.
        proposal: Given, a node that was not armed for it does not count: it executed H under old rules.
    """
    there = {node.consensus_address for node in chain.nodes if node.reachable and node.app_height >= target_height}
    votes = chain.votes if chain.votes is not None and chain.votes.height == target_height + 1 else None
    voters = set() if votes is None else {*votes.prevoted, *votes.precommitted}
    back, missing = 0, []
    for validator in chain.validators:
        here = validator.consensus_address in there or validator.consensus_address[:VOTER_DIGITS] in voters
        if here and not missed_its_halt(chain, proposal, validator.address):
            back += validator.power
        else:
            missing.append(validator)
    total = sum(validator.power for validator in chain.validators)
    return Back(
        power=back,
        total=total,
        needed=power_needed(total),
        missing=tuple(sorted(missing, key=lambda validator: -validator.power)),
        prevoted=None if votes is None else _power_of(chain, votes.prevoted),
        precommitted=None if votes is None else _power_of(chain, votes.precommitted),
    )


def at_its_halt(node: NodeHeight, proposal: Proposal | None) -> bool:
    """Whether a node's application has stopped before H: block H is there, and is not executed.

    A Cosmos SDK node may live on like that, and answer; so may CometBFT without its application.
    """
    return (
        proposal is not None
        and proposal.has_height
        and proposal.status is ProposalStatus.SCHEDULED
        and node.reachable
        and node.height == proposal.target_height
        and node.app_height == proposal.target_height - 1
    )


def missed_its_halt(chain: ChainView, proposal: Proposal | None, address: str) -> bool:
    """Whether a node past H can only be there under old rules: its validator never said that it was armed."""
    readiness = chain.readiness
    if proposal is None or not proposal.breaking or readiness is None or readiness.proposal_id != proposal.id:
        return False
    said = readiness.of(address)
    return said is not None and not said.armed and not said.confirmed_at


def _power_of(chain: ChainView, voters: tuple[str, ...]) -> int:
    named = set(voters)
    return sum(each.power for each in chain.validators if each.consensus_address[:VOTER_DIGITS] in named)
