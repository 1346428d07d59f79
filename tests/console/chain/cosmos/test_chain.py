"""A Cosmos chain behind the observer's `ChainReader`: every way of asking, every stage of a proposal, bad endpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.chain.cosmos.chain import CosmosChain
from console.chain.cosmos.plans import PROPOSALS_EVERY_S
from console.errors import BadAnswer, ChainError, EndpointDown
from console.model import AgreementState, ChainView, ProposalStatus, Tally, upgrade_of
from console.settings import NetworkSettings, NodeSettings
from tests.console.chain.cosmos.sdk_node import (
    CHAIN_ID,
    SdkNode,
    Served,
    address_of,
    proposal,
    serving,
    tally,
    upgrade_message,
    validator,
)

pytestmark = pytest.mark.anyio

PLAN = upgrade_message("v2", 5000)["plan"]
CANCEL = {"@type": "/cosmos.upgrade.v1beta1.MsgCancelUpgrade"}


class Clock:
    """Monotonic seconds that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def network(served: Served, *, rest: bool = False, rpc: bool = True, **changes: Any) -> NetworkSettings:
    urls = tuple(server.url for server in served.rpcs) if rpc else ("http://127.0.0.1:1",)
    made = NetworkSettings("test", "cosmos", CHAIN_ID, 0, "", urls, (), None, ())
    return replace(made, rest=tuple(served.rests) if rest else (), **changes)


@asynccontextmanager
async def reading(
    *nodes: SdkNode, rest: bool = False, rpc: bool = True, **changes: Any
) -> AsyncIterator[tuple[CosmosChain, Clock, Served]]:
    clock = Clock()
    async with serving(*nodes) as served:
        chain = CosmosChain(network(served, rest=rest, rpc=rpc, **changes), clock=clock, wall=lambda: 1_785_585_150.0)
        try:
            yield chain, clock, served
        finally:
            await chain.close()


async def later(chain: CosmosChain, clock: Clock, seconds: float = PROPOSALS_EVERY_S) -> ChainView:
    clock.now += seconds
    return await chain.view()


WAYS = [
    pytest.param({}, {}, id="abci_query"),
    pytest.param({"queries": False}, {"rest": True}, id="REST where abci_query is closed"),
    pytest.param({}, {"rest": True, "rpc": False}, id="REST alone"),
    pytest.param({"refused": frozenset({"gov.v1.", "gov/v1/"})}, {}, id="gov v1beta1 by abci_query"),
    pytest.param(
        {"queries": False, "refused": frozenset({"gov.v1.", "gov/v1/"})}, {"rest": True}, id="gov v1beta1 by REST"
    ),
]


@pytest.mark.parametrize(("of_node", "of_network"), WAYS)
async def test_every_way_of_asking_tells_the_same(of_node: dict[str, Any], of_network: dict[str, Any]) -> None:
    node = SdkNode(proposals=[proposal(7, upgrade_message("v2", 5000))], tallies={7: tally(20, 5, 3, 1)}, **of_node)
    async with reading(node, **of_network) as (chain, _, _served):
        view = await chain.view()
    (found,) = view.proposals
    assert (found.id, found.name, found.target_height, found.status) == (7, "v2", 5000, ProposalStatus.VOTING)
    assert found.ballot is not None
    assert found.ballot.tally == Tally(20, 5, 3, 1)
    assert found.ballot.bonded == 40 * 10**6
    assert found.ballot.rules.quorum == 334 * 10**15
    assert [each.amount for each in found.ballot.min_deposit] == [10_000_000]
    assert [each.power for each in view.validators] == [10] * 4
    assert {str(each.moniker) for each in view.validators} == {"val1", "val2", "val3", "val4"}
    assert view.cosmos is not None
    assert view.cosmos.application is not None
    assert (view.cosmos.application.version, len(view.cosmos.modules)) == ("v1.0.0", 2)
    assert view.cosmos.proposing is not None
    assert view.cosmos.proposing.voting_s == 172_800
    assert "proposals" not in view.problem


async def test_one_request_per_look_once_everything_is_known() -> None:
    node = SdkNode(plan=PLAN, proposals=[proposal(7, upgrade_message("v2", 5000), status="PASSED")])
    async with reading(node) as (chain, clock, served):
        await chain.view()
        served.rpcs[0].requests.clear()
        await later(chain, clock, 1.0)
        state = [calls for calls in served.rpcs[0].requests if "abci_query" in calls]
    # The plan, and what became of it.
    assert state == [["status", "abci_query", "abci_query"]]


STAGES: list[tuple[str, dict[str, Any] | None, dict[str, int], ProposalStatus]] = [
    ("DEPOSIT_PERIOD", None, {}, ProposalStatus.DEPOSIT),
    ("VOTING_PERIOD", None, {}, ProposalStatus.VOTING),
    ("REJECTED", None, {}, ProposalStatus.REJECTED),
    ("FAILED", None, {}, ProposalStatus.FAILED),
    ("PASSED", PLAN, {}, ProposalStatus.SCHEDULED),
    ("PASSED", None, {}, ProposalStatus.CANCELLED),
]


@pytest.mark.parametrize(("told", "plan", "applied", "expected"), STAGES)
async def test_stages_of_a_proposal(
    told: str, plan: dict[str, Any] | None, applied: dict[str, int], expected: ProposalStatus
) -> None:
    node = SdkNode(plan=plan, applied=applied, proposals=[proposal(7, upgrade_message("v2", 5000), status=told)])
    async with reading(node) as (chain, _, _served):
        (found,) = (await chain.view()).proposals
    assert found.status is expected


async def test_a_plan_is_crossed_when_another_block_follows() -> None:
    node = SdkNode(height=4999, plan=PLAN, proposals=[proposal(7, upgrade_message("v2", 5000), status="PASSED")])
    async with reading(node) as (chain, clock, _served):
        assert (await chain.view()).proposals[0].status is ProposalStatus.SCHEDULED
        # Every node stops: the block is there, the application waits for its new binary.
        node.height, node.app_height = 5000, 4999
        halted = await later(chain, clock)
        assert (halted.height, halted.nodes[0].app_height) == (5000, 4999)
        assert halted.proposals[0].status is ProposalStatus.SCHEDULED
        # One node alone has applied it in its handshake.
        node.app_height, node.plan, node.applied = None, None, {"v2": 5000}
        assert (await later(chain, clock)).proposals[0].status is ProposalStatus.SCHEDULED
        node.height = 5001
        assert (await later(chain, clock)).proposals[0].status is ProposalStatus.EXECUTED


async def test_a_node_that_crossed_alone_is_no_chain_that_stands() -> None:
    """Whoever looks for the first time then sees the crossing's own meter, not an alarm."""
    rows = [proposal(7, upgrade_message("v2", 5000), status="PASSED")]
    node = SdkNode(height=5000, applied={"v2": 5000}, proposals=rows)
    async with reading(node) as (chain, clock, served):
        await chain.view()
        served.rpcs[0].requests.clear()
        await later(chain, clock, 60.0)
        view = await later(chain, clock, 60.0)
        asked = [calls for calls in served.rpcs[0].requests if "consensus_state" in calls]
    assert view.proposals[0].status is ProposalStatus.SCHEDULED
    assert view.stalled is None
    assert asked, "the votes of the round are of interest"


async def test_a_new_plan_and_the_end_of_its_vote_are_shown_together() -> None:
    node = SdkNode(proposals=[proposal(7, upgrade_message("v2", 5000))])
    async with reading(node) as (chain, clock, _served):
        assert (await chain.view()).proposals[0].status is ProposalStatus.VOTING
        node.plan = PLAN
        node.proposals = [proposal(7, upgrade_message("v2", 5000), status="PASSED")]
        view = await later(chain, clock, 1.0)
    assert [(each.id, each.status) for each in view.proposals] == [(7, ProposalStatus.SCHEDULED)]


async def test_a_plan_that_nobody_proposed() -> None:
    async with reading(SdkNode(plan=PLAN)) as (chain, clock, served):
        (found,) = (await chain.view()).proposals
        assert (found.id, found.ballot, found.status) == (5000, None, ProposalStatus.SCHEDULED)
        served.nodes[0].plan = None
        (found,) = (await later(chain, clock)).proposals
    assert found.status is ProposalStatus.CANCELLED


async def test_what_would_cancel_is_no_upgrade_of_its_own() -> None:
    node = SdkNode(
        plan=PLAN, proposals=[proposal(7, upgrade_message("v2", 5000), status="PASSED"), proposal(8, CANCEL)]
    )
    async with reading(node) as (chain, _, _served):
        view = await chain.view()
    assert [each.id for each in view.proposals] == [8, 7]
    assert view.proposals[0].ballot is not None
    assert view.proposals[0].ballot.cancels
    upgrade = upgrade_of(view, None, view.height)
    assert upgrade is not None
    assert (upgrade.proposal.id, upgrade.total_power, upgrade.go) == (7, 40, True)


async def test_validators_on_many_pages_and_those_outside() -> None:
    named = [validator(f"val{number}", 10**7) for number in range(130)]
    jailed = validator("sleeper", 5 * 10**6, status="UNBONDING", jailed=True)
    node = SdkNode(validators=[*named, jailed], page=50)
    async with reading(node) as (chain, _, _served):
        view = await chain.view()
    assert len(view.validators) == 130
    assert all(each.stake is not None for each in view.validators)
    assert view.cosmos is not None
    (outside,) = view.cosmos.outside
    assert (outside.moniker, outside.power, outside.consensus_address) == ("sleeper", 0, address_of("sleeper"))


async def test_older_votes_are_found_behind_newer_proposals() -> None:
    many = [proposal(1, upgrade_message("v2", 5000)), *(proposal(n, CANCEL, status="REJECTED") for n in range(2, 9))]
    async with reading(SdkNode(proposals=many, page=3)) as (chain, _, _served):
        view = await chain.view()
    assert 1 in {each.id for each in view.proposals}


BAD_RESTS: list[tuple[str, int]] = [
    ("<html>502 Bad Gateway</html>", 502),
    ("<html>ok</html>", 200),
    ('{"plan":', 200),
    ("[" * 5000, 200),
    ("[]", 200),
    ('{"plan":{"name":"v2","height":"-1"}}', 200),
]


@pytest.mark.parametrize(("body", "status"), BAD_RESTS)
async def test_an_endpoint_that_answers_nonsense(body: str, status: int) -> None:
    node = SdkNode(queries=False, rest_body=body, rest_status=status)
    async with reading(node, rest=True) as (chain, _, _served):
        view = await chain.view()
        assert view.proposals == ()
        assert view.problem.startswith("plans cannot be read: ")
        with pytest.raises(BadAnswer):
            await chain.check()


async def test_another_chain_is_told_and_not_believed() -> None:
    async with reading(SdkNode(chain_id="other-1", plan=PLAN)) as (chain, _, _served):
        with pytest.raises(ChainError, match=r"belongs to chain .?other-1"):
            await chain.view()


async def test_nobody_answers() -> None:
    async with reading(SdkNode(), rpc=False) as (chain, _, _served):
        with pytest.raises(EndpointDown, match="no endpoint of network test answers"):
            await chain.view()


async def test_proposals_that_cannot_be_read_leave_the_plan() -> None:
    node = SdkNode(plan=PLAN, refused=frozenset({"gov"}))
    async with reading(node) as (chain, _, _served):
        view = await chain.view()
    assert [each.status for each in view.proposals] == [ProposalStatus.SCHEDULED]
    assert "proposals cannot be read" in view.problem


async def test_an_answer_that_is_too_large_is_asked_for_in_small_pages() -> None:
    rows = [proposal(7, upgrade_message("v2", 5000))]
    async with reading(SdkNode(plan=PLAN, proposals=rows, most_together=5)) as (chain, clock, served):
        view = await chain.view()
        assert [(each.id, each.status) for each in view.proposals if each.ballot] == [(7, ProposalStatus.VOTING)]
        assert "cannot be read" not in view.problem
        served.rpcs[0].requests.clear()
        await later(chain, clock)
        # It is not tried again: one request for everything, as always.
        assert sum("abci_query" in calls for calls in served.rpcs[0].requests) == 1


async def test_stake_that_cannot_be_read_leaves_the_power() -> None:
    async with reading(SdkNode(refused=frozenset({"staking"}))) as (chain, _, _served):
        view = await chain.view()
    assert [each.power for each in view.validators] == [10] * 4
    assert "stake cannot be read" in view.problem


async def agreement_of(*nodes: SdkNode, looks: int = 4, **changes: Any) -> AgreementState:
    async with reading(*nodes, **changes) as (chain, clock, _served):
        view = await chain.view()
        for _ in range(looks):
            await chain._second.wait()
            view = await later(chain, clock)
    assert view.agreement is not None
    return view.agreement.state


async def test_endpoints_that_agree() -> None:
    assert await agreement_of(SdkNode(plan=PLAN), SdkNode(plan=PLAN)) is AgreementState.AGREED


async def test_endpoints_that_contradict_each_other() -> None:
    other = SdkNode(plan={**PLAN, "height": "6000"})
    assert await agreement_of(SdkNode(plan=PLAN), other) is AgreementState.DISAGREED


async def test_the_older_gov_of_one_endpoint_is_no_contradiction() -> None:
    rows = [proposal(7, upgrade_message("v2", 5000))]
    older = SdkNode(proposals=rows, refused=frozenset({"gov.v1."}))
    assert await agreement_of(SdkNode(proposals=rows), older) is AgreementState.AGREED


async def test_an_endpoint_that_lags_contradicts_nobody() -> None:
    behind = SdkNode(height=3000)
    assert await agreement_of(SdkNode(plan=PLAN), behind, looks=1) is AgreementState.UNCHECKED


@asynccontextmanager
async def reading_own(node: SdkNode) -> AsyncIterator[tuple[CosmosChain, Clock, str]]:
    """A chain of which our own node is known alone, by its RPC and by its REST; the URL of the second."""
    clock = Clock()
    async with serving(node) as served:
        url, base = served.rpcs[0].url, served.rests[0]
        own = NodeSettings("val1", Path("/x"), Path("/y"), "d", (), "", url, "", None, shape="cosmos", rest=base)
        chain = CosmosChain(network(served, nodes=(own,)), clock=clock, wall=lambda: 1_785_585_150.0)
        try:
            yield chain, clock, base
        finally:
            await chain.close()


async def test_our_own_node_is_believed_by_its_rest_where_its_rpc_refuses() -> None:
    async with reading_own(SdkNode(plan=PLAN, queries=False)) as (chain, _, base):
        view = await chain.view()
    assert view.agreement is not None
    assert view.cosmos is not None
    assert (view.agreement.state, view.cosmos.told_by) == (AgreementState.OWN, f"{base} (REST)")


async def test_one_node_is_no_second_witness_of_itself() -> None:
    async with reading_own(SdkNode(plan=PLAN, catching_up=True)) as (chain, clock, _):
        view = await chain.view()
        for _look in range(4):
            await chain._second.wait()
            view = await later(chain, clock)
    assert view.agreement is not None
    assert view.agreement.state is AgreementState.UNCHECKED


async def test_a_halt_is_known_by_rest_alone() -> None:
    node = SdkNode(plan=PLAN, height=5000, app_height=4999)
    async with reading(node, rest=True, rpc=False) as (chain, _, _served):
        view = await chain.view()
    assert view.height == int(PLAN["height"]) == 5000
