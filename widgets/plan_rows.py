"""What a dangerous action would do, as rows: effect, network, node, the way back, and what was checked. Pure."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from textual.content import Content

from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN, stacked

_NAMES = 11
"""Columns of a row's name."""
_VALUES = 58
"""Columns of a row's value: what a dialog of 76 columns has beside the names."""


@dataclass(frozen=True, slots=True)
class PlanCheck:
    """One thing that was looked at before the action was offered."""

    words: str
    passed: bool | None
    """None when it could not be told."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An action before it is done: everything that whoever confirms it has to know."""

    title: str
    """What is asked, in a few words."""
    effect: tuple[Content | str, ...]
    """Exactly what will happen, a paragraph each."""
    label: str
    """The confirming verb."""
    network: str
    node: str = ""
    """The node it happens to; empty where it is none of ours."""
    undo: str = ""
    """What the way back costs, or that there is none; empty where nothing would have to be undone."""
    checks: tuple[PlanCheck, ...] = ()
    typed: str = ""
    """What has to be typed, whole: the network's or the node's name. Empty: a single key confirms."""
    typed_is: str = "network's name"
    """What it is that is typed."""
    reason: bool = False
    """Whether a reason is typed, for the journal."""

    @property
    def failed(self) -> int:
        """Checks that did not pass."""
        return sum(check.passed is False for check in self.checks)


def plan_content(plan: Plan) -> Content:
    """The plan in rows; every check has a sign and a word."""
    lines: list[Content | str] = [*plan.effect, ""]
    lines += row("network", plan.network, STRONG)
    if plan.node:
        lines += row("node", plan.node, STRONG)
    if plan.undo:
        lines += row("to undo", plan.undo)
    for index, check in enumerate(plan.checks):
        lines += check_rows(check, "" if index else "checks")
    return stacked(*lines)


def row(name: str, value: str, style: str = "") -> list[Content]:
    """A named value, wrapped beside its name."""
    pieces = textwrap.wrap(value, _VALUES) or [""]
    return [
        Content.assemble((f"{'' if index else name:<{_NAMES}}", MUTED), (piece, style))
        for index, piece in enumerate(pieces)
    ]


def check_rows(check: PlanCheck, name: str = "") -> list[Content]:
    """A check with its sign and its word, wrapped beside them."""
    sign, word, style = {True: ("✓", "passed", GOOD), False: ("✗", "FAILED", BAD), None: ("?", "unknown", WARN)}[
        check.passed
    ]
    return _signed(f"{sign} {word:<8}", style, check.words, name)


def warning_rows(words: str) -> list[Content]:
    """A warning with its sign and its word, below the checks."""
    return _signed("! warning ", WARN, words, "")


def _signed(head: str, style: str, words: str, name: str) -> list[Content]:
    pieces = textwrap.wrap(words, _VALUES - len(head)) or [""]
    return [
        Content.assemble(
            (f"{'' if index else name:<{_NAMES}}", MUTED), (head if not index else " " * len(head), style), piece
        )
        for index, piece in enumerate(pieces)
    ]
