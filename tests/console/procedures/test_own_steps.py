"""The operator's own steps: where they come in, what their commands get, and what is wrong with a file, by line."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from console.errors import SettingsError
from console.model import Outcome, RunState
from console.procedures.catalogue import catalogue
from console.procedures.definition import digest_of
from console.procedures.desk import Desk
from console.procedures.own_file import read_own_procedures
from console.procedures.own_steps import with_own
from tests.console.procedures.bench import ANSWERS, Hands, World, place, story, yes

GUIDE = (Path(__file__).parents[3] / "docs" / "operator-guide.md").read_text("utf-8")


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the settings."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "upgrade-console"
    (folder / "procedures").mkdir(parents=True)
    return folder


def step(**more: object) -> str:
    """A step as it is written."""
    values: dict[str, object] = {"id": "one", "kind": "check", "title": "One", "says": "It is one.", **more}
    lines = [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
    return "\n".join(["[[steps]]", *lines, ""])


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def own(settings: Path, *steps: str, head: str = 'title = "Mine"\npurpose = "For tests."\n') -> None:
    (settings / "procedures" / "mine.toml").write_text(head + "".join(steps))


@pytest.mark.anyio
async def test_a_procedure_of_ones_own_runs_its_commands_bare(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "hunter2")
    own(
        settings,
        step(command=["env"], contains="UPGRADE_CONSOLE_NETWORK=testnet"),
        step(id="two", kind="action", command=["touch", "{colour}; touch b"], done_command=["test", "-e", "x"]),
        step(id="sure", kind="confirmation", ask="Sure?"),
        step(id="wait", kind="wait", command=["sh", "-c", "test -e came || { touch came; exit 1; }"], every_s=0),
        step(id="late", command=["sleep", "60"], deadline_s=0.2),
        head='title = "Mine"\npurpose = "For tests."\n[parameters.colour]\nmeaning = "of it"\ndefault = "red"\n',
    )
    desk = Desk(place(tmp_path / "runs"), catalogue())
    progress = await desk.start("mine", {}, Hands({"own.sure": yes()}))
    found = {each.step: each.finding for each in progress.run.records}
    assert [each.outcome.value for each in found.values()] == ["pass", "pass", "pass", "pass", "fail"]
    assert "exit code 0 of env" in found["own.one"].evidence
    assert not any("hunter2" in line for line in found["own.one"].evidence)
    files = tmp_path / "runs" / progress.run.id / "files"
    assert sorted(each.name for each in files.iterdir()) == ["came", "red; touch b"]
    assert "did not end within 0.2 s" in found["own.late"].sentence
    assert progress.run.state is RunState.STOPPED


@pytest.mark.anyio
async def test_nothing_of_a_command_that_is_left_goes_on(settings: Path, tmp_path: Path) -> None:
    own(settings, step(command=["sh", "-c", "sleep 600 & echo $! > child; echo up; wait"], deadline_s=0))
    desk, hands = Desk(place(tmp_path / "runs"), catalogue()), Hands()
    task = asyncio.ensure_future(desk.start("mine", {}, hands))
    child = tmp_path / "runs"
    while not (found := [each for each in child.glob("*/files/child") if each.read_text().strip()]):
        assert not task.done()
        await asyncio.sleep(0)
    task.cancel("left")
    with pytest.raises(asyncio.CancelledError):
        await task
    pid = int(found[0].read_text())
    while _alive(pid):
        await asyncio.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.anyio
async def test_steps_are_added_to_a_procedure_that_is_built_in(settings: Path, tmp_path: Path) -> None:
    (settings / "config.toml").write_text(
        "[networks]\n[[procedures.story.steps]]\nid='b'\nkind='check'\ntitle='B'\nsays='b'\ncommand=['true']\n"
        "after='check'\n[[procedures.story.steps]]\nid='c'\nkind='check'\ntitle='C'\nsays='c'\ncommand=['false']\n"
        "after='check'\noptional=true\n[[procedures.story.steps]]\nid='d'\nkind='check'\ntitle='D'\nsays='d'\n"
        "command=['/no/such/program']\n"
    )
    world = World()
    (procedure,) = with_own((story(world),), read_own_procedures())
    steps = procedure.steps({}, ("a",))
    assert [each.id for each in steps] == ["check", "own.b", "own.c", "copy", "sure", "wait", "swap.a", "own.d"]
    assert digest_of(steps) != digest_of(story(world).steps({}, ("a",)))
    desk = Desk(place(tmp_path), (procedure,))
    run = (await desk.start("story", {}, Hands(dict(ANSWERS)))).run
    assert run.reason == "false exited with 1"
    progress = await desk.go_on(run.id, Hands(dict(ANSWERS)), leave_out={"own.c": "it is always so"})
    assert progress.run.records[-1].finding.outcome is Outcome.FAIL
    assert "/no/such/program cannot be started" in progress.run.records[-1].finding.sentence


@pytest.mark.parametrize(
    ("steps", "line", "why"),
    [
        (step(kind="look"), 5, "kind: must be one of check, action"),
        (step(command="true"), 8, "there is no shell"),
        (step(), 3, "command: a step of kind check needs a command"),
        (step(command=["true"]) + step(id="two", comand=["x"]), 14, "did you mean command"),
        (step(command=["true"], deadline_s=-1), 9, "at most a week"),
        (step(command=["true"], optional="yes"), 9, "true or false"),
        (step(id="A b", command=["true"]), 4, "small letters"),
        (step(kind="confirmation"), 3, "asks something"),
        (step(command=["true"], undo="x"), 9, "only an action"),
        (step(command=["true"], ask="x"), 9, "nobody is asked"),
        (step(says=None, command=["true"]), 3, "says: must be a text, and is missing"),
        (step(kind="confirmation", ask="x", contains="x"), 9, "no command whose output"),
        (step(command=[""]), 8, "names the program"),
        (step(command=["echo", "{noode}"]), 8, "there is no {noode} (did you mean node?)"),
        (step(kind="action", command=["true"], done_command=["{x}"]), 9, "there is no {x}"),
        ("[[steps]]\nid = \n", 4, "Invalid value"),
        ("", 1, "has no steps"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_key(settings: Path, steps: str, line: int, why: str) -> None:
    own(settings, steps)
    with pytest.raises(SettingsError) as refused:
        catalogue()
    told = str(refused.value)
    assert "mine.toml" in told
    assert f"line {line}" in told, told
    assert why in told, told


@pytest.mark.parametrize(
    ("settings_file", "own_file", "why"),
    [
        (
            "[procedures.look]\ntitle = 'x'\n[[procedures.look.steps]]\n" + step(command=["true"])[10:],
            "",
            "is built in",
        ),
        ("procedures = 1", "", "must be a table"),
        ("[procedures.mine]\nsteps = [{id='a',kind='wait',title='t',says='s',command=['true']}]", step(), "command"),
        ("", "title = 'x'\n" + step(command=["true"]), "needs a title and a purpose"),
        ("", "kinds = ['solana']\n" + step(command=["true"]), "kinds: must be a list of ipc and cosmos"),
    ],
)
def test_tables_that_do_not_fit_are_refused(settings: Path, settings_file: str, own_file: str, why: str) -> None:
    (settings / "config.toml").write_text(settings_file)
    if own_file:
        own(settings, own_file, head="")
    with pytest.raises(SettingsError, match=re.escape(why)):
        catalogue()


def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(settings: Path) -> None:
    os.mkfifo(settings / "procedures" / "pipe.toml")
    with pytest.raises(SettingsError, match=r"pipe.toml is no file; no procedure was begun"):
        catalogue()


@pytest.mark.anyio
async def test_a_step_after_one_that_is_not_there_is_refused_by_its_procedure_alone(
    settings: Path, tmp_path: Path
) -> None:
    own(settings, step(command=["true"], after="own.tow"), step(id="two", command=["true"]))
    desk = Desk(place(tmp_path), (*catalogue(), story(World())))
    with pytest.raises(SettingsError, match=r"line 9, after: there is no step own\.tow"):
        await desk.start("mine", {}, Hands())
    assert (await desk.start("story", {}, Hands(dict(ANSWERS)))).run.state is RunState.DONE


def test_the_guides_example_is_accepted(settings: Path) -> None:
    found = re.search(r"```toml\n# procedures/weekly.toml\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    (settings / "procedures" / "weekly.toml").write_text(found.group(1))
    weekly = next(each for each in catalogue() if each.name == "weekly")
    assert [each.id for each in weekly.steps({"ticket": "1"}, ())] == ["own.backup", "own.note", "own.colleague"]
