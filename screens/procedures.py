"""Procedures: begin one, answer what it asks, go on with what was left; its steps, its record, and the timeline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.worker import Worker

from console.actions import Action
from console.errors import ConsoleError, InputError
from console.model import Progress, RunState
from console.ports.session import Session
from console.procedures.desk import Desk, checked_arguments
from console.procedures.engine import Answer, Person, Question, step_lines_of
from console.procedures.page import steps_without_run
from console.procedures.run_journal import Reading
from console.procedures.run_record import run_markdown
from console.procedures.run_thread import LEFT_WITHIN_S, RunThread, TerminalElsewhere
from console.procedures.step import Procedure
from console.text import UntrustedText
from console.this_user import this_user
from screens.bindings import bindings_for
from screens.mode import ModeScreen
from screens.plan import PlanScreen
from screens.procedure_plans import (
    Operation,
    answer_plan,
    begin_plan,
    deny_plan,
    give_up_plan,
    go_on_plan,
    leave_out_plan,
    parameters_screen,
)
from screens.whole_text import WholeTextScreen
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN, Drawn, stacked
from widgets.key_line import KeyLine
from widgets.procedure_table import ProcedureHead, ProcedureTable, how_far, procedure_rows, step_at_hand
from widgets.row_table import RowTable
from widgets.status_line import StatusLine
from widgets.step_table import StepTable, record_lines, run_lines, steps_before_a_run, steps_of_run
from widgets.timeline_panel import TimelinePanel
from widgets.working import begin

_POLL_S = 1.0
"""Seconds between two looks at the runs while the view is shown."""
_Go = Callable[[dict[str, str]], None]
_Drive = Callable[[Person], Coroutine[Any, Any, Progress]]
_PlanOf = Callable[[str, str, Question, Operation], PlanScreen]
_AnswerOf = Callable[[Question, str], Answer]
_OF_ONE_RUN = frozenset({"answer_run", "deny_run", "skip_step", "stop_run", "give_up_run"})


@dataclass(frozen=True, slots=True)
class _Shown:
    """What there is to show."""

    heads: tuple[ProcedureHead, ...]
    readings: tuple[Reading, ...]
    problems: tuple[str, ...]


class ProceduresScreen(ModeScreen):
    """The list, and below it the steps of what is chosen, or the timeline.

    A run that was begun here goes on in a thread of its own, whatever is shown; leaving the console stops it.
    """

    MODE = "procedures"
    EXPLANATION = (
        "Checklists and runbooks. Runs that go on, wait or stopped stand first, then what can be begun, then what is "
        "over. Every step is written down before it is done, so a run that lost its terminal, failed or was left is "
        "gone on with by g: an action whose end is not known is looked at before it is done again. A run that somebody "
        "else drives is followed here and cannot be touched. Enter shows a run whole, or one step with its evidence; "
        "Ctrl+S writes the record. t shows the upgrade's timeline, with what is due now. Tab goes from table to table."
    )
    CSS_PATH = "procedures.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("procedures"))
    AUTO_FOCUS = "#procedures"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._desk: Desk | None = None
        self._shown: _Shown | None = None
        self._problem = ""
        self._driven: RunThread | None = None
        self._asked: Question | None = None
        self._chosen_once = ""
        self._drafts: dict[str, dict[str, str]] = {}
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
        if self._driven is not None and self._driven.alive:
            await asyncio.to_thread(self._driven.leave, "the console was left", LEFT_WITHIN_S)

    async def _read(self) -> None:
        try:
            desk = await self.answering.procedures()
            heads = await asyncio.to_thread(_heads, desk)
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
        if self._worker is not None and not self._worker.is_finished:
            self.on_screen_resume()

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
        run = "" if self._driven is None else self._driven.run
        if run and run != self._chosen_once and f"run {run}" in keys:
            self._chosen_once = run
            self.query_one(ProcedureTable).move_cursor(keys.index(f"run {run}"))

    @on(RowTable.Highlighted)
    def _draw_chosen(self) -> None:
        steps, at_hand = self.query_one(StepTable), self.query_one("#at-hand", Drawn)
        progress, head = self._progress, self._head
        if progress is not None:
            steps.show_rows(steps_of_run(progress, self._said(progress)))
            step = step_at_hand(progress)
            if step is not None and not steps.has_focus:
                steps.move_cursor(progress.steps.index(step))
            steps.head(f"Steps of {progress.run.procedure}" + (", dry run" if progress.run.dry else ""))
        elif head is not None:
            steps.show_rows(steps_before_a_run(head.steps))
            steps.head(f"Steps of {head.name}")
        else:
            steps.show_rows(())
            steps.head("Steps")
        at_hand.draw(self._at_hand(progress, head))
        self._grey_out()

    def _at_hand(self, progress: Progress | None, head: ProcedureHead | None) -> Content:
        """What is to be known, or done, about what is chosen."""
        if self._problem or (self._shown is not None and self._shown.problems):
            words = self._problem or " ".join(self._shown.problems if self._shown is not None else ())
            return Content.assemble(("! ", WARN), words)
        if self._shown is None:
            return Content("Procedures and runs are being read.")
        error = self._driven.error if self._driven is not None else None
        if error is not None:
            return Content.assemble(("✗ ", BAD), str(error))
        if progress is None:
            return Content("") if head is None else stacked(Content.styled(head.title, STRONG), head.purpose)
        question = self._question_of(progress)
        if question is not None:
            answers = "a answers, d says no" + (", k leaves it out" if question.step.optional else "")
            return stacked(Content.assemble(("? ", WARN), (question.words, STRONG)), Content.styled(answers, MUTED))
        return self._standing(progress)

    def _standing(self, progress: Progress) -> Content:
        run, words = progress.run, how_far(progress)
        here = self._drives(progress)
        if run.state is RunState.DONE:
            return Content.assemble(("✓ ", GOOD), words)
        if run.state is RunState.ABANDONED:
            return Content.assemble(("✗ ", MUTED), f"given up: {run.reason}")
        if here or self._held(progress):
            who = "s stops it." if here else f"{run.by} runs it elsewhere; it is followed here."
            return stacked(Content.assemble(("● ", GOOD), words), Content.styled(who, MUTED))
        failed = next((each for each in reversed(run.records) if each.step == progress.failed), None)
        go_on = failed.finding.go_on if failed is not None else ""
        sign = ("? ", WARN) if run.state is RunState.WAITING else ("! ", BAD)
        last = Content.assemble(("g goes on with it", MUTED), f" · {go_on}" if go_on else "")
        return stacked(Content.assemble(sign, words), last)

    def _said(self, progress: Progress) -> str:
        return self._driven.said if self._driven is not None and self._drives(progress) else ""

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
    def _head(self) -> ProcedureHead | None:
        chosen = self.query_one(ProcedureTable).chosen or ""
        heads = () if self._shown is None else self._shown.heads
        return next((each for each in heads if chosen == f"procedure {each.name}"), None)

    def _held(self, progress: Progress) -> bool:
        readings = () if self._shown is None else self._shown.readings
        return any(each.held for each in readings if each.progress is progress)

    def _drives(self, progress: Progress) -> bool:
        driven = self._driven
        return driven is not None and driven.alive and driven.run == progress.run.id

    def _question_of(self, progress: Progress) -> Question | None:
        return self._driven.question if self._driven is not None and self._drives(progress) else None

    @property
    def _node(self) -> str:
        node = None if self._desk is None else self._desk.place.node
        return "" if node is None else node.name

    # --- keys ---

    def refusal_of(self, entry: Action) -> str:
        if reason := super().refusal_of(entry):
            return reason
        progress = self._progress
        if entry.id in {"begin_run", "dry_run"} and self._driven is not None and self._driven.alive:
            return "This console drives a run already: s stops it."
        if entry.id == "begin_run":
            if self._head is None and progress is None:
                return "No procedure is chosen."
            if progress is not None and progress.run.state in {RunState.DONE, RunState.ABANDONED}:
                return "That run is over: choose the procedure to begin a new one."
            if progress is not None and self._held(progress):
                return "Another process runs it; it is followed here."
        if entry.id == "dry_run" and self._head is None:
            return "Choose a procedure to look at it dry."
        if entry.id in _OF_ONE_RUN:
            return "No run is chosen." if progress is None else self._refusal_of_run(entry.id, progress)
        return ""

    def _refusal_of_run(self, name: str, progress: Progress) -> str:
        here = self._drives(progress)
        if name in {"answer_run", "deny_run"} and self._question_of(progress) is None:
            return "Nothing is asked here" + ("." if here else "; g goes on with a run that waits.")
        if name == "stop_run" and not here:
            return "This console does not drive it."
        if name == "skip_step":
            step, question = step_at_hand(progress), self._question_of(progress)
            if step is None or not step.optional:
                return "The step at hand is not optional: safety rests on it."
            if here and question is None:
                return "It is at work: s stops it first."
            if not here and (self._held(progress) or progress.run.state in {RunState.DONE, RunState.ABANDONED}):
                return "That run cannot be gone on with from here."
        if name == "give_up_run":
            if progress.run.state in {RunState.DONE, RunState.ABANDONED}:
                return "That run is over."
            if self._held(progress):
                return "It is driven now: it is stopped first."
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what cannot be done now; it stays visible."""
        entry = next((each for each in self.actions if each.local and each.id == action), None)
        if entry is None or (entry.id not in _OF_ONE_RUN and entry.id not in {"begin_run", "dry_run"}):
            return super().check_action(action, parameters)
        return None if self.refusal_of(entry) else True

    def _grey_out(self) -> None:
        refused = frozenset(entry.id for entry in self.actions if entry.local and self.refusal_of(entry))
        if refused != self._refused:
            self._refused = refused
            self.refresh_bindings()

    def action_begin_run(self) -> None:
        """Begin the chosen procedure, or go on with the chosen run; it is asked for first."""
        progress, head = self._progress, self._head
        if progress is not None:
            begin(self, partial(self._ask_to_go_on, progress), group="ask", exclusive=True)
        elif head is not None:
            self._with_parameters(head, partial(self._ask_to_begin, head))

    def action_dry_run(self) -> None:
        """Only look, and list what would be done and asked."""
        head = self._head
        if head is not None:
            self._with_parameters(head, lambda given: self._drive(partial(_start, self._at(), head.name, given, True)))

    def _with_parameters(self, head: ProcedureHead, go: _Go) -> None:
        if not head.parameters:
            go({})
            return
        definition = self._at().procedure(head.name)

        def typed(given: dict[str, str] | None) -> None:
            if given is not None:
                go(_given(head, given))

        def check(given: dict[str, str]) -> object:
            return checked_arguments(definition, _given(head, given))

        self.app.push_screen(parameters_screen(head, check, self._drafts.setdefault(head.name, {})), typed)

    def _ask_to_begin(self, head: ProcedureHead, given: dict[str, str]) -> None:
        async def operation(_reason: str) -> str:
            return await self._began(partial(_start, self._at(), head.name, given, False))

        self.app.push_screen(begin_plan(self.session.network, self._node, head, operation))

    async def _ask_to_go_on(self, progress: Progress) -> None:
        desk = self._at()
        try:
            changed = await asyncio.to_thread(desk.changed, progress)
        except ConsoleError as error:
            self.notify(str(error), severity="error", markup=False)
            return

        async def operation(_reason: str) -> str:
            return await self._began(partial(_go_on, desk, progress.run.id, bool(changed), {}))

        self.app.push_screen(go_on_plan(self.session.network, progress, changed, operation))

    def action_answer_run(self) -> None:
        """Confirm what is asked; what is dangerous has to be typed."""
        self._answer_with(answer_plan, lambda question, _reason: Answer(True, _who(), typed=question.typed))

    def action_deny_run(self) -> None:
        """Say no, with a reason."""
        self._answer_with(deny_plan, lambda _question, reason: Answer(False, _who(), reason=reason))

    def _answer_with(self, plan: _PlanOf, answer: _AnswerOf) -> None:
        driven, progress = self._driven, self._progress
        question = None if progress is None else self._question_of(progress)
        if driven is None or question is None or isinstance(self.app.screen, PlanScreen):
            return

        async def operation(reason: str) -> str:
            self.session.hands.require_free()
            if driven.question is not question:
                raise InputError("it is not asked any more", safe="nothing was answered")
            driven.give(question, answer(question, reason))
            return "It is answered; the run goes on."

        self.app.push_screen(plan(self.session.network, self._node, question, operation))

    def action_skip_step(self) -> None:
        """Leave the step at hand out, with a reason."""
        progress = self._progress
        step = None if progress is None else step_at_hand(progress)
        if progress is None or step is None:
            return
        question, driven = self._question_of(progress), self._driven

        async def operation(reason: str) -> str:
            if question is not None and driven is not None:
                driven.give(question, Answer(False, _who(), reason=reason, leave_out=True))
                return "It is left out; the run goes on."
            return await self._began(partial(_go_on, self._at(), progress.run.id, False, {step.id: reason}))

        self.app.push_screen(leave_out_plan(self.session.network, self._node, step, operation))

    def action_stop_run(self) -> None:
        """Leave the run; it can be gone on with."""
        if self._driven is not None:
            self._driven.leave(f"{_who()} stopped it")

    def action_give_up_run(self) -> None:
        """End the chosen run for good."""
        progress = self._progress
        if progress is None:
            return

        async def operation(reason: str) -> str:
            await asyncio.to_thread(self._at().give_up, progress.run.id, reason, _who())
            self._nudged.set()
            return f"Run {progress.run.id} is given up."

        self.app.push_screen(give_up_plan(self.session.network, progress, operation))

    def action_timeline(self) -> None:
        """Show the timeline in the place of the steps, or the steps again."""
        self.toggle_class("-timeline")

    def action_whole_line(self) -> None:
        """Show a run whole, or the chosen step with its evidence."""
        progress, head = self._progress, self._head
        if progress is not None and isinstance(self.focused, StepTable):
            records = [each for each in progress.run.records if each.step == self.query_one(StepTable).chosen]
            lines = tuple(line for record in records for line in record_lines(record))
            title = str(self.query_one(StepTable).chosen)
        elif progress is not None:
            lines, title = run_lines(progress), f"Run {progress.run.id}"
        elif head is not None:
            definition = self._at().procedure(head.name)
            lines, title = _definition_lines(definition), head.title
        else:
            return
        shown = lines or (Content("It was not begun yet."),)
        self.app.push_screen(WholeTextScreen(title, shown, "\n".join(line.plain for line in shown)))

    @on(RowTable.Selected)
    def chosen_by_mouse_or_enter(self) -> None:
        """The tables have Enter and the mouse for themselves."""
        self.action_whole_line()

    def action_save(self) -> None:
        """Write the record of the chosen run to a new file."""
        reading = self._reading
        if reading is None:
            self.notify("Choose a run: its record is written.", markup=False)
        else:
            begin(self, partial(self._save, reading), group="save", exclusive=True)

    async def _save(self, reading: Reading) -> None:
        try:
            lines = run_markdown(reading).splitlines()
            path, _count = await self.session.save_lines(f"run-{reading.progress.run.procedure}", lines)
        except ConsoleError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.notify(f"The record is in {path}", markup=False)

    # --- driving ---

    def _at(self) -> Desk:
        if self._desk is None:
            raise InputError("the procedures are not read yet", safe="nothing was begun")
        return self._desk

    def _drive(self, drive: _Drive) -> None:
        loop = asyncio.get_running_loop()

        def changed() -> None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._heard)

        self._driven = RunThread(_who(), drive, changed)
        self._driven.start()

    async def _began(self, drive: _Drive) -> str:
        """Drive a run; the sentence to say when it has begun. Raises ConsoleError: it has not."""
        if self._driven is not None and self._driven.alive:
            raise InputError("this console drives a run already", safe="nothing was begun")
        self._drive(drive)
        driven = self._driven
        while driven is not None and driven.alive and not driven.run:
            await asyncio.sleep(0.02)
        if driven is not None and driven.error is not None and not driven.run:
            error, self._driven = driven.error, None
            raise error
        return "It goes on; the steps show how far it is."

    def _heard(self) -> None:
        """Something changed in the run that is driven here."""
        question = None if self._driven is None else self._driven.question
        if question is not None and question is not self._asked and not self.is_current:
            self.notify(f"A procedure asks: {question.words} (7)", markup=False)
        self._asked = question
        self._nudged.set()


def _who() -> UntrustedText:
    return UntrustedText(this_user())


def _heads(desk: Desk) -> tuple[ProcedureHead, ...]:
    """What can be begun. Raises SettingsError: a step of the operator's own follows one that is not there."""
    return tuple(
        ProcedureHead(
            each.name,
            each.title,
            each.purpose,
            step_lines_of(steps_without_run(each)),
            tuple((parameter.name, parameter.meaning, parameter.default) for parameter in each.parameters),
        )
        for each in desk.procedures
    )


def _given(head: ProcedureHead, typed: dict[str, str]) -> dict[str, str]:
    """What was typed, without what was left empty and has a default."""
    return {
        name: typed[name].strip()
        for name, _meaning, default in head.parameters
        if typed.get(name, "").strip() or default is None
    }


def _definition_lines(procedure: Procedure) -> tuple[Content, ...]:
    lines: list[Content] = [Content(procedure.purpose)]
    for step in steps_without_run(procedure):
        lines += [Content(""), Content.assemble((step.title, STRONG), (f"  {step.id}, {step.kind.value}", MUTED))]
        lines.append(Content(step.says))
        lines += [Content(f"asks: {step.ask}")] if step.ask else []
        lines += [Content(f"way back: {step.undo}")] if step.undo else []
    return tuple(lines)


async def _start(desk: Desk, name: str, given: dict[str, str], dry: bool, person: Person) -> Progress:
    return await desk.start(name, given, person, dry=dry)


async def _go_on(desk: Desk, run: str, replan: bool, leave_out: dict[str, str], person: Person) -> Progress:
    return await desk.go_on(run, person, replan=replan, leave_out=leave_out)
