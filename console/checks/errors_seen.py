"""Errors in the logs of the last minutes: the node's own log by its controller, and a unit's by journald."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from console.checks.telling import NodeTeller
from console.log_store.line import Level, head_of
from console.model import Finding
from console.model.procedure import passed, warned
from console.node.commands import Runner, SystemRunner
from console.node.journald import unit_lines
from console.text import duration, untrusted

RECENT_S = 600.0
"""Seconds that are looked at: the ten minutes of the operators' document."""
LINES = 2000
_SHOWN = 5


async def recent_errors(client: NodeTeller, now: float, recent_s: float = RECENT_S) -> Finding:
    """Errors in the node's log. Raises ControllerDown, NodeError."""
    lines = await client.log_tail("node", LINES)
    seen, oldest = errors_in(lines, now - recent_s)
    reach = (
        "" if oldest is None or oldest <= now - recent_s else f"; {len(lines)} lines reach back to {now - oldest:.0f} s"
    )
    return _told(seen, recent_s, f"the node's log, {len(lines)} lines read{reach}")


async def recent_errors_of_unit(
    unit: str, now: float, recent_s: float = RECENT_S, *, user: bool = False, runner: Runner | None = None
) -> Finding:
    """Errors in a unit's journal. Raises NodeError: journald cannot be read."""
    by = runner or SystemRunner()
    lines = await asyncio.to_thread(unit_lines, by, unit, now - recent_s, user=user)
    errors = [f"{each.text}" for each in lines if each.level is Level.ERROR]
    return _told(errors, recent_s, f"journald, unit {untrusted(unit, 80)}, {len(lines)} lines read")


def errors_in(lines: Iterable[str], since: float) -> tuple[list[str], float | None]:
    """Lines that are errors, and the oldest moment that any line tells (Unix seconds; None when none does).

    A line without a moment belongs to the one before it, and one without a level is no error of its own.

    Args:
        lines: Oldest first.
        since: Unix seconds; what is older is left out.
    """
    errors: list[str] = []
    at: float | None = None
    oldest: float | None = None
    for line in lines:
        head = head_of(line)
        if head.at is not None:
            at = head.at / 1_000_000
            oldest = at if oldest is None else min(oldest, at)
        if head.level is Level.ERROR and (at is None or at >= since):
            errors.append(str(untrusted(line, 400)))
    return errors, oldest


def _told(errors: Sequence[str], recent_s: float, where: str) -> Finding:
    evidence = (where, *errors[-_SHOWN:])
    if not errors:
        return passed(f"no errors in the last {duration(recent_s)}", *evidence)
    return warned(
        f"{len(errors)} error{'' if len(errors) == 1 else 's'} in the last {duration(recent_s)}",
        *evidence,
        go_on="read them in the log view: not every one is a fault, and none may be passed over unread",
    )
