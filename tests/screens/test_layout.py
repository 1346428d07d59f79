"""Every view and every dialog is whole at each size: nothing is cut off, nothing scrolls sideways."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len
from textual.content import Content
from textual.css.styles import RulesMap
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from console.actions import MODE_NAMES, actions_of
from console.app import UpgradeConsoleApp
from console.model import Snapshot, Verdict
from screens.mode import ModeScreen
from tests import fakes
from tests import governance_fakes as votes
from tests.pilot import screen_text, settled, until
from tests.session_fakes import FakeSession
from widgets.drawn import Drawn

pytestmark = pytest.mark.anyio

SMALL, WIDE, LARGE = (80, 24), (120, 40), (200, 60)

CUT_BY_DESIGN = {"EventTail", "LogTail", "LogView", "StatusLine"}
"""Lines of logs and events go on to the right, an alarm stands whole above them; the status line drops whole parts."""

STATIONS: dict[str, Snapshot] = {
    "idle": fakes.idle(),
    "no-go": fakes.partly_ready(),
    "unproven": fakes.unproven(),
    "go": fakes.go(),
    "abort": fakes.frozen(Verdict.ABORT),
    "halted": fakes.halted(),
    "quorum": fakes.waiting_for_quorum(),
    "committed": fakes.committed(),
    "stale": fakes.stale(),
    "chain down": fakes.chain_down(),
    "node down": fakes.node_down(),
    "called": fakes.called(),
    "contested": votes.contested(),
    "waiting": votes.waiting_for_readiness(),
    "voted on": votes.voted_on(),
}


@pytest.mark.parametrize(
    "size", [SMALL, pytest.param(WIDE, marks=pytest.mark.soak), pytest.param(LARGE, marks=pytest.mark.soak)]
)
async def test_every_view_and_dialog_is_whole(size: tuple[int, int]) -> None:
    session = FakeSession(votes.voted_on())
    app = UpgradeConsoleApp(session)
    cut: dict[str, list[str]] = {}
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        async for where in _places(pilot, session):
            if found := await _lasting_faults(pilot):
                cut[where] = found
    assert not cut, "\n".join(f"{where}: {fault}" for where, faults in cut.items() for fault in faults)


async def _places(pilot: Pilot[Any], session: FakeSession) -> AsyncIterator[str]:
    """Every station of the overview, then every view and what its keys open."""
    app = pilot.app
    assert session.feed is not None
    for name, snapshot in STATIONS.items():
        session.feed.put_nowait(snapshot)
        await _rest(pilot)
        yield f"overview: {name}"
    for mode in MODE_NAMES:
        await app.switch_mode(mode)
        await _rest(pilot)
        yield mode
        view = app.screen
        assert isinstance(view, ModeScreen)
        async for where in _opened(pilot, view):
            yield where


async def _opened(pilot: Pilot[Any], view: ModeScreen) -> AsyncIterator[str]:
    for entry in actions_of(view.MODE):
        switches = entry.id.startswith("show_") and entry.id[5:] in MODE_NAMES
        # A lock would bar what comes after it.
        if view.refusal_of(entry) or switches or entry.id in {"back", "lock"}:
            continue
        await pilot.press(entry.key.split(",")[0])
        await _rest(pilot)
        opened = pilot.app.screen
        if opened is not view:
            yield f"{view.MODE}, {entry.id}"
            if isinstance(opened, ModeScreen):
                async for where in _opened(pilot, opened):
                    yield where
        for _ in range(4):
            if pilot.app.screen is not view or isinstance(pilot.app.focused, Input):
                await pilot.press("escape")
                await _rest(pilot)
        assert pilot.app.screen is view, f"{entry.id} does not close by Escape"


async def _rest(pilot: Pilot[Any]) -> None:
    for _ in range(3):
        await pilot.pause()


async def _lasting_faults(pilot: Pilot[Any]) -> list[str]:
    """What is wrong once nothing more is being read or laid out."""
    found = list(_faults(pilot.app.screen))
    for _ in range(10):
        if not found:
            return []
        await pilot.pause(0.02)
        found = list(_faults(pilot.app.screen))
    return found


def _faults(screen: Screen[Any]) -> Iterator[str]:
    for widget in screen.walk_children(Widget):
        if not widget.display or not widget.region or not all(entry.display for entry in widget.ancestors):
            continue
        name = f"{type(widget).__name__}#{widget.id}"
        if type(widget).__name__ in CUT_BY_DESIGN:
            continue
        if widget.show_horizontal_scrollbar:
            yield f"{name} scrolls sideways"
        yield from (f"{name} {fault}" for fault in (_beyond(widget), _title(widget), _text(widget)) if fault)


def _beyond(widget: Widget) -> str:
    parent = widget.parent
    if not isinstance(parent, Widget):
        return ""
    if widget.region.right > parent.region.right:
        return f"reaches {widget.region.right - parent.region.right} columns beyond {type(parent).__name__}"
    scrolls = any(isinstance(entry, Widget) and entry.show_vertical_scrollbar for entry in widget.ancestors)
    if not scrolls and widget.region.bottom > parent.region.bottom:
        return f"reaches {widget.region.bottom - parent.region.bottom} rows beyond {type(parent).__name__}"
    return ""


def _title(widget: Widget) -> str:
    room = widget.region.width - 2
    for title in (widget.border_title, widget.border_subtitle):
        if title and cell_len(str(title)) > room:
            return f"has a title of {cell_len(str(title))} columns in {room}: {title}"
    return ""


def _text(widget: Widget) -> str:
    width, height = widget.content_size
    if isinstance(widget, Button):
        return "" if cell_len(str(widget.label)) <= width else f"cuts its label {widget.label}"
    if isinstance(widget, Input):
        shown = widget.placeholder if not widget.value else ""
        return "" if cell_len(shown) <= width else f"cuts its hint {shown!r}"
    if not isinstance(widget, Static | Drawn) or not width:
        return ""
    visual = widget._render()
    if isinstance(visual, Content) and widget.styles.text_wrap == "nowrap":
        # A blank at the end of a wrapped row is nobody's loss.
        needed = max(cell_len(line.rstrip()) for line in visual.plain.split("\n"))
        if needed > width:
            return f"shows {width} of {needed} columns: {visual.plain[:200]!r}"
    rules: RulesMap = {"text_wrap": widget.styles.text_wrap, "text_overflow": widget.styles.text_overflow}
    rows = visual.get_height(rules, width)
    return "" if rows <= height else f"shows {height} of {rows} rows: {str(visual)[:200]!r}"


async def test_large_powers_are_cut_nowhere() -> None:
    powers = (300_000_000_007, 12_345_678, 123_456, 12_345)
    before = fakes.waiting_for_quorum()
    assert before.chain is not None
    crossing = replace(before, chain=replace(before.chain, validators=fakes.validators(powers)))
    calm = fakes.idle()
    assert calm.chain is not None
    session = FakeSession(replace(calm, chain=replace(calm.chain, validators=fakes.validators(powers))))
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        for words in ("300G", "12.3M", "123k", "12345"):
            await until(pilot, lambda words=words: words in screen_text(app), words)  # type: ignore[misc]
        await pilot.press("3")
        for words in (" 300G ", "12.3M", "123,456", "12,345"):
            await until(pilot, lambda words=words: words in screen_text(app), words)  # type: ignore[misc]
        await pilot.press("1")
        assert session.feed is not None
        session.feed.put_nowait(crossing)
        for words in ("node1       300G", "node2      12.3M", "node3     123456", "node4     12,345"):
            await until(pilot, lambda words=words: words in screen_text(app), words)  # type: ignore[misc]
