"""One block of a real Cosmos SDK node undone by its own daemon, and the node back among the others after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from console.node.stored_height import stored_blocks_of_sdk, stored_height_of_sdk
from tests.cosmos_network import quick
from tests.e2e.controlled_cosmos import NETWORK, Controlled, controlled, found_by
from tests.peers import COSMOS_V1, require

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.soak, pytest.mark.timeout(600)]

NODE = "val4"
ANSWER = ("--answer", f"rollback-state.back={NETWORK}:jane")
ALL_WELL = dict.fromkeys((f"rollback-state.{step}" for step in ("stopped", "signer", "back", "signer-kept")), "pass")


@dataclass(frozen=True)
class Stopped:
    """What the stopped node has on disk."""

    block: int
    app: int
    signer: bytes


def on_disk(nodes: Controlled) -> Stopped:
    data = nodes.network.validators[NODE].home / "data"
    signer = (data / "priv_validator_state.json").read_bytes()
    return Stopped(stored_blocks_of_sdk(data), stored_height_of_sdk(data), signer)


def undone(nodes: Controlled, *arguments: str) -> dict[str, str]:
    """The procedure with its typed reason and the network's name; each step's outcome."""
    ran = nodes.call("run", "rollback-state", "--json", "--why", "its app hash differs", *arguments, *ANSWER, node=NODE)
    assert ran.code == 0, ran.out + ran.err
    return {step: each["outcome"] for step, each in found_by(ran).items()}


def why_not(nodes: Controlled, *arguments: str) -> str:
    """The one sentence by which the first step refuses; the run is given up after it."""
    begun = nodes.begin("run", "rollback-state", "--why", "its app hash differs", *arguments, node=NODE)
    ran = begun.ended()
    assert ran.code == 1, ran.out + ran.err
    assert nodes.call("run", "--give-up", begun.run, "--reason", "refused", node=NODE).code == 0
    (refused,) = found_by(ran).values()
    return str(refused["words"])


def signs_on(nodes: Controlled, own: str, undone: int) -> None:
    """Start the node: it executes what was undone to the same app hash, and later blocks have its vote.

    Args:
        nodes: All of them.
        own: Its validator's address.
        undone: The block that was undone.
    """
    network = nodes.network
    nodes.does(NODE, "start")
    network.reaches(undone + 1, NODE)
    headers = [network.rpc(name, f"block?height={undone + 1}")["block"]["header"] for name in nodes.names]
    assert len({header["app_hash"] for header in headers}) == 1
    begun = network.height("val1")

    def voted() -> bool:
        commit = network.rpc("val1", "commit?height=" + str(network.height("val1") - 1))["signed_header"]
        return int(commit["header"]["height"]) > begun and own in {
            vote["validator_address"] for vote in commit["commit"]["signatures"] if vote["block_id_flag"] == 2
        }

    network.eventually("it votes again", voted)


def test_a_node_goes_one_block_back_executes_it_again_and_signs_on(tmp_path: Path) -> None:
    require(COSMOS_V1)
    with controlled(tmp_path / "net", quick()) as nodes:
        network = nodes.network
        network.reaches(6, NODE)
        own = str(network.rpc(NODE, "status")["validator_info"]["address"])
        assert "its operator has not stopped the node" in why_not(nodes)

        nodes.does(NODE, "stop")
        before = on_disk(nodes)
        # What the controller says is what is there, though its last reading was some blocks before the stop.
        told = nodes.call("node", "status", "--json", node=NODE).json
        assert told["height"] == before.block
        assert undone(nodes) == ALL_WELL
        assert on_disk(nodes) == Stopped(before.block, before.app - 1, before.signer)
        # Once more would change nothing, and --hard would delete the block that is not executed now.
        for hard in ("no", "yes"):
            assert f"block {before.block} is decided and not executed here" in why_not(nodes, "--hard", hard)
        signs_on(nodes, own, before.block)

        nodes.does(NODE, "stop")
        before = on_disk(nodes)
        killed = nodes.begin("run", "rollback-state", "--why", "it differs again", "--hard", "yes", *ANSWER, node=NODE)
        network.eventually("the daemon is asked for it", lambda: killed.came_to("rollback-state.back"))
        killed.process.kill()
        # Whether the controller had been asked by then, is at it or has done it: it is one block.
        resumed = nodes.call("run", "--json", "--resume", killed.run, *ANSWER, node=NODE)
        if resumed.code:
            assert "it was asked for from" in resumed.out, resumed.out
            resumed = nodes.call("run", "--json", "--resume", killed.run, *ANSWER, node=NODE)
        assert resumed.code == 0, resumed.out
        assert on_disk(nodes) == Stopped(before.block - 1, before.app - 1, before.signer)
        signs_on(nodes, own, before.block)
        assert not any(
            network.rpc("val1", f"block?height={height}")["block"]["evidence"]["evidence"]
            for height in range(2, network.height("val1") + 1)
        )

        # Nobody has the new binary: all stand at H, which is decided and not executed.
        height = network.height() + 30
        network.pass_upgrade("v2", height)
        network.eventually("all halted", nodes.all_are("HALTED"), 240)
        assert "a crossing is going on" in why_not(nodes)
        nodes.does(NODE, "stop")
        at_halt = on_disk(nodes)
        assert (at_halt.block, at_halt.app) == (height, height - 1)
        for hard in ("no", "yes"):
            assert "a crossing is going on" in why_not(nodes, "--hard", hard)
        assert on_disk(nodes) == at_halt
