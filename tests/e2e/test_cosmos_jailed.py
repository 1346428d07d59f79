"""A validator that the chain jails in the midst of a roll: the roll stops there, says how to go on, and goes on."""

from __future__ import annotations

import shlex
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from console.files import sha256_of
from tests.cosmos_network import CosmosNetwork, quick
from tests.e2e.controlled_cosmos import Controlled, controlled, found_by
from tests.peers import COSMOS_V1, require

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.soak, pytest.mark.timeout(900)]


def jailed(network: CosmosNetwork) -> list[str]:
    told = network.rest("val1", "cosmos/staking/v1beta1/validators")["validators"]
    return [each["description"]["moniker"] for each in told if each["jailed"]]


def release_by(network: CosmosNetwork, node: str, go_on: str) -> bool:
    """Run the command that the roll gave, with the key and the keyring that only the operator knows."""
    command = next(each for each in go_on.split("`") if " slashing unjail" in each)
    words = shlex.split(command.replace("OPERATOR-KEY", "operator"))
    assert words[0] == "testchaind"
    done = network.daemon(node, *words[1:], "--keyring-backend", "test", "--yes", "--output", "json")
    assert done.returncode == 0, done.stderr
    # Before its time is over the chain refuses it in its block.
    return not jailed(network)


def swaps(nodes: Controlled, name: str) -> int:
    return nodes.events(name).count("operator-swap")


def test_the_roll_stops_at_the_jailed_one_and_goes_on_when_it_was_released(tmp_path: Path) -> None:
    patch = tmp_path / "patched"
    patch.write_bytes(require(COSMOS_V1).read_bytes() + b"the same rules, built again")
    patch.chmod(0o755)
    # Fifty blocks may be missed: far more than the restarts of the roll itself take.
    periods = replace(quick(), signed_blocks_window=100, jail_s=5.0)
    with controlled(tmp_path / "net", periods) as nodes:
        network = nodes.network
        roll = nodes.begin(
            "run", "rolling", "--name", "v1.0.1", "--binary", str(patch), "--checksum", f"sha256:{sha256_of(patch)}",
            "--nodes", "val3,val4", "--answer", "roll.sure=testchain:jane", node="val1",
        )  # fmt: skip
        network.eventually("val3 is swapped", lambda: roll.came_to("val3.back"), 240)
        # Its operator takes it down before the roll can see it back.
        roll.process.send_signal(signal.SIGSTOP)
        network.eventually("val3 runs the patch", nodes.all_are("COMMITTED", "val3"), 240)
        nodes.does("val3", "stop")
        network.eventually("the chain jails it", lambda: jailed(network) == ["val3"], 400)
        nodes.does("val3", "start")
        roll.process.send_signal(signal.SIGCONT)

        stopped = roll.ended()
        assert stopped.code == 1, stopped.out
        back = found_by(stopped)["val3.back"]
        assert back["words"].startswith("the roll stops at val3: the chain jailed the validator"), back
        assert "then go on with this run" in back["go_on"]
        assert swaps(nodes, "val4") == 0
        looked = nodes.call("run", "verify-validator", "--json", node="val3")
        assert looked.code == 1, looked.out
        assert "FAILED: the chain jailed the validator" in found_by(looked)["validator.signing"]["words"]

        network.eventually("val3 is synced", lambda: network.height("val3") >= network.height("val1") - 1)
        network.eventually("it is released", lambda: release_by(network, "val3", back["go_on"]), 120)
        network.eventually("it has its vote again", lambda: network.rpc("val1", "validators")["total"] == "4")
        done = nodes.begin("run", "--resume", roll.run, node="val1").ended()
        assert done.code == 0, (done.out, done.err)
        assert found_by(done)["roll.all"]["words"] == "all 2 nodes run v1.0.1"
        assert [swaps(nodes, name) for name in nodes.names] == [0, 0, 1, 1]
