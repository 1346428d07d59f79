"""The one run that a console drives, and how a run that is chosen stands to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from console.errors import ConsoleError, InputError
from console.model import Progress, RunState
from console.procedures.desk import Desk
from console.procedures.person import Answer, Person, Question
from console.procedures.run_thread import LEFT_WITHIN_S, RunThread
from console.text import UntrustedText
from console.this_user import this_user
from widgets.procedure_table import step_at_hand

Drive = Callable[[Person], Coroutine[Any, Any, Progress]]
"""Drives a run with this person until it ends or stops."""

OVER = frozenset({RunState.DONE, RunState.ABANDONED})
"""States of a run that nobody goes on with."""


@dataclass(frozen=True, slots=True)
class ChosenRun:
    """A run that is looked at."""

    progress: Progress
    held: bool
    """Whether a process drives it, this one or another."""
    here: bool
    """Whether this console does."""
    question: Question | None
    """What it asks here now."""
    said: str
    """What its step at hand said last, where it is driven here."""
    past: bool = False
    """Whether it is shown as it was, and nothing can be done with it."""

    @property
    def over(self) -> bool:
        """Whether nobody can go on with it."""
        return self.progress.run.state in OVER

    def refusal(self, name: str) -> str:
        """Why an action of the registry cannot be done with it now; empty when it can."""
        if name in {"answer_run", "deny_run"} and self.question is None:
            return "Nothing is asked here" + ("." if self.here else "; g goes on with a run that waits.")
        if name == "stop_run" and not self.here:
            return "This console does not drive it."
        if name == "begin_run":
            if self.over:
                return "That run is over: choose the procedure to begin a new one."
            return "Another process runs it; it is followed here." if self.held else ""
        if name == "skip_step":
            return self._refusal_to_skip()
        if name == "give_up_run":
            if self.over:
                return "That run is over."
            return "It is driven now: it is stopped first." if self.held else ""
        return ""

    def _refusal_to_skip(self) -> str:
        step = step_at_hand(self.progress)
        if step is None or not step.optional:
            return "The step at hand is not optional: safety rests on it."
        if self.here:
            return "" if self.question is not None else "It is at work: s stops it first."
        return "That run cannot be gone on with from here." if self.held or self.over else ""


class Driving:
    """At most one run, in a thread of its own: whatever is shown, it goes on.

    Args:
        heard: Called in the screen's loop after anything changed in it.
    """

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._thread: RunThread | None = None

    @property
    def alive(self) -> bool:
        """Whether a run is driven now."""
        return self._thread is not None and self._thread.alive

    @property
    def run(self) -> str:
        """Id of the run that was driven last; empty for none."""
        return "" if self._thread is None else self._thread.run

    @property
    def error(self) -> ConsoleError | None:
        """Why the last one could not be begun or gone on with."""
        return None if self._thread is None else self._thread.error

    @property
    def question(self) -> Question | None:
        """What is asked now."""
        return self._thread.question if self._thread is not None and self.alive else None

    def chosen(self, progress: Progress, *, held: bool) -> ChosenRun:
        """How a run stands to this console.

        Args:
            progress: The run.
            held: Whether a process drives it.
        """
        here = self.alive and self.run == progress.run.id
        said = self._thread.said if here and self._thread is not None else ""
        return ChosenRun(progress, held, here, self.question if here else None, said)

    def drive(self, drive: Drive) -> None:
        """Begin to drive a run."""
        loop = asyncio.get_running_loop()

        def changed() -> None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._heard)

        self._thread = RunThread(who(), drive, changed)
        self._thread.start()

    async def begun(self, drive: Drive) -> str:
        """Drive a run; nothing is said when it has begun: its steps show it. Raises ConsoleError: it has not."""
        if self.alive:
            raise InputError("this console drives a run already", safe="nothing was begun")
        self.drive(drive)
        driven = self._thread
        while driven is not None and driven.alive and not driven.run:
            await asyncio.sleep(0.02)
        if driven is not None and driven.error is not None and not driven.run:
            error, self._thread = driven.error, None
            raise error
        return ""

    def give(self, question: Question, answer: Answer) -> None:
        """Answer what is asked. Raises InputError: it is asked no more."""
        if self._thread is None or self.question is not question:
            raise InputError("it is not asked any more", safe="nothing was answered")
        self._thread.give(question, answer)

    def leave(self) -> None:
        """Stop the run; it can be gone on with."""
        if self._thread is not None:
            self._thread.leave(f"{who()} stopped it")

    async def end(self) -> None:
        """Stop the run, because the console is left, and wait until its journal says so."""
        if self._thread is not None and self.alive:
            await asyncio.to_thread(self._thread.leave, "the console was left", LEFT_WITHIN_S)


def who() -> UntrustedText:
    """Who sits in front of this console."""
    return UntrustedText(this_user())


async def start(desk: Desk, name: str, given: dict[str, str], dry: bool, person: Person) -> Progress:
    """Begin a run; raises as `Desk.start`."""
    return await desk.start(name, given, person, dry=dry)


async def go_on(desk: Desk, run: str, replan: bool, leave_out: dict[str, str], person: Person) -> Progress:
    """Go on with a run; raises as `Desk.go_on`."""
    return await desk.go_on(run, person, replan=replan, leave_out=leave_out)
