"""A procedure's steps as a run holds on to them: their digest, and the lines that its journal keeps."""

from __future__ import annotations

import hashlib
import json

from console.model import StepLine
from console.procedures.progress import step_lines
from console.procedures.step import Step


def digest_of(steps: tuple[Step, ...]) -> str:
    """sha256, 64 hex digits, of what these steps say and ask: a run goes on by the definition that it began with."""
    told = [
        [each.id, each.kind.value, each.title, each.says, each.undo, each.ask, each.item, each.boxes, each.optional,
         each.deadline_s, each.work is not None, each.done is not None, each.typed is not None,
         *([each.follows] if each.follows else [])]
        for each in steps
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, separators=(",", ":")).encode("ascii")).hexdigest()


def lines_of(steps: tuple[Step, ...]) -> list[dict[str, object]]:
    """The steps as the journal names them."""
    return [
        {
            "id": each.id,
            "kind": each.kind.value,
            "title": each.title,
            "optional": each.optional,
            "asks": bool(each.ask),
            "looks": each.done is not None,
        }
        for each in steps
    ]


def step_lines_of(steps: tuple[Step, ...]) -> tuple[StepLine, ...]:
    """The steps as they are shown without a run."""
    return step_lines(lines_of(steps))
