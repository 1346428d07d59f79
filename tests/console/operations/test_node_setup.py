"""`init`, `leave`, `full-node` and `unit` on a home that is on the disk."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from console.errors import HeldByOther, InputError, NodeError
from console.node.full_node import FullNode
from console.node.generation import Generations
from console.node.journal import Journal
from console.operations.full_node import full_node_settings
from console.operations.node_setup import do_setup, give_back, plan_setup
from console.operations.node_unit import controller_unit
from console.settings import NodeSettings, parse_network
from tests.console.node import nodes
from tests.console.node.test_adoption import FakeSystemd
from tests.console.operations.homes import a_cosmos_node, a_node

UNIT = "simd.service"


@pytest.fixture
def systemd(tmp_path: Path) -> FakeSystemd:
    etc, lib = tmp_path / "etc", tmp_path / "lib"
    (etc / "multi-user.target.wants").mkdir(parents=True)
    lib.mkdir()
    return FakeSystemd(etc, lib)


def a_running_unit(systemd: FakeSystemd, node: NodeSettings) -> None:
    (systemd.lib / UNIT).write_text(f"[Service]\nExecStart=/usr/bin/noded start --home {node.home}\n")
    (systemd.etc / "multi-user.target.wants" / UNIT).symlink_to(systemd.lib / UNIT)
    systemd.active.add(UNIT)


def test_a_home_without_a_layout_gets_one_and_the_operators_word_is_kept(tmp_path: Path, systemd: FakeSystemd) -> None:
    node = a_cosmos_node(tmp_path)
    binary = tmp_path / "noded"
    os.rename(node.home / "cosmovisor" / "genesis" / "bin" / nodes.DAEMON, binary)
    subprocess.run(["rm", "-r", node.home / "cosmovisor"], check=True)
    roots = (systemd.etc, systemd.lib)
    with pytest.raises(InputError, match=r"which binary this node runs cannot be told.*--binary"):
        plan_setup(node, adopt=False, runner=systemd, unit_roots=roots)
    setup = plan_setup(node, adopt=False, binary=binary, runner=systemd, unit_roots=roots)
    assert f"copy {binary}" in setup.lines[0]
    assert not (node.home / "cosmovisor").exists()
    assert not node.state_dir.exists()
    done = do_setup(setup)
    assert "was made" in done[0]
    found = Generations(node.home, nodes.DAEMON).current()
    assert (found.name, found.verified) == ("genesis", True)
    # Again is the same.
    assert do_setup(plan_setup(node, adopt=False, runner=systemd, unit_roots=roots))[-1] == done[-1]
    assert systemd.changes == []


def test_a_unit_is_taken_and_given_back_as_it_was(tmp_path: Path, systemd: FakeSystemd) -> None:
    node = a_cosmos_node(tmp_path)
    a_running_unit(systemd, node)
    roots = (systemd.etc, systemd.lib)
    setup = plan_setup(node, adopt=True, runner=systemd, unit_roots=roots)
    assert any(f"systemctl stop -- {UNIT}" in line for line in setup.lines)
    assert systemd.changes == []
    assert do_setup(setup)[-1] == f"{UNIT} is stopped and kept from starting"
    assert (systemd.active, systemd.file_state(UNIT)) == (set(), "masked")
    assert give_back(node, runner=systemd, unit_roots=roots) == (f"{UNIT} has this node back and runs again",)
    assert (systemd.active, systemd.file_state(UNIT)) == ({UNIT}, "enabled")
    with pytest.raises(NodeError, match="no unit was adopted"):
        give_back(node, runner=systemd, unit_roots=roots)
    assert (node.home / "cosmovisor" / "current").is_symlink()


def test_in_an_upgrade_a_node_is_neither_taken_nor_given(tmp_path: Path, systemd: FakeSystemd) -> None:
    node = a_cosmos_node(tmp_path)
    a_running_unit(systemd, node)
    roots = (systemd.etc, systemd.lib)
    do_setup(plan_setup(node, adopt=True, runner=systemd, unit_roots=roots))
    changes = list(systemd.changes)
    journal = Journal(node.state_dir / "journal.db")
    journal.set_meta("needs_operator", "look at it")
    journal.close()
    for refused in (
        lambda: give_back(node, runner=systemd, unit_roots=roots),
        lambda: plan_setup(node, adopt=True, runner=systemd, unit_roots=roots),
    ):
        with pytest.raises(NodeError, match="the node is NEEDS_OPERATOR"):
            refused()
    assert systemd.changes == changes


def test_a_home_that_cosmovisor_would_misread_is_not_given_back(tmp_path: Path, systemd: FakeSystemd) -> None:
    node = a_cosmos_node(tmp_path)
    a_running_unit(systemd, node)
    roots = (systemd.etc, systemd.lib)
    do_setup(plan_setup(node, adopt=True, runner=systemd, unit_roots=roots))
    (node.home / "data" / "upgrade-info.json").write_text('{"name":"v2","height":')
    with pytest.raises(NodeError, match=r"cannot go to Cosmovisor.*cut off"):
        give_back(node, runner=systemd, unit_roots=roots)
    assert systemd.active == set()


@pytest.mark.skipif(sys.platform != "linux", reason="foreign holders are looked for in /proc")
def test_a_node_that_was_started_by_hand_is_left_alone_and_named(tmp_path: Path, systemd: FakeSystemd) -> None:
    node = a_node(tmp_path)
    (node.home / "cometbft" / "config").mkdir()
    (node.home / "fendermint" / "config").mkdir()
    held = node.home / "cometbft" / "data" / "held.db"
    with subprocess.Popen(
        [sys.executable, "-c", f"import sys; f = open({str(held)!r}, 'w'); print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for adopt in (False, True):
            with pytest.raises(HeldByOther, match=f"process {process.pid}"):
                plan_setup(node, adopt=adopt, runner=systemd, unit_roots=(systemd.etc, systemd.lib))
        assert process.poll() is None
        process.communicate()


def test_the_unit_runs_this_node_again(tmp_path: Path) -> None:
    node = a_cosmos_node(tmp_path)
    environment = {"XDG_STATE_HOME": "/var/lib/x", "DAEMON_NAME": "simd", "SECRET": "s"}
    program = ("/opt/bin/upgrade-console",)
    text = controller_unit(node, ["--network", "n", "--node", "simd"], environment=environment, program=program)
    assert 'ExecStart=:"/opt/bin/upgrade-console" "node" "run" "--network" "n" "--node" "simd"' in text
    assert 'Environment="XDG_STATE_HOME=/var/lib/x"' in text
    assert "DAEMON_NAME" not in text
    theirs = controller_unit(node, ["--", "start"], environment=environment, program=program)
    assert 'Environment="DAEMON_NAME=simd"' in theirs
    assert "SECRET" not in text + theirs


def test_a_full_nodes_settings_are_its_own(tmp_path: Path) -> None:
    node = a_node(tmp_path, cometbft_rpc="http://127.0.0.1:26657", ethereum_rpc="http://127.0.0.1:8545")
    made = FullNode(tmp_path / "full", "node1-full", "ab" * 20, "CD" * 20, ((26657, 27657), (8545, 9545)))
    table = tomllib.loads(full_node_settings(node, made, "testnet"))["networks"]["testnet"]["nodes"]["node1-full"]
    assert (table["home"], table["cometbft_rpc"]) == (str(tmp_path / "full"), "http://127.0.0.1:27657")
    assert table["ethereum_rpc"] == "http://127.0.0.1:9545"
    assert "operator_key" not in table
    found = parse_network(
        "testnet",
        {
            "chain_id": "test-1",
            "evm_chain_id": 1,
            "registry": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
            "cometbft_rpc": ["http://127.0.0.1:1"],
            "ethereum_rpc": ["http://127.0.0.1:1"],
            "nodes": {"node1-full": table},
        },
        None,
    )
    assert found.node(None).home == tmp_path / "full"
    assert found.node(None).operator_key is None
