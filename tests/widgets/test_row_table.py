"""The table: what it makes, what it draws again, and where its cursor stays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
from textual import on
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from widgets.row_table import Column, RowTable, _fitted, cut_in_the_middle

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Line:
    key: str
    number: str
    state: str = "up"
    tone: str = ""


class Many:
    """Rows that remember which of them were made."""

    def __init__(self, count: int, *, first: int = 0, state: str = "up") -> None:
        self.count, self.first, self.state = count, first, state
        self.made: list[int] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int, /) -> Line:
        self.made.append(place)
        return Line(self.key_at(place), f"{place:,}", self.state)

    def key_at(self, place: int) -> str:
        return f"row{self.first + place}"

    def place_of(self, key: str) -> int | None:
        place = int(key.removeprefix("row")) - self.first
        return place if 0 <= place < self.count else None


class LineTable(RowTable[Line]):
    RIGHT: ClassVar[frozenset[str]] = frozenset({"number"})

    def __init__(self) -> None:
        super().__init__(cursor=True)
        self.drawn: list[int] = []

    def columns_for(self, width: int) -> tuple[Column, ...]:
        return ("key", "Key", 10), ("number", "Number", 8), ("state", "State", width - 18)

    def render_line(self, y: int):  # type: ignore[no-untyped-def]
        self.drawn.append(y)
        return super().render_line(y)


class Bare(App[None]):
    ENABLE_COMMAND_PALETTE = False

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def compose(self) -> ComposeResult:
        yield LineTable()

    @on(RowTable.Highlighted)
    @on(RowTable.Selected)
    def remember(self, event: RowTable.Highlighted | RowTable.Selected) -> None:
        self.told.append(f"{type(event).__name__} {event.table.chosen}")

    @on(RowTable.HeaderClicked)
    def remember_heading(self, event: RowTable.HeaderClicked) -> None:
        self.told.append(f"heading {event.field}")


def lines(app: App[None]) -> list[str]:
    table = app.query_one(LineTable)
    return [table.render_line(y).text.rstrip() for y in range(table.size.height)]


def _ground(table: LineTable, y: int) -> object:
    styles = [segment.style for segment in table.render_line(y) if segment.text.strip()]
    return styles[0].bgcolor if styles[0] is not None else None


async def test_a_muted_row_and_the_headings_are_fainter_than_the_others() -> None:
    app = Bare()
    async with app.run_test(size=(40, 8)) as pilot:
        table = app.query_one(LineTable)
        table.show_rows((Line("first", "1"), Line("usual", "2"), Line("faint", "3", tone="muted")))
        await pilot.pause()
        heading, usual, faint = (
            [segment.style.color for segment in table.render_line(y) if segment.style and segment.text.strip()][-1]
            for y in (0, 2, 3)
        )
        assert heading == faint
        assert faint != usual


async def test_the_cursor_of_a_table_without_the_keys_is_fainter() -> None:
    app = Bare()
    async with app.run_test(size=(40, 8)) as pilot:
        table = app.query_one(LineTable)
        table.focus()
        table.show_rows((Line("first", "1"), Line("second", "2")))
        await pilot.pause()
        focused, other = (_ground(table, y) for y in (1, 2))
        app.set_focus(None)
        await pilot.pause()
        assert len({_ground(table, 1), focused, other}) == 3


async def test_a_cursor_in_sight_is_followed_when_its_row_moves_out_of_the_window() -> None:
    app = Bare()
    async with app.run_test(size=(40, 8)) as pilot:
        table = app.query_one(LineTable)
        rows = tuple(Line(f"row{place}", str(place)) for place in range(30))
        table.show_rows(rows)
        await pilot.pause()
        table.move_cursor(2)
        table.show_rows((*rows[:2], *rows[3:], rows[2]))
        await pilot.pause()
        assert (table.chosen, "row2 " in "\n".join(lines(app))) == ("row2", True)
        # Who scrolled away from it is left where he looks.
        table.scroll_to(y=0, animate=False, immediate=True)
        table.show_rows(rows[3:])
        table.show_rows((*rows[3:], rows[2]))
        await pilot.pause()
        assert table.scroll_offset.y == 0


async def test_only_the_window_is_made_and_only_what_changed_is_drawn() -> None:
    app = Bare()
    async with app.run_test(size=(40, 8)) as pilot:
        table = app.query_one(LineTable)
        rows = Many(10_000)
        table.show_rows(rows)
        await pilot.pause()
        assert set(rows.made) == set(range(6))
        assert lines(app)[:3] == ["Key        Number State", "row0            0 up", "row1            1 up"]
        table.drawn.clear()
        table.show_rows(Many(10_000))
        await pilot.pause()
        assert table.drawn == []
        few = tuple(replace(rows[place], state="down" if place == 3 else "up") for place in range(5))
        table.show_rows(few)
        await pilot.pause()
        table.drawn.clear()
        table.show_rows((*few[:2], replace(few[2], tone="bad"), *few[3:]))
        await pilot.pause()
        assert table.drawn == [3]
        assert table.row_count == 5


async def test_the_cursor_stays_on_its_row() -> None:
    app = Bare()
    async with app.run_test(size=(40, 8)) as pilot:
        table = app.query_one(LineTable)
        table.show_rows(Many(100))
        await pilot.press("down", "down")
        assert table.chosen == "row2"
        # Two new ones above it.
        table.show_rows(Many(102, first=-2))
        assert (table.chosen, table.cursor_row) == ("row2", 4)
        await pilot.press("end")
        assert table.chosen == "row99"
        assert table.scroll_offset.y == 102 - 6
        assert lines(app)[-1].startswith("row99")
        await pilot.press("pageup", "up")
        assert table.chosen == "row92"
        # It is gone: whatever stands there now.
        table.show_rows(Many(20, first=200))
        await pilot.pause()
        assert (table.chosen, table.scroll_offset.y) == ("row219", 14)
        # Back again, and so is the cursor.
        table.show_rows(Many(100))
        assert table.chosen == "row92"
        table.show_rows(())
        await pilot.pause()
        assert table.chosen is None
        await pilot.press("enter", "home", "down", "pagedown")
        table.show_rows(Many(3))
        await pilot.press("enter")
        assert app.told[-2:] == ["Highlighted row0", "Selected row0"]


async def test_the_mouse_chooses_opens_and_sorts() -> None:
    app = Bare()
    async with app.run_test(size=(40, 8)) as pilot:
        table = app.query_one(LineTable)
        table.show_rows(Many(100))
        await pilot.pause()
        # A rule above, a blank at the left, the headings, then rows.
        await _clicked(pilot, 3, 4)
        assert app.told[-1] == "Highlighted row2"
        await _clicked(pilot, 3, 4)
        assert app.told[-1] == "Selected row2"
        await _clicked(pilot, 14, 1)
        assert app.told[-1] == "heading number"
        table.show_rows(Many(1))
        await _clicked(pilot, 3, 6)
        assert app.told[-1] == "Highlighted row0"


async def _clicked(pilot: Pilot[None], x: int, y: int) -> None:
    await pilot.click(offset=(x, y))
    await pilot.pause()


@pytest.mark.parametrize(
    ("text", "width", "right", "fitted"),
    [
        ("abc", 5, False, "abc  "),
        ("abc", 5, True, "  abc"),
        ("abcdef", 5, False, "abcd…"),
        ("abcdef", 1, False, "…"),
        # Two columns each: half of one is no character.
        ("日本語", 4, False, "日 …"),
        ("日本", 5, True, " 日本"),
    ],
)
def test_a_text_fills_its_column_exactly(text: str, width: int, right: bool, fitted: str) -> None:
    assert _fitted(text, width, right=right) == fitted


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("node1", 11, "node1"),
        ("validator-frankfurt-1", 11, "valid…urt-1"),
        ("validator-frankfurt-2", 11, "valid…urt-2"),
        ("検証者検証者検証者", 11, "検証…証者"),
        ("abcdef", 4, "abcdef"),
    ],
)
def test_names_of_one_family_are_told_apart_by_their_ends(text: str, width: int, shown: str) -> None:
    assert cut_in_the_middle(text, width) == shown
