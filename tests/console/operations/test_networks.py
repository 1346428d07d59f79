"""The list of networks, and what ipc-cli's settings add: nothing is written that was not asked for or is there."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from console.cli import main
from console.ipc_config import read_ipc_config
from console.operations.networks import known_networks, proposed_tables, shown, written

IPC = """
keystore_path = "~/.ipc"
[[subnets]]
id = "/r314159"
[subnets.config]
network_type = "fevm"
provider_http = "https://rpc.example.org/v1/KEY"
auth_token = "s3cret"
gateway_addr = "0x77aa40b105843728088c0132e43fc44348881da8"
[[subnets]]
id = "/r314159/t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q"
[subnets.config]
network_type = "fevm"
provider_http = "http://127.0.0.1:8545"
"""
OURS = """# My networks.
[networks.calibration]
registry = "0xabababababababababababababababababababab"  # deployed in March
cometbft_rpc = ["http://127.0.0.1:26657"]
[networks.calibration.contracts]
gateway = "0x1111111111111111111111111111111111111111"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("IPC_CLI_CONFIG_PATH", str(tmp_path / "ipc.toml"))
    (tmp_path / "ipc.toml").write_text(IPC)
    (tmp_path / "ipc.toml").chmod(0o600)
    path = tmp_path / "config" / "upgrade-console" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def test_where_each_value_comes_from(config: Path) -> None:
    config.write_text(OURS)
    networks = {each.name: each for each in known_networks(None)}
    assert list(networks) == ["devnet", "mainnet", "calibration", "localnet"]
    origins = {each.key: each.origin for each in networks["calibration"].values}
    assert (origins["registry"], origins["evm_chain_id"]) == ("settings", "built in")
    assert networks["calibration"].problem == ""
    assert "has no registry until one is configured" in networks["mainnet"].problem


def test_what_ipc_cli_adds_is_shown_and_not_written(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(OURS)
    assert main(["networks", "import-ipc"]) == 0
    said = capsys.readouterr()
    assert config.read_text() == OURS
    assert "Nothing was written" in said.out
    for secret in ("s3cret", "KEY"):
        assert secret not in said.out + said.err
    assert "# missing: chain_id" in said.out


def test_written_only_when_told_and_comments_are_kept(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(OURS)
    assert main(["networks", "import-ipc", "--write"]) == 0
    text = config.read_text()
    for line in OURS.splitlines()[:5]:
        assert line in text
    networks = tomllib.loads(text)["networks"]
    assert networks["calibration"]["ethereum_rpc"][0] == "https://rpc.example.org/v1/KEY"
    assert networks["calibration"]["contracts"]["gateway"] == "0x77aa40b105843728088c0132e43fc44348881da8"
    child = networks["r314159-53f91f7e"]
    assert child["ethereum_rpc"] == ["http://127.0.0.1:8545"]
    assert child["contracts"]["parent_rpc"] == ["https://rpc.example.org/v1/KEY"]
    assert child["contracts"]["parent_evm_chain_id"] == 314159
    assert child["contracts"]["subnet_actor"].lower() == "0x53f91f7e2a96dcae06a16ea29724ea0a0da8daaf"
    assert "s3cret" not in text
    assert f"Written into {config}." in capsys.readouterr().out
    # Once more: all is there.
    ipc = read_ipc_config(config.parents[2] / "ipc.toml")
    assert [(dict(each.values), dict(each.contracts)) for each in proposed_tables(ipc)] == [({}, {})] * 2
    assert written(proposed_tables(ipc)) == text


def test_without_settings_a_file_is_made(config: Path) -> None:
    assert main(["networks", "import-ipc", "--write"]) == 0
    assert set(tomllib.loads(config.read_text())["networks"]) == {"calibration", "r314159-53f91f7e"}
    assert config.stat().st_mode & 0o777 == 0o600


def test_a_settings_file_that_cannot_be_read_is_left_alone(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("[networks")
    assert main(["networks", "import-ipc", "--write"]) == 1
    assert config.read_text() == "[networks"
    assert "cannot read settings" in capsys.readouterr().err


def test_the_list_as_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(OURS)
    assert main(["networks", "import-ipc", "--write"]) == 0
    capsys.readouterr()
    assert main(["networks", "--json"]) == 0
    said = capsys.readouterr().out
    assert "s3cret" not in said
    networks = {each["name"]: each for each in json.loads(said)["networks"]}
    assert networks["calibration"]["values"]["auth_token"] == {"value": "(set)", "origin": "ipc-cli"}
    assert networks["r314159-53f91f7e"]["problem"] is not None


def test_of_a_url_only_the_place_is_shown() -> None:
    assert shown("https://user:pass@rpc.example/v1/KEY?x=1") == "https://rpc.example/…"
    assert shown(["http://127.0.0.1:8545/"]) == "[http://127.0.0.1:8545]"
    assert shown({"path": "/k", "address": "default-key"}) == "{ path = /k, address = default-key }"
    assert "\x1b" not in shown("a\x1b[2J")
