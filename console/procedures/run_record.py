"""A run as a record that can be kept: who did what, when, what came of it, on what evidence."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from console.errors import InputError
from console.model import StepLine
from console.procedures.run_journal import Reading
from console.text import untrusted


def run_document(reading: Reading) -> dict[str, Any]:
    """A run as plain values; the same for the same journal."""
    progress, run = reading.progress, reading.progress.run
    return {
        "run": run.id,
        "procedure": run.procedure,
        "network": run.network,
        "node": progress.node or None,
        "state": run.state.value,
        "reason": run.reason or None,
        "dry_run": run.dry,
        "arguments": dict(run.arguments),
        "items": list(run.items),
        "by": run.by,
        "started_at": run.started_at,
        "ended_at": progress.ended_at,
        "begun": run.begun or None,
        "steps": [_step_document(step) for step in progress.steps],
        "records": [
            {
                "step": record.step,
                "outcome": record.finding.outcome.value,
                "sentence": record.finding.sentence,
                "evidence": list(record.finding.evidence),
                "go_on": record.finding.go_on or None,
                "started_at": record.started_at,
                "ended_at": record.ended_at,
                "by": record.by,
            }
            for record in run.records
        ],
        "definition_sha256": progress.digest,
        "journal": {"lines": reading.lines, "head_sha256": reading.head, "problem": reading.problem or None},
    }


def _step_document(step: StepLine) -> dict[str, Any]:
    return {"id": step.id, "kind": step.kind.value, "title": step.title, "optional": step.optional}


def run_markdown(reading: Reading) -> str:
    """A run as a Markdown document; the same for the same journal. No text in it is taken for markup."""
    progress, run = reading.progress, reading.progress.run
    kind = "Dry run" if run.dry else "Run"
    lines = [f"# {kind} {_plain(run.id)}", ""]
    rows = [
        ("procedure", run.procedure),
        ("network", run.network),
        ("node", progress.node or "none"),
        ("begun", f"{_moment(run.started_at)} by {run.by}"),
        ("ended", "not yet" if progress.ended_at is None else _moment(progress.ended_at)),
        ("state", run.state.value + (f": {run.reason}" if run.reason else "")),
        *((f"--{name}", value or "(empty)") for name, value in run.arguments),
        *([("goes over", ", ".join(run.items))] if run.items else []),
        ("definition", f"sha256:{progress.digest}"),
        ("journal", f"{reading.lines} lines, sha256 of the last one: {reading.head}"),
    ]
    lines += ["| | |", "|---|---|", *(f"| {_plain(name)} | {_plain(value)} |" for name, value in rows), ""]
    if reading.problem:
        lines += [f"**The journal is damaged:** {_plain(reading.problem)}", ""]
    lines += ["## Steps", ""]
    for step in progress.steps:
        lines += [f"### {_plain(step.id)}: {_plain(step.title)}", ""]
        records = [record for record in run.records if record.step == step.id]
        for record in records:
            finding = record.finding
            lines.append(
                f"- **{finding.outcome.value.upper()}** {_plain(finding.sentence)}"
                f" ({_moment(record.started_at)} to {_moment(record.ended_at)}, {_plain(record.by)})"
            )
            lines += [f"  - {_plain(each)}" for each in finding.evidence]
            if finding.go_on:
                lines.append(f"  - next: {_plain(finding.go_on)}")
        if not records:
            lines.append("- begun, its end is not known" if run.begun == step.id else "- not begun")
        lines.append("")
    return "\n".join(lines)


def write_record(path: Path, reading: Reading) -> None:
    """Write the record of a run into a new file of mode 0600: Markdown, or JSON for a name that ends so.

    Raises:
        InputError: The file is there, or cannot be written; no half file is left.
    """
    text = run_markdown(reading) if path.suffix == ".md" else json.dumps(run_document(reading), indent=2) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(f"cannot write {untrusted(path)}: {error.strerror}", safe="nothing was exported") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise InputError(f"cannot write {untrusted(path)}: {error.strerror}", safe="no file is left") from error


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


_MARKUP = re.compile(r"([\\`*_\[\]<>#|~&!]|(?<=www)\.|:(?=//)|@)")
"""What Markdown could take for itself inside a line, links that some readers make of bare addresses included."""


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
