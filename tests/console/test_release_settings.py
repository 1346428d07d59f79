"""What a network demands of its releases: safe where nothing is said, and refused where it is said wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.errors import SettingsError
from console.settings import parse_network

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
    ],
)
def test_what_is_said_wrongly_is_refused(table: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_network("n", IPC | table, None)
