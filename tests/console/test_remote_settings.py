"""Nodes of the settings whose controllers are on other machines."""

from __future__ import annotations

from typing import Any

import pytest

from console.errors import SettingsError
from console.operations.controllers import member, members
from console.settings import NetworkSettings, parse_network

ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def network(**nodes: dict[str, Any]) -> NetworkSettings:
    table = {
        "chain_id": "c",
        "evm_chain_id": 1,
        "registry": ADDRESS,
        "cometbft_rpc": ["http://127.0.0.1:1"],
        "ethereum_rpc": ["http://127.0.0.1:1"],
        "stage": "devnet",
        "nodes": nodes,
    }
    return parse_network("n", table, None)


def test_a_node_elsewhere_needs_its_host_and_its_validator() -> None:
    found = network(far={"ssh": "val@far.example", "address": ADDRESS})
    (node,) = found.elsewhere
    assert found.nodes == ()
    assert (node.ssh, node.command) == ("val@far.example", "upgrade-console --network n --node far node pipe")
    assert [each.where for each in members(found)] == ["val@far.example"]
    assert member(found, "far").local is None
    with pytest.raises(SettingsError, match="is on another machine") as told:
        found.node("far")
    assert str(told.value).endswith("do it there: ssh -t val@far.example 'upgrade-console --network n --node far …'.")
    with pytest.raises(SettingsError, match=r"no node 'fat' \(known: far\)"):
        member(found, "fat")


def test_what_the_shell_there_is_given_may_be_said() -> None:
    (node,) = network(far={"ssh": "f", "address": ADDRESS, "ssh_command": "/opt/u node pipe"}).elsewhere
    assert node.command == "/opt/u node pipe"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"ssh": "-oProxyCommand=x", "address": ADDRESS}, "ssh must be a name"),
        ({"ssh": "", "address": ADDRESS}, "ssh must be a name"),
        ({"ssh": "a b", "address": ADDRESS}, "ssh must be a name"),
        ({"ssh": "f"}, "address must be a text"),
        ({"ssh": "f", "address": ADDRESS, "home": "/x"}, "there is no setting 'home'"),
        ({"ssh": "f", "address": ADDRESS, "ssh_comand": "x"}, "did you mean ssh_command"),
        ({"ssh": "f", "address": ADDRESS, "ssh_command": "a\nb"}, "without control characters"),
    ],
)
def test_what_is_no_such_node_is_refused(table: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        network(far=table)


@pytest.mark.parametrize("name", ["", " ", "val\u202e-10", "val\x1b[31m", "a\nb"])
def test_a_name_is_what_it_looks_like(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be a node's name"):
        network(**{name: {"ssh": "far", "address": ADDRESS}})
