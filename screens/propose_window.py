"""What a typed window means: the height in it and how far it may drift, who is at hand then, and how busy the chain is.

Pure; the propose form draws it.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from console.maintenance import LOCAL, MaintenanceWindow
from console.model import Snapshot, Traffic
from console.operations.propose_window import BLOCKS_DECIDE, WallWindow, fit, height_in, parse_window, traffic_words
from widgets.drawn import BAD, GOOD, MUTED, WARN, stacked
from widgets.sparkline import sparkline

GUIDE = "2026-12-01 14:00..16:00 Europe/Berlin, 14:00..16:00, 5h..7h: gives H"
MOST_OPERATORS = 4
"""Declared windows that are told one by one."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a window is held against."""

    snapshot: Snapshot | None
    traffic: Traffic | None
    """None while it is being sampled."""
    maintenance: tuple[MaintenanceWindow, ...]
    now: float
    """Unix seconds."""


def window_problem(typed: str, now: float) -> str:
    """What is wrong with a typed window; empty for none and for nothing typed."""
    if not typed:
        return ""
    try:
        parse_window(typed, now)
    except ValueError as error:
        return f"the window {error}"
    return ""


def height_of_window(typed: str, known: Known) -> int | None:
    """H for a typed window; None where it is none, or the chain does not tell."""
    try:
        window = parse_window(typed, known.now)
    except ValueError:
        return None
    return None if known.snapshot is None else height_in(window, known.snapshot, known.traffic)


def window_hint(typed: str, height: str, known: Known) -> Content:
    """What stands below the field.

    Args:
        typed: The window.
        height: H as typed.
        known: What it is held against.
    """
    busy = _traffic_line(known)
    try:
        window = parse_window(typed, known.now) if typed else None
    except ValueError as error:
        return stacked(Content.assemble(("✗ ", BAD), f"the window {error}"), busy)
    if window is None:
        return stacked(Content.styled(GUIDE, MUTED), busy)
    return stacked(*_fit(window, height, known), busy)


def _fit(window: WallWindow, height: str, known: Known) -> list[Content]:
    snapshot = known.snapshot
    suggested = None if snapshot is None else height_in(window, snapshot, known.traffic)
    if snapshot is None or suggested is None:
        return [Content("the chain does not tell its block time: no height can be named")]
    typed = int(height) if height.isascii() and height.isdigit() and len(height) <= 19 else suggested
    found = fit(typed, window, snapshot, known.traffic, known.maintenance)
    if found is None:
        return []
    lines = [
        Content(found.when),
        Content.styled(found.pace, MUTED),
        Content.assemble(("✓ " if found.inside else "! ", GOOD if found.inside else WARN), found.place),
        Content.styled(BLOCKS_DECIDE, MUTED),
    ]
    declared = found.declared
    for at_hand, each in declared[:MOST_OPERATORS]:
        lines.append(Content.assemble(("✓ " if at_hand else "! ", GOOD if at_hand else WARN), each))
    if len(declared) > MOST_OPERATORS:
        rest = declared[MOST_OPERATORS:]
        lines.append(Content(f"{sum(at_hand for at_hand, _ in rest)} of {len(rest)} more are at hand then"))
    return lines


def _traffic_line(known: Known) -> Content:
    traffic = known.traffic
    if traffic is None:
        return Content.styled("how busy the chain was is being read…", MUTED)
    bars = sparkline([sample.per_block for sample in traffic.samples])
    return Content.styled(f"{bars}{' ' if bars else ''}{traffic_words(traffic, LOCAL)}", MUTED)
