"""Runs that are begun, left, killed at every row and gone on with; two people; what is refused."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import HeldByOther, InputError, JournalError
from console.model import Finding, Outcome, RunState, StepKind
from console.procedures.desk import Desk
from console.procedures.person import Answer
from console.procedures.run_journal import JOURNAL_NAME, RunJournal, begin_journal, only_one
from console.procedures.step import Procedure, Step, StepContext, passed
from console.text import UntrustedText
from tests.console.operations.homes import a_cosmos_node
from tests.console.procedures.bench import (
    ANSWERS,
    Hands,
    Killed,
    World,
    action,
    check,
    dies_at,
    network,
    no,
    place,
    story,
    yes,
)

pytestmark = pytest.mark.anyio


def of_steps(name: str, *steps: Step) -> Procedure:
    return Procedure(name, name.capitalize(), "For tests.", lambda _arguments, _items: steps)


def outcomes(desk: Desk, run: str) -> dict[str, str]:
    return {each.step: each.finding.outcome.value for each in desk.reading(run).progress.run.records}


async def test_a_run_goes_through_its_steps_and_keeps_what_was_found(tmp_path: Path) -> None:
    world, hands = World(), Hands(dict(ANSWERS))
    desk = Desk(place(tmp_path), (story(world),))
    progress = await desk.start("story", {"colour": " blue "}, hands)
    assert progress.run.state is RunState.DONE
    assert world.done == ["copy", "swap.a", "swap.b"]
    assert world.looked == []
    reading = desk.reading(progress.run.id)
    run = reading.progress.run
    assert (run.arguments, run.items, run.by) == ((("colour", "blue"),), ("a", "b"), "jane")
    assert [record.step for record in run.records] == ["check", "copy", "sure", "wait", "swap.a", "swap.b"]
    assert run.records[0].finding.evidence == ("1 of 1",)
    assert "jane said yes: Are you sure?" in run.records[2].finding.sentence
    assert reading.progress.remembered == {"waited": "yes"}
    assert (tmp_path / run.id).stat().st_mode & 0o777 == 0o700
    assert [event.kind for event in hands.events if event.step == "swap.a"] == ["asked", "begun", "ended"]
    with pytest.raises(InputError, match="is done"):
        await desk.go_on(run.id, hands)


async def test_what_is_needless_is_neither_asked_for_nor_begun(tmp_path: Path) -> None:
    world, hands = World(), Hands({"b": yes()})
    asked = [replace(action(world, name), ask="Sure?") for name in ("a", "b")]
    steps = (replace(asked[0], needless=lambda context: f"not on {context.network.name}"), asked[1])
    desk = Desk(place(tmp_path), (of_steps("halt", *steps),))
    progress = await desk.start("halt", {}, hands)
    assert progress.run.state is RunState.DONE
    assert world.begun == ["b"]
    assert [question.step.id for question in hands.asked] == ["b"]
    left_out = progress.run.records[0].finding
    assert (left_out.outcome, left_out.sentence) == (Outcome.SKIP, f"not on {place(tmp_path).network.name}")


async def test_a_run_that_dies_at_any_row_ends_as_one_that_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)
    with dies_at(monkeypatch, 0, after=False) as rows:
        await Desk(place(tmp_path / "whole"), (story(World()),)).start("story", {}, Hands(dict(ANSWERS)))
    assert rows[0] > 10
    for point in range(1, rows[0] + 1):
        for after in (False, True):
            world = World()
            folder = tmp_path / f"{point}-{after}"
            desk = Desk(place(folder), (story(world),))
            with dies_at(monkeypatch, point, after=after), pytest.raises(Killed):
                await desk.start("story", {}, Hands(dict(ANSWERS)))
            left = desk.unfinished()
            if not left:
                # Before its first row there was no run; after its last one it was done.
                assert point in {1, rows[0]}
                assert world.done == ([] if point == 1 else ["copy", "swap.a", "swap.b"])
                continue
            assert left[0].run.state in {RunState.STOPPED, RunState.WAITING}
            before = list(world.done)
            progress = await desk.go_on(left[0].run.id, Hands(dict(ANSWERS)))
            assert progress.run.state is RunState.DONE
            assert world.done == ["copy", "swap.a", "swap.b"], (point, after)
            begun_and_not_ended = left[0].run.begun
            if begun_and_not_ended in {"copy", "swap.a", "swap.b"}:
                assert begun_and_not_ended in world.looked
            else:
                assert world.looked == [], (point, after, before)


async def test_one_that_dies_in_an_action_looks_before_it_does_it_again(tmp_path: Path) -> None:
    for when in ("at_begin", "at_done"):
        world = World()

        def die(name: str) -> None:
            if name == "copy":
                raise Killed

        setattr(world, when, die)
        desk = Desk(place(tmp_path / when), (story(world),))
        with pytest.raises(Killed):
            await desk.start("story", {}, Hands(dict(ANSWERS)))
        setattr(world, when, lambda _name: None)
        left = desk.unfinished()[0]
        assert (left.run.begun, left.run.state) == ("copy", RunState.STOPPED)
        await desk.go_on(left.run.id, Hands(dict(ANSWERS)))
        assert world.looked == ["copy"]
        assert world.done.count("copy") == 1
        assert world.begun.count("copy") == (2 if when == "at_begin" else 1)


async def test_a_person_says_whether_an_action_was_done_that_cannot_tell(tmp_path: Path) -> None:
    for said, times in ((yes(), 1), (no("not there"), 2)):
        world = World()

        def die(name: str) -> None:
            raise Killed

        world.at_done = die
        blind = of_steps("blind", action(world, "send", looks=False))
        desk = Desk(place(tmp_path / str(times)), (blind,))
        with pytest.raises(Killed):
            await desk.start("blind", {}, Hands())
        world.at_done = lambda _name: None
        run = desk.unfinished()[0].run
        assert run.state is RunState.WAITING
        nobody = Hands()
        assert (await desk.go_on(run.id, nobody)).run.state is RunState.WAITING
        assert nobody.asked[0].whether_done
        assert world.begun == ["send"]
        assert (await desk.go_on(run.id, Hands({"send": said}))).run.state is RunState.DONE
        assert len(world.begun) == times


async def test_a_failure_stops_it_and_going_on_tries_again(tmp_path: Path) -> None:
    world = World(broken={"check"})
    desk = Desk(place(tmp_path), (story(world),))
    progress = await desk.start("story", {}, Hands(dict(ANSWERS)))
    assert (progress.run.state, progress.run.reason) == (RunState.STOPPED, "check is bad")
    assert world.done == []
    with pytest.raises(InputError, match="is not ended"):
        await desk.start("story", {}, Hands())
    world.broken = {"copy"}
    progress = await desk.go_on(progress.run.id, Hands(dict(ANSWERS)))
    assert (progress.failed, world.begun) == ("copy", ["check", "check", "copy"])
    world.broken.clear()
    progress = await desk.go_on(progress.run.id, Hands(dict(ANSWERS)))
    assert progress.run.state is RunState.DONE
    # What failed may be half there: it was looked.
    assert world.looked == ["copy"]


async def test_a_no_stops_it_and_a_wrong_word_begins_nothing(tmp_path: Path) -> None:
    world = World()
    desk = Desk(place(tmp_path), (story(world),))
    progress = await desk.start("story", {}, Hands({"sure": no("the team is asleep")}))
    assert progress.run.reason == "joe said no: the team is asleep"
    run = progress.run.id
    progress = await desk.go_on(run, Hands({"sure": yes()}))
    assert progress.run.state is RunState.WAITING
    with pytest.raises(InputError, match="confirmed with 'testnet'"):
        await desk.go_on(run, Hands({"swap.a": yes("mainnet")}))
    assert world.done == ["copy"]
    assert (await desk.go_on(run, Hands(dict(ANSWERS)))).run.state is RunState.DONE


async def test_only_optional_steps_are_left_out_and_with_a_reason(tmp_path: Path) -> None:
    world = World(broken={"check"})
    desk = Desk(place(tmp_path), (story(world),))
    progress = await desk.start("story", {}, Hands(dict(ANSWERS)))
    run = progress.run.id
    for step, reason, why in (("copy", "no", "not optional"), ("check", " ", "reason"), ("chek", "x", "mean check")):
        with pytest.raises(InputError, match=why):
            await desk.go_on(run, Hands(), leave_out={step: reason})
    progress = await desk.go_on(run, Hands(dict(ANSWERS)), leave_out={"check": "known, ticket 7"})
    assert progress.run.state is RunState.DONE
    left_out = [each for each in progress.run.records if each.step == "check"][-1]
    assert (left_out.finding.outcome, left_out.by) == (Outcome.SKIP, "jane")
    assert "known, ticket 7" in left_out.finding.sentence


async def test_a_dry_run_looks_and_changes_nothing(tmp_path: Path) -> None:
    world, hands = World(), Hands()
    desk = Desk(place(tmp_path), (story(world),))
    progress = await desk.start("story", {}, hands, dry=True)
    assert (progress.run.state, world.done, hands.asked) == (RunState.DONE, [], [])
    told = {each.step: each.finding for each in progress.run.records}
    assert told["check"].outcome is Outcome.PASS
    assert told["sure"].sentence == "Would ask: Are you sure?"
    assert told["swap.a"].sentence == "Would do: Does swap.a."
    assert told["swap.a"].evidence == ("asks first: Swap?", "has to be typed: testnet", "way back: undo it")
    assert told["wait"].sentence == "Would wait: Waits."
    # It stands in nobody's way.
    assert (await desk.start("story", {}, Hands(dict(ANSWERS)))).run.state is RunState.DONE


async def test_a_dry_run_tells_what_fails_now_from_what_is_only_not_done_yet(tmp_path: Path) -> None:
    world = World(broken={"first", "after"})

    async def crashes(_context: StepContext) -> Finding:
        raise ValueError("there is nothing to look at")

    async def text(_context: StepContext) -> Finding:
        return passed("the text", "Dear all")

    steps = (
        Step("read", StepKind.CONFIRMATION, "Read", "It is shown.", text, ask="Is it right?"),
        check(world, "first"),
        action(world, "copy"),
        check(world, "after"),
        Step("crashes", StepKind.CHECK, "Look", "Looks at the copy.", crashes),
    )
    progress = await Desk(place(tmp_path), (of_steps("own", *steps),)).start("own", {}, Hands(), dry=True)
    told = {each.step: each.finding for each in progress.run.records}
    assert (told["read"].sentence, told["read"].evidence) == ("Would ask: Is it right?", ("the text", "Dear all"))
    assert told["first"].outcome is Outcome.FAIL
    assert (told["after"].outcome, told["crashes"].outcome) == (Outcome.WARN, Outcome.SKIP)
    assert told["after"].sentence == "as long as the steps above are not done: after is bad"
    assert "mend" not in told["after"].go_on


async def test_what_goes_with_a_check_that_was_left_out_is_left_out_too(tmp_path: Path) -> None:
    world = World()
    first = check(world, "first", optional=True)
    goes = action(world, "goes", ask="Shall it?", follows="first")
    hands = Hands({"goes": yes()})
    desk = Desk(place(tmp_path), (of_steps("own", first, goes),))
    await desk.start("own", {}, hands, leave_out={"first": "there is none"})
    assert (hands.asked, world.done) == ([], [])
    await desk.start("own", {}, hands)
    assert world.done == ["goes"]


async def test_a_changed_definition_is_told_and_followed_by_a_word_alone(tmp_path: Path) -> None:
    world = World()
    before = of_steps("own", check(world, "one"), check(world, "two"))
    now = of_steps("own", check(world, "one"), check(world, "zero"), check(world, "two"))
    world.broken = {"two"}
    run = (await Desk(place(tmp_path), (before,)).start("own", {}, Hands())).run.id
    desk = Desk(place(tmp_path), (now,))
    with pytest.raises(InputError, match="zero came in"):
        await desk.go_on(run, Hands())
    world.broken.clear()
    assert (await desk.go_on(run, Hands(), replan=True)).run.state is RunState.DONE
    assert world.begun == ["one", "two", "zero", "two"]


async def test_the_second_person_hears_who_runs_it_and_can_watch(tmp_path: Path) -> None:
    world, hands = World(), Hands(dict(ANSWERS))
    desk = Desk(place(tmp_path), (story(world),))
    seen: list[str] = []

    class Second(Hands):
        async def answer(self, question: object) -> Answer | None:
            other = Desk(place(tmp_path), (story(World()),))
            run = other.runs()[0][0]
            assert run.held
            with pytest.raises(HeldByOther, match=r"run by jane \(process \d+\) since .*at step sure") as refused:
                await other.start("story", {}, Hands())
            with pytest.raises(HeldByOther):
                await other.go_on(run.progress.run.id, Hands())
            with pytest.raises(HeldByOther):
                other.give_up(run.progress.run.id, "mine", UntrustedText("joe"))
            seen.append(str(refused.value))
            return None

    await desk.start("story", {}, Second())
    assert "--watch" in seen[0]
    run = desk.unfinished()[0]
    assert run.run.state is RunState.WAITING
    assert (await desk.go_on(run.run.id, hands)).run.state is RunState.DONE


async def test_what_is_given_up_stays_with_its_reason(tmp_path: Path) -> None:
    desk = Desk(place(tmp_path), (story(World()),))
    run = (await desk.start("story", {}, Hands())).run.id
    with pytest.raises(InputError, match="reason"):
        desk.give_up(run, " ", UntrustedText("jane"))
    desk.give_up(run, "the plan was cancelled", UntrustedText("jane"))
    told = desk.reading(run).progress.run
    assert (told.state, told.reason) == (RunState.ABANDONED, "the plan was cancelled")
    with pytest.raises(InputError, match="given up"):
        await desk.go_on(run, Hands())


async def test_one_that_is_left_says_why_and_is_not_half_done(tmp_path: Path) -> None:
    world = World()

    async def forever(context: StepContext) -> object:
        await context.sleep(3600)
        return passed("never")

    steps = (check(world, "one"), Step("hang", StepKind.WAIT, "Hang", "Hangs.", forever, deadline_s=0))  # type: ignore[arg-type]
    desk = Desk(place(tmp_path), (of_steps("hang", *steps),))
    hands = Hands()
    task = asyncio.ensure_future(desk.start("hang", {}, hands))
    while not any(event.step == "hang" for event in hands.events):
        await asyncio.sleep(0)
    task.cancel("the terminal was lost")
    with pytest.raises(asyncio.CancelledError):
        await task
    run = desk.unfinished()[0].run
    assert (run.state, run.reason, run.begun) == (RunState.STOPPED, "the terminal was lost", "hang")


async def test_what_raises_or_hangs_is_a_failure_of_its_step(tmp_path: Path) -> None:
    async def raises(_context: StepContext) -> object:
        raise KeyError("surprise")

    async def refused(_context: StepContext) -> object:
        raise InputError("no such file", safe="nothing was changed", next_step="name another")

    async def hangs(_context: StepContext) -> object:
        await asyncio.Event().wait()
        raise AssertionError

    for work, sentence, go_on in (
        (raises, "unexpected KeyError: 'surprise'", "mend"),
        (refused, "no such file; nothing was changed", "name another"),
        (hangs, "it did not end within 0.01 s", "mend"),
    ):
        step = Step("bad", StepKind.CHECK, "Bad", "Bad.", work, deadline_s=0.01)  # type: ignore[arg-type]
        desk = Desk(place(tmp_path / work.__name__), (of_steps("bad", step),))
        finding = (await desk.start("bad", {}, Hands())).run.records[0].finding
        assert (finding.outcome, finding.sentence) == (Outcome.FAIL, sentence)
        assert finding.go_on.startswith(go_on)


async def test_on_a_full_disk_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    desk = Desk(place(tmp_path), (story(world),))
    append = RunJournal.append

    def full(self: RunJournal, row: str, **fields: object) -> object:
        if row == "begun" and fields["step"] == "copy":
            monkeypatch.setattr("os.write", lambda _descriptor, content: len(content) // 2)
        return append(self, row, **fields)

    monkeypatch.setattr(RunJournal, "append", full)
    with pytest.raises(JournalError, match="No space left"):
        await desk.start("story", {}, Hands(dict(ANSWERS)))
    monkeypatch.undo()
    assert world.done == []
    assert outcomes(desk, desk.unfinished()[0].run.id) == {"check": "pass"}
    assert (await desk.go_on(desk.unfinished()[0].run.id, Hands(dict(ANSWERS)))).run.state is RunState.DONE
    # Full before its first row: there is no run to go on with.
    monkeypatch.setattr("os.write", lambda _descriptor, content: len(content) // 2)
    with pytest.raises(JournalError, match="nothing was begun") as refused:
        await desk.start("story", {}, Hands())
    monkeypatch.undo()
    assert "go on" not in str(refused.value)
    assert desk.unfinished() == ()


async def test_parameters_are_checked_and_secrets_refused(tmp_path: Path) -> None:
    desk = Desk(place(tmp_path), (story(World()),))
    for given, why in (({"color": "x"}, "did you mean colour"), ({"colour": "a token=abcdef"}, "looks like a secret")):
        with pytest.raises(InputError, match=why):
            await desk.start("story", given, Hands())
    with pytest.raises(InputError, match="did you mean story"):
        await desk.start("stori", {}, Hands())
    assert desk.runs() == ((), ())


def test_what_looks_like_a_secret_does_not_get_into_a_journal(tmp_path: Path) -> None:
    words = " ".join(["abandon"] * 11 + ["about"])
    journal = begin_journal(
        tmp_path, "r-1", at=1.0, procedure="p", network="n", node="", arguments=[], items=[], dry=False, by="j",
        digest="0" * 64, steps=[],
    )  # fmt: skip
    journal.append("stopped", at=2.0, reason=f"password = hunter2, https://me:hunter3@host/ and {words}")
    journal.close()
    content = (tmp_path / "r-1" / JOURNAL_NAME).read_text()
    assert "hunter" not in content
    assert "abandon" not in content


async def test_two_users_of_one_machine_do_not_run_it_for_one_node(tmp_path: Path) -> None:
    node = replace(a_cosmos_node(tmp_path), state_dir=tmp_path / "state-of-node")
    node.state_dir.mkdir()
    mine = replace(place(tmp_path / "jane"), network=replace(network(), nodes=(node,)), node=node)
    theirs = replace(mine, folder=tmp_path / "root")
    seen: list[str] = []

    class First(Hands):
        async def answer(self, question: object) -> Answer | None:
            with pytest.raises(
                HeldByOther, match=r"story is run by jane \(process \d+\) since .*, run story-"
            ) as refused:
                await Desk(theirs, (story(World()),)).start("story", {}, Hands())
            seen.append(str(refused.value))
            return None

    await Desk(mine, (story(World()),)).start("story", {}, First())
    assert len(seen) == 1
    # Each keeps records of his own.
    assert [len(Desk(each, (story(World()),)).runs()[0]) for each in (mine, theirs)] == [1, 0]


def test_a_lock_of_one_node_does_not_keep_another_from_it(tmp_path: Path) -> None:
    with ExitStack() as held:
        for procedure, node in (("p", "a"), ("p", "b"), ("q", "a")):
            held.enter_context(only_one(tmp_path, procedure, node, "jane"))
        with pytest.raises(HeldByOther, match="by jane"):
            held.enter_context(only_one(tmp_path, "p", "a", "joe"))
