"""The log view: bounded, filtered, paused."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from widgets.log_view import MAX_LINE, LogView, safe_line

pytestmark = pytest.mark.anyio


class _Bare(App[None]):
    def compose(self) -> ComposeResult:
        yield LogView(id="view")


def test_a_line_is_cut_and_made_safe() -> None:
    source, text = safe_line("node", "\x1b[2J" + "x" * 5000)
    assert source == "node"
    assert text.startswith("<U+001B>[2Jxxx")
    assert len(text) < MAX_LINE + 100


async def test_filter_pause_and_follow() -> None:
    app = _Bare()
    async with app.run_test(size=(60, 10)) as pilot:
        view = app.query_one(LogView)
        lines = tuple(("node", f"line {number}") for number in range(100))
        view.show(lines)
        await pilot.pause()
        assert view.is_vertical_scroll_end
        view.filter("LINE 9")
        assert [text for _source, text in view.shown] == ["line 9", *(f"line {number}" for number in range(90, 100))]
        view.filter("")
        view.pause(True, lines)
        more = (*lines, ("node", "late"))
        view.show(more)
        assert view.shown[-1][1] == "line 99"
        view.pause(False, more)
        assert view.shown[-1][1] == "late"


async def test_scrolling_back_holds_the_place() -> None:
    app = _Bare()
    async with app.run_test(size=(60, 10)) as pilot:
        view = app.query_one(LogView)
        lines = tuple(("node", f"line {number}") for number in range(100))
        view.show(lines)
        await pilot.pause()
        view.scroll_to(y=10, animate=False)
        await pilot.pause()
        view.show((*lines, ("node", "late")))
        await pilot.pause()
        assert view.scroll_offset.y == 10
