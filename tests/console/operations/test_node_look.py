"""What is seen of a node without a controller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console import __version__
from console.node.commands import CommandResult
from console.node.cosmovisor.upgrade_info import manual_plan, write_plan
from console.node.cosmovisor.versions import PINNED_INSTALL
from console.node.discovery.finding import Level
from console.node.generation import Generations
from console.node.inventory import Inventory
from console.operations.node_look import (
    cosmovisor_findings,
    doctor,
    key_findings,
    listed,
    proof_findings,
    upgrade_info,
    verify,
    versions,
)
from console.ports.keys import KeyReference
from console.settings import parse_network
from tests.console.node import nodes
from tests.console.operations.homes import a_cosmos_node, a_node


class Runner:
    """A Cosmovisor that says its version."""

    def __init__(self, said: str) -> None:
        self._said = said

    def run(self, arguments: Sequence[str], deadline_s: float) -> CommandResult:
        assert deadline_s > 0
        assert list(arguments[1:]) == ["version", "--cosmovisor-only"]
        return CommandResult(0, self._said, "")


def test_an_operator_key_that_is_the_validators_own_is_told(tmp_path: Path) -> None:
    node = replace(a_node(tmp_path), operator_key=None)
    assert key_findings(node) == ()
    path = tmp_path / "operator.key"
    path.write_text("0x" + "11" * 32)
    path.chmod(0o600)
    node = replace(node, operator_key=KeyReference(path))
    (fine,) = key_findings(node)
    assert fine.level is Level.OK
    address = fine.what.rsplit(" ", 1)[1]
    (own,) = key_findings(replace(node, address=address.lower()))
    assert (own.level, own.what) == (
        Level.WARN,
        f"the operator key {address} is the validator's own: use a low-value key",
    )
    # The command says it.
    assert own in doctor(replace(node, address=address)).findings
    path.unlink()
    (missing,) = key_findings(node)
    assert missing.level is Level.WARN


def test_a_changed_binary_is_found(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    generations = Generations(node.home, nodes.DAEMON)
    given = tmp_path / "v2"
    given.write_bytes(b"v2")
    staged = generations.stage_file("v2", given, "", "given by a test")
    (genesis, second) = verify(node)
    assert (genesis.level, second.level) == (Level.WARN, Level.OK)
    assert "nobody recorded" in genesis.what
    staged.binary.chmod(0o755)
    staged.binary.write_bytes(b"v3")
    (_, second) = verify(node)
    assert second.level is Level.FAIL
    assert "recorded is" in second.what
    (node.home / "cosmovisor" / "current").unlink()
    assert verify(node)[0].topic == "current"


def test_points_are_listed_with_their_cost_and_damaged_ones_by_name(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    (node.home / "fendermint" / "data" / "000001.sst").write_bytes(b"x" * 10_000)
    points = Inventory.of(node).points
    points.take("p1", app_height=7, generation="genesis", exe_sha256="")
    (node.points_dir / "broken").mkdir()
    found = listed(node)
    assert [entry["name"] for entry in found["points"]] == ["p1", "broken"]
    assert (found["points"][0]["app_height"], found["points"][0]["complete"]) == (7, True)
    assert "rollback point, not a backup: taken at height 7" in found["points"][0]["sentence"]
    assert found["points"][1]["complete"] is False
    assert {finding.topic for finding in verify(node) if finding.level is Level.FAIL} == {"rollback point broken"}


def test_the_current_binary_says_its_version(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    found = versions(node)
    assert (found.console, found.generation, found.app) == (__version__, "genesis", "v0.1.5")
    assert versions(node, own_only=True).app == ""
    (node.home / "cosmovisor" / "current").unlink()
    assert "does not point at a generation" in versions(node).problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b'{"name":', "is not whole"), (b"[]", "holds no JSON object"), (b'{"name":"a"}', "height")],
)
def test_a_plan_file_that_is_none_is_said(tmp_path: Path, content: bytes, problem: str) -> None:
    node = a_cosmos_node(tmp_path)
    assert upgrade_info(node)["plan"] is None
    path = node.home / "data" / "upgrade-info.json"
    write_plan(path, manual_plan("V2", 500))
    assert upgrade_info(node)["plan"] == {"name": "v2", "height": 500, "info": ""}
    path.write_bytes(content)
    assert problem in upgrade_info(node)["problem"]


def test_the_doctor_names_the_pinned_install_and_the_defects_of_the_one_that_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = a_cosmos_node(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = cosmovisor_findings(node, "IDLE", Runner(""))
    assert PINNED_INSTALL in found[-1].what
    binary = tmp_path / "bin" / "cosmovisor"
    binary.parent.mkdir()
    binary.write_text("")
    binary.chmod(0o755)
    found = cosmovisor_findings(node, "IDLE", Runner("cosmovisor version: v1.5.0\n"))
    assert any("can go to Cosmovisor now" in finding.what for finding in found)
    assert any(finding.what.startswith("#20464") for finding in found)
    busy = cosmovisor_findings(node, "ARMED", Runner(""))
    assert any(finding.level is Level.WARN and "the node is ARMED" in finding.what for finding in busy)
    report = doctor(node, runner=Runner("cosmovisor version: v1.7.1\n"))
    assert any(finding.topic == "cosmovisor" for finding in report.findings)
    assert not node.state_dir.exists()


NETWORK: dict[str, Any] = {
    "chain_id": "c",
    "evm_chain_id": 1,
    "registry": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    "cometbft_rpc": ["http://127.0.0.1:1"],
    "ethereum_rpc": ["http://127.0.0.1:1"],
}


@pytest.mark.parametrize(
    ("more", "level", "words"),
    [
        ({}, "warn", "names no network that proves them"),
        ({"releases": {"proven_on": "nowhere"}}, "warn", "unknown network 'nowhere'"),
        ({"releases": {"proven_hours": 0}}, "", ""),
        ({"stage": "testnet"}, "", ""),
    ],
)
def test_whether_releases_can_be_proven_is_looked_at(
    more: dict[str, Any], level: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    found = proof_findings(parse_network("n", NETWORK | more, None))
    assert [finding.level.value for finding in found] == ([level] if level else [])
    assert all(words in finding.what and finding.next_step for finding in found)
