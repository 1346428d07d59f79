"""A signed transaction of a Cosmos chain: sent, sent again, awaited until it is in a block or never can be."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from console.chain.cometbft import Status, parse_status
from console.chain.daemon_words import explained
from console.chain.fields import exact_text, integer, items, table, text
from console.chain.rpc import Call, JsonRpc, Reply, endpoint_name
from console.chain.sent import SentTransaction
from console.errors import BadAnswer, ChainError
from console.text import UntrustedText, untrusted

SEND_AGAIN_S = 5.0
"""Seconds after which an unseen transaction is sent again, elsewhere: a node that restarts forgets it."""
FIRST_POLL_S, LAST_POLL_S = 0.2, 1.0
"""Seconds between looks, growing from the first to the last."""

IN_MEMPOOL = 19
"""Code of the SDK for a transaction that is waiting already."""
WRONG_SEQUENCE = 32

_KNOWN = ("already exists in cache", "already in mempool", "already in cache")
_MOST_LOG = 4096
_MOST_EVENTS = 1000
_MOST_TRANSACTIONS = 100_000


class NeverIncluded(Exception):
    """It can never be in a block: every endpoint refuses it and none has it.

    Args:
        why: What to tell.
    """

    def __init__(self, why: ChainError) -> None:
        super().__init__(str(why))
        self.why = why


class FailedInBlock(ChainError):
    """It is in a block and did not do what it was for; its sequence and its fee are spent.

    Args:
        height: Of the block.
    """

    def __init__(self, what: str, height: int, *, next_step: str) -> None:
        super().__init__(what, safe="it changed nothing; its fee is paid", next_step=next_step)
        self.height = height


@dataclass(frozen=True, slots=True)
class Included:
    """A transaction that is in a block, and did what it was for."""

    hash: str
    """64 upper-case hex digits, as explorers show it."""
    height: int
    gas_used: int
    attributes: Mapping[str, str]
    """Of its events, by `type.key`; the last of each."""


@dataclass(frozen=True, slots=True)
class _Result:
    height: int
    code: int
    log: UntrustedText
    gas_used: int
    attributes: Mapping[str, str]


class CosmosDelivery:
    """Delivers transactions of one chain over CometBFT's RPC.

    Args:
        rpc: The client.
        urls: CometBFT endpoints in the order in which they are tried.
        chain_id: The chain that they must belong to.
        deadline_s: Seconds from sending until it is in a block.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        rpc: JsonRpc,
        urls: Sequence[str],
        chain_id: str,
        *,
        deadline_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rpc = rpc
        self._urls = tuple(urls)
        self._chain_id = chain_id
        self._deadline_s = deadline_s
        self._clock = clock

    async def check(self, url: str) -> Status:
        """How far a node is; it must be one of this chain's.

        Raises:
            EndpointDown: It does not answer.
            BadAnswer: It is a node of another chain.
        """
        where = endpoint_name(url)
        status = parse_status((await self._rpc.call(url, "status")).value(f"status of {where}"))
        if status.chain_id != self._chain_id:
            raise BadAnswer(
                f"{where} belongs to chain {untrusted(status.chain_id, 80)}, not to {self._chain_id}",
                safe="nothing was sent",
                next_step="check the URL and chain_id in the settings",
            )
        return status

    async def deliver(self, entry: SentTransaction) -> Included:
        """Send a transaction, or the same bytes once more, and wait for its block.

        Args:
            entry: What was signed, and kept before.

        Raises:
            NeverIncluded: It was refused and is nowhere.
            FailedInBlock: It is in a block and failed there.
            ChainError: Its fate is not known yet.
        """
        refused = await self._submit(entry, self._urls)
        if refused is not None:
            # Its own first copy is what took the sequence, when it is in a block already.
            if (found := await self._look_twice(entry)) is None:
                raise NeverIncluded(refused)
            return _included(entry, found)
        return await self._await(entry)

    async def _submit(self, entry: SentTransaction, urls: Sequence[str]) -> ChainError | None:
        """Send it; why it was refused, where it was. Raises ChainError: nobody knows whether it was taken."""
        silent: ChainError | None = None
        for url in urls:
            where = endpoint_name(url)
            try:
                reply = await self._rpc.call(
                    url, "broadcast_tx_sync", {"tx": base64.b64encode(bytes.fromhex(entry.raw[2:])).decode()}
                )
                code, log = _check_tx(reply, where)
            except ChainError as error:
                # The same bytes may go to the next one: they count once.
                silent = silent or error
                continue
            if code in {0, IN_MEMPOOL}:
                return None
            told = explained(log)
            refused = ChainError(
                f"the chain refused it: {told.what}", safe="nothing was sent", next_step=told.next_step
            )
            if silent is None or code == WRONG_SEQUENCE:
                return refused
            # One that did not answer may have taken it.
            return None
        assert silent is not None
        raise ChainError(
            f"the transaction was signed, and no node said that it took it: {silent.what}",
            safe="it may still be executed, once",
            next_step="do it again when a node answers: the same bytes are sent, never a second transaction",
        )

    async def _await(self, entry: SentTransaction) -> Included:
        began = sent = self._clock()
        pause, turn = FIRST_POLL_S, 0
        while self._clock() - began < self._deadline_s:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LAST_POLL_S)
            if (found := await self._look(entry)) is not None:
                return _included(entry, found)
            if self._clock() - sent >= SEND_AGAIN_S:
                sent, turn = self._clock(), turn + 1
                try:
                    refused = await self._submit(entry, [self._urls[turn % len(self._urls)]])
                except ChainError:
                    refused = None
                if refused is not None and (found := await self._look_twice(entry)) is None:
                    raise NeverIncluded(refused)
        raise ChainError(
            f"transaction {shown_hash(entry)} was sent and not seen in a block within {self._deadline_s:g} s",
            safe="it may still be executed, once",
            next_step="look at the proposal; doing it again sends the same bytes, never a second transaction",
        )

    async def _look_twice(self, entry: SentTransaction) -> _Result | None:
        # A node tells of a block a moment before it finds the block's transactions.
        found = await self._look(entry)
        if found is None:
            await asyncio.sleep(LAST_POLL_S)
            found = await self._look(entry)
        return found

    async def _look(self, entry: SentTransaction) -> _Result | None:
        """What became of it, as far as any endpoint knows."""
        digest = base64.b64encode(bytes.fromhex(entry.hash[2:])).decode()
        for url in self._urls:
            where = endpoint_name(url)
            try:
                reply = await self._rpc.call(url, "tx", {"hash": digest, "prove": False})
                if reply.error is None:
                    return _result(reply.result, shown_hash(entry), f"the transaction at {where}")
                if "indexing is disabled" in reply.error.message:
                    found = await self._look_in_blocks(url, entry)
                    if found is not None:
                        return found
            except ChainError:
                continue
        return None

    async def _look_in_blocks(self, url: str, entry: SentTransaction) -> _Result | None:
        """Look through the newest blocks of a node that keeps no index."""
        status = await self.check(url)
        wanted = base64.b64encode(bytes.fromhex(entry.raw[2:])).decode()
        last = status.height
        for height in range(last, max(last - _BLOCKS_LOOKED, 0), -1):
            block, results = await self._rpc.batch(
                url, [Call("block", {"height": str(height)}), Call("block_results", {"height": str(height)})]
            )
            inside = table(table(table(block.value("block"), "block").get("block"), "block").get("data"), "block.data")
            transactions = items(inside.get("txs") or [], "block.data.txs", most=_MOST_TRANSACTIONS)
            if wanted in transactions:
                told = table(results.value("block_results"), "block_results")
                outcomes = items(told.get("txs_results"), "txs_results", most=_MOST_TRANSACTIONS)
                place = transactions.index(wanted)
                if place >= len(outcomes):
                    raise BadAnswer(f"{endpoint_name(url)} tells no result of a transaction of block {height}")
                return _outcome(height, outcomes[place], "txs_results")
        return None


_BLOCKS_LOOKED = 20


def shown_hash(entry: SentTransaction) -> str:
    """A transaction's hash as explorers show it."""
    return entry.hash.removeprefix("0x").upper()


def _check_tx(reply: Reply, where: str) -> tuple[int, str]:
    if reply.error is not None:
        words = str(reply.error.message)
        if any(known in words for known in _KNOWN):
            return IN_MEMPOOL, ""
        if "mempool is full" in words:
            raise BadAnswer(
                f"the mempool of {where} is full", safe="nothing was sent", next_step="try again in a while"
            )
        if "too large" in words.lower():
            return 1, words
        # It may have been taken before this was said.
        raise BadAnswer(f"{where} answered with {reply.error}")
    result = table(reply.result, f"broadcast_tx_sync of {where}")
    return integer(result.get("code", 0), "code", high=(1 << 32) - 1), str(
        text(result.get("log") or "", "log", most=_MOST_LOG)
    )


def _result(value: object, wanted: str, what: str) -> _Result:
    found = table(value, what)
    if exact_text(found.get("hash"), what).upper() != wanted:
        raise BadAnswer(f"{what} is another one than was asked for")
    return _outcome(integer(found.get("height"), "height", low=1), found.get("tx_result"), what)


def _outcome(height: int, value: object, what: str) -> _Result:
    told = table(value, what)
    return _Result(
        height,
        integer(told.get("code", 0), "code", high=(1 << 32) - 1),
        untrusted(told.get("log") or "", _MOST_LOG),
        integer(told.get("gas_used", "0"), "gas_used"),
        _attributes(told.get("events") or []),
    )


def _attributes(value: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for event in items(value, "events", most=_MOST_EVENTS):
        kind = exact_text(table(event, "event").get("type"), "event.type")
        for attribute in items(table(event, "event").get("attributes") or [], "attributes", most=_MOST_EVENTS):
            pair = table(attribute, "attribute")
            key, told = str(pair.get("key") or ""), str(pair.get("value") or "")
            found[f"{kind}.{untrusted(_unpacked(key), 64)}"] = str(untrusted(_unpacked(told)))
    return found


def _unpacked(told: str) -> str:
    """Up to CometBFT 0.34 keys and values of events come in base64."""
    try:
        plain = base64.b64decode(told, validate=True).decode("ascii")
    except ValueError:
        return told
    return plain if plain.isprintable() and plain else told


def _included(entry: SentTransaction, found: _Result) -> Included:
    if found.code:
        told = explained(found.log)
        raise FailedInBlock(
            f"the transaction is in block {found.height} and failed there: {told.what}",
            found.height,
            next_step=told.next_step,
        )
    return Included(shown_hash(entry), found.height, found.gas_used, found.attributes)
