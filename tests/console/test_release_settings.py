"""What a network demands of its releases: safe where nothing is said, and refused where it is said wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.errors import SettingsError
from console.settings import parse_network, proving_network

IPC: dict[str, Any] = {
    "chain_id": "c",
    "evm_chain_id": 1,
    "registry": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    "cometbft_rpc": ["http://127.0.0.1:1"],
    "ethereum_rpc": ["http://127.0.0.1:1"],
}
COSMOS: dict[str, Any] = {"kind": "cosmos", "chain_id": "c", "cometbft_rpc": ["http://127.0.0.1:1"]}


@pytest.mark.parametrize(
    ("table", "signatures"),
    [
        (IPC, "required"),
        (IPC | {"stage": "mainnet"}, "required"),
        (IPC | {"stage": "testnet"}, "off"),
        (IPC | {"stage": "testnet", "releases": {"signatures": "required"}}, "required"),
        (IPC | {"releases": {"signatures": "off"}}, "off"),
        (COSMOS, "off"),
        (COSMOS | {"releases": {"signatures": "required"}}, "required"),
    ],
)
def test_signatures_are_required_unless_it_is_said_what_else(table: dict[str, Any], signatures: str) -> None:
    assert parse_network("n", table, None).demands.signatures == signatures


def test_a_devnet_asks_for_none_and_keeps_trust_in_its_folder(tmp_path: Path) -> None:
    demands = parse_network("devnet", IPC, tmp_path).demands
    assert (demands.signatures, demands.own_builds) == ("off", False)
    assert demands.trust_dir == tmp_path / "trust"


def test_trust_of_two_networks_is_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folders = {parse_network(name, IPC, None).demands.trust_dir for name in ("a", "b", "a/b", "..")}
    assert len(folders) == 4
    assert all(folder.resolve().parent == tmp_path / "upgrade-console" / "trust" for folder in folders)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"stage": "prod"}, "stage must be mainnet, testnet or devnet"),
        ({"stage": True}, "stage must be mainnet"),
        ({"releases": {"signatures": "none"}}, "signatures must be required or off, not 'none'"),
        ({"releases": {"signatures": False}}, "signatures must be required or off"),
        ({"releases": {"signature": "off"}}, "there is no setting 'signature' .did you mean signatures"),
        ({"releases": {"trust_dir": "trust"}}, "trust_dir must be an absolute path"),
        ({"releases": {"own_builds": "yes"}}, "own_builds must be true or false"),
        ({"releases": {"attest_keys": "ssh-ed25519 AAAA"}}, "attest_keys must be a list of texts"),
        ({"releases": []}, "releases must be a table"),
        ({"releases": {"proven_on": 1}}, "proven_on must be a text"),
        ({"releases": {"proven_on": "n"}}, "proven_on names the network itself"),
        ({"releases": {"proven_hours": -1}}, "proven_hours must be hours from 0 to 8784, not -1"),
        ({"releases": {"proven_hours": True}}, "proven_hours must be hours from 0"),
        ({"releases": {"proven_hours": float("nan")}}, "proven_hours must be hours from 0"),
        ({"releases": {"proven_hours": "48h"}}, "proven_hours must be hours from 0"),
    ],
)
def test_what_is_said_wrongly_is_refused(table: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_network("n", IPC | table, None)


@pytest.mark.parametrize(
    ("table", "on", "seconds"),
    [
        (IPC, "", 48 * 3600),
        (IPC | {"releases": {"proven_on": "first"}}, "first", 48 * 3600),
        (IPC | {"releases": {"proven_on": "first", "proven_hours": 0.5}}, "first", 1800),
        (IPC | {"releases": {"proven_hours": 0}}, "", 0),
        (IPC | {"stage": "testnet"}, "", 0),
        (IPC | {"stage": "testnet", "releases": {"proven_on": "first"}}, "first", 48 * 3600),
        (IPC | {"stage": "devnet"}, "", 0),
        (COSMOS, "", 0),
    ],
)
def test_a_mainnet_demands_that_a_release_is_proven_elsewhere(table: dict[str, Any], on: str, seconds: int) -> None:
    demands = parse_network("n", table, None).demands
    assert (demands.proven_on, demands.proven_s) == (on, seconds)


def test_a_devnet_demands_no_proof(tmp_path: Path) -> None:
    assert parse_network("devnet", IPC, tmp_path).demands.proven_s == 0


@pytest.mark.parametrize("releases", [{"proven_on": "first"}, {"proven_hours": 1}])
def test_a_cosmos_chain_cannot_demand_one(releases: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="cannot be demanded to be proven elsewhere"):
        parse_network("n", COSMOS | {"releases": releases}, None)


OTHERS = """
[networks.first]
chain_id = "first-1"
evm_chain_id = 1
registry = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
cometbft_rpc = ["http://127.0.0.1:1"]
ethereum_rpc = ["http://127.0.0.1:1"]

[networks.sdk]
kind = "cosmos"
chain_id = "sdk-1"
cometbft_rpc = ["http://127.0.0.1:1"]
"""


@pytest.mark.parametrize(
    ("on", "words"),
    [("first", ""), ("sdk", "has no registry that tells"), ("nowhere", "unknown network 'nowhere'")],
)
def test_the_proving_network_is_one_of_the_settings_with_a_registry(
    on: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "upgrade-console").mkdir()
    (tmp_path / "upgrade-console" / "config.toml").write_text(OTHERS)
    network = parse_network("n", IPC | {"releases": {"proven_on": on}}, None)
    if not words:
        assert proving_network(network).chain_id == "first-1"
        return
    with pytest.raises(SettingsError, match=words):
        proving_network(network)
