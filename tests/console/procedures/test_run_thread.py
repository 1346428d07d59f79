"""A run in a thread of its own: asked and answered from another loop, left, and lent a terminal that is drawn on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console.errors import InputError, SignerError
from console.model import RunState, StepKind
from console.procedures.desk import Desk
from console.procedures.person import Answer
from console.procedures.run_thread import RunThread, TerminalElsewhere
from console.procedures.step import Procedure, Step, StepContext, passed
from console.text import UntrustedText
from tests.console.procedures.bench import World, place, story, yes

pytestmark = pytest.mark.anyio
JANE = UntrustedText("jane")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def test_it_is_answered_from_the_screens_loop_and_left_for_another(tmp_path: Path) -> None:
    world = World()
    desk = Desk(place(tmp_path), (story(world),))
    thread = RunThread(JANE, lambda person: desk.start("story", {}, person))
    thread.start()
    await until(lambda: thread.question is not None)
    question = thread.question
    assert question is not None
    assert (question.step.id, world.done) == ("sure", ["copy"])
    thread.give(question, yes())
    # A second answer to what is not asked any more is none to what is asked then.
    thread.give(question, Answer(True, JANE, typed="testnet"))
    await until(lambda: thread.question is not None and thread.question.step.id == "swap.a")
    assert world.done == ["copy"]
    thread.leave("the console was left", wait_s=30)
    assert not thread.alive
    assert thread.error is None
    run = desk.unfinished()[0].run
    assert (run.id, run.state, run.reason) == (thread.run, RunState.WAITING, "the console was left")
    refused = RunThread(JANE, lambda person: desk.start("story", {}, person))
    refused.start()
    await until(lambda: not refused.alive)
    assert isinstance(refused.error, InputError)


async def test_a_terminal_of_another_loop_is_lent_and_taken_back(tmp_path: Path) -> None:
    events: list[str] = []

    class Drawn:
        refuses = False

        @asynccontextmanager
        async def lent(self) -> AsyncIterator[None]:
            if self.refuses:
                raise SignerError("it cannot be left")
            events.append("lent")
            yield
            events.append("back")

    drawn = Drawn()
    terminal = TerminalElsewhere(drawn, asyncio.get_running_loop())

    async def asks(context: StepContext) -> object:
        async with terminal.lent():
            events.append("asked")
        return passed("it is signed")

    steps = (Step("sign", StepKind.ACTION, "Sign", "Signs.", asks),)  # type: ignore[arg-type]
    desk = Desk(place(tmp_path), (Procedure("sign", "Sign", "x", lambda _a, _i: steps),))
    for refuses in (False, True):
        drawn.refuses = refuses
        thread = RunThread(JANE, lambda person: desk.start("sign", {}, person))
        thread.start()
        async with asyncio.timeout(30):
            while thread.alive:
                await asyncio.sleep(0.005)
    assert events == ["lent", "asked", "back"]
    assert desk.unfinished()[0].run.reason == "it cannot be left"
