"""How long a transaction is waited for, and when its nonce counts as lost; receipts that stay null."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from console.chain import delivery as delivery_module
from console.chain.delivery import Delivery, NeverMined
from console.chain.rpc import JsonRpc
from console.chain.sent import SentTransaction
from console.errors import ChainError
from tests.console.chain.servers import json_rpc

pytestmark = pytest.mark.anyio

HASH = "0x" + "ab" * 32
SENDER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
ENTRY = SentTransaction(HASH, "0x02aa", 314, SENDER, 4, "0x" + "cd" * 20, "0x12", "freeze(id=1)")


class Clock:
    """Seconds that pass by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Slow:
    """A chain that takes a transaction at once, counts its nonce, and shows the receipt later."""

    def __init__(self, clock: Clock, *, receipt_at: float, counted_at: float) -> None:
        self.clock = clock
        self.receipt_at = receipt_at
        self.counted_at = counted_at
        self.sent: list[str] = []

    def answer(self, method: str, params: Any) -> Any:
        match method:
            case "eth_sendRawTransaction":
                self.sent.append(params[0])
                return HASH
            case "eth_getTransactionCount":
                return hex(5 if self.clock.now >= self.counted_at else 4)
            case "eth_getTransactionReceipt":
                if self.clock.now < self.receipt_at:
                    return None
                return {
                    "transactionHash": HASH,
                    "blockNumber": "0x10",
                    "gasUsed": "0x5208",
                    "status": "0x1",
                    "logs": None,
                }
        raise AssertionError(method)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return clock


async def deliver(clock: Clock, chain: Slow, chain_id: int) -> int:
    async with json_rpc(chain.answer) as server:
        rpc = JsonRpc(deadline_s=30)
        delivery = Delivery(rpc, [server.url], deadline_s=60, chain_id=chain_id, clock=clock)
        try:
            return (await delivery.deliver(ENTRY, hurried=False)).block
        finally:
            await rpc.close()


async def test_a_receipt_that_stays_null_for_two_hundred_seconds_on_filecoin(clock: Clock) -> None:
    chain = Slow(clock, receipt_at=200, counted_at=150)
    assert await deliver(clock, chain, 314159) == 16
    # The same bytes each time.
    assert set(chain.sent) == {ENTRY.raw}


async def test_the_same_silence_on_a_subnet_is_too_long(clock: Clock) -> None:
    with pytest.raises(ChainError, match="not seen in a block within 60 s"):
        await deliver(clock, Slow(clock, receipt_at=200, counted_at=1e9), 31337)
    assert clock.now < 70


async def test_on_filecoin_a_counted_nonce_is_our_own_until_an_epoch_or_two_have_passed(clock: Clock) -> None:
    with pytest.raises(NeverMined):
        await deliver(clock, Slow(clock, receipt_at=1e9, counted_at=30), 314)
    assert 30 + delivery_module.FILECOIN_OVERTAKEN_S <= clock.now < 130


async def test_on_a_subnet_a_counted_nonce_without_a_receipt_is_lost_at_once(clock: Clock) -> None:
    with pytest.raises(NeverMined):
        await deliver(clock, Slow(clock, receipt_at=1e9, counted_at=3), 31337)
    assert clock.now < 10
