"""Procedures and their runs in words: what is chosen, how it stands, and all of it in full. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from console.model import Progress, RunState
from console.procedures.definition import step_lines_of
from console.procedures.desk import Desk
from console.procedures.page import steps_without_run
from console.procedures.prepared import has_abort, has_draft
from console.procedures.step import Procedure
from screens.driving import ChosenRun
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN, stacked
from widgets.procedure_table import STATE_SIGNS, ProcedureHead, how_far
from widgets.step_table import CUT_OFF


def heads_of(desk: Desk) -> tuple[ProcedureHead, ...]:
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


def given_of(head: ProcedureHead, typed: dict[str, str]) -> dict[str, str]:
    """What was typed, without what was left empty and has a default."""
    return {
        name: typed[name].strip()
        for name, _meaning, default in head.parameters
        if typed.get(name, "").strip() or default is None
    }


def at_hand(run: ChosenRun) -> Content:
    """What is to be known, or done, about a run."""
    question = run.question
    if question is not None:
        answers = "a answers, d says no" + (", k leaves it out" if question.step.optional else "")
        return stacked(Content.assemble(("? ", WARN), (question.words, STRONG)), Content.styled(answers, MUTED))
    sign, words, key, on = _standing(run)
    keys = [] if run.past else list(_prepared(run.progress))
    last = [Content.styled(each, MUTED) for each in (*keys, key) if each] + ([Content(on)] if on else [])
    first = Content.assemble(sign, words)
    return stacked(first, Content(" · ").join(last)) if last else first


def _prepared(progress: Progress) -> Iterator[str]:
    """Keys for what a run prepared and nobody has started."""
    if has_abort(progress):
        yield "B goes through the network's abort"
    if has_draft(progress):
        yield "P opens the propose form with its draft"


def _standing(run: ChosenRun) -> tuple[tuple[str, str], str, str, str]:
    """Sign, words, what a key does, and how one goes on."""
    ran, words = run.progress.run, how_far(run.progress)
    if ran.state is RunState.DONE:
        return ("✓ ", GOOD), words, "", ""
    if ran.state is RunState.ABANDONED:
        return ("✗ ", MUTED), f"given up: {ran.reason}", "", ""
    if run.past:
        sign, _word, tone = STATE_SIGNS[ran.state]
        return (f"{sign} ", {"good": GOOD, "warn": WARN, "bad": BAD}[tone]), words, "", ""
    if run.here or run.held:
        who = "s stops it." if run.here else f"{ran.by} runs it elsewhere; it is followed here."
        return ("● ", GOOD), words, who, ""
    failed = next((each for each in reversed(ran.records) if each.step == run.progress.failed), None)
    waits = ("? ", WARN) if ran.state is RunState.WAITING else ("! ", BAD)
    cut_off = CUT_OFF if ran.begun and ran.state is RunState.STOPPED else ""
    return waits, words, "g goes on with it", cut_off if failed is None else failed.finding.go_on


def definition_lines(procedure: Procedure) -> tuple[Content, ...]:
    """A procedure whole: every step with what it does, asks, and its way back."""
    lines: list[Content] = [Content(procedure.purpose)]
    for step in steps_without_run(procedure):
        lines += [Content(""), Content.assemble((step.title, STRONG), (f"  {step.id}, {step.kind.value}", MUTED))]
        lines.append(Content(step.says))
        lines += [Content(f"asks: {step.ask}")] if step.ask else []
        lines += [Content(f"way back: {step.undo}")] if step.undo else []
    return tuple(lines)
