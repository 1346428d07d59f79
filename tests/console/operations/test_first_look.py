"""What is found on a machine, what is proposed of it, and `doctor` around it; nothing is written unasked."""

from __future__ import annotations

import asyncio
import json
import tomllib
from pathlib import Path

import pytest

from console.cli import main
from console.node.commands import CommandResult
from console.node.discovery import find_homes
from console.operations.first_look import LookRequest, look_around
from console.operations.found_homes import _ask, home_tables
from console.operations.networks import lines_of, write, written
from console.settings import load_network
from tests.console.chain.network_double import KEYS
from tests.console.chain.network_servers import serving
from tests.console.operations.test_networks import IPC

OWN_NODE = """[networks.mine]
kind = "cosmos"
chain_id = "gaia-test-1"
cometbft_rpc = ["http://127.0.0.1:1"]
[networks.mine.nodes.val]
home = "{home}"
daemon = "gaiad"
cometbft_rpc = "http://127.0.0.1:1"
"""


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home without anything; every place of settings is in it."""
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("IPC_CLI_CONFIG_PATH", str(home / "ipc.toml"))
    return home


def request(user: Path, **environment: str) -> LookRequest:
    (user / "proc").mkdir(exist_ok=True)
    return LookRequest(
        user_home=user, environment={"PATH": str(user / "bin"), **environment}, proc=user / "proc", unit_roots=()
    )


def cosmos_home(user: Path, name: str = ".gaia", chain_id: str = "gaia-test-1") -> Path:
    home = user / name
    (home / "config").mkdir(parents=True)
    (home / "config" / "app.toml").write_text("")
    (home / "config" / "genesis.json").write_text(json.dumps({"chain_id": chain_id}))
    binary = home / "cosmovisor" / "genesis" / "bin" / "gaiad"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\n")
    return home


def ipc_home(user: Path, rpc: str = "", eth: str = "") -> Path:
    home = user / ".node-ipc"
    (home / "fendermint" / "config").mkdir(parents=True)
    (home / "cometbft" / "config").mkdir(parents=True)
    (home / "cometbft" / "config" / "genesis.json").write_text('{"chain_id": "r314159-x"}')
    if rpc:
        (home / "cometbft" / "config" / "config.toml").write_text(f'[rpc]\nladdr = "{rpc}"\n')
        host, _, port = eth.removeprefix("http://").partition(":")
        (home / "fendermint" / "config" / "default.toml").write_text(f'[eth.listen]\nhost = "{host}"\nport = {port}\n')
    return home


def process(user: Path, pid: int, *words: str) -> None:
    folder = user / "proc" / str(pid)
    folder.mkdir(parents=True)
    (folder / "cmdline").write_bytes(b"\0".join(word.encode() for word in words) + b"\0")


def test_nothing_is_there_and_that_is_no_fault(user: Path) -> None:
    found = look_around(request(user))
    assert (found.level.value, found.usable, found.proposals, found.homes) == ("ok", (), (), ())
    assert any("there is no settings file yet" in each.what for each in found.findings)
    assert not found.settings.exists()


def test_a_cosmos_home_is_proposed_written_and_usable(user: Path) -> None:
    home = cosmos_home(user)
    found = look_around(request(user))
    (table,) = found.proposals
    assert "[networks.gaia-test-1.nodes.gaia]" in lines_of(table)
    assert not found.settings.exists(), "looking writes nothing"
    write(written([table]))
    network = load_network("gaia-test-1")
    node = network.node("gaia")
    assert (network.kind, network.chain_id, node.home, node.daemon) == ("cosmos", "gaia-test-1", home, "gaiad")
    again = look_around(request(user))
    assert again.usable == ("gaia-test-1",)
    assert again.proposals == ()
    assert any(each.topic == "node gaia of gaia-test-1" for each in again.findings)


def test_a_home_whose_network_is_known_joins_it(user: Path) -> None:
    other = cosmos_home(user, ".other")
    cosmos_home(user)
    tables = tomllib.loads(OWN_NODE.format(home=other))["networks"]
    (table,) = home_tables(find_homes(user), tables)
    assert (table.network, table.known, table.values, list(table.nodes)) == ("mine", True, {}, ["gaia"])


def test_two_homes_of_one_chain_are_one_network(user: Path) -> None:
    cosmos_home(user)
    cosmos_home(user, ".second")
    tables = look_around(request(user)).proposals
    assert [each.network for each in tables] == ["gaia-test-1"] * 2
    assert sorted(tomllib.loads(written(tables))["networks"]["gaia-test-1"]["nodes"]) == ["gaia", "second"]


def test_a_subnet_node_says_what_is_missing(user: Path) -> None:
    ipc_home(user)
    (table,) = home_tables(find_homes(user), {})
    assert [key for key, _, _ in table.missing] == ["evm_chain_id", "registry"]
    assert [key for key, _, _ in table.node_missing] == ["address"]
    text = written([table])
    assert "# registry = " in text
    assert tomllib.loads(text)["networks"]["r314159-x"]["nodes"]["node-ipc"]["shape"] == "embedded"


def test_a_node_that_runs_is_asked_for_its_address(user: Path) -> None:
    async def asked() -> None:
        async with serving(count=1) as served:
            ipc_home(user, served.comet[0].url.replace("http", "tcp"), served.ethereum[0].url)
            (home,) = find_homes(user)
            said = await _ask(home)
            assert said["address"] in {key.address for key in KEYS}
            assert said["evm_chain_id"] == served.settings.evm_chain_id

    asyncio.run(asked())


def test_what_ipc_cli_knows_is_proposed_without_its_secrets(user: Path) -> None:
    (user / "ipc.toml").write_text(IPC)
    (user / "ipc.toml").chmod(0o600)
    found = look_around(request(user))
    assert found.proposals[0].network == "calibration"
    shown = json.dumps(found.to_json()) + "\n".join(line for each in found.proposals for line in lines_of(each))
    assert "s3cret" not in shown
    assert "KEY" not in shown


def test_controllers_and_their_devnets_are_seen(user: Path) -> None:
    process(user, 12, "python3", "-m", "console.cli", "node", "run", "--network", "devnet", "--dir", "/tmp/net")
    process(user, 13, "python3", "-m", "console.cli", "status")
    process(user, 14, "gaiad", "start")
    found = look_around(request(user))
    assert [each.pid for each in found.controllers] == [12]
    assert found.devnets == (Path("/tmp/net"),)


def test_cosmovisor_is_named_with_its_known_defects(user: Path) -> None:
    class Runner:
        def run(self, command: tuple[str, ...], deadline_s: float) -> CommandResult:
            return CommandResult(0, "cosmovisor version: v1.7.1\n", "")

    binary = user / "bin" / "cosmovisor"
    binary.parent.mkdir()
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    base = request(user, DAEMON_HOME="/d", DAEMON_NAME="gaiad")
    found = look_around(LookRequest(user, base.environment, None, base.proc, (), Runner()))  # type: ignore[arg-type]
    words = [each.what for each in found.findings if each.topic == "cosmovisor"]
    assert "gaiad in /d" in words[0]
    assert len(words) > 1


@pytest.mark.parametrize("content", ["[networks", "networks = 1\n[x]\n", '[networks.a]\nkind = "x"\n'])
def test_settings_that_are_wrong_are_said(user: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = user / "config" / "upgrade-console" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    cosmos_home(user)
    code = main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["level"] == ("ok" if content.startswith("networks") else "fail")
    assert code == (0 if told["level"] == "ok" else 1)
    assert path.read_text() == content


def test_doctor_prints_and_writes_only_what_is_asked(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cosmos_home(user)
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "upgrade-console doctor --write gaia-test-1" in told
    assert not (user / "config").exists()
    assert main(["doctor", "--write", "nowhere"]) == 1
    assert "proposed: gaia-test-1" in capsys.readouterr().err
    assert main(["doctor", "--write", "gaia-test-1"]) == 0
    assert load_network("gaia-test-1").nodes[0].daemon == "gaiad"


def test_hostile_names_stay_visible_and_harmless(user: Path) -> None:
    cosmos_home(user, ".g\x1b[2Jaia", "bad\u202eid [@click=app.quit]")
    (table,) = look_around(request(user)).proposals
    lines = "\n".join(lines_of(table))
    assert "\x1b" not in lines
    assert "\u202e" not in lines
    tomllib.loads(written([table]))
