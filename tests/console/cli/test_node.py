"""`node`: one question to the controller's socket each, and the logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.model import Fetching, KnownRelease, Proof, ProofState
from console.node.journal import Journal
from console.text import UntrustedText
from tests.console.cli.conftest import Run, RunAsync
from tests.console.cli.peers import controller, write_settings
from tests.console.operations.examples import a_node_status
from tests.fakes import a_release

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
        "fetching": None,
        "proof": None,
        "halt_height": 0,
        "paused": "",
        "alarm": "",
        "note": "all is well",
        "upgrade": None,
    }


@pytest.mark.anyio
async def test_a_download_that_goes_on_is_told(cli_beside: RunAsync, tmp_path: Path) -> None:
    fetching = Fetching(41, 100, 12 << 20, 7.25, UntrustedText("releases.example"))
    async with controller(tmp_path / "state", a_node_status(fetching=fetching)):
        said = await cli_beside("node", "status")
        as_json = await cli_beside("node", "status", "--json")
    assert "  fetching 41 % 12.0 MiB/s 0:07 left from releases.example" in said.out.splitlines()
    document = json.loads(as_json.out)["fetching"]
    assert document["eta_s"] == pytest.approx(7.25, abs=0.5)
    assert {**document, "eta_s": 0} == {
        "received": 41,
        "total": 100,
        "rate": 12 << 20,
        "eta_s": 0,
        "source": "releases.example",
    }


@pytest.mark.anyio
async def test_how_far_a_release_is_proven_is_told(cli_beside: RunAsync, tmp_path: Path) -> None:
    words = "not proven yet: first executed it at height 500, 12 h 00 min of block time since, 36 h 00 min left"
    proof = Proof("first", ProofState.RUNNING, 48 * 3600, 12 * 3600, words)
    async with controller(tmp_path / "state", a_node_status(proof=proof)):
        said = await cli_beside("node", "status")
        as_json = await cli_beside("node", "status", "--json")
    assert f"  {words}" in said.out.splitlines()
    assert json.loads(as_json.out)["proof"] == {
        "network": "first",
        "state": "running",
        "needed_s": 48 * 3600,
        "elapsed_s": 12 * 3600,
        "left_s": 36 * 3600,
        "sentence": words,
    }


@pytest.mark.anyio
async def test_an_unproven_release_is_taken_with_a_reason_and_armed_now_only_with_another(
    cli_beside: RunAsync, tmp_path: Path
) -> None:
    asked: list[str] = []
    async with controller(tmp_path / "state", a_node_status(), asked):
        taken = await cli_beside("node", "arm", "--unproven", "the testnet is gone")
        assert taken.code == 0
        assert taken.out.splitlines()[0].startswith("arm --unproven: lets node1 of testnet arm in its turn")
        assert asked == ["arm_unproven"]
        both = await cli_beside("node", "arm", "--unproven", "gone", "--reason", "and now")
        assert both.code == 0
        assert asked == ["arm_unproven", "arm_unproven", "arm"]
        for words in (("--unproven", " "), ("--unproven", "gone", "--reason", " ")):
            refused = await cli_beside("node", "arm", *words)
            refused.refused_with("needs a reason, for the journal", "nothing was changed")
    assert len(asked) == 3


DANGEROUS = ("arm", "disarm", "swap v2", "rollback", "restore p1", "resync", "resync --from-genesis")


@pytest.mark.anyio
async def test_a_dangerous_verb_says_what_it_does_before_it_is_done(cli_beside: RunAsync, tmp_path: Path) -> None:
    asked: list[str] = []
    async with controller(tmp_path / "state", a_node_status(), asked):
        for line in DANGEROUS:
            verb = line.split()[0]
            outcome = await cli_beside("node", *line.split(), "--reason", "practice")
            assert outcome.code == 0, outcome
            first = outcome.out.splitlines()[0]
            assert first.startswith((f"{verb}: ", f"{line}: ")), first
            assert "node1 of testnet" in first
            as_json = await cli_beside("node", *line.split(), "--reason", "practice", "--json")
            assert json.loads(as_json.out)["state"] == "IDLE"
    assert asked == [line.split()[0] for line in DANGEROUS for _ in range(2)]


@pytest.mark.parametrize("line", DANGEROUS)
def test_a_dangerous_verb_without_a_reason_asks_nobody(cli: Run, line: str) -> None:
    cli("node", *line.split()).refused_with("needs a reason", "nothing was changed")
    cli("node", *line.split(), "--reason", " ").refused_with("needs a reason")


@pytest.mark.anyio
async def test_verbs_of_automation_and_points_ask_their_questions(cli_beside: RunAsync, tmp_path: Path) -> None:
    asked: list[str] = []
    async with controller(tmp_path / "state", a_node_status(paused="dinner", alarm="look at it"), asked):
        outcome = await cli_beside("node", "pause", "--reason", "dinner")
        assert "automation is paused: dinner" in outcome.out
        assert "needs you: look at it" in outcome.out
        assert (await cli_beside("node", "resume", "--cross", "we agreed")).code == 0
        assert (await cli_beside("node", "backup", "p1")).out.startswith("p1: taken")
        assert json.loads((await cli_beside("node", "backup", "--json")).out)["point"] == {}
    assert asked == ["pause", "resume", "backup", "backup"]


@pytest.mark.anyio
async def test_a_plan_that_is_not_there_cannot_be_prepared(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with controller(tmp_path / "state", a_node_status()):
        (await cli_beside("node", "prepare-upgrade")).refused_with("there is no open plan to prepare")


@pytest.mark.parametrize("verb", ["pause", "resume", "backup", "prepare-upgrade"])
def test_a_verb_that_needs_the_controller_says_how_to_start_it(cli: Run, verb: str) -> None:
    said = "upgrade-console node run --network testnet --node node1"
    cli("node", *verb.split()).refused_with("no controller answers", said)


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


def test_events_are_a_timeline(cli: Run, tmp_path: Path) -> None:
    cli("node", "events").refused_with("node1 has no journal")
    (tmp_path / "state").mkdir()
    journal = Journal(tmp_path / "state" / "journal.db")
    for number in range(5):
        journal.record("asked", method="pause", who="ada", parameters={"reason": f"\x1b[2J{number}"})
    journal.close()
    lines = cli("node", "events", "--lines", "2").out.splitlines()
    assert len(lines) == 2
    assert lines[1].endswith('asked: method pause, who ada, parameters {"reason": "\\u001b[2J4"}')
    found = json.loads(cli("node", "events", "--since", "3", "--json").out)["events"]
    assert [event["seq"] for event in found] == [4, 5]


@pytest.mark.anyio
async def test_what_is_verified_of_the_planned_release_is_told(cli_beside: RunAsync, tmp_path: Path) -> None:
    asked: list[str] = []
    async with controller(tmp_path / "state", a_node_status(), asked, release=a_release()):
        said = await cli_beside("node", "show-release", "v0.2.0")
        as_json = await cli_beside("node", "show-release", "--json")
    assert (said.code, said.err, asked) == (0, "", ["release", "release"])
    lines = said.out.splitlines()
    assert lines[0] == "Release v0.2.0: it may be staged."
    assert "  developers  2 of 2: alice, bob" in lines
    assert "  auditors    0, none is asked for" in lines
    assert "passed    developers   2 of 2 signed (alice, bob)" in lines
    assert lines[-1] == "  1. Write one storage slot."
    document = json.loads(as_json.out)
    assert document["accepted"] is True
    assert document["facts"]["grace"] == "100 blocks for late nodes"
    assert document["counts"][0] == {"role": "developer", "names": ["alice", "bob"], "needed": 2}


@pytest.mark.anyio
async def test_a_release_without_a_manifest_is_one_line(cli_beside: RunAsync, tmp_path: Path) -> None:
    raw = KnownRelease("v0.2.0", "v0.2.0 is a raw binary without a manifest")
    async with controller(tmp_path / "state", a_node_status(), release=raw):
        said = await cli_beside("node", "show-release")
    assert (said.code, said.out) == (0, "V0.2.0 is a raw binary without a manifest.\n")
    nobody = await cli_beside("node", "show-release")
    assert (nobody.code, nobody.out) == (1, "")
    assert "no controller answers" in nobody.err
