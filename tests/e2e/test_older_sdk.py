"""Real chains of SDK 0.45, 0.46 and 0.47, read, spoken to by their own daemons, and crossed from one to the next.

`make older-peers` builds their nodes: the SDK's own example chain, as it was released.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cosmos_network import CHAIN_ID, CosmosNetwork, Periods, patience
from tests.e2e.controlled_cosmos import Controlled, controlled
from tests.older_network import older_laid_out
from tests.peers import SDK_045, SDK_046, SDK_047, Peer, require

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.soak, pytest.mark.timeout(1200)]

TOLD = ("--title", "To the next SDK", "--summary", "Its notes")
LEAD = 60
"""Blocks from the proposal to H on an idle machine: the vote takes twenty."""


@pytest.mark.parametrize(
    ("older", "newer", "plan"),
    [
        pytest.param(SDK_045, SDK_046, "v045-to-v046", id="0.45 to 0.46"),
        pytest.param(SDK_046, SDK_047, "v046-to-v047", id="0.46 to 0.47"),
    ],
)
def test_a_chain_of_an_older_sdk_is_read_voted_on_and_crossed(
    tmp_path: Path, older: Peer, newer: Peer, plan: str
) -> None:
    binary = require(newer)
    slow = patience()
    periods = Periods(block_s=0.5, voting_s=15.0 * slow)
    with controlled(tmp_path / "net", periods, lay_out=partial(older_laid_out, peer=older)) as nodes:
        network = nodes.network
        with nodes.settings.open("a") as settings:
            settings.write("".join(daemon_of(network, name) for name in nodes.names) + by_rest_alone(network))
        network.eventually("ten blocks", lambda: network.height() >= 10)
        both_ways_tell_the_same(nodes)
        calm = status(nodes)
        assert calm["cosmos"]["application"]["sdk_version"].startswith(sdk_of(older))
        assert sorted((each["moniker"], each["power"]) for each in calm["validators"]) == [
            ("val1", 4),
            ("val2", 3),
            ("val3", 2),
            ("val4", 2),
        ]
        assert {(each["stake"]["bond"], each["stake"]["signing_window"]) for each in calm["validators"]} == {
            ("bonded", 1000)
        }
        what_cannot_be_said_is_told(nodes)
        withdrawn(nodes, plan)

        height = network.height() + int(LEAD * slow)
        number = proposed(nodes, "--name", plan, "--height", str(height))
        for name in nodes.names:
            nodes.does(name, "add-upgrade", plan, str(binary), "--force")
        voted(nodes, number, "yes", "val1", "val2", "val3")
        network.eventually("it is scheduled", network.plan)
        both_ways_tell_the_same(nodes)
        network.eventually("all are ready", nodes.all_are("READY"))
        go = status(nodes)["upgrade"]
        assert (go["target_height"], go["go"], go["no_go_reasons"]) == (height, True, [])
        network.eventually("all are over", nodes.all_are("COMMITTED"), 300)
        network.reaches(height + 2)

        for name in nodes.names:
            assert nodes.events(name).count("halted") == 1
            assert "rollback" not in nodes.events(name)
        network.eventually(
            "its REST is there again", lambda: network.rest("val1", "cosmos/upgrade/v1beta1/current_plan")
        )
        assert network.rest("val1", f"cosmos/upgrade/v1beta1/applied_plan/{plan}") == {"height": str(height)}
        both_ways_tell_the_same(nodes)
        crossed = status(nodes)
        assert crossed["cosmos"]["application"]["sdk_version"].startswith(sdk_of(newer))
        assert crossed["cosmos"]["module_versions"] != calm["cosmos"]["module_versions"]
        told = {each["id"]: each for each in crossed["cosmos"]["proposals"]}
        assert (told[number]["status"], told[number]["ballot"]["title"]) == ("executed", TOLD[1])
        # Its gov has been migrated, and takes what the newer daemon says.
        nodes.settings.write_text(nodes.settings.read_text().replace(str(require(older)), str(binary)))
        voted(nodes, proposed(nodes, "--name", "later", "--height", str(height + 100_000)), "no", "val1")


def daemon_of(network: CosmosNetwork, name: str) -> str:
    """The network as the operator of one validator writes it down, whose votes go by its own daemon."""
    node = network.validators[name]
    return f"""
[networks.{name}]
kind = "cosmos"
stage = "testnet"
chain_id = "{CHAIN_ID}"
cometbft_rpc = ["{node.rpc}"]

[networks.{name}.daemon]
command = "{network.program}"
home = "{node.home}"
keyring_backend = "test"
from = "operator"
"""


def by_rest_alone(network: CosmosNetwork) -> str:
    """The same where no RPC answers."""
    node = next(iter(network.validators.values()))
    return f"""
[networks.rest]
kind = "cosmos"
stage = "testnet"
chain_id = "{CHAIN_ID}"
cometbft_rpc = ["http://127.0.0.1:9"]
rest = ["{node.rest}"]
"""


def sdk_of(peer: Peer) -> str:
    return "v" + peer.name.removeprefix("sdk-") + "."


def said(nodes: Controlled, name: str, *arguments: str) -> Any:
    """A verb of one validator's operator, which must not be refused; its document."""
    ran = nodes.call(*arguments, "--json", network=name)
    assert ran.code == 0, ran.err
    return ran.json


def refused(nodes: Controlled, name: str, *arguments: str) -> str:
    ran = nodes.call(*arguments, network=name)
    assert ran.code == 1, ran.out
    return ran.err


def status(nodes: Controlled, network: str = "val1") -> dict[str, Any]:
    found: dict[str, Any] = said(nodes, network, "status")
    return found


def proposed(nodes: Controlled, *what: str) -> int:
    """Propose, with a deposit that waits for another one, and pay that; the number."""
    made = said(nodes, "val1", "propose", *what, *TOLD, "--deposit", "10stake")
    number = int(made["id"])
    state = {each["id"]: each["status"] for each in status(nodes)["cosmos"]["proposals"]}
    assert state[number] == "deposit"
    said(nodes, "val2", "deposit", str(number), "990stake")
    return number


def voted(nodes: Controlled, number: int, choice: str, *names: str) -> None:
    for name in names:
        said(nodes, name, "vote", str(number), choice)


def both_ways_tell_the_same(nodes: Controlled) -> None:
    """What `abci_query` tells and what REST tells is one and the same, while no block comes between."""

    def same() -> bool:
        by_rpc, by_rest = status(nodes), status(nodes, "rest")
        assert by_rpc["cosmos"].pop("told_by").endswith("(abci_query)")
        assert by_rest["cosmos"].pop("told_by").endswith("(REST)")
        return bool(
            by_rpc["cosmos"] == by_rest["cosmos"]
            and [each["stake"] for each in by_rpc["validators"]] == [each["stake"] for each in by_rest["validators"]]
        )

    nodes.network.eventually("both ways tell the same", same)


def what_cannot_be_said_is_told(nodes: Controlled) -> None:
    """Each is one sentence, and nothing was sent."""
    assert "there is no such proposal" in refused(nodes, "val1", "vote", "99", "yes")
    upgrade = ("propose", "--name", "v9", "--height", "100000", *TOLD, "--deposit", "10stake")
    assert "which has no expedited votes" in refused(nodes, "val1", *upgrade, "--expedited")
    assert "no such command" in refused(nodes, "val1", "cancel", "99")
    soon = str(nodes.network.height() + 5)
    assert "passed before its vote ends" in refused(nodes, "val1", *upgrade[:4], soon, *upgrade[5:])
    assert "has no such key" in refused(nodes, "val1", "vote", "99", "yes", "--from", "nobody")


def withdrawn(nodes: Controlled, plan: str) -> None:
    """A plan passes, and another proposal takes it back."""
    network = nodes.network
    first = proposed(nodes, "--name", plan, "--height", str(network.height() + 50_000))
    voted(nodes, first, "yes", "val1", "val2", "val3")
    voted(nodes, first, "no-with-veto", "val4")
    # What val4 said counts as 2 of 11.
    tally = next(each for each in status(nodes)["cosmos"]["proposals"] if each["id"] == first)["ballot"]
    assert (tally["yes"], tally["no_with_veto"], tally["passes"]) == ("9000000", "2000000", True)
    network.eventually("it is scheduled", network.plan)
    second = proposed(nodes, "--cancel-upgrade")
    voted(nodes, second, "yes", "val1", "val2", "val3")
    network.eventually("it is taken back", lambda: network.plan() is None)
    network.eventually("all know", nodes.all_are("RESUMED_OLD"))
    told = {each["id"]: each["status"] for each in status(nodes)["cosmos"]["proposals"]}
    assert told[first] == "cancelled"
