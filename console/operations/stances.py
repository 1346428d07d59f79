"""What validators said of the newest proposals, read once for all of them and again when a proposal's row changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from console.model import Choice, Proposal, Readiness, Stance, ValidatorReadiness, ValidatorVote

PROPOSALS = 6
"""The newest that are looked at; one request each, the first time."""


class SayingsSource(Protocol):
    """What is asked: `console.chain.governance.GovernanceReader`."""

    async def sayings(self, proposal_id: int) -> tuple[tuple[ValidatorVote, ...], Readiness]:
        """Everybody's vote and readiness. Raises ChainError."""
        ...


class Stances:
    """Answers for any validator from what was read for one.

    Args:
        source: The registry.
    """

    def __init__(self, source: SayingsSource) -> None:
        self._source = source
        self._known: dict[int, tuple[Proposal, dict[str, ValidatorVote], dict[str, ValidatorReadiness]]] = {}

    async def of(self, address: str, proposals: Sequence[Proposal]) -> tuple[Stance, ...]:
        """What one validator said, newest proposal first.

        Args:
            address: Checksummed.
            proposals: Of the newest Snapshot, newest first.

        Raises:
            ChainError: The registry does not tell.
        """
        found = []
        for proposal in proposals[:PROPOSALS]:
            known = self._known.get(proposal.id)
            if known is None or known[0] != proposal:
                votes, readiness = await self._source.sayings(proposal.id)
                known = (
                    proposal,
                    {vote.address: vote for vote in votes},
                    {said.address: said for said in readiness.validators},
                )
                self._known[proposal.id] = known
            vote = known[1].get(address)
            found.append(
                Stance(
                    proposal_id=proposal.id,
                    name=proposal.name,
                    status=proposal.status,
                    choice=Choice.NONE if vote is None else vote.choice,
                    voted_at=0 if vote is None else vote.voted_at,
                    said=known[2].get(address),
                )
            )
        return tuple(found)
