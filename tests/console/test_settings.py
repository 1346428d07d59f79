"""Settings: what is read, what is refused and with which sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomlkit

from console.errors import SettingsError
from console.ports.keys import KeyReference
from console.settings import load_maintenance, load_network

GOOD: dict[str, Any] = {
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
    with pytest.raises(SettingsError, match=r"'mine' \(known: devnet, mainnet, calibration, localnet\)"):
        load_network("mine")


def test_without_settings_only_what_is_built_in_is_known(config: Path) -> None:
    with pytest.raises(SettingsError, match=r"\(known: devnet, mainnet, calibration, localnet\)"):
        load_network("mine")
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
        ({"windows": "Tue 02:00..04:00 UTC"}, "windows must be a list of lines"),
        ({"windows": ["Tue 02:00..04:00"]}, "each of windows must be a time of the week"),
        ({"nodes": {"a": 1}}, "must be a table"),
        ({"nodes": {"a": {}}}, "home must be a text"),
    ],
)
def test_a_wrong_value_is_one_sentence(config: Path, changes: dict[str, object], words: str) -> None:
    write(config, **changes)
    with pytest.raises(SettingsError, match=words):
        load_network("calibration")


def test_maintenance_windows_are_ones_own_and_those_of_the_network(config: Path) -> None:
    assert load_maintenance() == ()
    network = {**GOOD, "windows": ["val-2: Sat,Sun 22:00..02:00 UTC"]}
    own = {"windows": ["Tue,Thu 02:00..04:00 Europe/Berlin"]}
    config.write_text(tomlkit.dumps({"networks": {"calibration": network}, "maintenance": own}))
    (declared,) = load_network("calibration").windows
    assert (declared.operator, declared.text) == ("val-2", "Sat,Sun 22:00..02:00 UTC")
    assert [window.text for window in load_maintenance()] == ["Tue,Thu 02:00..04:00 Europe/Berlin"]
    for wrong, words in (({"window": []}, "there is no setting"), ({"windows": [7]}, "a time of the week")):
        config.write_text(tomlkit.dumps({"maintenance": wrong}))
        with pytest.raises(SettingsError, match=words):
            load_maintenance()


def test_a_broken_file_is_named(config: Path) -> None:
    config.write_text("networks = [")
    with pytest.raises(SettingsError, match=r"config\.toml"):
        load_network("calibration")


def test_an_unknown_node_names_the_known_ones(config: Path) -> None:
    write(config)
    with pytest.raises(SettingsError, match=r"no node 'val-9' \(known: val-1\)"):
        load_network("calibration").node("val-9")


def write_node(path: Path, network: dict[str, Any] | None = None, **changes: Any) -> None:
    node = {**GOOD["nodes"]["val-1"], **changes}
    write(path, **(network or {}), nodes={"val-1": {key: each for key, each in node.items() if each is not None}})


def test_a_node_says_all_that_it_can(config: Path, tmp_path: Path) -> None:
    write_node(
        config,
        shape="fendermint",
        runtime="systemd",
        companions={"cometbft": "/usr/bin/cometbft"},
        environment={"RUST_LOG": "info"},
        auto_apply=False,
        binary_registry="https://mirror.example/releases",
        binary_path="~/releases",
        max_downtime="90s",
        startup_timeout_s=5,
        skip_upgrade_heights=[700, 500, 700],
        rollback_space_margin_bytes="64 MiB",
    )
    node = load_network("calibration").node(None)
    assert (node.shape, node.runtime) == ("fendermint", "systemd")
    assert node.companions == {"cometbft": Path("/usr/bin/cometbft")}
    assert node.environment == {"RUST_LOG": "info"}
    assert not node.automatic
    assert node.mirror == ("https://mirror.example/releases",)
    assert node.binary_path == Path.home() / "releases"
    assert (node.max_downtime_s, node.startup_timeout_s) == (90.0, 5.0)
    assert node.skip_upgrade_heights == (500, 700)
    assert node.rollback_space_margin_bytes == 64 << 20
    assert {"automatic", "mirror", "max_downtime_s"} <= node.written
    assert "keep_points" not in node.written


def test_two_nodes_share_no_metrics_port(config: Path) -> None:
    node = {**GOOD["nodes"]["val-1"], "metrics_port": 9464}
    write(config, nodes={"val-1": node, "val-2": node})
    with pytest.raises(SettingsError, match="metrics_port 9464 of node val-2 is that of node val-1 too"):
        load_network("calibration")
    write(config, nodes={"val-1": node, "val-2": {**node, "metrics_port": 9465}, "val-3": GOOD["nodes"]["val-1"]})
    assert [each.metrics_port for each in load_network("calibration").nodes] == [9464, 9465, 0]


def test_containers_are_a_shape_of_their_own(config: Path) -> None:
    write_node(config, runtime="docker", containers={"app": "val-fendermint", "cometbft": "val-cometbft"})
    node = load_network("calibration").node(None)
    assert (node.shape, node.runtime) == ("docker", "docker")
    assert node.containers == {"app": "val-fendermint", "cometbft": "val-cometbft"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"restart_on_eror": True}, r"there is no setting 'restart_on_eror' \(did you mean restart_on_error\?\)"),
        ({"automatic": "yes"}, "network calibration, node val-1: automatic must be true or false, not 'yes'"),
        ({"automatic": 1}, "automatic must be true or false, not 1"),
        ({"auto_apply": True, "automatic": False}, "automatic and auto_apply are one setting"),
        ({"max_downtime_s": "5 minutes"}, "max_downtime_s must be a duration"),
        ({"max_downtime": True}, "max_downtime must be a duration"),
        ({"home": "node"}, "home must be an absolute path, not 'node'"),
        ({"home": None}, "home must be a text"),
        ({"address": ""}, "address must be a text"),
        ({"address": "0xzz"}, "not an address"),
        ({"ethereum_rpc": None}, "ethereum_rpc must be a text"),
        ({"operator_key": 5}, "operator_key must be a text"),
        ({"shape": "cosmos"}, "does not go with a network of kind 'ipc'"),
        ({"shape": "docker"}, "shape 'docker' does not go with runtime 'shim'"),
        ({"shape": "embedded", "runtime": "docker"}, "shape 'embedded' does not go with runtime 'docker'"),
        ({"environment": {"FM_HALT_HEIGHT": "7"}}, "without FM_HALT_HEIGHT"),
        ({"upgrade": {"auto_apply": True}}, "there is no setting 'upgrade'"),
        ({"rest": "http://127.0.0.1:1317"}, "node val-1: rest is a setting of Cosmos chains"),
        ({"rest": "127.0.0.1:1317"}, "rest must be"),
    ],
)
def test_a_wrong_value_of_a_node_names_table_and_key(config: Path, changes: dict[str, Any], words: str) -> None:
    write_node(config, **changes)
    with pytest.raises(SettingsError, match=words):
        load_network("calibration")


def test_a_cosmos_network_needs_no_evm(config: Path) -> None:
    node = {"home": "/srv/gaia", "daemon": "gaiad", "cometbft_rpc": "http://127.0.0.1:26657"}
    table = {"kind": "cosmos", "chain_id": "cosmoshub-4", "cometbft_rpc": ["http://127.0.0.1:26657"]}
    config.write_text(tomlkit.dumps({"networks": {"hub": {**table, "nodes": {"val-1": node}}}}))
    network = load_network("hub")
    assert (network.kind, network.registry, network.evm_chain_id, network.ethereum_rpc) == ("cosmos", "", 0, ())
    found = network.node(None)
    assert (found.shape, found.address, found.ethereum_rpc) == ("cosmos", "", "")


def test_a_cosmos_node_is_of_the_cosmos_shape(config: Path) -> None:
    write_node(config, {"kind": "cosmos"}, shape="embedded")
    with pytest.raises(SettingsError, match="shape 'embedded' does not go with a network of kind 'cosmos'"):
        load_network("calibration")


def test_addresses_are_read_in_filecoin_spelling_too(config: Path) -> None:
    subnet = "/r314159/t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q"
    address = "t410ffumhfeppdjixhkxtgagowxkdu77j7xz5aaa52vy"
    write(config, chain_id=subnet, registry=address)
    assert load_network("calibration").registry == "0x2d187291ef1a5173aaf3300ceb5d43a7fe9fdf3d"
    write(config, chain_id=subnet, registry="f" + address[1:])
    with pytest.raises(SettingsError, match=r"registry: .* belongs to another network: addresses begin with t here"):
        load_network("calibration")
    write(config, registry=address[:-1] + "a")
    with pytest.raises(SettingsError, match=r"registry: .* wrong checksum"):
        load_network("calibration")


def test_a_built_in_network_has_no_registry_until_one_is_configured(config: Path) -> None:
    for name in ("mainnet", "calibration", "localnet"):
        with pytest.raises(
            SettingsError, match=f"network {name} has no registry until one is configured; add registry"
        ):
            load_network(name)
        bare = load_network(name, registry=False)
        assert (bare.registry, bare.cometbft_rpc, bare.nodes) == ("", (), ())
        assert bare.ethereum_rpc
    assert load_network("mainnet", registry=False).evm_chain_id == 314
    assert load_network("mainnet", registry=False).stage == "mainnet"
    assert load_network("calibration", registry=False).evm_chain_id == 314159
    assert load_network("localnet", registry=False).evm_chain_id == 31415926


def test_an_own_table_overrides_what_is_built_in(config: Path) -> None:
    config.write_text(
        tomlkit.dumps(
            {
                "networks": {
                    "calibration": {
                        "registry": "0x" + "ab" * 20,
                        "cometbft_rpc": ["http://127.0.0.1:26657"],
                        "ethereum_rpc": ["https://own.example"],
                    }
                }
            }
        )
    )
    network = load_network("calibration")
    assert (network.evm_chain_id, network.ethereum_rpc) == (314159, ("https://own.example",))


def test_keys_by_reference(config: Path) -> None:
    address = "0x" + "cd" * 20
    node = {**GOOD["nodes"]["val-1"], "operator_key": {"path": "/k/op.json", "credential": "operator-key"}}
    write(
        config,
        proposer_key="/k/proposer.key",
        voter_key={"path": "/k/evm_keystore.json", "address": address},
        council_key={"path": "/k/evm_keystore.json", "address": "default-key"},
        nodes={"val-1": node},
    )
    network = load_network("calibration")
    assert network.proposer_key == KeyReference(Path("/k/proposer.key"))
    assert network.voter_key == KeyReference(Path("/k/evm_keystore.json"), address)
    assert network.council_key == KeyReference(Path("/k/evm_keystore.json"), "default-key")
    assert network.node(None).operator_key == KeyReference(Path("/k/op.json"), credential="operator-key")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"path": "/k", "passphrase_file": "/p"}, "only an operator_key signs unattended"),
        ({"path": "/k", "credential": "c"}, "only an operator_key signs unattended"),
        ({"path": "k"}, "an absolute path"),
        ({}, "a path, or a table as"),
        ({"path": "/k", "passphrase": "secret"}, "a path, or a table as"),
        ({"path": "/k", "address": "0x12"}, "with the key's address"),
        ({"path": "/k", "address": 7}, "a text"),
        (7, "a text"),
    ],
)
def test_keys_that_are_refused(config: Path, value: object, words: str) -> None:
    write(config, voter_key=value)
    with pytest.raises(SettingsError, match=words):
        load_network("calibration")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"path": "/k", "passphrase_file": "/p", "credential": "c"}, "not both"),
        ({"path": "/k", "credential": "../etc/passwd"}, "name of a systemd credential"),
        ({"path": "/k", "credential": ".."}, "name of a systemd credential"),
        ({"path": "/k", "passphrase_file": "p"}, "an absolute path"),
    ],
)
def test_operator_keys_that_are_refused(config: Path, value: object, words: str) -> None:
    write(config, nodes={"val-1": {**GOOD["nodes"]["val-1"], "operator_key": value}})
    with pytest.raises(SettingsError, match=words):
        load_network("calibration")


def test_a_token_of_ipc_cli_goes_to_its_own_endpoint_only(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "ipc.toml"
    monkeypatch.setenv("IPC_CLI_CONFIG_PATH", str(theirs))

    def tokens(url: str) -> dict[str, str]:
        subnet = {"network_type": "fevm", "provider_http": url, "auth_token": "s3cret"}
        theirs.write_text(tomlkit.dumps({"subnets": [{"id": "/r314159", "config": subnet}]}))
        write(config, ipc_subnet="/r314159", ethereum_rpc=["https://rpc.example.org", "http://plain.example"])
        network = load_network("calibration")
        assert "s3cret" not in repr(network)
        return dict(network.tokens)

    assert tokens("https://rpc.example.org") == {"https://rpc.example.org": "s3cret"}
    assert tokens("https://other.example.org") == {}
    assert tokens("http://plain.example") == {}
    write(config, ipc_subnet="/r314159", ipc_config=str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="cannot read"):
        load_network("calibration")
