"""A validator's home: the shape of facts/ipc.md §1.3, and what the node program reads in it."""

from __future__ import annotations

import base64
import json
import os
import stat
import tomllib
from pathlib import Path

from console.devnet import keys
from console.devnet.homes import genesis, write_home
from console.devnet.layout import Layout
from console.devnet.program.config import load_config
from console.devnet.program.keys import load_genesis, load_node_id, load_validator_key
from console.devnet.program.signer_state import load_signer_state
from tests.console.devnet.test_record import example


def written(folder: Path) -> Path:
    """The home of node1 of the example."""
    record = example(folder)
    node = Layout.of(folder).node("node1")
    write_home(node, record, record.validator("node1"), b"#!/bin/sh\n", genesis(record))
    return node.home


def mode(path: Path) -> int:
    """Permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_every_file_that_node_start_wants_is_there(tmp_path: Path) -> None:
    home = written(tmp_path)
    files = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file() and "current" not in path.parts}
    assert files == {
        "cometbft/config/config.toml",
        "cometbft/config/genesis.json",
        "cometbft/config/node_key.json",
        "cometbft/config/priv_validator_key.json",
        "cometbft/data/priv_validator_state.json",
        "cosmovisor/genesis/bin/subnetd",
        "fendermint/config/default.toml",
        "fendermint/validator.pk",
        "fendermint/validator.sk",
    }
    assert (home / "fendermint/data").is_dir()
    assert Layout.of(tmp_path).node("node1").state_dir.is_dir()


def test_the_layout_is_cosmovisors(tmp_path: Path) -> None:
    home = written(tmp_path)
    assert os.readlink(home / "cosmovisor/current") == "genesis"
    binary = home / "cosmovisor/current/bin/subnetd"
    assert mode(binary) == 0o500
    assert binary.read_bytes() == b"#!/bin/sh\n"


def test_private_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    home = written(tmp_path)
    for name in ("cometbft/config/priv_validator_key.json", "cometbft/config/node_key.json", "fendermint/validator.sk"):
        assert mode(home / name) == 0o600
    assert mode(home) & 0o077 == 0


def test_a_fresh_signer_state_has_signed_nothing(tmp_path: Path) -> None:
    path = written(tmp_path) / "cometbft/data/priv_validator_state.json"
    assert json.loads(path.read_text()) == {"height": "0", "round": 0, "step": 0}
    assert load_signer_state(path).hrs == (0, 0, 0)
    assert mode(path) == 0o600


def test_the_halt_height_is_a_top_level_key_and_off(tmp_path: Path) -> None:
    text = (written(tmp_path) / "fendermint/config/default.toml").read_text()
    assert tomllib.loads(text) == {
        "halt_height": 0,
        "eth": {"listen": {"host": "127.0.0.1", "port": 20012}},
        "devnet": {"evm_url": "http://127.0.0.1:20001"},
    }


def test_the_node_program_reads_what_was_chosen(tmp_path: Path) -> None:
    home = written(tmp_path)
    config = load_config(home, {})
    assert config.moniker == "node1"
    assert (config.p2p.port, config.rpc.port, config.eth.port) == (20010, 20011, 20012)
    assert {config.p2p.host, config.rpc.host, config.eth.host} == {"127.0.0.1"}
    assert [str(peer) for peer in config.peers] == ["127.0.0.1:20020"]
    assert config.timeouts.commit == 0.25
    assert config.evm_url == "http://127.0.0.1:20001"
    key = load_validator_key(home / "cometbft/config/priv_validator_key.json")
    assert key.secret == keys.validator_key(1).secret
    assert len(load_node_id(home / "cometbft/config/node_key.json")) == 40


def test_the_node_program_reads_the_genesis(tmp_path: Path) -> None:
    parsed = load_genesis(written(tmp_path) / "cometbft/config/genesis.json")
    expected = {keys.validator_key(number).consensus_address for number in (1, 2)}
    assert {each.address for each in parsed.validators.members} == expected
    assert parsed.gateway == ""
    assert parsed.chain_id == "devnet-ab12cd"
    assert parsed.time == "2025-11-20T21:26:40Z"


def test_the_genesis_is_the_same_in_every_home(tmp_path: Path) -> None:
    record = example(tmp_path)
    document = genesis(record)
    assert document == genesis(record)
    assert document["initial_height"] == "1"
    assert document["validators"] == [
        {
            "address": keys.validator_key(number).consensus_address,
            "pub_key": {
                "type": "tendermint/PubKeySecp256k1",
                "value": base64.b64encode(keys.validator_key(number).public).decode(),
            },
            "power": str(10 * number),
            "name": f"node{number}",
        }
        for number in (1, 2)
    ]
