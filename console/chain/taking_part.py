"""Who takes part in consensus now: the validator set and the newest commits, from the endpoint that is furthest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from console.chain.cometbft import (
    commit_call,
    overview_calls,
    parse_signed_header,
    parse_status,
    parse_validator_set,
    validator_calls,
)
from console.chain.commits import FLAG_COMMIT
from console.chain.first_answer import EndpointReader, first_answer
from console.chain.rpc import Call, JsonRpc, endpoint_name
from console.errors import BadAnswer, ChainError
from console.model.roll import PowerNow
from console.settings import NetworkSettings

COMMITS = 2
"""Newest whole commits that are looked at: a validator under none of them is down, whatever the reason."""


class TakingPart(EndpointReader):
    """Reads who takes part. Nothing is kept between two readings."""

    def __init__(self, network: NetworkSettings, urls: Iterable[str], rpc: JsonRpc | None = None) -> None:
        super().__init__(network, urls, rpc)

    async def read(self) -> PowerNow:
        """The set and its newest commits.

        Raises:
            ChainError: No endpoint gives a usable answer.
        """
        heights = await asyncio.gather(*(self._height(url) for url in self._urls), return_exceptions=True)
        for each in heights:
            if isinstance(each, BaseException) and not isinstance(each, ChainError):
                raise each
        # The one that stands still knows nothing of who is down.
        known = {url: each for url, each in zip(self._urls, heights, strict=True) if isinstance(each, int)}
        return await first_answer(
            sorted(known, key=lambda url: -known[url]) or self._urls, lambda url: self._read(url, known.get(url))
        )

    async def _height(self, url: str) -> int:
        (reply,) = await self._rpc.batch(url, [overview_calls()[0]])
        status = parse_status(reply.value(f"status of {endpoint_name(url)}"))
        if status.chain_id != self._network.chain_id:
            raise BadAnswer(f"{endpoint_name(url)} belongs to chain {status.chain_id!a}")
        return status.height

    async def _read(self, url: str, height: int | None) -> PowerNow:
        height = await self._height(url) if height is None else height
        where = endpoint_name(url)
        if height <= COMMITS:
            raise BadAnswer(f"{where} is at height {height}, which is too early to tell who signs")
        # The newest block's own commit is still being collected.
        wanted = range(height - COMMITS, height)
        calls: list[Call] = [*(commit_call(each) for each in wanted), *validator_calls()]
        replies = await self._rpc.batch(url, calls)
        validators = parse_validator_set(replies[COMMITS:])
        signed: set[str] = set()
        decided_ns = 0
        for each, reply in zip(wanted, replies, strict=False):
            found = parse_signed_header(reply.value(f"commit of {where}"))
            if found.header.chain_id != self._network.chain_id or found.commit.height != each:
                raise BadAnswer(f"{where} gave a commit of another chain or height than {each}")
            decided_ns = max(decided_ns, found.header.time_ns)
            signed |= {one.consensus_address for one in found.commit.signatures if one.flag == FLAG_COMMIT}
        powers = {each.consensus_address: each.power for each in validators.validators}
        return PowerNow(height, powers, frozenset(powers) - signed, where, decided_ns / 1e9)
