"""The base of the tables: rows are values, made when they are looked at; only lines that changed are drawn.

A line costs the same among ten rows and ten thousand: whoever has many hands over a sequence that makes a row when it
is asked for one (`Rows`), and only the rows in the window are ever asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

ORDERED_AT_ONCE = 500
"""Rows that a table puts in order without a thread: some milliseconds."""

Column = tuple[str, str, int]
"""Field of the row, heading, and width with the gap that follows."""


class TableRow(Protocol):
    """What a table draws: a frozen value whose fields are text that is already safe."""

    @property
    def key(self) -> str:
        """Tells the row from others."""
        ...

    @property
    def tone(self) -> str:
        """`good`, `bad`, `warn`, `muted` or empty: the colour of the fields of `TONED`."""
        ...


R = TypeVar("R", bound=TableRow)
R_co = TypeVar("R_co", bound=TableRow, covariant=True)


class Rows(Protocol[R_co]):
    """Rows in their order; one is made when it is asked for."""

    def __len__(self) -> int: ...
    def __getitem__(self, place: int, /) -> R_co: ...
    def key_at(self, place: int) -> str:
        """Key of a row."""
        ...

    def place_of(self, key: str) -> int | None:
        """Where the row of that key stands; None when it is not there."""
        ...


class MadeRows(Generic[R]):
    """Rows that are there already."""

    def __init__(self, rows: Sequence[R]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int, /) -> R:
        return self._rows[place]

    def key_at(self, place: int) -> str:
        """Key of a row."""
        return self._rows[place].key

    def place_of(self, key: str) -> int | None:
        """Where the row of that key stands; None when it is not there."""
        return next((place for place, row in enumerate(self._rows) if row.key == key), None)


class _Told(Message):
    """What a table tells; handlers choose the table by `on(…, "#id")`."""

    def __init__(self, table: RowTable[Any]) -> None:
        super().__init__()
        self.table = table

    @property
    def control(self) -> RowTable[Any]:
        """The table."""
        return self.table


class RowTable(ScrollView, Generic[R], can_focus=True):
    """A table of `R`; subclasses name their columns.

    Args:
        cursor: Whether Up and Down choose a row; the cursor stays on its row when others come and go.
    """

    TONED: ClassVar[frozenset[str]] = frozenset({"state"})
    """Fields that are drawn in the row's tone."""
    RIGHT: ClassVar[frozenset[str]] = frozenset()
    """Fields of numbers, which stand at the right of their columns."""
    MIDDLE: ClassVar[frozenset[str]] = frozenset()
    """Fields that are cut in the middle: names of one family differ at their ends."""
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--header",
        "rows--cursor",
        "rows--good",
        "rows--bad",
        "rows--warn",
        "rows--muted",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", show=False),
        Binding("up", "cursor(-1)", show=False),
        Binding("down", "cursor(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end", "last", show=False),
    ]
    DEFAULT_CSS = """
    RowTable {
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        padding: 0 0 0 1;
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        &:focus { border-top: solid $primary; }
        & > .rows--header { color: $foreground-muted; }
        & > .rows--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
            text-style: $block-cursor-blurred-text-style;
        }
        &:focus > .rows--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
        & > .rows--good { color: $text-success; }
        & > .rows--bad { color: $text-error; text-style: bold; }
        & > .rows--warn { color: $text-warning; }
        & > .rows--muted { color: $foreground-muted; }
    }
    """

    class Highlighted(_Told):
        """The cursor stands on another row."""

    class Selected(_Told):
        """Enter, or a click on the row under the cursor."""

    class HeaderClicked(_Told):
        """A heading was clicked."""

        def __init__(self, table: RowTable[Any], field: str) -> None:
            super().__init__(table)
            self.field = field

    def __init__(self, *, cursor: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self.show_cursor = cursor
        self._rows: Rows[R] = MadeRows(())
        self._made: dict[int, R] = {}
        """Rows as they were last drawn, by place."""
        self._layout: tuple[Column, ...] = ()
        self._cursor = 0
        self._wanted: str | None = None
        """Key of the row on which the operator put the cursor; it goes back there when a filter lets the row in."""
        self._highlighted: str | None = None
        self._heading = ""

    def columns_for(self, width: int) -> tuple[Column, ...]:
        """The columns of a table of `width` columns."""
        raise NotImplementedError

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    @property
    def cursor_row(self) -> int:
        """Place of the row under the cursor."""
        return self._cursor

    @property
    def chosen(self) -> str | None:
        """Key of the row under the cursor."""
        return self._rows.key_at(self._cursor) if self._cursor < len(self._rows) else None

    def head(self, heading: str) -> None:
        """Show this title in the rule above."""
        if heading != self._heading:
            self._heading = heading
            self.border_title = Content(heading)

    def show_rows(self, rows: Sequence[R] | Rows[R]) -> None:
        """Draw these rows in this order, touching only lines that changed."""
        shown: Rows[R] = MadeRows(rows) if isinstance(rows, tuple | list) else rows  # type: ignore[assignment]
        chosen = self._wanted if self._wanted is not None else self.chosen
        followed = self.show_cursor and self._in_sight
        self._rows = shown
        if chosen is None or self._cursor >= len(shown) or shown.key_at(self._cursor) != chosen:
            place = None if chosen is None else shown.place_of(chosen)
            moved = max(0, min(self._cursor, len(shown) - 1)) if place is None else place
            if self.show_cursor and moved != self._cursor:
                self._refresh_row(self._cursor)
                self._refresh_row(moved)
            self._cursor = moved
        self._measure()
        if followed and not self._in_sight:
            self._keep_in_sight()
        self._redraw()
        self._tell_cursor()

    def move_cursor(self, row: int) -> None:
        """Put the cursor on a row, and the row into the window."""
        row = max(0, min(row, len(self._rows) - 1))
        if row != self._cursor:
            self._refresh_row(self._cursor)
            self._cursor = row
            self._refresh_row(row)
        self._wanted = self.chosen
        self._keep_in_sight()
        self._tell_cursor()

    def action_cursor(self, by: int) -> None:
        """Go up or down; scrolls where there is no cursor."""
        if self.show_cursor:
            self.move_cursor(self._cursor + by)
        else:
            self.scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """Go a window up or down."""
        self.action_cursor(by * self._window_rows)

    def action_first(self) -> None:
        """Go to the first row."""
        self.action_cursor(-len(self._rows))

    def action_last(self) -> None:
        """Go to the last row."""
        self.action_cursor(len(self._rows))

    def action_select_cursor(self) -> None:
        """Open what is under the cursor."""
        if self.show_cursor and self.chosen is not None:
            self.post_message(self.Selected(self))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y == 0:
            left = 0
            for field, _heading, width in self._layout:
                if left <= offset.x < left + width:
                    self.post_message(self.HeaderClicked(self, field))
                left += width
            return
        row = self.scroll_offset.y + offset.y - 1
        if not self.show_cursor or row >= len(self._rows):
            return
        if row == self._cursor:
            self.action_select_cursor()
        else:
            self.move_cursor(row)

    def on_resize(self, event: events.Resize) -> None:
        self._measure()
        self._redraw()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the window: the headings, then rows."""
        width = self.scrollable_content_region.width
        base = self.rich_style
        if y == 0:
            style = self.get_visual_style("rows--header").rich_style
            cells = [(heading, field, column, style) for field, heading, column in self._layout]
            return self._strip(cells, width, base)
        place = self.scroll_offset.y + y - 1
        if place >= len(self._rows):
            return Strip.blank(width, base)
        row = self._made[place] = self._rows[place]
        toned = base
        if self.show_cursor and place == self._cursor:
            # The cursor's colours alone can be read on its background.
            base = toned = self.get_visual_style("rows--cursor").rich_style
        elif row.tone:
            toned = self.get_visual_style(f"rows--{row.tone}").rich_style
        cells = [
            (getattr(row, field), field, column, toned if field in self.TONED else base)
            for field, _heading, column in self._layout
        ]
        return self._strip(cells, width, base)

    def _strip(self, cells: list[tuple[str, str, int, Style]], width: int, base: Style) -> Strip:
        segments = []
        for text, field, column, style in cells:
            room = max(1, column - (field != self._layout[-1][0]))
            shown = cut_in_the_middle(text, room) if field in self.MIDDLE else text
            fitted = _fitted(shown, room, right=field in self.RIGHT)
            segments.append(Segment(fitted + " " * (column - room), style))
        return Strip(segments).adjust_cell_length(width, base)

    @property
    def _window_rows(self) -> int:
        return max(1, self.size.height - 1)

    def _measure(self) -> None:
        size = Size(self.size.width, len(self._rows) + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        width = self.size.width - 1
        layout = self.columns_for(width) if width > 0 else ()
        if layout != self._layout:
            self._layout = layout
            self._made = {}
            self.refresh()

    def _redraw(self) -> None:
        """Draw again the lines of the window whose rows are others than before."""
        top = self.scroll_offset.y
        before, self._made = self._made, {}
        for place in range(top, top + self._window_rows):
            row = self._rows[place] if place < len(self._rows) else None
            if row is not None:
                self._made[place] = row
            if row != before.get(place):
                self._refresh_row(place)

    def _refresh_row(self, place: int) -> None:
        line = place - self.scroll_offset.y + 1
        if 1 <= line < self.size.height:
            self.refresh(Region(0, line, self.size.width, 1))

    @property
    def _in_sight(self) -> bool:
        """Whether the cursor's row is in the window."""
        return 0 <= self._cursor - self.scroll_offset.y < self._window_rows

    def _keep_in_sight(self) -> None:
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif self._cursor >= top + self._window_rows:
            self.scroll_to(y=self._cursor - self._window_rows + 1, animate=False, immediate=True)

    def _tell_cursor(self) -> None:
        if self.show_cursor and self.chosen != self._highlighted:
            self._highlighted = self.chosen
            self.post_message(self.Highlighted(self))


def cut_in_the_middle(text: str, width: int) -> str:
    """A text of at most `width` columns with its two ends: `a-valid…rack-17`."""
    if cell_len(text) <= width or width < 5:
        return text
    tail = (width - 1) // 2
    end = text
    while cell_len(end) > tail:
        end = end[1:]
    return set_cell_size(text, width - 1 - tail).rstrip() + "…" + end


def _fitted(text: str, width: int, *, right: bool) -> str:
    """A text of exactly `width` columns: cut with an ellipsis, or filled with blanks."""
    taken = len(text) if text.isascii() else cell_len(text)
    if taken > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else "…"
    blanks = " " * (width - taken)
    return blanks + text if right else text + blanks
