"""`run`: begun, waiting, gone on with, shown and exported, and what is bad use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from console.cli.arguments import parse
from console.cli.procedures.person import CommandLine
from console.model.procedure import passed
from console.procedures import built_in
from console.procedures.person import RunEvent
from tests.console.cli.conftest import Run
from tests.console.cli.peers import write_settings
from tests.console.procedures.bench import World, story


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The procedure `story` is one of those that can be run."""
    world = World()
    monkeypatch.setattr(built_in, "BUILT_IN", (*built_in.BUILT_IN, story(world)))
    write_settings("http://127.0.0.1:1", "http://127.0.0.1:1")
    return world


def run_of(text: str) -> str:
    found = re.search(r"story-\d{8}T\d{6}-[0-9a-f]{4}", text)
    assert found is not None, text
    return found.group()


def test_a_run_waits_for_a_person_and_is_gone_on_with_by_answers(cli: Run, world: World, tmp_path: Path) -> None:
    begun = cli("run", "story", "--by", "jane", "--colour", "blue")
    assert begun.code == 3
    assert "ok    check: check is good" in begun.out
    assert "ask   sure: Are you sure?" in begun.out
    run = run_of(begun.out)
    assert f"run {run} waits for a person" in begun.err
    again = cli("run", "story")
    assert (again.code, again.out) == (2, "")
    assert f"--resume {run}" in again.err
    world.broken = {"swap.b"}
    answers = ("--answer", "sure=yes:kim", "--answer", "swap.a=testnet", "--answer", "swap.b=testnet:kim")
    failed = cli("run", "--resume", *answers, "--json")
    assert failed.code == 1
    events = [json.loads(line) for line in failed.out.splitlines()]
    assert [each["event"] for each in events] == [
        "gone on", "asked", "ended", "begun", "ended", "asked", "begun", "ended", "asked", "begun", "ended", "stopped",
    ]  # fmt: skip
    assert (events[-2]["outcome"], events[-2]["words"], events[-2]["go_on"]) == ("fail", "swap.b is broken", "mend it")
    world.broken.clear()
    assert cli("run", "story", "--resume", run, "--answer", "swap.b=testnet").code == 0
    assert world.done == ["copy", "swap.a", "swap.b"]

    shown = cli("run", "--show", run)
    assert shown.code == 0
    assert "colour = blue" in shown.out
    assert "kim said yes" in shown.out
    document = json.loads(cli("run", "--show", run, "--json").out)
    assert (document["state"], document["arguments"], len(document["records"])) == ("done", {"colour": "blue"}, 7)
    for name in ("record.md", "record.json"):
        assert cli("run", "--show", run, "--export", str(tmp_path / name)).code == 0
    assert json.loads((tmp_path / "record.json").read_text()) == document
    assert document["journal"]["head_sha256"] in (tmp_path / "record.md").read_text()
    assert cli("run", "--show", run, "--export", str(tmp_path / "record.md")).code == 2
    assert cli("run", "--watch", run).code == 0
    assert run in cli("run", "--list").out
    assert cli("run", "--resume").err.startswith("upgrade-console: no run was left")


def test_a_run_is_given_up_or_only_looked_at(cli: Run, world: World) -> None:
    dry = cli("run", "story", "--dry-run")
    assert (dry.code, world.done) == (0, [])
    assert "skip  copy: Would do: Does copy." in dry.out
    run = run_of(cli("run", "story", "--skip", "check=done by hand").out)
    assert "check" not in world.begun[1:]
    given_up = cli("run", "--give-up", run, "--reason", "the plan was cancelled")
    assert (given_up.code, "abandoned: the plan was cancelled" in given_up.out) == (0, True)
    listed = json.loads(cli("run", "--list", "--json").out)
    assert [each["state"] for each in listed["runs"]] == ["abandoned", "done"]
    assert listed["unreadable"] == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("run", "say which PROCEDURE"),
        ("run --list --resume", "not allowed with"),
        ("run story --show x", "leave it out"),
        ("run --resume --colour red", "unrecognized arguments: --colour"),
        ("run story --replan", "--replan goes with --resume"),
        ("run --show x --export record.txt", ".md or .json"),
        ("run story --nothing 1", "unrecognized arguments: --nothing 1"),
        ("run storm", "did you mean story"),
        ("run story --answer sure", "must be STEP=yes"),
        ("run story --answer sure=maybe", "must say yes or no"),
        ("run story --skip check", "must be STEP=REASON"),
        ("run --show ../../etc", "there is no run"),
        ("status --nothing", "unrecognized arguments: --nothing"),
    ],
)
def test_bad_use_is_exit_code_two(cli: Run, world: World, line: str, why: str) -> None:
    outcome = cli(*line.split())
    assert outcome.code == 2
    assert why in outcome.err
    assert world.done in ([], ["copy"])


def test_a_step_that_is_not_there_is_refused_before_anything_is_begun(cli: Run, world: World) -> None:
    for line in ("--skip chek=done", "--skip copy=later", "--answer sur=yes"):
        refused = cli("run", "story", *line.split())
        assert (refused.code, refused.out, "nothing was begun" in refused.err) == (2, "", True)
    assert "did you mean sure" in cli("run", "story", "--answer", "sur=yes").err
    assert "No runs yet" in cli("run", "--list").out
    run = run_of(cli("run", "story").out)
    lines = cli("run", "--show", run).out.splitlines()[-1]
    again = cli("run", "--resume", run, "--answer", "sur=yes")
    assert (again.code, again.out, "nothing was done" in again.err) == (2, "", True)
    assert cli("run", "--show", run).out.splitlines()[-1] == lines


def test_help_behind_a_procedures_name_is_about_that_procedure(cli: Run, world: World) -> None:
    for line in ("run story --help", "run story --colour blue -h"):
        shown = cli(*line.split())
        assert (shown.code, "--colour VALUE  of it (default: red)" in shown.out) == (0, True), shown
    assert shown.out == cli("run", "--show", "story").out
    alone = cli("run", "--help")
    assert (alone.code, "--give-up RUN" in alone.out) == (0, True)
    assert "No runs yet" in cli("run", "--list").out


def test_everything_that_a_procedure_lacks_is_named_at_once(cli: Run) -> None:
    write_settings("http://127.0.0.1:1", "http://127.0.0.1:1")
    refused = cli("run", "hotfix", "--severity", "high", "--url", "https://example.org/fix")
    assert refused.code == 2
    assert "needs version: The fixed version" in refused.err
    for name in ("checksum", "source-2", "support"):
        assert name in refused.err
    assert "`upgrade-console run --show hotfix`" in refused.err


def test_the_shared_options_stand_before_or_after() -> None:
    found = parse(["--network", "a", "run", "rolling", "--checksum", "b:c", "--dry-run", "--by", "x"])
    assert (found.procedure, found.given, found.dry_run) == ("rolling", ["--checksum", "b:c"], True)


def test_a_chain_that_is_down_fails_the_look_and_says_what_to_do(cli: Run) -> None:
    write_settings("http://127.0.0.1:1", "http://127.0.0.1:1")
    outcome = cli("run", "look")
    assert outcome.code == 1
    assert "FAIL  look.chain: no RPC endpoint of network testnet answers" in outcome.out
    assert "> see to the network's endpoints, then go on" in outcome.out


def test_the_timeline_says_why_there_is_none(cli: Run) -> None:
    write_settings("http://127.0.0.1:1", "http://127.0.0.1:1")
    text = cli("run", "--timeline")
    assert (text.code, "no RPC endpoint of network testnet answers" in text.out) == (1, True)
    document = json.loads(cli("run", "--timeline", "--json").out)
    assert (document["entries"], document["target_height"]) == ([], None)


def test_what_was_shown_with_a_question_is_not_shown_again_with_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    person = CommandLine("jane", {}, as_json=False)
    shown = passed("where the changelog is", "plan: v2")
    person.told(RunEvent("asked", "run", 1.0, "sure", "Are you sure?", shown))
    answered = passed("jane said yes", shown.sentence, *shown.evidence, "reason: read twice")
    person.told(RunEvent("ended", "run", 2.0, "sure", answered.sentence, answered))
    out = capsys.readouterr().out
    assert (out.count("plan: v2"), out.count("reason: read twice")) == (1, 1)
    # Another step's evidence is its own.
    person.told(RunEvent("ended", "run", 3.0, "look", answered.sentence, answered))
    assert "plan: v2" in capsys.readouterr().out


def test_why_it_stopped_is_said_once_and_the_whole_command_that_goes_on(cli: Run, world: World) -> None:
    world.broken = {"copy"}
    failed = cli("run", "story", "--answer", "sure=yes")
    assert failed.code == 1
    assert failed.out.count("copy is broken") == 1
    run = run_of(failed.out)
    assert failed.out.rstrip().endswith(f"stopped {run}")
    assert f"copy is broken; go on with `upgrade-console run --resume {run} --network " in failed.err
