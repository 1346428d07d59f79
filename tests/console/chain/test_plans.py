"""The controller's plan source: one batch to its own node, the highest of all when asked for all."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from console.chain.plans import RegistryPlans
from console.errors import BadAnswer, EndpointDown
from tests.console.chain.network_double import proposal_row
from tests.console.chain.network_servers import Served, serving

pytestmark = pytest.mark.anyio


def plans_of(served: Served) -> RegistryPlans:
    settings = served.settings
    return RegistryPlans(settings, settings.nodes[0])


async def test_own_node_in_one_request() -> None:
    async with serving() as served:
        plans = plans_of(served)
        reading = await plans.read(own_node_only=True)
        await plans.close()
    assert reading.height == 100
    assert [proposal.id for proposal in reading.proposals] == [1]
    assert reading.readiness is not None
    assert [len(server.requests) for server in served.ethereum] == [1, 0, 0, 0]
    assert served.ethereum[0].requests[0][0] == "eth_blockNumber"


async def test_own_node_down_is_not_replaced() -> None:
    async with serving() as served:
        await served.stop(served.ethereum[0])
        plans = plans_of(served)
        with pytest.raises(EndpointDown):
            await plans.read(own_node_only=True)
        assert (await plans.read(own_node_only=False)).height == 100
        await plans.close()


async def test_the_highest_reading_counts_and_our_own_among_equals() -> None:
    async with serving() as served:
        for port, behind in zip(served.ports, (3, 0, 1, 0), strict=True):
            port.behind = behind
        plans = plans_of(served)
        assert (await plans.read(own_node_only=True)).height == 97
        assert (await plans.read(own_node_only=False)).height == 100
        await plans.close()
        assert all(server.requests for server in served.ethereum)


def _flood(served: Served, status: int, numbers: range) -> None:
    """Proposals 1, in that status, and as many cancelled ones after it."""
    others = [proposal_row(number, status=8) for number in reversed(numbers)]
    served.network.proposals = [*others, proposal_row(1, status=status)]


async def test_the_scheduled_one_is_seen_behind_any_number_of_others() -> None:
    async with serving() as served:
        _flood(served, 4, range(2, 40))
        plans = plans_of(served)
        reading = await plans.read(own_node_only=True)
        await plans.close()
    assert [entry.id for entry in reading.proposals] == [*range(39, 31, -1), 1]
    assert reading.readiness is not None
    assert reading.readiness.proposal_id == 1


async def test_what_was_on_its_way_is_followed_to_its_end_behind_others() -> None:
    async with serving() as served:
        _flood(served, 2, range(2, 4))
        plans = plans_of(served)
        await plans.read(own_node_only=True)
        for status in (2, 4, 6, 6):
            _flood(served, status, range(2, 40))
            await plans.read(own_node_only=True)
            reading = await plans.read(own_node_only=True)
            assert (reading.proposals[-1].id, reading.proposals[-1].status) == (1, status)
        await plans.close()


async def _with_a_liar(*, own_up: bool, behind: int = 0) -> str:
    """What is contested when node2 says that nobody proposed anything."""
    async with serving() as served:
        honest, liar = served.ports[1].answer, served.ports[1]

        def lie(method: str, params: Any) -> Any:
            proposals = served.network.proposals
            served.network.proposals = []
            try:
                return honest(method, params)
            finally:
                served.network.proposals = proposals

        served.ethereum[1].answer = lie
        liar.behind = behind
        if not own_up:
            await served.stop(served.ethereum[0])
        plans = plans_of(served)
        reading = await plans.read(own_node_only=False)
        await plans.close()
        return reading.contested


async def test_others_that_contradict_each_other_are_named() -> None:
    assert "contradict each other about" in await _with_a_liar(own_up=False)


async def test_one_endpoint_alone_is_not_enough_where_agreement_is_required() -> None:
    async with serving() as served:
        await served.stop(*(server for server in served.ethereum if server is not served.ethereum[2]))
        contested = []
        for required in (False, True):
            settings = dataclasses.replace(served.settings, require_agreement=required)
            plans = RegistryPlans(settings, settings.nodes[0])
            contested.append((await plans.read(own_node_only=False)).contested)
            await plans.close()
    assert contested[0] == ""
    assert contested[1].startswith("not cross-checked: only ")


async def test_our_own_node_is_not_contested() -> None:
    assert await _with_a_liar(own_up=True) == ""


async def test_what_is_of_another_block_contradicts_nobody() -> None:
    assert await _with_a_liar(own_up=False, behind=2) == ""


async def test_all_down_tells_our_own_nodes_reason() -> None:
    async with serving() as served:
        plans = plans_of(served)
        await served.stop(*served.ethereum)
        with pytest.raises(EndpointDown, match=served.ethereum[0].url):
            await plans.read(own_node_only=False)
        await plans.close()


async def test_another_chain_is_refused() -> None:
    async with serving() as served:
        served.network.evm_chain_id = 4
        plans = plans_of(served)
        with pytest.raises(BadAnswer, match="belongs to chain 4"):
            await plans.read(own_node_only=True)
        await plans.close()


async def test_without_a_proposal_the_members_are_told_all_the_same() -> None:
    async with serving() as served:
        served.network.proposals = []
        plans = plans_of(served)
        reading = await plans.read(own_node_only=True)
        await plans.close()
    assert reading.proposals == ()
    assert reading.readiness is not None
    assert reading.readiness.proposal_id == 0
    assert len(reading.readiness.validators) == 4


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
async def test_the_height_is_never_higher_than_the_state(after: int) -> None:
    """A block that brings the verdict lands between any two parts of the batch."""
    async with serving(count=1) as served:
        plans = plans_of(served)
        # The proposal is known already, so that the batch is not read again.
        await plans.read(own_node_only=True)
        honest = served.ports[0].answer
        count = [0]
        state_at: list[int] = []

        def answer(method: str, params: Any) -> Any:
            result = honest(method, params)
            if method == "eth_call":
                state_at.append(served.network.height)
            if count[0] == after:
                served.network.height += 1
                served.network.proposals = [proposal_row(verdict=2, status=6, frozenAt=served.network.height)]
            count[0] += 1
            return result

        served.ethereum[0].answer = answer
        reading = await plans.read(own_node_only=True)
        await plans.close()
    assert count == [6]
    assert reading.height <= min(state_at)
