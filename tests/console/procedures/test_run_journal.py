"""A journal that was cut or changed anywhere: what is whole is read, what is not is told, nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import ConsoleError, JournalError
from console.hand_lock import HandLock
from console.model import Outcome, Progress, RunState, StepKind
from console.procedures.desk import Desk
from console.procedures.progress import Move, next_move
from console.procedures.run_journal import JOURNAL_NAME, read_run, reading_of, reopen_journal
from tests.console.procedures.bench import ANSWERS, Hands, World, place, story


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The journal of a run that failed once, was gone on with, and was done."""
    import asyncio

    folder, world = tmp_path_factory.mktemp("runs"), World(broken={"swap.b"})
    desk = Desk(place(folder), (story(world),))
    run = asyncio.run(desk.start("story", {}, Hands(dict(ANSWERS)))).run.id
    world.broken.clear()
    asyncio.run(desk.go_on(run, Hands(dict(ANSWERS))))
    return (folder / run / JOURNAL_NAME).read_bytes()


def test_of_the_past_it_tells_what_was_written_by_then(tmp_path: Path) -> None:
    import asyncio

    world = World(broken={"swap.a"})
    desk = Desk(place(tmp_path), (story(world),))
    run = asyncio.run(desk.start("story", {}, Hands(dict(ANSWERS)))).run.id
    stopped = read_run(tmp_path / run).last_at
    world.broken.clear()
    asyncio.run(desk.go_on(run, Hands(dict(ANSWERS))))
    now = read_run(tmp_path / run)
    assert now.progress.run.state is RunState.DONE

    def state_at(moment: float) -> RunState | None:
        shown, problems = desk.as_of(moment, HandLock("it is past")).runs()
        assert problems == ()
        return shown[0].progress.run.state if shown else None

    begun = now.progress.run.started_at
    assert [state_at(at) for at in (begun - 1, begun, stopped - 1, stopped, now.last_at - 1, now.last_at)] == [
        None, RunState.RUNNING, RunState.RUNNING, RunState.STOPPED, RunState.RUNNING, RunState.DONE,
    ]  # fmt: skip
    with pytest.raises(ConsoleError, match="read-only"):
        asyncio.run(desk.as_of(begun, HandLock("it is past")).go_on(run, Hands()))


def test_cut_anywhere_it_tells_the_lines_that_were_whole(whole: bytes) -> None:
    ends = [at + 1 for at, byte in enumerate(whole) if byte == 10]
    for cut in range(0, len(whole), 37):
        lines = sum(end <= cut for end in ends)
        if not lines:
            with pytest.raises(JournalError):
                reading_of(whole[:cut], "it")
            continue
        reading = reading_of(whole[:cut], "it")
        assert (reading.lines, reading.problem) == (lines, "")


def test_a_reopened_journal_goes_on_behind_its_last_whole_line(whole: bytes, tmp_path: Path) -> None:
    cut = whole[: whole.rstrip(b"\n").rfind(b"\n") + 20]
    (tmp_path / JOURNAL_NAME).write_bytes(cut)
    journal = reopen_journal(tmp_path)
    journal.append("stopped", at=5.0, reason="later")
    journal.close()
    reading = read_run(tmp_path)
    assert (reading.problem, reading.progress.run.reason) == ("", "later")
    assert reading.progress.run.state is RunState.STOPPED


@given(st.data())
@settings(max_examples=40)
def test_changed_anywhere_it_is_told_and_never_gone_on_with(whole: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole) - 2))
    byte = data.draw(st.integers(32, 126).filter(lambda value: value != whole[at]))
    changed = whole[:at] + bytes([byte]) + whole[at + 1 :]
    try:
        reading = reading_of(changed, "it")
    except JournalError:
        return
    last_line = whole.rstrip(b"\n").rfind(b"\n") + 1
    # Nothing holds on to the last line yet: there it is the head that was noted elsewhere that shows it.
    assert reading.problem or (at >= last_line and reading.head != reading_of(whole, "it").head)


def test_a_missing_line_is_damage_and_a_person_has_to_look(whole: bytes, tmp_path: Path) -> None:
    lines = whole.split(b"\n")
    (tmp_path / JOURNAL_NAME).write_bytes(b"\n".join(lines[:3] + lines[4:]))
    reading = read_run(tmp_path)
    assert reading.lines == 3
    assert "line 4" in reading.problem
    with pytest.raises(JournalError, match="nothing is guessed"):
        reopen_journal(tmp_path)


def progress_of(rows: list[dict[str, object]]) -> Progress:
    """What rows tell, through the file's own format."""
    from console.hash_chain import line_hash

    content, before = b"", ""
    for row in rows:
        line = json.dumps({"format": 1, "before": before, "at": 1.0, "by": "j", **row}).encode()
        content, before = content + line + b"\n", line_hash(line)
    reading = reading_of(content, "it")
    assert reading.problem == ""
    return reading.progress


kinds = st.sampled_from(list(StepKind))
lists = st.lists(st.tuples(kinds, st.booleans(), st.booleans()), min_size=1, max_size=5)


@given(lists, st.lists(st.sampled_from(["pass", "fail", "die", "leave"]), max_size=14), st.booleans())
@settings(max_examples=50)
def test_no_action_is_begun_twice_without_a_look_and_no_step_before_its_turn(
    steps: list[tuple[StepKind, bool, bool]], fates: list[str], dry: bool
) -> None:
    lines = [
        {"id": f"s{at}", "kind": kind.value, "title": "t", "optional": False, "asks": asks, "looks": looks}
        for at, (kind, asks, looks) in enumerate(steps)
    ]
    rows: list[dict[str, object]] = [
        {"row": "started", "run": "r", "procedure": "p", "network": "n", "node": "", "arguments": [], "items": [],
         "dry": dry, "digest": "0" * 64, "steps": lines}
    ]  # fmt: skip
    open_action = ""  # begun, and neither ended well nor looked at since
    for fate in [*fates, *["pass"] * 40]:
        progress = progress_of(rows)
        move, step = next_move(progress)
        settled = {record.step for record in progress.run.records if dry or record.finding.outcome is not Outcome.FAIL}
        if move is Move.END:
            assert settled == {line["id"] for line in lines}
            return
        assert step == next(line["id"] for line in lines if line["id"] not in settled)
        at = int(step[1:])
        if move is Move.FAILED:
            rows.append({"row": "gone_on", "digest": "0" * 64, "steps": lines})
            continue
        if move in {Move.LOOK, Move.ASK_WHETHER_DONE}:
            assert move is (Move.LOOK if steps[at][2] else Move.ASK_WHETHER_DONE)
            open_action = ""
            if fate == "pass":
                rows.append(ended(step, "pass"))
            elif fate == "fail":
                rows.append({"row": "looked", "step": step})
            continue
        assert steps[at][0] is not StepKind.ACTION or open_action != step or dry
        assert move is (Move.ASK if steps[at][1] and not dry else Move.BEGIN)
        if fate == "leave":
            rows.append({"row": "stopped", "reason": "left"})
            rows.append({"row": "gone_on", "digest": "0" * 64, "steps": lines})
            continue
        if not dry:
            rows.append({"row": "begun", "step": step})
            open_action = step if steps[at][0] is StepKind.ACTION else ""
        if fate == "die":
            rows.append({"row": "gone_on", "digest": "0" * 64, "steps": lines})
            continue
        rows.append(ended(step, fate))
        open_action = open_action if fate == "fail" else ""
    raise AssertionError("it does not end")


def ended(step: str, outcome: str) -> dict[str, object]:
    told = {"row": "ended", "step": step, "outcome": outcome, "sentence": "s"}
    return {**told, "evidence": [], "go_on": "", "started_at": 1.0}
