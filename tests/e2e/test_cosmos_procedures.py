"""The procedure `chain-upgrade` crossed whole on a real Cosmos SDK chain, in each of its ways, from vote to proof."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console.files import sha256_of
from tests.console.node.cosmos_nodes import served
from tests.cosmos_network import DAEMON, CosmosNetwork, patience, quick
from tests.e2e.controlled_cosmos import Begun, Controlled, controlled, found_by
from tests.e2e.test_cosmos_cosmovisor import supervised
from tests.peers import COSMOS_V2, require

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

LEAD = 55
"""Blocks from the proposal to H on an idle machine: the vote takes twenty, download and checks on four nodes ten."""
PROVEN = ("validator.version", "validator.peers", "validator.memory", "validator.verdict")
"""Lines of the verification that pass on a busy machine too: there a vote may come late, and is told as a warning."""


def planned(network: CosmosNetwork, url: str, program: Path) -> int:
    """Have the chain plan `v2` with the place and the checksum of its program in the plan; H."""
    address = f"{url}/{DAEMON}?checksum=sha256:{sha256_of(program)}"
    height = network.height() + int(LEAD * patience())
    network.pass_upgrade("v2", height, json.dumps({"binaries": {"any": address}}))
    return height


def all_end_well(runs: dict[str, Begun], *steps: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Wait for runs that must be done; how each step of each ended, by node."""
    found = {}
    for name, run in runs.items():
        ran = run.ended()
        assert ran.code == 0, (name, ran.err, ran.out.splitlines()[-3:])
        found[name] = found_by(ran)
        assert {found[name][step]["outcome"] for step in (*steps, *PROVEN)} == {"pass"}, found[name]
        assert {each["outcome"] for each in found[name].values()} <= {"pass", "warn", "skip"}, found[name]
    return found


def record_of(nodes: Controlled, node: str, run: str, folder: Path) -> tuple[str, dict[str, Any]]:
    """The record of a run as it is exported, in both forms."""
    for kind in ("md", "json"):
        ran = nodes.call("run", "--show", run, "--export", str(folder / f"record.{kind}"), node=node)
        assert ran.code == 0, ran.err
    return (folder / "record.md").read_text(), json.loads((folder / "record.json").read_text())


def test_each_operator_runs_it_beside_his_controller_and_has_the_record_of_it(tmp_path: Path) -> None:
    newer = require(COSMOS_V2)
    with (
        controlled(tmp_path / "net", quick(), "local_downloads = true") as nodes,
        served(newer.read_bytes()) as (url, _),
    ):
        network = nodes.network
        early = nodes.call("run", "chain-upgrade", "--json", node="val1")
        assert early.code == 1
        assert found_by(early)["upgrade.plan"]["words"] == "the chain plans no upgrade"
        height = planned(network, url, newer)

        others = {name: nodes.begin("run", "chain-upgrade", node=name) for name in nodes.names[1:]}
        run = json.loads(early.out.splitlines()[0])["run"]
        found = all_end_well(
            {"val1": nodes.begin("run", "--resume", run, node="val1"), **others},
            "upgrade.plan", "upgrade.controller", "upgrade.prepared", "upgrade.halt", "upgrade.crossing",
        )  # fmt: skip
        for steps in found.values():
            assert f"v2 is planned for height {height:,}" == steps["upgrade.plan"]["words"]
            assert f"after H {height:,}" in steps["validator.signing"]["words"]
            assert "v2.0.0" in steps["validator.version"]["words"]
        whole = nodes.call("run", "verify-network", "--json", node="val1")
        assert whole.code == 0, whole.out
        assert found_by(whole)["network.app-hash"]["outcome"] == "pass", whole.out
        assert "11 of 11" in found_by(whole)["network.95-percent"]["words"]

        text, document = record_of(nodes, "val1", run, tmp_path)
        assert f"v2 is planned for height {height:,}" in text
        assert sha256_of(newer) in text
        assert (document["state"], document["arguments"]["way"]) == ("done", "controller")


@pytest.mark.soak
def test_each_operator_runs_it_beside_his_cosmovisor(tmp_path: Path) -> None:
    newer = require(COSMOS_V2)
    with supervised(tmp_path / "net", "local_downloads = true") as nodes, served(newer.read_bytes()) as (url, _):
        height = planned(nodes.network, url, newer)
        runs = {name: nodes.begin("run", "chain-upgrade", "--way", "cosmovisor", node=name) for name in nodes.names}
        found = all_end_well(
            runs, "upgrade.plan", "upgrade.download", "upgrade.stage", "upgrade.crossing", "upgrade.follows",
            "upgrade.applied",
        )  # fmt: skip
        for name, steps in found.items():
            # What it was started with is seen, though neither this shell nor a unit says it.
            assert steps["upgrade.cosmovisor"]["words"] == "it takes no backup before the swap"
            assert "grace: 20 s" in steps["upgrade.cosmovisor"]["evidence"]
            assert steps["upgrade.applied"]["words"] == f"the chain applied v2 at height {height:,}"
            assert sha256_of(nodes.network.validators[name].binary) == sha256_of(newer)
        text, document = record_of(nodes, "val2", runs["val2"].run, tmp_path)
        assert "Cosmovisor switched to upgrades/v2" in text
        assert document["state"] == "done"
