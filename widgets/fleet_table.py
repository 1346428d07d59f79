"""The nodes of the fleet as a table, and all that is known of one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content

from console.model import FleetNode, NodeStatus, last_word
from console.text import duration, short_hash
from widgets.drawn import BAD, MUTED, STRONG, stacked
from widgets.moments import UNKNOWN, count
from widgets.row_table import Column, RowTable

STALE_S = 15.0
"""Seconds after which an answer is said to be old: a node elsewhere is asked every few seconds."""

_SIGNS = {True: "yes", False: "no", None: UNKNOWN}


@dataclass(frozen=True, slots=True)
class FleetRow:
    """What the table shows of one node."""

    key: str
    name: str
    where: str
    state: str
    generation: str
    version: str
    height: str
    peers: str
    signs: str
    halts: str
    """H for which it is armed."""
    seen: str
    """`now`, or how old the newest answer is."""
    point: str
    """Age of its newest rollback point."""
    says: str
    tone: str


def fleet_rows(nodes: tuple[FleetNode, ...], now: float) -> tuple[FleetRow, ...]:
    """The rows, in the order of the settings.

    Args:
        nodes: As told last.
        now: Unix seconds.
    """
    return tuple(_row(node, now) for node in nodes)


def _row(node: FleetNode, now: float) -> FleetRow:
    status, seen = node.status, node.consensus
    return FleetRow(
        key=node.name,
        name=node.name,
        where=node.where or "here",
        state=_state(node),
        generation=UNKNOWN if status is None else status.generation or UNKNOWN,
        version=UNKNOWN if status is None else str(status.version) or UNKNOWN,
        height=UNKNOWN if status is None or status.height is None else count(status.height),
        peers=UNKNOWN if seen is None or node.problem else str(seen.peers),
        signs=_SIGNS[node.signs],
        halts=count(status.halt_height) if status is not None and status.halt_height else UNKNOWN,
        seen=_seen(node, now),
        point=UNKNOWN if node.point_at is None else _coarse(now - node.point_at),
        says=node.problem or ("" if status is None else last_word(status)),
        tone=_tone(node, now),
    )


def _state(node: FleetNode) -> str:
    if node.problem:
        return "✗ no answer"
    if node.status is None:
        return "asked…"
    return f"! {node.status.state}" if node.status.alarm else node.status.state


def _seen(node: FleetNode, now: float) -> str:
    if node.read_at is None:
        return UNKNOWN
    age = now - node.read_at
    if node.problem:
        # What stands in the row was said then, and is said no more.
        return _exact(age)
    return "now" if age < STALE_S else _coarse(age)


def _exact(seconds: float) -> str:
    """An age to the second while it is young, then in its largest unit."""
    return duration(max(0.0, seconds)).split(" ", 1)[0]


def _coarse(seconds: float) -> str:
    """An age in its largest unit, so that it seldom changes."""
    return duration(max(0.0, seconds)).split(" ", 1)[0] if seconds >= 60 else f"{max(0, int(seconds // 10)) * 10}s"


def _tone(node: FleetNode, now: float) -> str:
    if node.problem or (node.status is not None and node.status.alarm):
        return "bad"
    if node.status is None:
        return "muted"
    stale = node.read_at is not None and now - node.read_at >= STALE_S
    return "" if node.signs and not stale else "warn"


def fleet_title(nodes: tuple[FleetNode, ...]) -> str:
    """What is to be known of all of them."""
    silent = sum(1 for node in nodes if node.problem)
    called = sum(1 for node in nodes if node.status is not None and node.status.alarm)
    words = [f"Fleet · {len(nodes)} node{'' if len(nodes) == 1 else 's'}"]
    words += [f"{silent} without an answer"] if silent else []
    words += [f"{called} call{'s' if called == 1 else ''} the operator"] if called else []
    return " · ".join(words)


def fleet_detail(node: FleetNode, now: float) -> Content:
    """All that is known of one node."""
    where = f"over SSH, {node.where}" if node.where else "on this machine"
    head = Content.assemble((node.name, STRONG), f"  {where}, {_heard(node, now)}")
    lines = [head]
    if node.problem:
        lines.append(Content.assemble(("✗ ", BAD), node.problem))
    status = node.status
    if status is None:
        return stacked(*lines)
    lines.append(Content(_runs(status)))
    lines.append(Content(_takes_part(node)))
    lines.append(Content(_point(node, now)))
    if words := last_word(status):
        mark = ("! ", BAD) if status.alarm else ("· ", MUTED)
        lines.append(Content.assemble(mark, words))
    return stacked(*lines)


def _heard(node: FleetNode, now: float) -> str:
    if node.read_at is None:
        return "not heard of yet"
    age = now - node.read_at
    if node.problem:
        return f"last heard of {_exact(age)} ago, and what follows is of then"
    return "heard of now" if age < STALE_S else f"last heard of {_coarse(age)} ago"


def _runs(status: NodeStatus) -> str:
    digits = f", sha256 {short_hash(status.exe_sha256)}" if status.exe_sha256 else ""
    process = "does not run" if status.pid is None else f"pid {status.pid}"
    halts = f", halts at {count(status.halt_height)}" if status.halt_height else ""
    runs = f"generation {status.generation or UNKNOWN}, {status.version or UNKNOWN}{digits}"
    return f"{status.state}: {runs}, {process}{halts}"


def _takes_part(node: FleetNode) -> str:
    seen = node.consensus
    if seen is None:
        return "its part in consensus is not known"
    signs = "its signature is in the last commit" if seen.signed else "its signature is not in the last commit"
    power = f"power {seen.power} of {seen.total_power}, {signs}" if seen.power else "no validator"
    behind = ", catching up" if seen.catching_up else ""
    return f"height {count(seen.height)}{behind}, {seen.peers} peers; {power}"


def _point(node: FleetNode, now: float) -> str:
    return (
        "no rollback point" if node.point_at is None else f"newest rollback point: {_coarse(now - node.point_at)} old"
    )


class FleetTable(RowTable[FleetRow]):
    """Up and Down choose one."""

    TONED: ClassVar[frozenset[str]] = frozenset({"state", "signs", "seen"})
    RIGHT: ClassVar[frozenset[str]] = frozenset({"height", "peers", "halts"})
    MIDDLE: ClassVar[frozenset[str]] = frozenset({"name", "where"})

    def columns_for(self, width: int) -> tuple[Column, ...]:
        state: Column = ("state", "state", 22)
        numbers: tuple[Column, ...] = (("height", "height", 11), ("peers", "peers", 6), ("signs", "signs", 6))
        rest: tuple[Column, ...] = (("seen", "heard", 6), ("point", "point", 6))
        if width < 118:
            left = width - 22 - 23 - 12
            return (("name", "node", max(8, left - 11)), state, ("generation", "runs", 11), *numbers, *rest)
        more: tuple[Column, ...] = (("where", "where", 16), state, ("generation", "generation", 16))
        halts: tuple[Column, ...] = (("halts", "halts at", 11),)
        taken = 18 + sum(column for _, _, column in (*more, *numbers, *halts, *rest))
        says: tuple[Column, ...] = (("says", "says", width - taken),) if width - taken >= 20 else ()
        return (("name", "node", 18), *more, *numbers, *halts, *rest, *says)
