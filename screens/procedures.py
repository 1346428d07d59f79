"""Procedures: begin one, answer what it asks, go on with what was left; its steps, its record, and the timeline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content

from console.actions import Action
from console.errors import ConsoleError
from console.model import Progress
from console.ports.session import Session
from console.procedures.desk import checked_arguments
from console.procedures.person import Answer, Question
from console.procedures.run_journal import Reading
from console.procedures.run_record import run_markdown
from screens.bindings import bindings_for
from screens.driving import go_on, start, who
from screens.plan import PlanScreen
from screens.procedure_list import ProcedureList
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
from screens.run_words import definition_lines, given_of
from screens.whole_text import WholeTextScreen
from widgets.procedure_table import ProcedureHead, step_at_hand
from widgets.row_table import RowTable
from widgets.step_table import StepTable, record_lines, run_lines
from widgets.working import begin

_Go = Callable[[dict[str, str]], None]
_PlanOf = Callable[[str, str, Question, Operation], PlanScreen]
_AnswerOf = Callable[[Question, str], Answer]
_OF_ONE_RUN = frozenset({"answer_run", "deny_run", "skip_step", "stop_run", "give_up_run"})


class ProceduresScreen(ProcedureList):
    """What the keys do with the procedure or the run that is chosen."""

    MODE = "procedures"
    EXPLANATION = (
        "Checklists and runbooks. Runs that go on, wait or stopped stand first, then what can be begun, then what is "
        "over. Every step is written down before it is done, so a run that lost its terminal, failed or was left is "
        "gone on with by g: an action whose end is not known is looked at before it is done again. A run that somebody "
        "else drives is followed here and cannot be touched. Of the past it shows how far each run was then. Enter "
        "shows a run whole, or one step with its evidence; Ctrl+S writes the record. t shows the upgrade's timeline, "
        "with what is due now. Tab goes from table to table. Where a verification prepared a revert upgrade, P opens "
        "the propose form with its draft."
    )
    CSS_PATH = "procedures.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("procedures"))

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._drafts: dict[str, dict[str, str]] = {}

    def refusal_of(self, entry: Action) -> str:
        if reason := super().refusal_of(entry):
            return reason
        run = self._run
        if entry.id in {"begin_run", "dry_run"} and self._driving.alive:
            return "This console drives a run already: s stops it."
        if entry.id == "begin_run" and self._head is None and run is None:
            return "No procedure is chosen."
        if entry.id == "dry_run" and self._head is None:
            return "Choose a procedure to look at it dry."
        if entry.id in _OF_ONE_RUN and run is None:
            return "No run is chosen."
        return "" if run is None else run.refusal(entry.id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what cannot be done now; it stays visible."""
        entry = next((each for each in self.actions if each.local and each.id == action), None)
        if entry is None or (entry.id not in _OF_ONE_RUN and entry.id not in {"begin_run", "dry_run"}):
            return super().check_action(action, parameters)
        return None if self.refusal_of(entry) else True

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
            self._with_parameters(
                head, lambda given: self._driving.drive(partial(start, self._at(), head.name, given, True))
            )

    def _with_parameters(self, head: ProcedureHead, go: _Go) -> None:
        if not head.parameters:
            go({})
            return
        definition = self._at().procedure(head.name)

        def typed(given: dict[str, str] | None) -> None:
            if given is not None:
                go(given_of(head, given))

        def check(given: dict[str, str]) -> object:
            return checked_arguments(definition, given_of(head, given))

        self.app.push_screen(parameters_screen(head, check, self._drafts.setdefault(head.name, {})), typed)

    def _ask_to_begin(self, head: ProcedureHead, given: dict[str, str]) -> None:
        async def operation(_reason: str) -> str:
            return await self._driving.begun(partial(start, self._at(), head.name, given, False))

        self.app.push_screen(begin_plan(self.session.network, self._node, head, operation))

    async def _ask_to_go_on(self, progress: Progress) -> None:
        desk = self._at()
        try:
            changed = await asyncio.to_thread(desk.changed, progress)
        except ConsoleError as error:
            self.notify(str(error), severity="error", markup=False)
            return

        async def operation(_reason: str) -> str:
            return await self._driving.begun(partial(go_on, desk, progress.run.id, bool(changed), {}))

        self.app.push_screen(go_on_plan(self.session.network, progress, changed, operation))

    def action_answer_run(self) -> None:
        """Confirm what is asked; what is dangerous has to be typed."""
        self._answer_with(answer_plan, lambda question, _reason: Answer(True, who(), typed=question.typed))

    def action_deny_run(self) -> None:
        """Say no, with a reason."""
        self._answer_with(deny_plan, lambda _question, reason: Answer(False, who(), reason=reason))

    def _answer_with(self, plan: _PlanOf, answer: _AnswerOf) -> None:
        run = self._run
        question = None if run is None else run.question
        if question is None or isinstance(self.app.screen, PlanScreen):
            return

        async def operation(reason: str) -> str:
            self.session.hands.require_free()
            self._driving.give(question, answer(question, reason))
            return ""

        self.app.push_screen(plan(self.session.network, self._node, question, operation))

    def action_skip_step(self) -> None:
        """Leave the step at hand out, with a reason."""
        run = self._run
        step = None if run is None else step_at_hand(run.progress)
        if run is None or step is None:
            return
        question, name = run.question, run.progress.run.id

        async def operation(reason: str) -> str:
            if question is not None:
                self._driving.give(question, Answer(False, who(), reason=reason, leave_out=True))
                return ""
            return await self._driving.begun(partial(go_on, self._at(), name, False, {step.id: reason}))

        self.app.push_screen(leave_out_plan(self.session.network, self._node, step, operation))

    def action_stop_run(self) -> None:
        """Leave the run; it can be gone on with."""
        self._driving.leave()

    def action_give_up_run(self) -> None:
        """End the chosen run for good."""
        progress = self._progress
        if progress is None:
            return

        async def operation(reason: str) -> str:
            await asyncio.to_thread(self._at().give_up, progress.run.id, reason, who())
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
            lines, title = definition_lines(definition), head.title
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
