"""Which blocks a validator signed, from the commits of the last blocks: one request at a time, each commit read once.

A commit holds every validator's part, so what is read for one is known of all. Signatures are not verified here: it is
a record to look at, and decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from console.chain.cometbft import MAX_BATCH, Commit, commit_call, parse_signed_header
from console.chain.commits import FLAG_COMMIT, FLAG_NIL
from console.chain.first_answer import EndpointReader
from console.chain.rpc import JsonRpc, Reply, endpoint_name
from console.errors import BadAnswer, ChainError
from console.model import Signed, SigningRecord
from console.settings import NetworkSettings

KEPT = 100
"""Blocks that a record may hold."""


@dataclass(frozen=True, slots=True)
class _Signers:
    """Consensus addresses in one commit."""

    block: frozenset[str]
    nothing: frozenset[str]

    def mark(self, consensus_address: str) -> Signed:
        """What the commit holds of a validator."""
        if consensus_address in self.block:
            return Signed.BLOCK
        return Signed.NOTHING if consensus_address in self.nothing else Signed.ABSENT


class SigningRecords(EndpointReader):
    """Reads commits of one network by CometBFT's RPC. Not for use by two tasks at once."""

    def __init__(self, network: NetworkSettings, urls: Sequence[str], rpc: JsonRpc | None = None) -> None:
        super().__init__(network, urls, rpc)
        self._signers: dict[int, _Signers] = {}
        self._pruned = 0
        """Up to this height the endpoint has no commits."""
        self._source = ""

    async def read(self, consensus_address: str, height: int | None) -> SigningRecord:
        """The record of one validator, after at most one request of ten commits: the newest that are not known yet.

        Args:
            consensus_address: 40 upper-case hex digits.
            height: The chain's; None while it is not known. The newest block's own commit is still being collected,
                and is left out.
        """
        problem = "the chain's height is not known" if height is None else ""
        if height is not None and (wanted := self._wanted(height - 1)):
            problem = await self._fetch(wanted)
        blocks = tuple((each, self._signers[each].mark(consensus_address)) for each in sorted(self._signers))
        if not blocks and not problem:
            problem = f"{self._source or 'the chain'} has no commit of the last blocks"
        return SigningRecord(blocks, self._source, problem)

    def _wanted(self, newest: int) -> list[int]:
        oldest = max(self._pruned, newest - KEPT)
        missing = [each for each in range(newest, oldest, -1) if each > 0 and each not in self._signers]
        return missing[:MAX_BATCH]

    async def _fetch(self, heights: list[int]) -> str:
        """Read these commits, newest first; why not, as one sentence, or nothing."""
        failure = f"no endpoint of chain {self._network.chain_id} is known"
        for url in self._urls:
            where = endpoint_name(url)
            try:
                replies = await self._rpc.batch(url, [commit_call(height) for height in heights])
                found = await asyncio.to_thread(self._parsed, heights, replies)
            except ChainError as error:
                failure = str(error)
                continue
            if not found and heights[0] > self._pruned and replies[0].error is not None and not self._signers:
                failure = f"{where} has no commit of block {heights[0]}"
                continue
            self._source = where
            self._take(heights, found)
            return ""
        return failure

    def _parsed(self, heights: list[int], replies: Sequence[Reply]) -> dict[int, _Signers]:
        found: dict[int, _Signers] = {}
        for height, reply in zip(heights, replies, strict=True):
            if reply.error is not None:
                continue
            signed = parse_signed_header(reply.result)
            if signed.header.chain_id != self._network.chain_id or signed.commit.height != height:
                raise BadAnswer(f"the commit of height {height} is of another chain or height")
            found[height] = _signers(signed.commit)
        return found

    def _take(self, heights: list[int], found: dict[int, _Signers]) -> None:
        self._signers |= found
        newest = max(self._signers, default=0)
        self._signers = {height: signers for height, signers in self._signers.items() if height > newest - KEPT}
        if found:
            # What is missing below what is there was pruned; what is missing above it may still come.
            missing = (height for height in heights if height not in found and height < min(found))
            self._pruned = max((self._pruned, *missing))
        elif heights[0] < newest:
            self._pruned = max(self._pruned, heights[0])


def _signers(commit: Commit) -> _Signers:
    return _Signers(
        frozenset(entry.consensus_address for entry in commit.signatures if entry.flag == FLAG_COMMIT),
        frozenset(entry.consensus_address for entry in commit.signatures if entry.flag == FLAG_NIL),
    )
