"""The real Cosmos SDK chain of our tests does what facts/cosmos.md says of such chains: what the others stand on."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.cosmos_network import CHAIN_ID, CosmosNetwork, cosmos_network, patience, quick
from tests.peers import COSMOS_V2, require

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

LEAD = 30
"""Blocks from the proposal to H on an idle machine: the vote takes fifteen."""


def test_nodes_live_on_at_their_halt_until_the_new_binary_runs(tmp_path: Path) -> None:
    newer = require(COSMOS_V2)
    with cosmos_network(tmp_path / "net", periods=quick()) as network:
        status = network.rpc("val1", "status")
        assert status["node_info"]["network"] == CHAIN_ID

        height = network.height() + int(LEAD * patience())
        network.pass_upgrade("v2", height)
        network.eventually("block H is stored", lambda: network.height("val1") >= height)
        network.eventually(
            "the plan file is there", (network.validators["val4"].home / "data" / "upgrade-info.json").is_file
        )
        # The node lives on, with block H stored and not executed.
        for moniker, node in network.validators.items():
            network.eventually("it is at H", partial(stands_at, network, moniker, height))
            assert network.app_height(moniker) == height - 1
            assert network.exit_code(moniker) is None
            told = json.loads((node.home / "data" / "upgrade-info.json").read_text())
            assert (told["name"], told["height"]) == ("v2", height)
            assert f'UPGRADE "v2" NEEDED at height: {height}' in node.log.read_text()
        assert set(network.stop().values()) == {0}

        network.start("val4")
        network.eventually("the old binary ends in its replay", lambda: network.exit_code("val4") is not None)
        assert network.exit_code("val4") == 1

        for moniker in network.validators:
            network.switch(moniker, "v2", newer)
        network.start()
        network.reaches(height + 2)
        assert network.plan() is None
        applied = network.rest("val2", "cosmos/upgrade/v1beta1/applied_plan/v2")
        assert applied == {"height": str(height)}
        versions = network.rest("val2", "cosmos/upgrade/v1beta1/module_versions")["module_versions"]
        assert {"name": "epochs", "version": "1"} in versions
        node_info = network.rest("val2", "cosmos/base/tendermint/v1beta1/node_info")
        assert node_info["application_version"]["version"] == "v2.0.0"


def stands_at(network: CosmosNetwork, moniker: str, height: int) -> bool:
    return network.height(moniker) == height
