"""A proposal of a real Cosmos SDK chain, crossed by four nodes under our controllers, and what goes wrong around it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from console.files import sha256_of
from tests.cosmos_network import cancel, patience, quick
from tests.e2e.controlled_cosmos import Controlled, controlled
from tests.peers import COSMOS_V1, COSMOS_V2, require

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

LEAD = 36
"""Blocks from the proposal to H on an idle machine: the vote takes fifteen."""


def test_four_nodes_cross_what_was_voted_and_the_one_with_a_wrong_binary_is_brought_on(tmp_path: Path) -> None:
    """The plan is withdrawn once when all are ready; then it comes again, and one operator stages other bytes."""
    older, newer = require(COSMOS_V1), require(COSMOS_V2)
    wrong = tmp_path / "wrong"
    wrong.write_bytes(older.read_bytes() + b"another build of the old rules")
    wrong.chmod(0o755)
    with controlled(tmp_path / "net", quick()) as nodes:
        network, right = nodes.network, nodes.names[:3]
        withdrawn_after_staging(nodes, newer)
        refused = nodes.call("node", "add-upgrade", "v2", str(older), "--force", node="val4")
        assert refused.code == 1
        assert "the bytes of genesis, which run here and stop at the height of v2" in refused.err
        nodes.does("val4", "add-upgrade", "v2", str(wrong), "--force")

        height = network.height() + int(LEAD * patience())
        network.pass_upgrade("v2", height)
        network.eventually("all are ready", nodes.all_are("READY"))
        network.eventually("those with the right binary cross", nodes.all_are("COMMITTED", *right), 240)
        network.eventually("the other is parked", nodes.all_are("PARKED", "val4"), 240)
        told = nodes.status("val4")
        assert (told["generation"], told["pid"]) == ("genesis", None)
        assert 'UPGRADE "v2" NEEDED at height' in told["note"] or "exit code 1" in told["note"], told
        signed_before = signer_height(nodes, "val4")

        # The right bytes under another name, since what was staged as v2 has run.
        nodes.does("val4", "add-upgrade", "v2-mended", str(newer), "--force")
        nodes.does("val4", "swap", "v2-mended", "--reason", "the release that the others run")
        network.eventually("it follows", nodes.all_are("COMMITTED", "val4"), 240)

        network.reaches(height + 2)
        assert network.plan() is None
        applied = "cosmos/upgrade/v1beta1/applied_plan/v2"
        # Its REST answers later than its RPC.
        network.eventually("val4 tells of it", lambda: network.rest("val4", applied) == {"height": str(height)})
        # It follows by blocks of the others before it has a vote of its own to sign.
        network.eventually("val4 signs again", lambda: signer_height(nodes, "val4") > signed_before)
        headers = {name: network.rpc(name, f"block?height={height + 2}")["block"]["header"] for name in nodes.names}
        assert len({header["app_hash"] for header in headers.values()}) == 1
        for name in right:
            assert sha256_of(network.validators[name].binary) == sha256_of(newer)
            assert nodes.events(name).count("halted") == 1
            assert "rollback" not in nodes.events(name)
            points = list((nodes.state_dir(name) / "backups").iterdir())
            assert points, "no rollback point was taken at the halt"


@pytest.mark.soak
def test_operators_who_are_early_absent_or_late_are_brought_through_one_halt(tmp_path: Path) -> None:
    """One runs the new binary too early, one has no controller at H, and one no binary until all others are past."""
    newer = str(require(COSMOS_V2))
    with controlled(tmp_path / "net", quick()) as nodes:
        network = nodes.network
        for name in ("val1", "val2", "val3"):
            nodes.does(name, "add-upgrade", "v2", newer)
        nodes.does("val3", "swap", "v2", "--reason", "before the vote")
        network.eventually("the new binary does not run", nodes.all_are("PARKED", "val3"), 240)
        told = nodes.status("val3")
        # With another store its program ends before x/upgrade could say BINARY UPDATED BEFORE TRIGGER.
        assert "panic: failed to load latest version: version of store epochs mismatch" in told["note"]
        assert "back to the old binary with `node start`" in told["alarm"]
        nodes.does("val3", "start")
        network.reaches(network.height() + 2, "val3")

        height = network.height() + int(LEAD * patience())
        network.pass_upgrade("v2", height)
        nodes.stop("val2")
        network.eventually("the first waits for more power", nodes.all_are("WAITING_FOR_QUORUM", "val1", "val3"), 240)
        network.eventually("the last halted", nodes.all_are("HALTED", "val4"))
        assert "add-upgrade v2" in nodes.status("val4")["note"]
        # Nobody looks after it, and it lives on at H.
        assert (network.height("val2"), network.app_height("val2")) == (height, height - 1)
        nodes.start("val2")
        network.eventually("there is enough", nodes.all_are("COMMITTED", "val1", "val2", "val3"), 240)
        network.reaches(height + 5, "val1")

        assert network.app_height("val4") == height - 1
        nodes.does("val4", "add-upgrade", "v2", newer)
        network.eventually("the last is brought on", nodes.all_are("COMMITTED", "val4"), 240)
        network.reaches(network.height("val1"), "val4")


@pytest.mark.soak
def test_a_network_whose_new_binary_works_nowhere_skips_the_upgrade(tmp_path: Path) -> None:
    """Everybody is parked; each operator says the height, and the old binary executes H on more than two thirds."""
    broken = tmp_path / "broken"
    broken.write_bytes(require(COSMOS_V1).read_bytes() + b"another build of the old rules")
    broken.chmod(0o755)
    with controlled(tmp_path / "net", quick()) as nodes:
        network = nodes.network
        for name in nodes.names:
            nodes.does(name, "add-upgrade", "v2", str(broken))
        height = network.height() + int(LEAD * patience())
        network.pass_upgrade("v2", height)
        network.eventually("all are parked", nodes.all_are("PARKED"), 300)
        told = nodes.status("val1")["alarm"]
        assert f"node config set skip_upgrade_heights={height}`, then `node start`" in told
        assert nodes.call("node", "start", node="val1").code == 1
        for name in nodes.names:
            nodes.does(name, "config", "set", f"skip_upgrade_heights={height}")
            network.eventually("it heeds", partial(heeds_the_skip, nodes, name))
            nodes.does(name, "start")
        network.reaches(height + 2)
        assert network.plan() is None
        assert network.rest("val1", "cosmos/upgrade/v1beta1/applied_plan/v2") == {"height": "0"}
        assert all(nodes.state(name) == "RESUMED_OLD" for name in nodes.names)


def withdrawn_after_staging(nodes: Controlled, newer: Path) -> None:
    """Everybody staged it, and then gov takes it back: nothing stops, and what is staged stays for the next time."""
    network = nodes.network
    network.pass_upgrade("v2", network.height() + 5000)
    network.eventually("they see it", nodes.all_are("FAILED"))
    assert "add-upgrade v2" in nodes.status("val1")["note"]
    for name in nodes.names:
        nodes.does(name, "add-upgrade", "v2", str(newer))
    network.eventually("all are ready", nodes.all_are("READY"))
    before = {name: nodes.status(name)["pid"] for name in nodes.names}
    network.passes(network.propose(cancel(), title="not now", deposit=5000, expedited=True))
    network.eventually("all know", nodes.all_are("RESUMED_OLD"))
    assert nodes.status("val1")["note"] == "the plan was withdrawn"
    assert {name: nodes.status(name)["pid"] for name in nodes.names} == before


def signer_height(nodes: Controlled, name: str) -> int:
    state = json.loads((nodes.network.validators[name].home / "data" / "priv_validator_state.json").read_text())
    return int(state["height"])


def heeds_the_skip(nodes: Controlled, name: str) -> bool:
    return "the settings skip the upgrade" in nodes.status(name)["note"]
