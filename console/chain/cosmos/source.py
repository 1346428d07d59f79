"""One endpoint that tells a chain's state: by `abci_query` over CometBFT's RPC, or by REST.

Every CometBFT RPC has `abci_query`, and a whole panel is one request there; where an operator closed it, REST is asked.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from console.chain.cometbft import MAX_BATCH, parse_status
from console.chain.cosmos.answers import parse_chain_id
from console.chain.cosmos.queries import NODE_INFO, Query
from console.chain.cosmos.shapes import as_json
from console.chain.fields import base64_bytes, flag, integer, table
from console.chain.rest import Rest
from console.chain.rpc import MAX_ANSWER_BYTES, Call, JsonRpc, Reply, endpoint_name
from console.errors import BadAnswer, ChainError, EndpointDown
from console.settings import NetworkSettings
from console.text import untrusted

_HEIGHT_HEADERS = ("grpc-metadata-x-cosmos-block-height", "x-cosmos-block-height")
_AT_HEIGHT = "x-cosmos-block-height"
_AT_ONCE = 6
"""REST requests that are under way together."""


class QueryRefused(BadAnswer):
    """The endpoint is there, and does not answer this query: it is closed, unknown, or its answer is an error."""


class WrongChain(BadAnswer):
    """The endpoint belongs to another chain than the settings say."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an endpoint said to several queries at once."""

    height: int
    """Of the state that the first answer is from; later ones can only be newer."""
    answers: tuple[dict[str, object] | ChainError, ...]
    """As JSON, in the order of the queries."""
    catching_up: bool
    steady: bool = True
    """Whether no block came between the answers, so that all of them are of `height`."""

    def of(self, place: int) -> dict[str, object]:
        """One answer. Raises ChainError where it is none."""
        answer = self.answers[place]
        if isinstance(answer, ChainError):
            raise answer
        return answer


class Source(Protocol):
    """An endpoint that tells a chain's state."""

    @property
    def url(self) -> str: ...
    @property
    def how(self) -> str:
        """`abci_query` or `REST`."""
        ...

    async def ask(self, queries: Sequence[Query], *, height: int = 0) -> Told:
        """Ask, at a height or (0) at the newest.

        Raises:
            EndpointDown: No answer.
            WrongChain: It belongs to another chain.
            BadAnswer: No query was answered as it should be.
        """
        ...


class RpcSource:
    """A node's state by `abci_query`: `Source`.

    Args:
        rpc: The client.
        url: The node's CometBFT RPC.
        chain_id: The chain that it must belong to.
    """

    how = "abci_query"

    def __init__(self, rpc: JsonRpc, url: str, chain_id: str) -> None:
        self._rpc, self.url, self._chain_id = rpc, url, chain_id

    async def ask(self, queries: Sequence[Query], *, height: int = 0) -> Told:
        """As `Source.ask`: one request where the queries fit into one batch."""
        calls = [Call("status", {}), *(_call(query, height) for query in queries)]
        asked = await asyncio.gather(*(self._rpc.batch(self.url, batch) for batch in _batched(calls)))
        first, *replies = itertools.chain.from_iterable(asked)
        where = endpoint_name(self.url)
        status = parse_status(first.value(f"status of {where}"))
        check_chain(status.chain_id, self._chain_id, where)
        # Pages of validators take tens of milliseconds, which must not stop the screen.
        read = await asyncio.to_thread(_read_all, queries, replies, where)
        heights = [each[0] for each in read if not isinstance(each, ChainError)]
        if not heights:
            assert isinstance(read[0], ChainError)
            raise read[0]
        answers = tuple(each if isinstance(each, ChainError) else each[1] for each in read)
        return Told(heights[0], answers, status.catching_up, set(heights) == {heights[0]})


class RestSource:
    """A node's state by REST: `Source`.

    Args:
        rest: The client.
        url: Base of its REST paths.
        chain_id: The chain that it must belong to.
    """

    how = "REST"

    def __init__(self, rest: Rest, url: str, chain_id: str) -> None:
        self._rest, self.url, self._chain_id = rest, url, chain_id
        self._checked = False
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, queries: Sequence[Query], *, height: int = 0) -> Told:
        """As `Source.ask`: a request per query, a few of them at once."""
        if not self._checked:
            node = await self._rest.get(self.url, NODE_INFO.path)
            check_chain(parse_chain_id(node.body), self._chain_id, endpoint_name(self.url))
            self._checked = True
        headers = {_AT_HEIGHT: str(height)} if height else {}
        syncing, read = await asyncio.gather(
            self._syncing(), asyncio.gather(*(self._get(query, headers) for query in queries))
        )
        usable = [each for each in read if not isinstance(each, ChainError)]
        if not usable:
            # Whoever took its place at this address may belong to another chain.
            self._checked = False
            assert isinstance(read[0], ChainError)
            raise read[0]
        told = height or usable[0][0] or await self.newest_block()
        steady = all(each[0] in {0, told} for each in usable)
        return Told(told, tuple(each if isinstance(each, ChainError) else each[1] for each in read), syncing, steady)

    async def _get(self, query: Query, headers: Mapping[str, str]) -> tuple[int, dict[str, object]] | ChainError:
        try:
            async with self._slots:
                answer = await self._rest.get(self.url, query.path, headers)
            told = next((answer.headers[name] for name in _HEIGHT_HEADERS if name in answer.headers), "0")
            height = integer(told, f"the height of {endpoint_name(self.url)}")
            return height, dict(table(answer.body, query.what))
        except ChainError as error:
            return error

    async def _syncing(self) -> bool:
        try:
            body = (await self._rest.get(self.url, "/cosmos/base/tendermint/v1beta1/syncing")).body
            return flag(table(body, "syncing").get("syncing", False), "syncing")
        except EndpointDown:
            raise
        except ChainError:
            # Whether it is behind is then seen by its height alone.
            return False

    async def newest_block(self) -> int:
        """Height of the newest block, which at a halt is stored and not executed; where no header says it, of the
        state. Raises ChainError."""
        body = (await self._rest.get(self.url, "/cosmos/base/tendermint/v1beta1/blocks/latest")).body
        block = table(table(body, "the newest block").get("block"), "the newest block")
        header = table(block.get("header"), "the newest block's header")
        return integer(header.get("height"), "the newest block's height", low=1)


def sources_of(network: NetworkSettings, rpc: JsonRpc, rest: Rest) -> tuple[Source, ...]:
    """Our own nodes first, whose word is binding; then the other CometBFT RPCs; then REST, our own nodes' first."""
    own = [node.cometbft_rpc for node in network.nodes]
    asked: list[Source] = [
        RpcSource(rpc, url, network.chain_id)
        for url in dict.fromkeys((*(url for url in own if url in network.cometbft_rpc), *network.cometbft_rpc))
    ]
    bases = (*(node.rest for node in network.nodes if node.rest), *network.rest)
    asked += [RestSource(rest, url, network.chain_id) for url in dict.fromkeys(bases)]
    return tuple(asked)


def check_chain(found: str, wanted: str, where: str) -> None:
    """Refuse another chain's answers. Raises WrongChain."""
    if found != wanted:
        raise WrongChain(
            f"{where} belongs to chain {untrusted(found, 80)}, not to {wanted}",
            next_step="check the URL and chain_id in the settings",
        )


def _call(query: Query, height: int) -> Call:
    return Call("abci_query", {"path": query.grpc, "data": query.request.hex(), "height": str(height), "prove": False})


def _batched(calls: Sequence[Call]) -> list[tuple[Call, ...]]:
    return [tuple(calls[at : at + MAX_BATCH]) for at in range(0, len(calls), MAX_BATCH)]


def _read_all(
    queries: Sequence[Query], replies: Sequence[Reply], where: str
) -> list[tuple[int, dict[str, object]] | ChainError]:
    return [_read(query, reply, where) for query, reply in zip(queries, replies, strict=True)]


def _read(query: Query, reply: Reply, where: str) -> tuple[int, dict[str, object]] | ChainError:
    what = f"{query.what} of {where}"
    try:
        response = table(table(reply.value(what), what).get("response"), what)
        code = integer(response.get("code", 0), what, high=(1 << 32) - 1)
        if code:
            return QueryRefused(
                f"{what}: the query was refused, code {code}: {untrusted(response.get('log', ''), 120)}"
            )
        height = integer(response.get("height", "0"), what, low=1)
        raw = base64_bytes(response.get("value"), what, most=MAX_ANSWER_BYTES)
        return height, as_json(query.answer, raw, what)
    except ChainError as error:
        return error
