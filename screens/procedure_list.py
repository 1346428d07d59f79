"""Procedures and their runs as a list, and below it the steps of what is chosen; read and drawn, with no key."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.worker import Worker

from console.errors import ConsoleError, InputError
from console.model import Progress
from console.ports.session import Session
from console.procedures.desk import Desk
from console.procedures.person import Question
from console.procedures.run_journal import Reading
from console.procedures.run_thread import TerminalElsewhere
from screens.driving import ChosenRun, Driving
from screens.mode import ModeScreen
from screens.run_words import at_hand, heads_of
from widgets.drawn import BAD, STRONG, WARN, Drawn, stacked
from widgets.key_line import KeyLine
from widgets.procedure_table import ProcedureHead, ProcedureTable, procedure_rows, step_at_hand
from widgets.row_table import RowTable
from widgets.status_line import StatusLine
from widgets.step_table import StepTable, steps_before_a_run, steps_of_run
from widgets.timeline_panel import TimelinePanel
from widgets.working import begin

_POLL_S = 1.0
"""Seconds between two looks at the runs while the view is shown."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What there is to show."""

    heads: tuple[ProcedureHead, ...]
    readings: tuple[Reading, ...]
    problems: tuple[str, ...]


class ProcedureList(ModeScreen):
    """The list, and below it the steps of what is chosen, or the timeline.

    A run that was begun here goes on in a thread of its own, whatever is shown; leaving the console stops it.
    """

    AUTO_FOCUS = "#procedures"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._desk: Desk | None = None
        self._shown: _Shown | None = None
        self._problem = ""
        self._driving = Driving(self._heard)
        self._asked: Question | None = None
        self._chosen_once = ""
        self._nudged = asyncio.Event()
        self._worker: Worker[None] | None = None
        self._refused: frozenset[str] = frozenset()

    def compose(self) -> ComposeResult:
        yield self.status_line()
        yield ProcedureTable(id="procedures")
        yield StepTable(id="steps")
        yield TimelinePanel(id="timeline")
        yield Drawn(id="at-hand")
        yield KeyLine()

    # --- reading ---

    def on_screen_resume(self) -> None:
        """Read on; nothing is read while something else is shown, and what was begun goes on."""
        self._worker = begin(self, self._read, group="procedures", exclusive=True)

    def on_screen_suspend(self) -> None:
        """Let the files be."""
        if self._worker is not None:
            self._worker.cancel()

    async def on_unmount(self) -> None:
        """Stop what was begun here, and wait until its journal says so."""
        await self._driving.end()

    async def _read(self) -> None:
        try:
            desk = await self.answering.procedures()
            heads = await asyncio.to_thread(heads_of, desk)
        except ConsoleError as error:
            self._desk, self._shown, self._problem = None, None, str(error)
            self.redraw()
            return
        if desk.place.terminal is not None:
            drawn = TerminalElsewhere(desk.place.terminal, asyncio.get_running_loop())
            desk.place = replace(desk.place, terminal=drawn)
        self._desk, self._problem = desk, ""
        while True:
            self._nudged.clear()
            readings, unreadable = await asyncio.to_thread(desk.runs)
            problems = tuple(f"{each.id}: {each.problem}" for each in unreadable)
            shown = _Shown(heads, readings, (*problems, *(each.problem for each in readings if each.problem)))
            if shown != self._shown:
                self._shown = shown
            self.redraw()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), _POLL_S)

    def turned(self) -> None:
        if self.is_current:
            self.on_screen_resume()

    def moved_in_time(self) -> None:
        self.turned()

    # --- drawing ---

    def draw(self) -> None:
        self.query_one(StatusLine).show(self.snapshot, self.now)
        self.query_one(TimelinePanel).show(self.snapshot, self.now)
        table = self.query_one(ProcedureTable)
        shown = self._shown
        if shown is not None:
            rows = procedure_rows(shown.heads, (each.progress for each in shown.readings))
            table.show_rows(rows)
            self._choose_begun([row.key for row in rows])
            count = len(shown.readings)
            table.head("Procedures · no runs yet" if not count else f"Procedures · {count} run{'s' * (count != 1)}")
        else:
            table.show_rows(())
            table.head("Procedures")
        self._draw_chosen()

    def _choose_begun(self, keys: list[str]) -> None:
        """Put the cursor on the run that was begun here, once, when it is there."""
        run = self._driving.run
        if run and run != self._chosen_once and f"run {run}" in keys:
            self._chosen_once = run
            self.query_one(ProcedureTable).move_cursor(keys.index(f"run {run}"))

    @on(RowTable.Highlighted)
    def _draw_chosen(self) -> None:
        steps = self.query_one(StepTable)
        run, head = self._run, self._head
        if run is not None:
            ran = run.progress.run
            steps.show_rows(steps_of_run(run.progress, run.said))
            step = step_at_hand(run.progress)
            if step is not None and not steps.has_focus:
                steps.move_cursor(run.progress.steps.index(step))
            steps.head(f"Steps of {ran.procedure}" + (", dry run" if ran.dry else ""))
        elif head is not None:
            steps.show_rows(steps_before_a_run(head.steps))
            steps.head(f"Steps of {head.name}")
        else:
            steps.show_rows(())
            steps.head("Steps")
        self.query_one("#at-hand", Drawn).draw(self._at_hand(run, head))
        self._grey_out()

    def _at_hand(self, run: ChosenRun | None, head: ProcedureHead | None) -> Content:
        """What is to be known, or done, about what is chosen."""
        if self._problem or (self._shown is not None and self._shown.problems):
            words = self._problem or " ".join(self._shown.problems if self._shown is not None else ())
            return Content.assemble(("! ", WARN), words)
        if self._shown is None:
            return Content("Procedures and runs are being read.")
        if self._driving.error is not None and self.past is None:
            return Content.assemble(("✗ ", BAD), str(self._driving.error))
        if run is not None:
            return at_hand(run)
        return Content("") if head is None else stacked(Content.styled(head.title, STRONG), head.purpose)

    # --- what is chosen ---

    @property
    def _reading(self) -> Reading | None:
        chosen = self.query_one(ProcedureTable).chosen or ""
        readings = () if self._shown is None else self._shown.readings
        return next((each for each in readings if chosen == f"run {each.progress.run.id}"), None)

    @property
    def _progress(self) -> Progress | None:
        reading = self._reading
        return None if reading is None else reading.progress

    @property
    def chosen_run(self) -> Progress | None:
        """The run that is chosen; None for a procedure, or nothing."""
        return self._progress

    @property
    def _head(self) -> ProcedureHead | None:
        chosen = self.query_one(ProcedureTable).chosen or ""
        heads = () if self._shown is None else self._shown.heads
        return next((each for each in heads if chosen == f"procedure {each.name}"), None)

    @property
    def _run(self) -> ChosenRun | None:
        reading = self._reading
        if reading is not None and self.past is not None:
            return ChosenRun(reading.progress, reading.held, here=False, question=None, said="", past=True)
        return None if reading is None else self._driving.chosen(reading.progress, held=reading.held)

    @property
    def _node(self) -> str:
        node = None if self._desk is None else self._desk.place.node
        return "" if node is None else node.name

    def _grey_out(self) -> None:
        refused = frozenset(entry.id for entry in self.actions if entry.local and self.refusal_of(entry))
        if refused != self._refused:
            self._refused = refused
            self.refresh_bindings()

    def _at(self) -> Desk:
        if self._desk is None:
            raise InputError("the procedures are not read yet", safe="nothing was begun")
        return self._desk

    def _heard(self) -> None:
        """Something changed in the run that is driven here."""
        question = self._driving.question
        if question is not None and question is not self._asked and not self.is_current:
            self.notify(f"A procedure asks: {question.words} (7)", markup=False)
        self._asked = question
        self._nudged.set()
