"""What a validator runs is said once, after each upgrade and at the start, and only where the chain has it not."""

from __future__ import annotations

import asyncio

import pytest

from console.errors import ContractRefused
from console.model import Crossing, Verdict
from console.node.controller import Controller
from tests.console.node.bench import Bench, armed_and_ready, crossing, until

pytestmark = pytest.mark.anyio


def advertised(bench: Bench) -> list[object]:
    return [value for word, value in bench.chain.said if word == "advertise"]


async def cross(bench: Bench, controller: Controller) -> None:
    await armed_and_ready(bench, controller)
    bench.amend(verdict=Verdict.CROSS, frozen_at=96)
    bench.chain.height = 97
    await until(controller, lambda status: status.attempt is not None and status.attempt.verdict is Verdict.CROSS)
    bench.halt()
    await until(controller, crossing(Crossing.STARTING))
    bench.chain.app_height = bench.chain.height = 100
    await until(controller, crossing(Crossing.WAITING_FOR_QUORUM))
    bench.chain.app_height, bench.chain.height, bench.chain.protocol = None, 103, 2
    await until(controller, crossing(Crossing.COMMITTED))


async def a_few_looks(bench: Bench) -> None:
    """Until the controller has read the chain and acted on it: it confirmed, or it looked three times."""
    seen = bench.chain.reads
    async with asyncio.timeout(40):
        while bench.chain.reads < seen + 3:
            await asyncio.sleep(0.02)


async def test_it_is_said_after_an_upgrade_and_not_again(bench: Bench) -> None:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None and status.height is not None)
        await cross(bench, controller)
        await until(controller, lambda _: bool(advertised(bench)))
    assert advertised(bench) == [("v0.2.0", 2, bench.sha256)], "the release that nobody named was not advertised"
    bench.set(query_interval_blocks=1)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.height is not None)
        await a_few_looks(bench)
        assert len(advertised(bench)) == 1
    bench.chain.advertised = ("v0.1.9", 1, "22" * 32)
    async with bench.controller() as controller:
        await until(controller, lambda _: len(advertised(bench)) == 2)


async def test_a_refusal_is_an_event_and_not_repeated(bench: Bench) -> None:
    async with bench.controller() as controller:
        await cross(bench, controller)
        await until(controller, lambda _: bool(advertised(bench)))
    bench.chain.advertised = ("", 0, "")
    bench.chain.refuse = ContractRefused("not a validator", name="NotAValidator")
    bench.set(query_interval_blocks=1)
    async with bench.controller() as controller:
        assert bench.journal is not None
        journal = bench.journal
        await until(
            controller, lambda _: any(event["kind"] == "refused-advertise" for event in journal.events(limit=5000))
        )
        await a_few_looks(bench)
        kinds = [event["kind"] for event in journal.events(limit=5000)]
    assert kinds.count("refused-advertise") == 1


async def test_it_can_be_switched_off(bench: Bench) -> None:
    bench.set(auto_advertise=False)
    async with bench.controller() as controller:
        await cross(bench, controller)
        await until(controller, lambda _: ("confirm", bench.sha256) in bench.chain.said)
        await a_few_looks(bench)
    assert advertised(bench) == []
