"""Procedures and their runs as a table: what goes on first, then what can be begun, then what is over."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from console.model import Outcome, Progress, RunState, StepLine
from widgets.row_table import Column, RowTable

STATE_SIGNS = {
    RunState.RUNNING: ("●", "running", "good"),
    RunState.WAITING: ("?", "waiting", "warn"),
    RunState.STOPPED: ("!", "stopped", "bad"),
    RunState.DONE: ("✓", "done", ""),
    RunState.ABANDONED: ("✗", "given up", "muted"),
}
"""Sign, word and tone of a run's state."""


@dataclass(frozen=True, slots=True)
class ProcedureHead:
    """A procedure as it is listed."""

    name: str
    title: str
    purpose: str
    steps: tuple[StepLine, ...]
    parameters: tuple[tuple[str, str, str | None], ...]
    """Name, meaning and default of each."""


@dataclass(frozen=True, slots=True)
class ProcedureRow:
    """A procedure, or a run of one, as it is drawn."""

    key: str
    """`procedure NAME` or `run ID`."""
    tone: str
    name: str
    state: str
    when: str
    words: str


def procedure_rows(heads: Iterable[ProcedureHead], runs: Iterable[Progress]) -> tuple[ProcedureRow, ...]:
    """The rows in their order; of each group the newest first.

    Args:
        heads: What can be begun.
        runs: The newest first.
    """
    shown = list(runs)
    several = len({each.node for each in shown}) > 1
    over = {RunState.DONE, RunState.ABANDONED}
    return (
        *(_run_row(each, several) for each in shown if each.run.state not in over),
        *(ProcedureRow(f"procedure {each.name}", "", each.name, "", "", each.title) for each in heads),
        *(_run_row(each, several) for each in shown if each.run.state in over),
    )


def _run_row(progress: Progress, several: bool) -> ProcedureRow:
    run = progress.run
    node = f"{progress.node} · " if several and progress.node else ""
    sign, word, tone = STATE_SIGNS[run.state]
    when = time.strftime("%m-%d %H:%M", time.localtime(run.started_at))
    dry = "dry run: " if run.dry else ""
    return ProcedureRow(f"run {run.id}", tone, run.procedure, f"{sign} {word}", when, node + dry + how_far(progress))


def how_far(progress: Progress) -> str:
    """How far a run is, in words."""
    run = progress.run
    if run.state in {RunState.DONE, RunState.ABANDONED}:
        outcomes = {record.step: record.finding.outcome for record in run.records}
        counted = [(sum(each is outcome for each in outcomes.values()), outcome.value) for outcome in Outcome]
        return run.reason or ", ".join(f"{count} {word}" for count, word in counted if count)
    step = step_at_hand(progress)
    if step is None:
        return run.reason
    place = f"step {progress.steps.index(step) + 1} of {len(progress.steps)}"
    # Why it stopped is over as soon as somebody goes on with it.
    reason = run.reason if run.state is not RunState.RUNNING else ""
    return f"{place}: {reason or step.title}"


def step_at_hand(progress: Progress) -> StepLine | None:
    """The first step that has not ended well; None when all have."""
    ended = {record.step: record.finding.outcome for record in progress.run.records}
    bad = {None} if progress.run.dry else {None, Outcome.FAIL}
    return next((step for step in progress.steps if ended.get(step.id) in bad), None)


class ProcedureTable(RowTable[ProcedureRow]):
    """The list; the cursor stays on its row when runs come and go."""

    TONED: ClassVar[frozenset[str]] = frozenset({"state"})

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(cursor=True, id=id)

    def columns_for(self, width: int) -> tuple[Column, ...]:
        """Columns for a table of `width` columns."""
        name = 18 if width < 110 else 26
        rest = width - name - 12 - 13
        return (
            ("name", "Procedure", name),
            ("state", "Run", 12),
            ("when", "Begun", 13),
            ("words", "What", max(10, rest)),
        )
