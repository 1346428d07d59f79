"""`node` verbs that work on the disk without a controller, here on a home that only Cosmovisor's variables name."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.console.cli.conftest import Run
from tests.console.cli.peers import write_settings
from tests.console.node import nodes
from tests.console.operations.homes import a_cosmos_node
from tests.console.operations.test_node_abort import a_halted, line
from tests.console.operations.test_node_stage import a_batch, a_binary

URL = "http://127.0.0.1:20001"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Cosmos home; `DAEMON_HOME` and `DAEMON_NAME` name it, and nothing is configured."""
    node = a_cosmos_node(tmp_path / "simapp")
    monkeypatch.setenv("DAEMON_HOME", str(node.home))
    monkeypatch.setenv("DAEMON_NAME", nodes.DAEMON)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return node.home


def test_bytes_are_given_listed_and_verified(cli: Run, home: Path, tmp_path: Path) -> None:
    outcome = cli("node", "add-upgrade", "v2", a_binary(tmp_path), "--height", "500")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-1] == "No controller runs; it goes on from here when it is started."
    assert cli("node", "show-upgrade-info").out == "v2 at height 500\n"
    told = cli("node", "list").out
    assert "* genesis" in told
    assert "given by" in told
    found = json.loads(cli("node", "list", "--json").out)
    assert [(entry["name"], entry["verified"]) for entry in found["generations"]] == [("genesis", False), ("v2", True)]
    assert cli("node", "verify").code == 0
    binary = home / "cosmovisor" / "upgrades" / "v2" / "bin" / nodes.DAEMON
    binary.chmod(0o755)
    binary.write_text("#!/bin/sh\nexit 0\n")
    outcome = cli("node", "verify", "--json")
    assert outcome.code == 1
    assert [entry["level"] for entry in json.loads(outcome.out)["findings"]] == ["warn", "fail"]


def test_processes_of_a_node_that_does_not_run_are_none_and_say_why(cli: Run, home: Path) -> None:
    outcome = cli("node", "processes")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[1:] == [
        "No controller answers: it is not in the picture.",
        "The node does not run.",
    ]
    assert json.loads(cli("node", "processes", "--json").out)["processes"] == []


def test_a_batch_is_added_from_a_file_or_a_list_not_both(cli: Run, home: Path, tmp_path: Path) -> None:
    batch = a_batch(tmp_path)
    cli("node", "add-batch-upgrade").refused_with("--upgrade-file or by --upgrade-list", "nothing was added")
    outcome = cli("node", "add-batch-upgrade", "--upgrade-file", batch, "--json")
    assert json.loads(outcome.out)["node"] is None
    told = cli("node", "show-upgrade-info").out.splitlines()
    assert told == ["v4 at height 400", *(f"batch: v{n} at height {n}00" for n in (4, 5, 6))]


def test_without_a_controller_the_next_step_names_no_network_that_is_not_configured(cli: Run, home: Path) -> None:
    outcome = cli("node", "stop")
    outcome.refused_with("no controller answers", "start it with `upgrade-console node run`")
    assert "--network" not in outcome.err


def test_a_plan_that_is_cut_off_is_refused(cli: Run, home: Path) -> None:
    assert cli("node", "show-upgrade-info").out.startswith("No upgrade info in ")
    (home / "data" / "upgrade-info.json").write_text('{"name":')
    cli("node", "show-upgrade-info").refused_with("is not whole", "does not act on it")
    outcome = cli("node", "show-upgrade-info", "--json")
    assert (outcome.code, json.loads(outcome.out)["plan"]) == (1, None)


def test_versions_are_said_as_text_and_json(cli: Run, home: Path) -> None:
    assert cli("node", "version", "--cosmovisor-only").out == "upgrade-console version: 0.1.0\n"
    found = json.loads(cli("node", "version", "-o", "json", "--cosmovisor-only").out)
    assert found == {"upgrade_console_version": "0.1.0"}
    binary = home / "cosmovisor" / "genesis" / "bin" / nodes.DAEMON
    binary.write_text('#!/bin/sh\n[ "$1" = version ] && echo v9.9.9\n')
    assert cli("node", "version").out == "upgrade-console version: 0.1.0\nv9.9.9\n"
    assert json.loads(cli("node", "version", "--json").out)["app_version"] == "v9.9.9"
    binary.write_text("#!/bin/sh\nexit 7\n")
    outcome = cli("node", "version")
    assert (outcome.code, outcome.out) == (1, "upgrade-console version: 0.1.0\n")
    assert "ended with code 7" in outcome.err


def test_settings_are_shown_as_cosmovisors_tables_and_as_ours(cli: Run, home: Path) -> None:
    told = cli("node", "config").out
    assert told.startswith("Configurable Values:\n  DAEMON_HOME: ")
    assert f"Genesis Bin: {home}/cosmovisor/genesis/bin/{nodes.DAEMON}" in told
    assert json.loads(cli("node", "config", "--json").out)["configurable"]["DAEMON_NAME"]["value"] == nodes.DAEMON
    assert cli("node", "config", "get", "keep_points").out == "2\n"
    assert cli("node", "config", "set", "keep_points=3", "max_downtime=0").out.splitlines() == [
        "keep_points: 2 → 3",
        "max_downtime_s: 5m → 0s",
    ]
    assert "keep_points = 3  (set here by " in cli("node", "config", "get").out
    assert cli("node", "config", "set", "keep_points", "4", "--json").code == 0
    assert cli("node", "config", "unset", "keep_points").out == "keep_points: 4 → 2\n"
    cli("node", "config", "set", "keep_points=0").refused_with("keep_points must be", "nothing was changed")
    cli("node", "config", "set", "nonsense=1").refused_with("there is no setting 'nonsense'")


def test_an_orchestrators_settings_are_imported(cli: Run, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "orchestrator-config.yaml"
    path.write_text("upgrade:\n  auto_apply: false\n")
    assert cli("node", "config", "import", path).out == "automatic: true → false\n"
    assert cli("node", "config", "import", path).out == "Everything is so already.\n"
    assert cli("node", "config", "get", "automatic").out == "false\n"


@pytest.mark.skipif(sys.platform != "linux", reason="foreign holders are looked for in /proc")
def test_init_says_what_it_would_do_and_does_it(cli: Run, home: Path, tmp_path: Path) -> None:
    found = json.loads(cli("node", "init", "--dry-run", "--json").out)
    assert found["done"] == []
    assert not (tmp_path / "state").exists()
    outcome = cli("node", "init")
    assert outcome.code == 0, outcome
    assert "current is genesis, sha256 " in outcome.out
    cli("node", "leave").refused_with("no unit was adopted")
    cli("node", "init", "--give-back").refused_with("no unit was adopted")


def test_the_unit_names_this_node_again(cli: Run, home: Path) -> None:
    told = cli("node", "unit", "--as-user", "validator", "--", "start", "--x").out
    assert '"node" "run" "--" "start" "--x"' in told
    assert f'Environment="DAEMON_HOME={home}"' in told
    assert "User=validator" in told
    cli("node", "unit", "--as-user", "a b").refused_with("is no name of a unit or a user")


def test_the_doctor_finds_what_is_wrong_and_says_the_next_step(cli: Run, home: Path) -> None:
    assert "Node noded in " in cli("node", "doctor").out
    (home / "cosmovisor" / "current").unlink()
    outcome = cli("node", "doctor", "--json")
    assert outcome.code == 1
    levels = {entry["topic"]: entry["level"] for entry in json.loads(outcome.out)["findings"]}
    assert "fail" in levels.values()
    assert levels["to Cosmovisor"] in {"warn", "ok"}


def test_errors_of_cosmovisors_settings_are_said_at_once(cli: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAEMON_POLL_INTERVAL", "0s")
    monkeypatch.setenv("UNSAFE_SKIP_BACKUP", "maybe")
    cli("node", "list").refused_with("DAEMON_POLL_INTERVAL", "UNSAFE_SKIP_BACKUP")


def test_an_abort_is_guided_signed_and_counted(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(URL, URL, node=tmp_path)
    (tmp_path / "settings").mkdir()
    cli("node", "abort").refused_with("knows of no upgrade")
    node = a_halted(tmp_path)
    told = cli("node", "abort").out
    assert "67 of 100 power (more than 2/3)" in told
    assert "node abort --statement" in told
    assert json.loads(cli("node", "abort", "--json").out)["total_power"] == 100
    own = cli("node", "abort", "--statement").out.strip()
    assert own.startswith("abort1.")
    lines = tmp_path / "lines"
    lines.write_text(own)
    with_lines = ("node", "abort", "--with", str(lines))
    cli(*with_lines).refused_with("needs a reason")
    outcome = cli(*with_lines, "--reason", "panic")
    assert outcome.code == 1
    assert "40 of 100 power agrees" in outcome.out
    assert "not more than 2/3" in outcome.err

    from console.operations.node_abort import abort_case
    from console.settings import load_network

    case = abort_case(load_network("testnet"), node)
    lines.write_text(f"{own}\n{line(case, 1)}\n")
    monkeypatch.setattr("sys.stdin", Terminal("other\n"))
    outcome = cli(*with_lines, "--reason", "panic")
    assert (outcome.code, "that is not the network's name" in outcome.err) == (1, True)
    monkeypatch.setattr("sys.stdin", Terminal("testnet\n"))
    for more in ((), ("--yes-network", "testnet", "--json")):
        outcome = cli(*with_lines, "--reason", "panic", *more)
        assert (outcome.code, "no controller answers" in outcome.err) == (1, True)
    assert outcome.out == ""


class Terminal:
    """Somebody who types one line."""

    def __init__(self, typed: str) -> None:
        self._typed = typed

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self._typed
