"""The newest lines on the overview."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Static

from console.log_store import MAX_LINE
from widgets.log_tail import LogTail, newest, safe_line, tail_line


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


@pytest.mark.anyio
async def test_lines_that_came_while_there_was_no_room_are_there_when_there_is() -> None:
    class Bare(App[None]):
        CSS = "LogTail { height: 1fr; } Screen { layout: vertical; } Static { height: 10; }"

        def compose(self) -> ComposeResult:
            yield Static(classes="above")
            yield LogTail()

    app = Bare()
    async with app.run_test(size=(60, 10)) as pilot:
        tail = app.query_one(LogTail)
        tail.show((("node", "committed state"),))
        assert len(tail.content) == 0
        await pilot.resize_terminal(60, 20)
        assert tail.content.plain == "node committed state"
