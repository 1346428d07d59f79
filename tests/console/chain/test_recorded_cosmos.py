"""What a real Cosmos SDK node answered through its upgrade, read by what the controller reads it with."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from console.chain.cometbft import parse_status
from console.chain.xupgrade import UpgradeModulePlans, UpgradePlan, parse_current_plan, plan_of_json
from console.model import ProposalStatus
from console.settings import NetworkSettings, NodeSettings
from tests.cosmos_network import CHAIN_ID
from tests.recorded.cosmos_replay import recorded, replayed, rest_body, rpc_result
from tests.recorded.record_cosmos import MOMENTS

PLANNED = ("scheduled", "jailed", "halt")


@pytest.mark.parametrize("moment", MOMENTS)
def test_rpc_and_rest_tell_the_same_plan(moment: str) -> None:
    raw = base64.b64decode(recorded(moment)["abci"]["/cosmos.upgrade.v1beta1.Query/CurrentPlan"]["value"] or "")
    plan = parse_current_plan(raw)
    assert plan == plan_of_json(rest_body(moment, "cosmos/upgrade/v1beta1/current_plan"))
    assert (plan is not None) == (moment in PLANNED)


def test_at_the_halt_block_h_is_stored_and_not_executed() -> None:
    plan = plan_of_json(rest_body("halt", "cosmos/upgrade/v1beta1/current_plan"))
    assert plan is not None
    assert parse_status(rpc_result("halt", "status")).height == plan.height
    assert int(rpc_result("halt", "abci_info")["response"]["last_block_height"]) == plan.height - 1
    applied = rest_body("after", "cosmos/upgrade/v1beta1/applied_plan/v2")
    assert applied == {"height": str(plan.height)}


@pytest.mark.anyio
async def test_the_controllers_source_follows_the_plan_to_its_end(tmp_path: Path) -> None:
    with replayed("no_plan") as chain:
        node = NodeSettings(
            "val1", tmp_path, tmp_path / "state", "testchaind", ("start",), "", chain.rpc, "", None, rest=chain.rest
        )
        network = NetworkSettings("test", "cosmos", CHAIN_ID, 0, "", (chain.rpc,), (), None, (node,))
        source = UpgradeModulePlans(network, node)
        told: list[tuple[str, ProposalStatus] | None] = []
        for moment in MOMENTS:
            chain.moment = moment
            reading = await source.read(own_node_only=True)
            told.append(next(((str(each.name), each.status) for each in reading.proposals), None))
        await source.close()
        assert not [asked for asked in chain.asked if asked.startswith("cosmos/")], "REST was not needed"
    scheduled = ("v2", ProposalStatus.SCHEDULED)
    assert told == [None, None, None, scheduled, scheduled, scheduled, ("v2", ProposalStatus.EXECUTED)]


@pytest.mark.anyio
async def test_a_console_that_comes_late_knows_the_end_of_a_plan_by_rest_alone(tmp_path: Path) -> None:
    """Without RPC's queries, from what the journal kept."""
    plan = plan_of_json(rest_body("halt", "cosmos/upgrade/v1beta1/current_plan"))
    assert plan is not None
    with replayed("after") as chain:
        node = NodeSettings(
            "val1",
            tmp_path,
            tmp_path / "state",
            "testchaind",
            ("start",),
            "",
            "http://127.0.0.1:9",
            "",
            None,
            rest=chain.rest,
        )
        network = NetworkSettings("test", "cosmos", CHAIN_ID, 0, "", (node.cometbft_rpc,), (), None, (node,))
        known = (UpgradePlan(plan.name, plan.height, plan.info),)
        source = UpgradeModulePlans(network, node, known=known)
        reading = await source.read(own_node_only=True)
        await source.close()
    assert [(str(each.name), each.status) for each in reading.proposals] == [("v2", ProposalStatus.EXECUTED)]
