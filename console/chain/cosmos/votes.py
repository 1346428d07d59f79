"""What each validator of a Cosmos chain voted on a proposal: `console.operations.connection.GovernanceSource`.

The chain keeps votes only while a vote is open, and lists them by account; a validator's account has the bytes of its
operator address. Of a proposal that thousands vote on not all is read: each validator is asked for by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from console.chain.bech32 import bech32_bytes, bech32_text
from console.chain.cosmos import queries
from console.chain.cosmos.answers import (
    StakedValidator,
    next_page,
    parse_vote,
    parse_voters_prefix,
    parse_votes,
)
from console.chain.cosmos.facts import Staking, read_staking
from console.chain.cosmos.queries import GovVersion, Page
from console.chain.cosmos.source import QueryRefused, Source, sources_of
from console.chain.cosmos.validators import POWER_REDUCTION
from console.chain.first_answer import first_answer
from console.chain.rest import Rest, RestRefused
from console.chain.rpc import JsonRpc
from console.errors import ChainError, EndpointDown, InputError
from console.model import Bond, Choice, Governance, Readiness, RegistryRules, ValidatorVote
from console.settings import NetworkSettings

PAGE = 200
"""Votes asked for at once."""

MOST_PAGES = 5
"""Pages that are read, before validators whose votes were not among them are asked for one by one."""

_NO_VOTE = frozenset({400, 404})
"""Statuses of REST for an account that has not voted: of SDK 0.50 and of older ones."""


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
        """Every active validator's vote; NONE where it has not voted.

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
        accounts = {_account(each) for each in _bonded(staking)} - {b""}
        try:
            height, found = await _votes_of(source, "v1", proposal_id, accounts)
        except EndpointDown:
            raise
        except ChainError:
            height, found = await _votes_of(source, "v1beta1", proposal_id, accounts)
        return Governance(proposal_id, height, _by_validator(staking, found), (), (), (), (), ())


async def _votes_of(
    source: Source, version: GovVersion, proposal_id: int, accounts: Set[bytes]
) -> tuple[int, dict[bytes, Choice]]:
    found: dict[bytes, Choice] = {}
    key, height, prefix = b"", 0, ""
    for _ in range(MOST_PAGES):
        told = await source.ask([queries.votes(version, proposal_id, Page(PAGE, key))])
        answer = told.of(0)
        found |= parse_votes(answer)
        key, height, prefix = next_page(answer), told.height, prefix or parse_voters_prefix(answer)
        if not key or accounts <= found.keys():
            return height, found
    missing = [bech32_text(prefix, each) for each in sorted(accounts - found.keys())]
    return height, found | await _asked_for(source, version, proposal_id, missing)


async def _asked_for(
    source: Source, version: GovVersion, proposal_id: int, voters: Sequence[str]
) -> dict[bytes, Choice]:
    """The votes of some accounts; one that has not voted is left out. Raises ChainError."""
    # Where nobody of them voted every answer is a refusal, and the tally alone tells that the endpoint is there.
    told = await source.ask(
        [queries.tally(version, proposal_id), *(queries.vote(version, proposal_id, voter) for voter in voters)]
    )
    found: dict[bytes, Choice] = {}
    for place in range(1, len(told.answers)):
        try:
            found |= parse_vote(told.of(place))
        except QueryRefused:
            continue
        except RestRefused as refused:
            if refused.status not in _NO_VOTE:
                raise
    return found


def _bonded(staking: Staking) -> list[StakedValidator]:
    return [each for each in staking.validators if each.stake.bond is Bond.BONDED and each.consensus_address]


def _account(validator: StakedValidator) -> bytes:
    return bech32_bytes(str(validator.stake.operator)) or b""


def _by_validator(staking: Staking, found: Mapping[bytes, Choice]) -> tuple[ValidatorVote, ...]:
    votes = (
        ValidatorVote(
            each.consensus_address,
            each.stake.tokens // POWER_REDUCTION,
            found.get(_account(each), Choice.NONE),
            0,
        )
        for each in _bonded(staking)
    )
    return tuple(sorted(votes, key=lambda vote: (-vote.power, vote.address)))
