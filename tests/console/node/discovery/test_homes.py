"""Homes are told apart by what lies in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import NodeError
from console.node.discovery import Level, ShapeKind, discover, find_homes, inspect_home, ports_of, worst
from console.node.discovery.ports import parse_address
from tests.console.node.discovery import homes_for_tests as homes


def test_every_shape_under_a_user_s_home_is_found(tmp_path: Path) -> None:
    homes.embedded(tmp_path / ".ipc" / "nodes" / "one")
    homes.embedded(tmp_path / ".node-ipc")
    homes.bare(tmp_path)
    homes.cosmos(tmp_path / ".gaia")
    homes.docker(tmp_path)
    (tmp_path / ".ssh").mkdir()
    found = {home.root.name: home.kind for home in find_homes(tmp_path)}
    assert found == {
        "one": ShapeKind.EMBEDDED,
        ".node-ipc": ShapeKind.EMBEDDED,
        ".fendermint": ShapeKind.BARE,
        ".gaia": ShapeKind.COSMOS,
        "node-0": ShapeKind.DOCKER,
    }


def test_each_shape_has_its_mode_its_daemons_and_its_locks(tmp_path: Path) -> None:
    embedded = inspect_home(homes.embedded(tmp_path / "e"))
    assert (embedded.mode, embedded.daemons) == ("validator", ("ipc-cli",))
    assert {lock.parent.name for lock in embedded.database_locks} == {"rocksdb", "state.db"}
    bare = inspect_home(homes.bare(tmp_path))
    assert (bare.mode, bare.daemons, bare.cometbft) == ("dev", ("fendermint", "cometbft"), tmp_path / ".cometbft")
    cosmos = inspect_home(homes.cosmos(tmp_path / ".gaia"))
    assert (cosmos.mode, cosmos.daemons) == ("", ("gaiad",))


def test_the_cometbft_half_of_a_bare_node_leads_to_the_whole(tmp_path: Path) -> None:
    fendermint = homes.bare(tmp_path)
    assert inspect_home(tmp_path / ".cometbft").root == fendermint


def test_a_folder_without_a_node_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="does not look like the home of a node"):
        inspect_home(tmp_path)
    with pytest.raises(NodeError, match="not a folder"):
        inspect_home(tmp_path / "nowhere")


def test_ports_come_from_the_settings_and_else_are_the_defaults(tmp_path: Path) -> None:
    home = inspect_home(homes.embedded(tmp_path / "e"))
    found = {port.name: port.number for port in ports_of(home)}
    assert found == {
        "rpc": 36657,
        "p2p": 36656,
        "cometbft-metrics": 36660,
        "abci": 36658,
        "eth": 38545,
        "metrics": 39184,
        "eth-metrics": 9185,
        "resolver": 36655,
    }
    assert {port.number for port in ports_of(home, {"FM_ETH__LISTEN__PORT": "8000"}) if port.name == "eth"} == {8000}
    homes.write(home.cometbft / "config" / "config.toml", "[rpc]\nladdr = 5\n")
    homes.write(tmp_path / "e" / "fendermint" / "config" / "default.toml", "halt_height = 0\n")
    assert {port.number for port in ports_of(home)} == {26657, 26656, 26658, 8545, 9184, 9185}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp://127.0.0.1:26657", ("127.0.0.1", 26657)),
        (":26660", ("", 26660)),
        ("tcp://[::1]:26657", ("::1", 26657)),
        ("/ip4/0.0.0.0/tcp/26655", ("0.0.0.0", 26655)),
        ("localhost:9090", ("localhost", 9090)),
        ("unix:///run/x.sock", None),
        ("tcp://host:99999", None),
        (None, None),
    ],
)
def test_addresses_are_read_in_every_way_of_writing_them(text: object, expected: tuple[str, int] | None) -> None:
    assert parse_address(text) == expected


@given(st.text(max_size=40))
def test_any_address_is_a_port_or_nothing(text: str) -> None:
    found = parse_address(text)
    assert found is None or 0 < found[1] < 65536


def test_a_healthy_home_has_no_bad_finding_and_shows_no_secret(tmp_path: Path) -> None:
    found = discover(inspect_home(homes.embedded(tmp_path / "e")), unit_roots=())
    assert worst(found.findings) is Level.OK, found.findings
    assert "s3cr3t" not in json.dumps(found.to_json())


def test_open_keys_a_remote_signer_and_the_double_sign_check_are_warned_of(tmp_path: Path) -> None:
    root = homes.embedded(tmp_path / "e", remote="tcp://127.0.0.1:26659", blocks=10)
    (root / "cometbft" / "config" / "priv_validator_key.json").unlink()
    (root / "fendermint" / "validator.sk").chmod(0o644)
    homes.write(tmp_path / ".ipc" / "evm_keystore.json", "[]", 0o644)
    found = discover(inspect_home(root), unit_roots=(), keystore=tmp_path / ".ipc")
    said = {finding.what for finding in found.findings if finding.level is Level.WARN}
    assert any("signer is remote (priv_validator_laddr tcp://127.0.0.1:26659)" in what for what in said)
    assert any("double_sign_check_height is 10" in what for what in said)
    assert any("validator.sk has mode 0644" in what for what in said)
    assert any("evm_keystore.json has mode 0644" in what for what in said)
    assert worst(found.findings) is Level.WARN


def test_a_home_that_lacks_what_a_start_needs_fails(tmp_path: Path) -> None:
    root = homes.embedded(tmp_path / "e")
    (root / "cometbft" / "config" / "genesis.json").unlink()
    (root / "cometbft" / "config" / "priv_validator_key.json").unlink()
    said = [
        finding.what for finding in discover(inspect_home(root), unit_roots=()).findings if finding.level is Level.FAIL
    ]
    assert any("genesis.json is missing" in what for what in said)
    assert any("priv_validator_key.json is not there" in what for what in said)


@settings(max_examples=120)
@given(
    default=st.binary(max_size=60)
    | st.sampled_from([b"halt_height = -1", b"halt_height = 1e5", b"[" * 5000, b"resolver = 3"]),
    config=st.binary(max_size=60)
    | st.sampled_from([b"rpc = 1", b'priv_validator_key_file = "\\u0000"', b"consensus = []"]),
)
def test_hostile_settings_give_sentences_and_never_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, default: bytes, config: bytes
) -> None:
    root = tmp_path_factory.getbasetemp() / "hostile"
    if not root.exists():
        homes.embedded(root)
    (root / "fendermint" / "config" / "default.toml").write_bytes(default)
    (root / "cometbft" / "config" / "config.toml").write_bytes(config)
    found = discover(inspect_home(root), unit_roots=())
    assert all(finding.what for finding in found.findings)
    json.dumps(found.to_json())
