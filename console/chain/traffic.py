"""How busy a chain was: samples of twenty blocks an hour apart, from `/blockchain`, in three requests for a day."""

from __future__ import annotations

from collections.abc import Sequence

from console.chain.cometbft import MAX_BATCH
from console.chain.fields import INT64_MAX, exact_text, integer, items, table, time_ns
from console.chain.first_answer import EndpointReader, first_answer
from console.chain.rpc import Call, Reply, endpoint_name
from console.errors import BadAnswer, ChainError
from console.model import Traffic, TrafficSample

BLOCKS = 20
"""The most headers that `/blockchain` gives at once."""

HOURS = 24
"""Samples; an hour apart where the chain is old enough."""

_SECONDS = 1_000_000_000


class TrafficReader(EndpointReader):
    """Samples one network's blocks by CometBFT's RPC."""

    async def read(self, height: int, block_time_s: float) -> Traffic:
        """Sample a day before a height, or as much of it as there is.

        Args:
            height: The chain's.
            block_time_s: Seconds per block, for the distance of the samples.
        """
        heights = sample_heights(height, block_time_s)
        if not heights:
            return Traffic((), "", "the chain is too young to tell")
        try:
            return await first_answer(self._urls, lambda url: self._sampled(url, heights))
        except ChainError as error:
            return Traffic((), "", str(error))

    async def _sampled(self, url: str, heights: Sequence[int]) -> Traffic:
        found: list[TrafficSample] = []
        refused = ""
        for start in range(0, len(heights), MAX_BATCH):
            asked = heights[start : start + MAX_BATCH]
            calls = [
                Call("blockchain", {"minHeight": str(each - BLOCKS + 1), "maxHeight": str(each)}) for each in asked
            ]
            for each, reply in zip(asked, await self._rpc.batch(url, calls), strict=True):
                # An older one may be pruned.
                if reply.error is None:
                    found.append(self._sample(each, reply))
                else:
                    refused = refused or str(reply.error)
        if not found:
            raise BadAnswer(f"{endpoint_name(url)} gives no blocks of the last hours: {refused}")
        return Traffic(tuple(sorted(found, key=lambda sample: sample.height)), endpoint_name(url))

    def _sample(self, height: int, reply: Reply) -> TrafficSample:
        metas = items(table(reply.result, "blockchain").get("block_metas"), "block_metas", most=BLOCKS)
        if not metas:
            raise BadAnswer(f"the blocks up to {height} are none")
        newest, transactions = 0, 0
        at = 0
        for meta in metas:
            entry = table(meta, "block_meta")
            header = table(entry.get("header"), "block_meta.header")
            if exact_text(header.get("chain_id"), "header.chain_id") != self._network.chain_id:
                raise BadAnswer("a header of another chain")
            number = integer(header.get("height"), "header.height", low=1)
            if not height - BLOCKS < number <= height:
                raise BadAnswer(f"block {number} when asked for those up to {height}")
            transactions += integer(entry.get("num_txs"), "num_txs", high=INT64_MAX // BLOCKS)
            if number > newest:
                newest, at = number, time_ns(header.get("time"), "header.time")
        return TrafficSample(newest, at / _SECONDS, len(metas), transactions)


def sample_heights(height: int, block_time_s: float) -> tuple[int, ...]:
    """Heights at which samples end, newest first: an hour apart, closer on a chain that is younger than a day."""
    newest = height - 1
    apart = max(BLOCKS, min(round(3600 / max(block_time_s, 0.001)), (newest - BLOCKS) // (HOURS - 1)))
    heights = (newest - sample * apart for sample in range(HOURS))
    return tuple(each for each in heights if each >= BLOCKS + 1)
