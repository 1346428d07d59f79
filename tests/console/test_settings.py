"""Settings: what is read, what is refused and with which sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomlkit

from console.errors import SettingsError
from console.settings import load_network

GOOD = {
    "chain_id": "calibration-1",
    "evm_chain_id": 314159,
    "registry": "0x" + "ab" * 20,
    "cometbft_rpc": ["http://127.0.0.1:26657"],
    "ethereum_rpc": ["https://rpc.example.org"],
    "nodes": {
        "val-1": {
            "home": "~/.node-ipc",
            "daemon": "ipc-cli",
            "arguments": ["node", "start", "--home", "{home}"],
            "address": "0x" + "cd" * 20,
            "cometbft_rpc": "http://127.0.0.1:26657",
            "ethereum_rpc": "http://127.0.0.1:8545",
        }
    },
}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "config" / "upgrade-console" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def write(path: Path, **changes: object) -> None:
    path.write_text(tomlkit.dumps({"networks": {"calibration": {**GOOD, **changes}}}))


def test_a_network_is_read_with_its_defaults(config: Path, tmp_path: Path) -> None:
    write(config)
    network = load_network("calibration")
    node = network.node(None)
    assert (network.kind, network.evm_chain_id, network.folder) == ("ipc", 314159, None)
    assert node.home == Path.home() / ".node-ipc"
    assert node.state_dir == tmp_path / "state" / "upgrade-console" / "val-1"
    assert node.automatic
    assert not node.restart_on_error


def test_an_unknown_network_names_the_known_ones(config: Path) -> None:
    write(config)
    with pytest.raises(SettingsError, match=r"unknown network 'mainnet' \(known: devnet, calibration\)"):
        load_network("mainnet")


def test_without_settings_only_the_devnet_is_known(config: Path) -> None:
    with pytest.raises(SettingsError, match=r"\(known: devnet\)"):
        load_network("calibration")
    with pytest.raises(SettingsError, match="devnet up --background"):
        load_network("devnet")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "solana"}, "kind 'solana' is not supported"),
        ({"chain_id": ""}, "chain_id must be a text"),
        ({"evm_chain_id": -1}, "evm_chain_id must be a whole number"),
        ({"evm_chain_id": True}, "evm_chain_id must be a whole number"),
        ({"registry": "0x12"}, "not an address"),
        ({"cometbft_rpc": []}, "at least one URL"),
        ({"cometbft_rpc": "http://a"}, "must be a list of texts"),
        ({"ethereum_rpc": ["ftp://a"]}, "not an http or https URL"),
        ({"block_time_s": 0}, "must be a positive number"),
        ({"nodes": {"a": 1}}, "must be a table"),
        ({"nodes": {"a": {}}}, "home must be a text"),
    ],
)
def test_a_wrong_value_is_one_sentence(config: Path, changes: dict[str, object], words: str) -> None:
    write(config, **changes)
    with pytest.raises(SettingsError, match=words):
        load_network("calibration")


def test_a_broken_file_is_named(config: Path) -> None:
    config.write_text("networks = [")
    with pytest.raises(SettingsError, match=r"config\.toml"):
        load_network("calibration")


def test_an_unknown_node_names_the_known_ones(config: Path) -> None:
    write(config)
    with pytest.raises(SettingsError, match=r"no node 'val-9' \(known: val-1\)"):
        load_network("calibration").node("val-9")
