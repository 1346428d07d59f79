"""How far a run is, taken from the rows of its journal, and what comes next: pure functions, no file, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

from console.model import Finding, Outcome, ProcedureRun, Progress, RunState, StepKind, StepLine, StepRecord
from console.text import untrusted

MOST_TEXT = 4096
"""Characters of one text in a row."""


class Move(Enum):
    """What comes next in a run."""

    LOOK = "look"
    """The action was begun before: look whether it was done."""
    ASK_WHETHER_DONE = "ask whether done"
    """The same of an action that cannot tell: a person has to."""
    ASK = "ask"
    """Ask a person, then begin."""
    BEGIN = "begin"
    FAILED = "failed"
    """It stops here until somebody goes on."""
    END = "end"
    """Every step has ended."""
    NOTHING = "nothing"
    """It is done or given up."""


def next_move(progress: Progress) -> tuple[Move, str]:
    """What comes next, and the id of the step that it is about; empty for none.

    An action that was begun before is never begun again before it was looked whether it is done.
    """
    run = progress.run
    if run.state in {RunState.DONE, RunState.ABANDONED}:
        return Move.NOTHING, ""
    outcomes = {record.step: record.finding.outcome for record in run.records}
    for step in progress.steps:
        outcome = outcomes.get(step.id)
        if outcome is not None and (outcome is not Outcome.FAIL or run.dry):
            continue
        if outcome is Outcome.FAIL and progress.failed == step.id:
            return Move.FAILED, step.id
        if run.dry:
            return Move.BEGIN, step.id
        if step.kind is StepKind.ACTION and step.id in progress.touched and progress.looked != step.id:
            return (Move.LOOK if step.looks else Move.ASK_WHETHER_DONE), step.id
        return (Move.ASK if step.asks else Move.BEGIN), step.id
    return Move.END, ""


_QUESTIONS = frozenset({Move.ASK, Move.ASK_WHETHER_DONE})


class NotARow(ValueError):
    """A row is not one, or does not follow from those before it."""


def taken(progress: Progress | None, row: dict[str, Any]) -> Progress:
    """The run after one more row. Raises NotARow."""
    try:
        return _taken(progress, row)
    except NotARow:
        raise
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise NotARow(f"row {row.get('row')!r}: {error}") from error


def shown(progress: Progress, *, held: bool = False) -> Progress:
    """With the state as it is shown.

    Args:
        progress: As the rows tell it.
        held: Whether somebody's process goes on with it.
    """
    run = progress.run
    if run.state in {RunState.DONE, RunState.ABANDONED}:
        return progress
    move = next_move(progress)[0]
    # What is begun and held is being done; whoever goes on begins anew.
    asked = move is Move.ASK_WHETHER_DONE if run.begun and not held else not run.begun and move in _QUESTIONS
    state = RunState.WAITING if asked else RunState.RUNNING if held else RunState.STOPPED
    return replace(progress, run=replace(run, state=state))


def step_lines(rows: Sequence[Any]) -> tuple[StepLine, ...]:
    """The steps that a row lists."""
    return tuple(
        StepLine(
            id=_text(each["id"], 200),
            kind=StepKind(each["kind"]),
            title=untrusted(each["title"], 200),
            optional=each["optional"] is True,
            asks=each["asks"] is True,
            looks=each["looks"] is True,
        )
        for each in rows
    )


def _taken(progress: Progress | None, row: dict[str, Any]) -> Progress:
    kind, at = row["row"], float(row["at"])
    if progress is None:
        if kind != "started":
            raise NotARow(f"it begins with {kind!r}")
        return _started(row, at)
    run = progress.run
    if run.state in {RunState.DONE, RunState.ABANDONED}:
        raise NotARow(f"{kind!r} after its end")
    if kind == "begun":
        step = _text(row["step"], 200)
        return replace(
            progress, run=replace(run, begun=step), looked="", touched=progress.touched | {step}, ended_at=None
        )
    if kind == "looked":
        return replace(progress, run=replace(run, begun=""), looked=_text(row["step"], 200))
    if kind == "remembered":
        return replace(progress, remembered={**progress.remembered, _text(row["key"], 200): _text(row["value"])})
    if kind == "ended":
        record = _record(row, at)
        failed = record.step if record.finding.outcome is Outcome.FAIL else ""
        return replace(
            progress,
            run=replace(
                run, records=(*run.records, record), begun="", reason=record.finding.sentence if failed else ""
            ),
            failed=failed,
            looked="",
        )
    if kind == "gone_on":
        return replace(
            progress,
            run=replace(run, reason="", begun=""),
            digest=_text(row["digest"], 64),
            steps=step_lines(row["steps"]),
            failed="",
            looked="",
            ended_at=None,
        )
    if kind == "stopped":
        return replace(progress, run=replace(run, reason=_text(row["reason"])), ended_at=at)
    if kind == "abandoned":
        ended = replace(run, state=RunState.ABANDONED, reason=_text(row["reason"]))
        return replace(progress, run=ended, ended_at=at)
    if kind == "done":
        return replace(progress, run=replace(run, state=RunState.DONE, reason=""), ended_at=at)
    raise NotARow(f"{kind!r} is no row of a run")


def _started(row: dict[str, Any], at: float) -> Progress:
    run = ProcedureRun(
        id=_text(row["run"], 200),
        procedure=_text(row["procedure"], 200),
        network=_text(row["network"], 200),
        arguments=tuple((_text(name, 200), _text(value)) for name, value in row["arguments"]),
        items=tuple(_text(item, 200) for item in row["items"]),
        dry=row["dry"] is True,
        by=untrusted(row["by"], 200),
        started_at=at,
        records=(),
        begun="",
        state=RunState.STOPPED,
        reason="",
    )
    return Progress(run, _text(row["node"], 200), _text(row["digest"], 64), step_lines(row["steps"]))


def _record(row: dict[str, Any], at: float) -> StepRecord:
    finding = Finding(
        Outcome(row["outcome"]),
        untrusted(row["sentence"], MOST_TEXT),
        tuple(untrusted(line, MOST_TEXT) for line in row["evidence"]),
        str(untrusted(row["go_on"], MOST_TEXT)),
    )
    return StepRecord(_text(row["step"], 200), finding, float(row["started_at"]), at, untrusted(row["by"], 200))


def _text(value: object, limit: int = MOST_TEXT) -> str:
    if not isinstance(value, str):
        raise NotARow(f"{value!r:.80} is no text")
    return str(untrusted(value, limit))
