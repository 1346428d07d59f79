"""What each validator of a Cosmos chain voted on a proposal: `console.operations.connection.GovernanceSource`.

The chain keeps votes only while a vote is open, and lists them by account; a validator's account has the bytes of its
operator address.
"""

from __future__ import annotations

from collections.abc import Mapping

from console.chain.bech32 import bech32_bytes
from console.chain.cosmos import queries
from console.chain.cosmos.answers import next_page, parse_votes
from console.chain.cosmos.facts import Staking, read_staking
from console.chain.cosmos.queries import GovVersion, Page
from console.chain.cosmos.source import Source, sources_of
from console.chain.cosmos.validators import POWER_REDUCTION
from console.chain.first_answer import first_answer
from console.chain.rest import Rest
from console.chain.rpc import JsonRpc
from console.errors import ChainError, EndpointDown, InputError
from console.model import Bond, Choice, Governance, Readiness, RegistryRules, ValidatorVote
from console.settings import NetworkSettings

PAGE = 200
"""Votes asked for at once."""

MOST_PAGES = 5
"""Pages that are read: of a proposal that thousands vote on, not every validator's vote is found."""


class CosmosVotes:
    """Reads votes from the first endpoint that tells them.

    Args:
        network: The chain.
    """

    def __init__(self, network: NetworkSettings) -> None:
        self._rpc, self._rest = JsonRpc(tokens=network.tokens), Rest()
        self._sources = {f"{each.how} {each.url}": each for each in sources_of(network, self._rpc, self._rest)}

    async def rules(self) -> RegistryRules:
        """Raises InputError: the rules of its votes are in each proposal."""
        raise InputError("a Cosmos chain has no registry whose rules could be read")

    async def read(self, proposal_id: int) -> Governance:
        """Every active validator's vote; NONE where it has not voted, or its vote was not among those read.

        Raises:
            ChainError: No endpoint tells them.
        """
        return await first_answer(self._sources, lambda name: self._read(self._sources[name], proposal_id))

    async def sayings(self, proposal_id: int) -> tuple[tuple[ValidatorVote, ...], Readiness]:
        """Every active validator's vote, and nothing else: nobody signals. Raises as `read`."""
        return (await self.read(proposal_id)).votes, Readiness(proposal_id, ())

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()
        await self._rest.close()

    async def _read(self, source: Source, proposal_id: int) -> Governance:
        staking = await read_staking(source)
        try:
            height, found = await _votes_of(source, "v1", proposal_id)
        except EndpointDown:
            raise
        except ChainError:
            height, found = await _votes_of(source, "v1beta1", proposal_id)
        return Governance(proposal_id, height, _by_validator(staking, found), (), (), (), (), ())


async def _votes_of(source: Source, version: GovVersion, proposal_id: int) -> tuple[int, dict[bytes, Choice]]:
    found: dict[bytes, Choice] = {}
    key, height = b"", 0
    for _ in range(MOST_PAGES):
        told = await source.ask([queries.votes(version, proposal_id, Page(PAGE, key))])
        answer = told.of(0)
        found |= parse_votes(answer)
        key, height = next_page(answer), told.height
        if not key:
            break
    return height, found


def _by_validator(staking: Staking, found: Mapping[bytes, Choice]) -> tuple[ValidatorVote, ...]:
    bonded = (each for each in staking.validators if each.stake.bond is Bond.BONDED and each.consensus_address)
    votes = (
        ValidatorVote(
            each.consensus_address,
            each.stake.tokens // POWER_REDUCTION,
            found.get(bech32_bytes(str(each.stake.operator)) or b"", Choice.NONE),
            0,
        )
        for each in bonded
    )
    return tuple(sorted(votes, key=lambda vote: (-vote.power, vote.address)))
