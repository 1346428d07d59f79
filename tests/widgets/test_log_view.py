"""The log view: bounded, filtered, paused."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from widgets.log_view import MAX_LINE, LogView, newest, safe_line, tail_line
from widgets.narrowing import Narrowing

pytestmark = pytest.mark.anyio


class _Bare(App[None]):
    def compose(self) -> ComposeResult:
        yield LogView(id="view")


def test_a_line_is_cut_and_made_safe() -> None:
    source, text = safe_line("node", "\x1b[2J" + "x" * 5000)
    assert source == "node"
    assert text.startswith("<U+001B>[2Jxxx")
    assert len(text) < MAX_LINE + 100


def test_the_tail_keeps_the_controllers_words_and_says_what_repeats_once() -> None:
    blocks = tuple(("node", f"executed block height={number} app_hash=5E{number}") for number in range(50))
    lines = (("controller", "signalled ready 1"), *blocks[:25], ("controller", "signalled armed 1"), *blocks[25:])
    assert newest(lines, 3) == [lines[0], ("controller", "signalled armed 1"), blocks[-1]]
    assert newest(lines, 1) == [blocks[-1]]
    assert newest((), 3) == []


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("I[2026-11-20T22:38:10.896122104Z] executed block", "22:38:10 executed block"),
        ("I[2025-10-09|08:53:18] committed state", "08:53:18 committed state"),
        ("2026-11-20T22:38:07 INFO    controller of node1 starts", "22:38:07 INFO    controller of node1 starts"),
        ("2026-11-20T22:38:07.123+02:00  INFO fendermint", "22:38:07 INFO fendermint"),
        ("no moment here 2026-11-20T22:38:07", "no moment here 2026-11-20T22:38:07"),
    ],
)
def test_the_tail_spends_no_columns_on_dates(line: str, shown: str) -> None:
    assert tail_line(line) == shown


async def test_filter_pause_and_follow() -> None:
    app = _Bare()
    async with app.run_test(size=(60, 10)) as pilot:
        view = app.query_one(LogView)
        lines = tuple(("node", f"line {number}") for number in range(100))
        view.show(lines)
        await pilot.pause()
        assert view.is_vertical_scroll_end
        view.filter(Narrowing("line 9"))
        assert [text for _source, text in view.shown] == ["line 9", *(f"line {number}" for number in range(90, 100))]
        view.filter(Narrowing())
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
