"""Traffic and block times, sampled with few requests."""

from __future__ import annotations

from typing import Any

import pytest

from console.chain.traffic import BLOCKS, HOURS, TrafficReader, sample_heights
from tests.console.chain.network_servers import Served, serving
from tests.console.chain.servers import Refusal

pytestmark = pytest.mark.anyio


def answering(served: Served, index: int, *, oldest: int = 1) -> None:
    """Have a node answer `blockchain`: a block has as many transactions as its height modulo seven."""
    honest = served.nodes[index].answer

    def answer(method: str, params: Any) -> Any:
        if method != "blockchain":
            return honest(method, params)
        low, high = int(params["minHeight"]), int(params["maxHeight"])
        if low < oldest:
            raise Refusal(-32603, f"min height {oldest} can't be greater than max height {high}")
        blocks = (honest("block", {"height": str(height)})["block"]["header"] for height in range(high, low - 1, -1))
        return {
            "last_height": str(served.network.height),
            "block_metas": [{"header": header, "num_txs": str(int(header["height"]) % 7)} for header in blocks],
        }

    served.comet[index].answer = answer


def test_an_hour_apart_where_the_chain_is_old_enough() -> None:
    assert sample_heights(1_000_000, 1.0)[:3] == (999_999, 996_399, 992_799)
    assert len(sample_heights(1_000_000, 1.0)) == HOURS
    young = sample_heights(1000, 1.0)
    assert (len(young), young[0], young[0] - young[1]) == (HOURS, 999, 42)
    assert sample_heights(62, 0.25) == (61, 41, 21)
    assert sample_heights(5, 1.0) == ()


async def test_a_day_in_three_requests_from_the_first_that_tells() -> None:
    async with serving(count=2) as served:
        served.network.height = 1000
        answering(served, 1)
        reader = TrafficReader(served.settings, [server.url for server in served.comet])
        traffic = await reader.read(1000, 1.0)
        assert [len(request) for request in served.comet[1].requests] == [10, 10, 4]
        assert traffic.source.endswith(served.comet[1].url.rsplit(":", 1)[1])
        assert len(traffic.samples) == HOURS
        newest = traffic.samples[-1]
        assert (newest.height, newest.blocks) == (999, BLOCKS)
        assert newest.transactions == sum(height % 7 for height in range(980, 1000))
        assert traffic.block_time_s == pytest.approx(
            (served.network.time_ns(999) - served.network.time_ns(traffic.samples[0].height))
            / 1e9
            / (999 - traffic.samples[0].height)
        )
        await reader.close()


async def test_pruned_hours_are_left_out_and_a_reason_is_given_when_nobody_tells() -> None:
    async with serving(count=1) as served:
        served.network.height = 1000
        answering(served, 0, oldest=500)
        reader = TrafficReader(served.settings, [served.comet[0].url])
        traffic = await reader.read(1000, 1.0)
        assert {sample.height >= 500 for sample in traffic.samples} == {True}
        assert len(traffic.samples) == 12
        assert (await reader.read(10, 1.0)).problem == "the chain is too young to tell"
        answering(served, 0, oldest=5000)
        assert "gives no blocks of the last hours: " in (await reader.read(1000, 1.0)).problem
        served.comet[0].answer = lambda method, params: {"block_metas": [{"header": {"chain_id": "other"}}]}
        assert "another chain" in (await reader.read(1000, 1.0)).problem
        await served.stop(*served.comet)
        assert "does not answer" in (await reader.read(1000, 1.0)).problem
        await reader.close()
