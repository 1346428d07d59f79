"""The steps of a procedure or of a run as a table, each with its outcome as a sign and a word."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content

from console.model import Outcome, Progress, RunState, StepKind, StepLine, StepRecord
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN
from widgets.procedure_table import step_at_hand
from widgets.row_table import Column, RowTable

OUTCOME_SIGNS = {
    Outcome.PASS: ("✓", "pass", "good", GOOD),
    Outcome.WARN: ("!", "warn", "warn", WARN),
    Outcome.FAIL: ("✗", "FAIL", "bad", BAD),
    Outcome.SKIP: ("-", "skip", "muted", MUTED),
}
"""Sign, word, tone and style of an outcome."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step as it is drawn."""

    key: str
    tone: str
    state: str
    title: str
    words: str


CUT_OFF = "whoever ran it ended in the midst of this step"
"""Of a step that was begun, has no end, and is done by nobody."""


def _word(kind: StepKind) -> str:
    """A kind in the nine columns that there are."""
    return "confirm" if kind is StepKind.CONFIRMATION else kind.value


def steps_before_a_run(steps: tuple[StepLine, ...]) -> tuple[StepRow, ...]:
    """The steps of a procedure."""
    return tuple(
        StepRow(step.id, "muted", _word(step.kind), step.title, "may be left out" if step.optional else "")
        for step in steps
    )


def steps_of_run(progress: Progress, said: str = "") -> tuple[StepRow, ...]:
    """The steps of a run with what came of each.

    Args:
        progress: The run.
        said: What the step at hand said last.
    """
    latest = {record.step: record for record in progress.run.records}
    asked = step_at_hand(progress) if progress.run.state is RunState.WAITING else None
    rows = []
    for step in progress.steps:
        record = latest.get(step.id)
        if step.id == progress.run.begun:
            rows.append(
                StepRow(step.id, "bad", "! cut off", step.title, CUT_OFF)
                if progress.run.state is RunState.STOPPED
                else StepRow(step.id, "good", "● now", step.title, said)
            )
        elif step == asked:
            rows.append(StepRow(step.id, "warn", "? asks", step.title, "it waits for a person's word"))
        elif record is None:
            rows.append(StepRow(step.id, "muted", "", step.title, f"{step.kind.value} to come"))
        else:
            sign, word, tone, _style = OUTCOME_SIGNS[record.finding.outcome]
            rows.append(StepRow(step.id, tone, f"{sign} {word}", step.title, record.finding.sentence))
    return tuple(rows)


class StepTable(RowTable[StepRow]):
    """The steps, in their order."""

    TONED: ClassVar[frozenset[str]] = frozenset({"state"})

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(cursor=True, id=id)

    def columns_for(self, width: int) -> tuple[Column, ...]:
        """Columns for a table of `width` columns."""
        title = 30 if width < 110 else 44
        return (
            ("state", "State", 9),
            ("title", "Step", title),
            ("words", "What came of it", max(10, width - title - 9)),
        )


def record_lines(record: StepRecord) -> list[Content]:
    """All that is kept of one end of a step."""
    finding = record.finding
    sign, word, _tone, style = OUTCOME_SIGNS[finding.outcome]
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.ended_at))
    lines = [Content.assemble((f"{sign} {word} ", style), finding.sentence)]
    lines += [Content(f"    {line}") for line in finding.evidence]
    if finding.go_on and finding.outcome is not Outcome.PASS:
        lines.append(Content.assemble(("    next: ", MUTED), finding.go_on))
    lines.append(Content.styled(f"    {at}, {record.by}", MUTED))
    return lines


def run_lines(progress: Progress) -> tuple[Content, ...]:
    """A whole run: every step with every end that it had."""
    run = progress.run
    about = f"{run.procedure} on {run.network}" + (f", node {progress.node}" if progress.node else "")
    lines = [
        Content.styled(f"{about}, begun by {run.by}" + (", dry run" if run.dry else ""), STRONG),
        Content.styled(f"{run.id}: {run.state.value}" + (f", {run.reason}" if run.reason else ""), MUTED),
        *(Content(f"{name} = {value}") for name, value in run.arguments),
    ]
    for step in progress.steps:
        lines += [Content(""), Content.assemble((step.title, STRONG), (f"  {step.id}, {step.kind.value}", MUTED))]
        for record in run.records:
            if record.step == step.id:
                lines += record_lines(record)
    return tuple(lines)
