"""`node`: one question to the controller's socket each, and the logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.console.cli.conftest import Run, RunAsync
from tests.console.cli.peers import controller, write_settings
from tests.console.operations.examples import a_node_status

URL = "http://127.0.0.1:20001"


@pytest.fixture(autouse=True)
def settings(own_folders: None, tmp_path: Path) -> None:
    write_settings(URL, URL, node=tmp_path)


@pytest.mark.anyio
async def test_each_verb_asks_its_question(cli_beside: RunAsync, tmp_path: Path) -> None:
    asked: list[str] = []
    release = tmp_path / "subnetd"
    release.write_bytes(b"binary")
    async with controller(tmp_path / "state", a_node_status(state="IDLE", note="all is well"), asked):
        for verb in ("status", "start", "stop", "restart", f"add-upgrade v0.2.0 {release}"):
            outcome = await cli_beside("node", *verb.split())
            assert (outcome.code, outcome.err) == (0, "")
            assert outcome.out.splitlines() == [
                "Node node1: IDLE",
                "  generation genesis, version v0.1.5, pid 4242",
                "  height 120, last exit code —",
                "  all is well",
            ]
        as_json = await cli_beside("node", "status", "--json")
    assert asked == ["status", "start", "stop", "restart", "add_upgrade", "status"]
    assert json.loads(as_json.out) == {
        "state": "IDLE",
        "generation": "genesis",
        "version": "v0.1.5",
        "pid": 4242,
        "height": 120,
        "last_exit_code": None,
    }


@pytest.mark.parametrize("verb", ["status", "start", "stop", "restart"])
def test_without_a_controller_it_is_refused(cli: Run, verb: str) -> None:
    cli("node", verb).refused_with("no controller answers", "upgrade-console node run")


def test_bytes_that_cannot_be_read_are_refused(cli: Run, tmp_path: Path) -> None:
    cli("node", "add-upgrade", "v0.2.0", str(tmp_path / "none")).refused_with("cannot read", "nothing was changed")
    (tmp_path / "empty").touch()
    cli("node", "add-upgrade", "v0.2.0", str(tmp_path / "empty")).refused_with("is empty")


def test_logs_are_printed_by_source(cli: Run, tmp_path: Path) -> None:
    cli("node", "logs").refused_with("node1 has no log")
    run = tmp_path / "state" / "run"
    run.mkdir(parents=True)
    (run / "node.log").write_text("block 1\nblock 2\nblock \x1b[2J3")
    (run / "controller.log").write_text("armed\n")
    assert cli("node", "logs", "--lines", "2").out.splitlines() == [
        "node       block 2",
        "node       block <U+001B>[2J3",
        "controller armed",
    ]
    assert cli("node", "logs", "--source", "controller").out == "armed\n"
    document = json.loads(cli("node", "logs", "--source", "node", "--lines", "1", "--json").out)
    assert document == {"lines": [{"source": "node", "line": "block <U+001B>[2J3"}]}
    assert cli("node", "logs", "--lines", "0").out == ""
