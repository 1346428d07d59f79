"""Procedures and runs as text and as JSON."""

from __future__ import annotations

import json
import textwrap
import time

from console.cli.printing import print_json
from console.cli.procedures.person import event_document, finding_lines
from console.model import Coordination, Progress
from console.procedures.desk import Desk
from console.procedures.page import steps_without_run
from console.procedures.person import RunEvent
from console.procedures.run_journal import Reading
from console.procedures.run_record import run_document
from console.procedures.step import Procedure


def listing(desk: Desk) -> str:
    """Procedures and runs, at most 80 columns but for a reason."""
    lines = ["Procedures"]
    lines += [f"  {each.name:<20} {each.title}" for each in desk.procedures]
    readings, unreadable = desk.runs()
    lines += ["", "Runs, the newest first" if readings else "No runs yet."]
    lines += [f"  {run_line(reading.progress)}" for reading in readings]
    lines += [f"  {each.id}: {each.problem}" for each in unreadable]
    return "\n".join(lines)


def run_line(progress: Progress) -> str:
    """A run in one line."""
    run = progress.run
    node = f" on {progress.node}" if progress.node else ""
    dry = " (dry run)" if run.dry else ""
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started_at))
    reason = f": {run.reason}" if run.reason else ""
    return f"{at}  {run.id}{node}{dry}  {run.state.value}{reason}"


def runs_document(desk: Desk) -> dict[str, object]:
    """Procedures and runs as plain values."""
    readings, unreadable = desk.runs()
    return {
        "procedures": [{"name": each.name, "title": each.title} for each in desk.procedures],
        "runs": [run_document(reading) for reading in readings],
        "unreadable": [{"run": each.id, "problem": each.problem} for each in unreadable],
    }


def print_run(reading: Reading, *, as_json: bool) -> None:
    """Print one run in full."""
    if as_json:
        print_json(run_document(reading))
        return
    progress, run = reading.progress, reading.progress.run
    print(run_line(progress))
    print(f"{run.procedure} on {run.network}, begun by {run.by}")
    for name, value in run.arguments:
        print(f"  {name} = {value}")
    latest = {record.step: record for record in run.records}
    for step in progress.steps:
        record = latest.get(step.id)
        if record is not None:
            at = time.strftime("%H:%M:%S", time.localtime(record.ended_at))
            lines = finding_lines(step.id, record.finding)
            print(lines[0] + f"  [{at} {record.by}]")
            for line in lines[1:]:
                print(line)
        else:
            print(f"{'now ' if step.id == run.begun else '    '}  {step.id}: {step.title}")
    print(f"journal: {reading.lines} lines, head sha256:{reading.head}")


def print_procedure(procedure: Procedure, *, as_json: bool) -> None:
    """Print what a procedure is."""
    steps = steps_without_run(procedure)
    if as_json:
        print_json(
            {
                "name": procedure.name,
                "title": procedure.title,
                "purpose": procedure.purpose,
                "parameters": [
                    {"name": each.name, "meaning": each.meaning, "default": each.default}
                    for each in procedure.parameters
                ],
                "steps": [
                    {"id": each.id, "kind": each.kind.value, "title": each.title, "says": each.says,
                     "ask": each.ask or None, "undo": each.undo or None, "optional": each.optional}
                    for each in steps
                ],
            }
        )  # fmt: skip
        return
    print(f"{procedure.name}: {procedure.title}")
    print(textwrap.fill(procedure.purpose, 80))
    for each in procedure.parameters:
        default = "needed" if each.default is None else f"default: {each.default or 'none'}"
        print(f"  --{each.name} VALUE  {each.meaning} ({default})")
    for step in steps:
        print(f"{step.kind.value:<12} {step.id}: {step.title}" + (" (optional)" if step.optional else ""))
        print(textwrap.fill(step.says, 80, initial_indent=" " * 13, subsequent_indent=" " * 13))


def timeline_text(told: Coordination) -> str:
    """The timeline, an entry a line."""
    lines = [f"{told.upgrade}: {told.sentence}" if told.upgrade else told.sentence]
    for each in told.entries:
        at = "" if each.at is None else time.strftime("%m-%d %H:%M", time.localtime(each.at))
        lines.append(f"  {each.offset:<8} {at:<12} {each.due.value:<8} {each.title}: {each.words}")
    return "\n".join(lines)


class Follower:
    """Prints what is new of a run that somebody else drives."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._shown = 0
        self._begun = ""

    def show(self, reading: Reading) -> None:
        """Print what came since."""
        run = reading.progress.run
        for record in run.records[self._shown :]:
            event = RunEvent("ended", run.id, record.ended_at, record.step, record.finding.sentence, record.finding)
            if self._as_json:
                print(json.dumps(event_document(event)), flush=True)
            else:
                print("\n".join(finding_lines(record.step, record.finding)), flush=True)
        self._shown = len(run.records)
        if run.begun and run.begun != self._begun:
            event = RunEvent("begun", run.id, run.started_at, run.begun)
            print(json.dumps(event_document(event)) if self._as_json else f"      {run.begun}: begun", flush=True)
        self._begun = run.begun
        if not reading.held:
            event = RunEvent(run.state.value, run.id, reading.progress.ended_at or run.started_at, words=run.reason)
            print(json.dumps(event_document(event)) if self._as_json else run_line(reading.progress), flush=True)
