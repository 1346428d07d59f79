"""A signed transaction on its way: sent, sent again, and awaited until it is in a block or can never be in one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from console.chain.fields import quantity
from console.chain.receipts import Receipt, parse_receipt
from console.chain.refusals import refusal
from console.chain.registry import registry_interface
from console.chain.rpc import Call, JsonRpc, Reply, endpoint_name
from console.chain.sent import SentTransaction
from console.errors import ChainError, ContractRefused

LOOK_DEADLINE_S = 2.0
"""Seconds for one look for a receipt."""

SEND_AGAIN_S = 5.0
"""Seconds after which an unseen transaction is sent again, elsewhere: a node that restarts forgets it."""

FIRST_POLL_S, LAST_POLL_S = 0.1, 1.0
"""Seconds between looks for a receipt, growing from the first to the last."""

HURRIED_POLL_S = 0.25
"""The longest pause for a call that only few blocks are left for."""

FILECOIN_CHAINS = frozenset({314, 314159, 31415926})
"""Chains whose blocks are epochs of 30 s, and which execute a transaction an epoch after it was taken."""

FILECOIN_DEADLINE_S = 300.0
"""Seconds from sending until a transaction has to be in a block there: receipts stay null for up to 200 s."""

FILECOIN_OVERTAKEN_S = 90.0
"""Seconds for which a nonce has to be taken there without a receipt: that of our own comes an epoch or two later."""

_KNOWN = ("already known", "known transaction", "already exists in cache", "already in mempool")
_CLASHES = ("nonce", "underpriced")


class NeverMined(Exception):
    """Another transaction of the sender has the nonce: this one can never be in a block."""


class NotTaken(Exception):
    """Every endpoint that was asked refused it, so it is nowhere.

    Args:
        why: What to tell.
    """

    def __init__(self, why: ChainError) -> None:
        super().__init__(str(why))
        self.why = why


class _Clash(Exception):
    """An endpoint says that the nonce is taken: by this very transaction, by one that waits, or for good."""


class Delivery:
    """Delivers transactions of one network.

    Args:
        rpc: The client.
        urls: Ethereum endpoints in the order in which they are tried.
        deadline_s: Seconds from sending until the receipt; on one of `FILECOIN_CHAINS` never less than it takes there.
        chain_id: What `eth_chainId` answers.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        rpc: JsonRpc,
        urls: Sequence[str],
        *,
        deadline_s: float,
        chain_id: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rpc = rpc
        self._urls = tuple(urls)
        slow = chain_id in FILECOIN_CHAINS
        self._deadline_s = max(deadline_s, FILECOIN_DEADLINE_S) if slow else deadline_s
        self._overtaken_s = FILECOIN_OVERTAKEN_S if slow else 0.0
        self._clock = clock

    async def deliver(self, entry: SentTransaction, *, hurried: bool = False, height: int | None = None) -> Receipt:
        """Send a transaction, or the same bytes once more, and wait for its block.

        Args:
            entry: What was signed, and kept before.
            hurried: Look for the receipt more often.
            height: The call's own height argument, for the sentence of a refusal.

        Raises:
            NeverMined: Another transaction took its nonce.
            NotTaken: It was refused and is nowhere.
            ContractRefused: It is in a block, reverted.
            ChainError: Its fate is not known yet.
        """
        try:
            await self._submit(entry, self._urls)
        except _Clash:
            # Its own first copy is the other one when an endpoint took it and then failed to say so.
            receipt, passed = await self._look(entry, 0, height)
            if receipt is not None:
                return receipt
            if passed and not self._overtaken_s:
                raise NeverMined from None
        return await self._await_receipt(entry, hurried, height)

    async def _submit(self, entry: SentTransaction, urls: Sequence[str]) -> None:
        failures: list[ChainError] = []
        for url in urls:
            where = endpoint_name(url)
            try:
                reply = await self._rpc.call(url, "eth_sendRawTransaction", [entry.raw])
            except ChainError as error:
                # The same bytes may go to the next one: they count once.
                failures.append(error)
                continue
            if reply.error is None:
                return
            words = reply.error.message.lower()
            if any(known in words for known in _KNOWN):
                return
            if any(clash in words for clash in _CLASHES):
                raise _Clash
            refused = refusal(reply.error, registry_interface(), what=f"the transaction sent to {where}")
            # One that did not answer may have taken it.
            raise refused if failures else NotTaken(refused)
        raise failures[0]

    async def _await_receipt(self, entry: SentTransaction, hurried: bool, height: int | None) -> Receipt:
        began = sent = self._clock()
        pause = FIRST_POLL_S
        longest = HURRIED_POLL_S if hurried else LAST_POLL_S
        overtaken, overtaken_at = 0, began
        turn = 0
        while self._clock() - began < self._deadline_s:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, longest)
            receipt, passed = await self._look(entry, turn, height)
            if receipt is not None:
                return receipt
            # Twice, because a block may come between the two answers of one look.
            overtaken = overtaken + 1 if passed else 0
            if overtaken == 1:
                overtaken_at = self._clock()
            if overtaken >= 2 and self._clock() - overtaken_at >= self._overtaken_s:
                raise NeverMined
            if self._clock() - sent >= SEND_AGAIN_S:
                sent = self._clock()
                turn += 1
                try:
                    await self._submit(entry, [self._urls[turn % len(self._urls)]])
                except (ChainError, NotTaken, _Clash):
                    # Only the receipt and the account's nonce decide.
                    pass
        raise ChainError(
            f"transaction {entry.hash} was sent and not seen in a block within {self._deadline_s:g} s",
            safe="it may still be executed, once",
            next_step="look at the proposal; trying again sends the same bytes, never a second transaction",
        )

    async def _look(self, entry: SentTransaction, turn: int, height: int | None) -> tuple[Receipt | None, bool]:
        # Another endpoint each time it was sent again: one that answers may still stand still.
        first = turn % len(self._urls)
        for url in (*self._urls[first:], *self._urls[:first]):
            try:
                found, count = await self._rpc.batch(
                    url,
                    [
                        Call("eth_getTransactionReceipt", [entry.hash]),
                        Call("eth_getTransactionCount", [entry.sender, "latest"]),
                    ],
                    deadline_s=LOOK_DEADLINE_S,
                )
                receipt = parse_receipt(found, entry.hash)
                passed = quantity(count.value("eth_getTransactionCount"), "the nonce") > entry.nonce
            except ChainError:
                continue
            if receipt is None:
                return None, passed
            done, good = receipt
            if not good:
                raise await self._why_reverted(url, entry, done.block, height)
            return done, passed
        return None, False

    async def _why_reverted(self, url: str, entry: SentTransaction, block: int, height: int | None) -> ChainError:
        # A receipt does not hold the reason: the same call on the state of that block tells it again.
        call = {"from": entry.sender, "to": entry.target, "data": entry.data}
        try:
            reply = await self._rpc.call(url, "eth_call", [call, hex(block)])
        except ChainError:
            reply = Reply()
        if reply.error is not None:
            told = refusal(reply.error, registry_interface(), what=entry.words, height=height)
            if isinstance(told, ContractRefused):
                return told
        return ContractRefused(f"{entry.words} was reverted in block {block} without a reason")
