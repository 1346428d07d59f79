"""Arguments: shared options before and after the verb, which network is meant, and usage."""

from __future__ import annotations

import argparse
import importlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from console.cli.arguments import parse
from console.cli.verbs import build_parser
from tests.console.cli.conftest import Run
from tests.console.cli.peers import write_settings

URL = "http://127.0.0.1:20001"


@pytest.mark.parametrize(
    "line",
    [
        "--network a --node n --json status",
        "status --network a --node n --json",
        "--network a status --node n --json",
        "--network b --node m status --network a --node n --json",
    ],
)
def test_shared_options_stand_before_and_after_the_verb(line: str) -> None:
    found = parse(line.split())
    assert (found.verb, found.network, found.node, found.json, found.dir) == ("status", "a", "n", True, None)


@pytest.mark.parametrize("line", ["--json node --node n status --network a", "--network a node status --node n --json"])
def test_shared_options_stand_between_noun_and_action_too(line: str) -> None:
    found = parse(line.split())
    assert (found.verb, found.action, found.network, found.node, found.json) == ("node", "status", "a", "n", True)


def test_without_a_verb_the_console_opens() -> None:
    found = parse(["--network", "a", "--read-only", "--theme", "light"])
    assert (found.verb, found.read_only, found.theme, found.json) == ("open", True, "light", False)


@pytest.mark.parametrize(
    "line",
    ["--dir /tmp/x --ascii", "--network devnet --json --node n", "--record f --dir /tmp/x", "--replay f --speed 2"],
)
def test_the_console_alone_reads_its_options_as_the_whole_parser_does(line: str) -> None:
    alone, whole = vars(parse(line.split())), vars(build_parser().parse_args(line.split()))
    del alone["run"], whole["run"]
    assert alone == whole | {"network": alone["network"]}


def test_a_recording_needs_no_network() -> None:
    found = parse(["--replay", "~/day", "--speed", "10"])
    assert (found.verb, found.replay, found.speed, found.network) == ("open", Path.home() / "day", 10.0, None)
    found = parse(["--network", "a", "--record", "f"])
    assert (found.verb, found.record, found.network) == ("open", Path("f"), "a")


def test_the_only_configured_network_is_meant() -> None:
    write_settings(URL, URL, name="calibration")
    assert parse(["status"]).network == "calibration"
    assert parse(["--network", "other", "status"]).network == "other"


def test_with_two_networks_one_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    path = write_settings(URL, URL, name="one")
    path.write_text(path.read_text() + path.read_text().replace("[networks.one", "[networks.two"))
    with pytest.raises(SystemExit) as ended:
        parse(["status"])
    assert ended.value.code == 2
    assert "--network NAME (known: devnet, mainnet, calibration, localnet, one, two)" in capsys.readouterr().err


def test_a_devnet_is_meant_when_nothing_is_configured_and_one_exists(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["status"])
    assert "known: devnet" in capsys.readouterr().err
    folder = Path(os.environ["XDG_STATE_HOME"]) / "upgrade-console" / "devnet"
    folder.mkdir(parents=True)
    (folder / "network.toml").write_text("")
    assert parse(["status"]).network == "devnet"


def test_a_folder_means_the_devnet(tmp_path: Path) -> None:
    write_settings(URL, URL, name="calibration")
    found = parse(["status", "--dir", str(tmp_path)])
    assert (found.network, found.dir) == ("devnet", tmp_path)
    assert parse(["--dir", "~/d", "status"]).dir == Path.home() / "d"


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "--network a --dir /tmp status",
        "--network a propose --name v1",
        "--network a propose --name v1 --height soon --binary-url http://h --binary-hash x",
        "--network a vote 1",
        "--network a vote 1 yes --weighted yes=0.7,no=0.3",
        "--network a vote 1 --weighted yes=1 --relay f",
        "--network a ready",
        "--network a ready --proposal x",
        "--network a node",
        "--network a node nonsense",
        "--network a node logs --lines -1",
        "--network a node status -- start",
        "--network a node run -- start",
        "--network a status -- start",
        "--network a node run --cosmovisor-config /c.toml",
        "--network a node add-upgrade v2",
        "--network a node add-upgrade v2 /f --height 0",
        "--network a node swap --reason r",
        "--network a node restore --reason r",
        "--network a node full-node",
        "--network a node config nonsense",
        "--network a node config set",
        "--network a node version -o yaml",
        "--network a node events --since -1",
        "--network a node logs --source elsewhere",
        "--network a status extra",
        "--network a --record f status",
        "--network a --replay f",
        "--dir d --replay f",
        "--replay f --record g",
        "--network a --speed 2",
        "--replay f --speed 0",
        "--replay f --speed fast",
        "--net a status",
        "devnet",
    ],
)
def test_usage_exits_2(cli: Run, line: str) -> None:
    outcome = cli(*line.split())
    assert (outcome.code, outcome.out) == (2, "")
    assert "usage: upgrade-console" in outcome.err


def test_the_version_and_help_exit_0(cli: Run) -> None:
    assert cli("--version").out == "upgrade-console 0.1.0\n"
    for line in ("--help", "status --help", "node --help", "node logs --help", "devnet --help", "propose --help"):
        outcome = cli(*line.split())
        assert outcome.code == 0
        assert "--network" in outcome.out


def test_every_verb_of_the_issue_is_there() -> None:
    propose = "propose --name v0.2.0 --height 9 --binary-url http://h/f --binary-hash sha256:ab --not-breaking"
    found = parse(["--network", "a", *propose.split()])
    assert (found.name, found.height, found.binary_url, found.binary_hash) == ("v0.2.0", 9, "http://h/f", "sha256:ab")
    assert found.not_breaking is True
    found = parse(["--network", "a", "ready", "--proposal", "3", "--validator-address", "0xab"])
    assert (found.proposal, found.validator_address) == (3, "0xab")
    found = parse(["--network", "a", "node", "logs", "-f", "--source", "controller", "--lines", "7"])
    assert (found.follow, found.source, found.lines) == (True, "controller", 7)
    found = parse(["--network", "a", "node", "add-upgrade", "v0.2.0", "/tmp/f", "--force", "--height", "9"])
    assert (found.name, found.file, found.force, found.height) == ("v0.2.0", Path("/tmp/f"), True, 9)
    found = parse(["--network", "a", "node", "config", "set", "automatic=false", "--reason", "r", "--json"])
    assert (found.config_action, found.changes, found.reason, found.json) == ("set", ["automatic=false"], "r", True)
    found = parse(["--network", "a", "node", "abort", "--with", "-", "--yes-network", "a"])
    assert (found.lines, found.yes_network, found.statement) == ("-", "a", False)


@pytest.mark.parametrize(
    "line",
    [
        "init",
        "init:--adopt:--unit:u:--binary:/b:--dry-run",
        "init:--give-back",
        "leave",
        "run",
        "unit:--as-user:node",
        "full-node:--home:/new",
        "status",
        "list",
        "doctor",
        "processes",
        "verify",
        "version:-o:json:--cosmovisor-only",
        "logs",
        "events",
        "start",
        "stop",
        "restart",
        "pause:--reason:r",
        "resume:--without-rollback-point:r:--cross:r",
        "arm",
        "disarm",
        "swap:v2",
        "rollback",
        "abort:--statement",
        "add-batch-upgrade:--upgrade-file:/c.csv",
        "add-batch-upgrade:--upgrade-list:a",
        "show-upgrade-info",
        "prepare-upgrade",
        "resync:--from-genesis",
        "backup",
        "backup:p1",
        "restore:p1",
        "config",
        "config:get",
        "config:get:automatic",
        "config:import:/f",
    ],
)
def test_every_node_verb_of_the_issue_is_there(line: str) -> None:
    found = parse(["--network", "a", "node", *line.split(":")])
    assert found.action == line.split(":")[0]
    assert callable(found.run)


def test_every_node_verb_leads_to_a_function_that_exists() -> None:
    from console.cli.node import arguments

    seen: list[tuple[str, str]] = []
    parser = argparse.ArgumentParser()
    arguments.register(parser.add_subparsers(), argparse.ArgumentParser(add_help=False), _noted(seen))
    assert len(seen) == 34
    for module, function in seen:
        assert callable(getattr(importlib.import_module(module), function)), (module, function)


def _noted(seen: list[tuple[str, str]]) -> Callable[[str, str], Callable[[argparse.Namespace], int]]:
    def verb(module: str, function: str) -> Callable[[argparse.Namespace], int]:
        seen.append((module, function))
        return lambda _: 0

    return verb


def test_what_stands_behind_two_dashes_is_the_daemons_own(monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(URL, URL, name="calibration")
    found = parse(["node", "run", "--json", "--", "start", "--json", "--", "--x"])
    assert found.daemon_arguments == ["start", "--json", "--", "--x"]
    assert found.network is None
    assert parse(["node", "run", "--cosmovisor-config", "/c.toml"]).network is None
    assert parse(["node", "run"]).network == "calibration"


def test_cosmovisors_variables_name_the_node_where_no_network_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAEMON_HOME", "/home/x/.simapp")
    monkeypatch.setenv("DAEMON_NAME", "simd")
    assert parse(["node", "status"]).network is None
    with pytest.raises(SystemExit):
        parse(["status"])
    write_settings(URL, URL, name="calibration")
    assert parse(["node", "status"]).network == "calibration"


def test_the_operator_guide_names_every_node_verb() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "operator-guide.md").read_text("utf-8")
    section = guide.partition("\n## Verbs\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z-]+)", section))
    node = next(
        action.choices["node"]
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction) and "node" in action.choices
    )
    verbs = next(action.choices for action in node._actions if isinstance(action, argparse._SubParsersAction))
    assert set(verbs) - named == set()
    for name, parser in verbs.items():
        assert parser.description, name
