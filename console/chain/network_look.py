"""What all endpoints of a network say after an upgrade: heights, application hashes, who signs, the Ethereum side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from console.chain.cometbft import (
    Commit,
    ValidatorSet,
    commit_call,
    parse_signed_header,
    parse_status,
    parse_validator_set,
    validator_calls,
)
from console.chain.commits import verify_commit
from console.chain.fields import quantity
from console.chain.first_answer import EndpointReader, first_answer
from console.chain.rpc import Reply, endpoint_name
from console.errors import BadAnswer, ChainError

T = TypeVar("T")

MOST_COMMITS = 10
"""Commits that are looked through for signatures: a validator may miss a block."""
_HEIGHT_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Told:
    """What each endpoint said, by its name; who did not answer is in `problems` with why."""

    values: Mapping[str, int | str]
    problems: Mapping[str, str]

    @property
    def lines(self) -> tuple[str, ...]:
        """One line an endpoint."""
        said = tuple(f"{name}: {value}" for name, value in self.values.items())
        return (*said, *(f"{name}: {problem}" for name, problem in self.problems.items()))


class NetworkLook(EndpointReader):
    """Asks every endpoint of one network the same."""

    async def heights(self) -> Told:
        """Block height of each CometBFT endpoint; one of another chain is a problem."""
        return await self._each(self._urls, self._height)

    async def app_hashes(self, height: int) -> Told:
        """The application hash after `height`, upper-case hex digits, from the header of the next block."""

        async def ask(url: str) -> str:
            return (await self._header_of(url, height + 1))[0]

        return await self._each(self._urls, ask)

    async def ethereum_heights(self) -> Told:
        """Block height of each Ethereum endpoint."""
        return await self._each(self._network.ethereum_rpc, self._ethereum_height)

    async def signers(self, newest: int, above: int) -> frozenset[str]:
        """Consensus addresses whose signatures under the newest commits above a height verify.

        Args:
            newest: The chain's height; its own commit is still being collected, and left out.
            above: H; only commits of later blocks count.

        Raises:
            ChainError: No endpoint gives such a commit that holds more than 2/3 of its power.
        """
        heights = list(range(newest - 1, max(above, newest - 1 - MOST_COMMITS), -1))
        if not heights:
            return frozenset()
        return await first_answer(self._urls, lambda url: self._signers(url, heights))

    async def validators(self, height: int) -> ValidatorSet:
        """The validator set at a height. Raises ChainError."""

        async def ask(url: str) -> ValidatorSet:
            return parse_validator_set(await self._rpc.batch(url, validator_calls(height)))

        return await first_answer(self._urls, ask)

    async def _each(self, urls: Sequence[str], ask: Callable[[str], Awaitable[int | str]]) -> Told:
        answers = await asyncio.gather(*(_or_problem(ask(url)) for url in urls))
        named = list(zip(map(endpoint_name, urls), answers, strict=True))
        return Told(
            {name: answer for name, answer in named if not isinstance(answer, ChainError)},
            {name: answer.what for name, answer in named if isinstance(answer, ChainError)},
        )

    async def _height(self, url: str) -> int:
        status = parse_status((await self._rpc.call(url, "status", {})).value("status"))
        self._check_chain(status.chain_id)
        return status.height

    async def _header_of(self, url: str, height: int) -> tuple[str, Commit]:
        """The application hash in the header of a height, and its commit."""
        return self._read_header(await self._rpc.batch(url, [commit_call(height)]), [height])[0]

    def _read_header(self, replies: Sequence[Reply], heights: Sequence[int]) -> list[tuple[str, Commit]]:
        found = []
        for reply, height in zip(replies, heights, strict=True):
            signed = parse_signed_header(reply.value(f"the commit of height {height}"))
            self._check_chain(signed.header.chain_id)
            if signed.header.height != height:
                raise BadAnswer(f"the header of {signed.header.height} when asked for {height}")
            found.append((signed.header.app_hash, signed.commit))
        return found

    async def _signers(self, url: str, heights: Sequence[int]) -> frozenset[str]:
        validators = parse_validator_set(await self._rpc.batch(url, validator_calls(heights[0])))
        commits = self._read_header(
            await self._rpc.batch(url, [commit_call(height) for height in heights]), list(heights)
        )
        found: set[str] = set()
        for height, (_, commit) in zip(heights, commits, strict=True):
            verified = await asyncio.to_thread(
                verify_commit, commit, validators.validators, chain_id=self._network.chain_id, height=height
            )
            found |= {each.consensus_address for each in verified}
        return frozenset(found)

    async def _ethereum_height(self, url: str) -> int:
        reply = await self._rpc.call(url, "eth_blockNumber")
        return quantity(reply.value("eth_blockNumber"), "eth_blockNumber", high=_HEIGHT_MAX)

    def _check_chain(self, found: str) -> None:
        if found != self._network.chain_id:
            raise BadAnswer(
                f"belongs to chain {found!a}, not to {self._network.chain_id}",
                next_step="check the URL and chain_id in the settings",
            )


async def _or_problem(asked: Awaitable[T]) -> T | ChainError:
    try:
        return await asked
    except ChainError as error:
        return error
