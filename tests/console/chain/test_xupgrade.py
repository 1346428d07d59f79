"""Plans of x/upgrade: by abci_query and by REST, their end, and what hostile endpoints cannot do."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain.xupgrade import (
    APPLIED_PLAN,
    CURRENT_PLAN,
    MAX_INFO,
    UpgradeModulePlans,
    UpgradePlan,
    parse_current_plan,
    plan_of_json,
)
from console.errors import BadAnswer, ChainError, EndpointDown
from console.model import ProposalStatus, ReleaseKind, Verdict
from console.settings import NetworkSettings, NodeSettings
from tests.console.chain import servers
from tests.console.chain.servers import Refusal, json_rpc
from tests.console.chain.test_protobuf import field as wire_field
from tests.hostile import HOSTILE

pytestmark = pytest.mark.anyio

CHAIN_ID = "virtengine-1"
INFO = '{"binaries":{"linux/amd64":"https://example.invalid/v2.tar.gz?checksum=sha256:' + "ab" * 32 + '"}}'
PLAN = UpgradePlan("v2.0.0", 5000, INFO)


def encoded(plan: UpgradePlan | None) -> bytes:
    if plan is None:
        return b""
    # Go writes the deprecated zero time as an embedded message.
    time = wire_field(1, (1 << 64) - 62135596800)
    inner = wire_field(1, plan.name.encode()) + wire_field(2, time) + wire_field(3, plan.height)
    return wire_field(1, inner + (wire_field(4, plan.info.encode()) if plan.info else b""))


@dataclass
class Chain:
    """One SDK node: its CometBFT RPC, and its REST handler."""

    plan: UpgradePlan | None = None
    applied: dict[str, int] = field(default_factory=dict)
    height: int = 4000
    chain_id: str = CHAIN_ID
    catching_up: bool = False
    queries: bool = True
    asked: list[str] = field(default_factory=list)
    value: object = None
    """Answered instead of the current plan's base64 when set."""

    def answer(self, method: str, params: Any) -> Any:
        if method == "status":
            return {
                "node_info": {"network": self.chain_id, "moniker": "val"},
                "sync_info": {
                    "latest_block_height": str(self.height),
                    "latest_block_time": "2026-08-01T11:52:22.818762194Z",
                    "catching_up": self.catching_up,
                },
                "validator_info": {"address": "", "voting_power": "0"},
            }
        if method != "abci_query":
            raise Refusal(-32601, "Method not found")
        assert (params["height"], params["prove"]) == ("0", False)
        self.asked.append(params["path"])
        if not self.queries:
            return {"response": {"code": 6, "log": "unknown query path\x1b[2J: unknown request", "height": "0"}}
        if params["path"] == CURRENT_PLAN:
            assert params["data"] == ""
            raw = encoded(self.plan)
        else:
            assert params["path"] == APPLIED_PLAN
            request = bytes.fromhex(params["data"])
            assert request[:2] == bytes([0x0A, len(request) - 2])
            at = self.applied.get(request[2:].decode(), 0)
            raw = wire_field(1, at) if at else b""
        told: object = base64.b64encode(raw).decode() if raw else None
        if self.value is not None and params["path"] == CURRENT_PLAN:
            told = self.value
        return {
            "response": {"code": 0, "log": "", "index": "0", "key": None, "value": told, "height": str(self.height)}
        }

    async def rest(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any]
        if request.path.endswith("/node_info"):
            body = {"default_node_info": {"network": self.chain_id}}
        elif request.path.endswith("/syncing"):
            body = {"syncing": self.catching_up}
        elif request.path.endswith("/current_plan"):
            plan = self.plan
            body = {
                "plan": None if plan is None else {"name": plan.name, "height": str(plan.height), "info": plan.info}
            }
        else:
            name = request.match_info["tail"].removeprefix("cosmos/upgrade/v1beta1/applied_plan/")
            body = {"height": str(self.applied.get(name, 0))}
        return web.json_response(body, headers={"Grpc-Metadata-X-Cosmos-Block-Height": str(self.height)})


@dataclass
class Served:
    chains: list[Chain]
    plans: UpgradeModulePlans
    servers: list[servers.JsonRpcServer]


@asynccontextmanager
async def serving(*chains: Chain, rest: bool = False, known: tuple[UpgradePlan, ...] = ()) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        found = [await stack.enter_async_context(json_rpc(chain.answer)) for chain in chains]
        bases = [await stack.enter_async_context(servers.http(chain.rest)) for chain in chains] if rest else []
        urls = tuple(server.url for server in found)
        own = bases[0] if bases else ""
        node = NodeSettings("n", Path("/x"), Path("/y"), "vd", ("start",), "", urls[0], "", None, rest=own)
        network = NetworkSettings("test", "cosmos", CHAIN_ID, 0, "", urls, (), None, (node,), rest=tuple(bases))
        plans = UpgradeModulePlans(network, node, known=known)
        try:
            yield Served(list(chains), plans, found)
        finally:
            await plans.close()


async def test_a_chain_without_a_plan() -> None:
    async with serving(Chain()) as served:
        reading = await served.plans.read(own_node_only=True)
    assert (reading.height, reading.proposals, reading.readiness) == (4000, (), None)


async def test_a_plan_in_one_request() -> None:
    async with serving(Chain(PLAN)) as served:
        reading = await served.plans.read(own_node_only=True)
        assert [len(server.requests) for server in served.servers] == [1]
    (proposal,) = reading.proposals
    assert (proposal.id, proposal.target_height, proposal.name) == (5000, 5000, "v2.0.0")
    assert (proposal.status, proposal.verdict) == (ProposalStatus.SCHEDULED, Verdict.CROSS)
    assert (proposal.release_kind, proposal.release_hash) == (ReleaseKind.RAW, "")
    assert proposal.release_url == INFO
    assert proposal.breaking
    assert proposal.halts_itself
    assert proposal.freeze_blocks == proposal.total_power == 0


async def test_an_applied_plan_is_executed() -> None:
    chain = Chain(PLAN)
    async with serving(chain) as served:
        await served.plans.read(own_node_only=True)
        chain.plan, chain.applied, chain.height = None, {"v2.0.0": 5000}, 5001
        reading = await served.plans.read(own_node_only=True)
    assert [(entry.id, entry.status, entry.verdict) for entry in reading.proposals] == [
        (5000, ProposalStatus.EXECUTED, Verdict.CROSS)
    ]


async def test_a_cancelled_plan_is_an_abort() -> None:
    chain = Chain(PLAN)
    async with serving(chain) as served:
        await served.plans.read(own_node_only=True)
        chain.plan, chain.height = None, 4500
        (proposal,) = (await served.plans.read(own_node_only=True)).proposals
    assert (proposal.status, proposal.verdict) == (ProposalStatus.CANCELLED, Verdict.ABORT)


async def test_a_plan_that_was_moved_is_the_old_one_cancelled_and_a_new_one() -> None:
    chain = Chain(PLAN)
    async with serving(chain) as served:
        await served.plans.read(own_node_only=True)
        chain.plan = UpgradePlan("v2.0.0", 6000, INFO)
        both = (await served.plans.read(own_node_only=True)).proposals
        assert [(entry.id, entry.status.name) for entry in both] == [(6000, "SCHEDULED"), (5000, "CANCELLED")]
        chain.plan, chain.applied, chain.height = None, {"v2.0.0": 6000}, 6002
        both = (await served.plans.read(own_node_only=True)).proposals
        assert [(entry.id, entry.status.name) for entry in both] == [(6000, "EXECUTED"), (5000, "CANCELLED")]


async def test_a_plan_of_the_journal_gets_its_end_after_a_restart() -> None:
    async with serving(Chain(applied={"v2.0.0": 5000}, height=5100), known=(PLAN,)) as served:
        (proposal,) = (await served.plans.read(own_node_only=True)).proposals
        assert proposal.status is ProposalStatus.EXECUTED


async def test_a_node_that_catches_up_withdraws_nothing() -> None:
    old = UpgradePlan("v1.5.0", 300, "")
    async with serving(Chain(old, height=200, catching_up=True), known=(PLAN,)) as served:
        (proposal,) = (await served.plans.read(own_node_only=True)).proposals
        assert (proposal.id, proposal.status) == (300, ProposalStatus.SCHEDULED)


async def test_a_state_from_before_the_plan_was_seen_withdraws_nothing() -> None:
    own, other = Chain(height=3000), Chain(PLAN, height=4000)
    async with serving(own, other) as served:
        assert (await served.plans.read(own_node_only=False)).proposals[0].id == 5000
        assert (await served.plans.read(own_node_only=True)).proposals == ()
        own.height = 4000
        assert (await served.plans.read(own_node_only=True)).proposals[0].status is ProposalStatus.CANCELLED


async def test_only_the_last_few_plans_are_asked_for() -> None:
    chain = Chain()
    async with serving(chain) as served:
        for number in range(9):
            chain.plan = UpgradePlan(f"v{number}", 5000 + number, "")
            await served.plans.read(own_node_only=True)
        chain.asked.clear()
        await served.plans.read(own_node_only=True)
        assert chain.asked.count(APPLIED_PLAN) <= 5


async def test_the_highest_reading_counts_and_a_dead_own_node_is_not_replaced() -> None:
    async with serving(Chain(height=4000), Chain(PLAN, height=4002)) as served:
        assert (await served.plans.read(own_node_only=False)).height == 4002
        assert (await served.plans.read(own_node_only=True)).height == 4000
        await served.servers[0].stop()
        with pytest.raises(EndpointDown):
            await served.plans.read(own_node_only=True)
        assert (await served.plans.read(own_node_only=False)).height == 4002
        await served.servers[1].stop()
        with pytest.raises(EndpointDown, match=served.servers[0].url):
            await served.plans.read(own_node_only=False)


async def test_another_chain_is_refused() -> None:
    async with serving(Chain(PLAN, chain_id="other-1\x1b[2J")) as served:
        with pytest.raises(BadAnswer, match="belongs to chain other-1<U\\+001B>"):
            await served.plans.read(own_node_only=True)


async def test_without_rest_a_refused_query_is_said() -> None:
    async with serving(Chain(PLAN, queries=False)) as served:
        with pytest.raises(BadAnswer, match="code 6: unknown query path<U") as caught:
            await served.plans.read(own_node_only=True)
        assert str(caught.value).isprintable()


async def test_rest_is_asked_when_the_query_is_refused() -> None:
    chain = Chain(PLAN, queries=False)
    async with serving(chain, rest=True) as served:
        reading = await served.plans.read(own_node_only=True)
        assert (reading.height, reading.proposals[0].id, reading.proposals[0].release_url) == (4000, 5000, INFO)
        chain.plan, chain.applied, chain.height = None, {"v2.0.0": 5000}, 5001
        reading = await served.plans.read(own_node_only=True)
        assert reading.proposals[0].status is ProposalStatus.EXECUTED
        chain.chain_id = "other-1"
        with pytest.raises(BadAnswer, match="belongs to chain"):
            await served.plans.read(own_node_only=True)


async def test_a_rest_of_the_network_tells_what_our_own_node_does_not_know_yet() -> None:
    """An endpoint whose RPC refuses the query is heard by its REST, and only where others are asked at all."""
    behind, ahead = Chain(height=3990), Chain(PLAN, queries=False)
    async with serving(behind, ahead, rest=True) as served:
        own = await served.plans.read(own_node_only=True)
        assert (own.height, own.proposals) == (3990, ())
        reading = await served.plans.read(own_node_only=False)
        assert (reading.height, [each.id for each in reading.proposals]) == (4000, [5000])
        ahead.chain_id = "other-1"
        assert (await served.plans.read(own_node_only=False)).height == 3990


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"<html>", {}, 200),
        (b"{}", {}, 404),
        (b'{"default_node_info":{}}', {}, 200),
        (b'{"default_node_info":{"network":"virtengine-1"},"plan":null}', {}, 200),
        (b"[" * 100_000, {}, 200),
        (b" " * (9 << 20), {}, 200),
        (b"", {"Location": "http://127.0.0.1:1/"}, 302),
    ],
    ids=["HTML", "404", "no chain", "no height", "deep", "long", "redirect"],
)
async def test_rest_endpoints_that_answer_otherwise_are_refused(
    body: bytes, headers: dict[str, str], status: int
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers=headers, status=status)

    async with serving(Chain(PLAN, queries=False)) as served, servers.http(answer) as base:
        served.plans._own_rest = base
        with pytest.raises(BadAnswer, match="code 6"):
            await served.plans.read(own_node_only=True)


@pytest.mark.parametrize("value", ["!!", 5, [], "Cg==", "CgQKAnYy", base64.b64encode(b"\xff" * 40).decode()])
async def test_an_answer_that_is_no_plan_is_refused(value: object) -> None:
    async with serving(Chain(value=value)) as served:
        with pytest.raises(BadAnswer):
            await served.plans.read(own_node_only=True)


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_names_and_infos_are_made_safe(text: str) -> None:
    clean = text.encode("utf-8", "replace").decode()[:60] or "x"
    async with serving(Chain(UpgradePlan(clean, 5000, clean))) as served:
        (proposal,) = (await served.plans.read(own_node_only=True)).proposals
    assert str(proposal.name).isprintable()
    assert str(proposal.release_url).isprintable()


def test_info_that_is_json_stays_json_when_it_is_made_safe() -> None:
    info = json.dumps({"binaries": {"linux/amd64": "https://example.invalid/ü\u202e"}}, indent=2, ensure_ascii=False)
    shown = _proposal_url(info)
    assert shown.isprintable()
    assert json.loads(shown) == json.loads(info)
    assert _proposal_url("line\nbreak") == "line<U+000A>break"
    assert _proposal_url('{"a":1,"a":2}') == '{"a":1,"a":2}'


def _proposal_url(info: str) -> str:
    from console.chain.xupgrade import _proposal

    return str(_proposal(UpgradePlan("v", 5, info), ProposalStatus.SCHEDULED).release_url)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.text(min_size=1, max_size=60), st.integers(1, (1 << 63) - 1), st.text(max_size=200))
def test_both_ways_to_ask_read_the_same_plan(name: str, height: int, info: str) -> None:
    plan = UpgradePlan(name.encode("utf-8", "replace").decode(), height, info.encode("utf-8", "replace").decode())
    assert parse_current_plan(encoded(plan)) == plan
    assert plan_of_json({"plan": {"name": plan.name, "height": str(height), "info": plan.info}}) == plan
    assert parse_current_plan(b"") is None
    assert plan_of_json({"plan": None}) is None


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=120) | st.binary(max_size=60).map(lambda raw: wire_field(1, raw)))
def test_any_bytes_are_a_plan_or_refused(raw: bytes) -> None:
    try:
        plan = parse_current_plan(raw)
    except ChainError as error:
        said = str(error)
    else:
        assert plan is None or (plan.name and plan.height > 0)
        said = ""
    assert said.isprintable()


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"name": "", "height": "5"},
        {"name": "v", "height": "0"},
        {"name": "v", "height": "-5"},
        {"name": "v", "height": str(1 << 63)},
        {"name": "v", "height": 5.0},
        {"name": "v" * 300, "height": "5"},
        {"name": "v", "height": "5", "info": "x" * (MAX_INFO + 1)},
        {"name": ["v"], "height": "5"},
        "v2",
    ],
)
def test_a_plan_that_x_upgrade_would_not_hold_is_refused(entry: object) -> None:
    with pytest.raises(BadAnswer):
        plan_of_json({"plan": entry})
