"""What a real Cosmos SDK node answered at each moment of an upgrade: REST and `abci_query` are read alike."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from console.chain.cosmos import shapes
from console.chain.cosmos.answers import (
    parse_application,
    parse_applied,
    parse_gov_rules,
    parse_modules,
    parse_plan,
    parse_pool,
    parse_proposals,
    parse_signing_infos,
    parse_signing_window,
    parse_tally,
    parse_validators,
)
from console.chain.cosmos.shapes import Shape, as_json
from console.model import Bond
from tests.recorded.cosmos_replay import recorded, rest_body
from tests.recorded.record_cosmos import MOMENTS

BOTH: dict[str, tuple[str, str, Shape, Callable[[Any], object]]] = {
    "plan": (
        "cosmos/upgrade/v1beta1/current_plan",
        "/cosmos.upgrade.v1beta1.Query/CurrentPlan",
        shapes.CURRENT_PLAN,
        parse_plan,
    ),
    "applied": (
        "cosmos/upgrade/v1beta1/applied_plan/v2",
        "/cosmos.upgrade.v1beta1.Query/AppliedPlan 0a027632",
        shapes.APPLIED_PLAN,
        parse_applied,
    ),
    "modules": (
        "cosmos/upgrade/v1beta1/module_versions",
        "/cosmos.upgrade.v1beta1.Query/ModuleVersions",
        shapes.MODULE_VERSIONS,
        parse_modules,
    ),
    "proposals": (
        "cosmos/gov/v1/proposals",
        "/cosmos.gov.v1.Query/Proposals",
        shapes.PROPOSALS["v1"],
        parse_proposals,
    ),
    "rules": (
        "cosmos/gov/v1/params/tallying",
        "/cosmos.gov.v1.Query/Params 0a0874616c6c79696e67",
        shapes.GOV_PARAMS["v1"],
        parse_gov_rules,
    ),
    "pool": ("cosmos/staking/v1beta1/pool", "/cosmos.staking.v1beta1.Query/Pool", shapes.POOL, parse_pool),
    "validators": (
        "cosmos/staking/v1beta1/validators",
        "/cosmos.staking.v1beta1.Query/Validators",
        shapes.VALIDATORS,
        parse_validators,
    ),
    "missed blocks": (
        "cosmos/slashing/v1beta1/signing_infos",
        "/cosmos.slashing.v1beta1.Query/SigningInfos",
        shapes.SIGNING_INFOS,
        parse_signing_infos,
    ),
    "window": (
        "cosmos/slashing/v1beta1/params",
        "/cosmos.slashing.v1beta1.Query/Params",
        shapes.SLASHING_PARAMS,
        parse_signing_window,
    ),
    "application": (
        "cosmos/base/tendermint/v1beta1/node_info",
        "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo",
        shapes.NODE_INFO,
        parse_application,
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("what", BOTH)
def test_both_ways_lead_to_one_value(what: str, moment: str) -> None:
    path, grpc, shape, parse = BOTH[what]
    raw = base64.b64decode(recorded(moment)["abci"][grpc]["value"] or "")
    by_rpc, by_rest = parse(as_json(shape, raw, what)), parse(rest_body(moment, path))
    if what == "missed blocks":
        # Blocks came between the two questions.
        assert isinstance(by_rpc, dict)
        assert isinstance(by_rest, dict)
        assert by_rpc.keys() == by_rest.keys()
        return
    assert by_rpc == by_rest
    assert by_rpc or what in {"plan", "applied", "proposals"}


def test_what_is_in_them() -> None:
    voting = {each.id: each for each in parse_proposals(rest_body("voting", "cosmos/gov/v1/proposals"))}
    assert {number: each.status for number, each in voting.items()}[3] == "VOTING_PERIOD"
    assert voting[3].plan is not None
    assert voting[3].plan.name == "v2"
    live = rest_body("voting", "cosmos/gov/v1/proposals/3/tally")
    assert parse_tally(live).turnout > 0
    assert voting[3].final.turnout == 0
    jailed = parse_validators(rest_body("jailed", "cosmos/staking/v1beta1/validators"))
    assert [(each.stake.bond, each.stake.jailed) for each in jailed if each.stake.jailed] == [(Bond.UNBONDING, True)]
    older = parse_proposals(rest_body("voting", "cosmos/gov/v1beta1/proposals"))
    assert {each.id for each in older} <= set(voting)
