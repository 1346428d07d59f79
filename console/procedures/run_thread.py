"""A run beside a screen: in a thread with a loop of its own, so that no step ever holds the screen's loop up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from console.errors import ConsoleError
from console.model import Progress
from console.ports.keys import Terminal
from console.procedures.person import Answer, Person, Question, RunEvent
from console.text import UntrustedText

LEFT_WITHIN_S = 3.0
"""Seconds that leaving waits for a step to end; the journal says all the same how far it was."""


class RunThread:
    """`console.procedures.person.Person` for somebody in front of a screen, and the thread of the run.

    What the screen reads of it (`question`, `said`, `run`) is replaced whole, never changed in place.

    Args:
        name: Who runs it.
        drive: Drives the run with this person.
        changed: Called in the run's thread after anything changed.
    """

    def __init__(
        self,
        name: UntrustedText,
        drive: Callable[[Person], Coroutine[Any, Any, Progress]],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._drive = drive
        self._changed = changed
        self._thread = threading.Thread(target=self._run, name="procedure", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Progress] | None = None
        self._answer: asyncio.Future[Answer | None] | None = None
        self._why = ""
        self.question: Question | None = None
        """What is asked now."""
        self.said = ""
        """What the step at hand said last."""
        self.run = ""
        """Id of the run; empty until it has one."""
        self.error: ConsoleError | None = None
        """Why it could not be begun or gone on with."""

    @property
    def name(self) -> UntrustedText:
        """Who runs it."""
        return self._name

    @property
    def alive(self) -> bool:
        """Whether it is driven."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    async def answer(self, question: Question) -> Answer | None:
        """Wait until the screen gives an answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self.question = question
        self._changed()
        try:
            return await self._answer
        finally:
            self.question = self._answer = None

    def told(self, event: RunEvent) -> None:
        """Keep what matters of what happened."""
        self.run = event.run
        self.said = event.words if event.kind == "told" else ""
        self._changed()

    def give(self, question: Question, answer: Answer) -> None:
        """Answer that question, from the screen's thread; nothing where it is not asked any more."""

        def hand_over() -> None:
            if self.question is question and self._answer is not None and not self._answer.done():
                self._answer.set_result(answer)

        if self._loop is not None:
            self._loop.call_soon_threadsafe(hand_over)

    def leave(self, why: str, wait_s: float = 0.0) -> None:
        """Stop it, from the screen's thread; it can be gone on with.

        Args:
            why: For the journal.
            wait_s: Seconds to wait until it has.
        """
        self._why = why
        loop, task = self._loop, self._task
        if loop is not None and task is not None and self.alive:
            try:
                loop.call_soon_threadsafe(task.cancel, why)
            except RuntimeError:
                return  # it has just ended
        if wait_s and self.alive:
            self._thread.join(wait_s)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except ConsoleError as error:
            self.error = error
        except asyncio.CancelledError:
            pass
        finally:
            self._changed()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._drive(self))
        if self._why:
            self._task.cancel(self._why)
        await self._task


class TerminalElsewhere:
    """`console.ports.keys.Terminal` that another loop draws on.

    Args:
        terminal: That loop's.
        loop: In which it is lent.
    """

    def __init__(self, terminal: Terminal, loop: asyncio.AbstractEventLoop) -> None:
        self._terminal = terminal
        self._loop = loop

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Have it left to us there, and taken back at the end. Raises what lending raises."""
        here = asyncio.get_running_loop()
        lent: asyncio.Future[None] = here.create_future()
        over = asyncio.Event()

        async def hold() -> None:
            async with self._terminal.lent():
                here.call_soon_threadsafe(_set, lent)
                await over.wait()

        held = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(hold(), self._loop))
        await asyncio.wait({held, lent}, return_when=asyncio.FIRST_COMPLETED)
        if held.done():
            await held
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(over.set)
            await asyncio.shield(held)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
