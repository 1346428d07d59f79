"""The base of the tables: a row per value, cells updated one by one by key, columns by width, nothing else moves."""

from __future__ import annotations

from typing import ClassVar, Generic, Protocol, TypeVar

from rich.text import Text
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import DataTable

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


class RowTable(DataTable[Text], Generic[R]):
    """A table of `R`; subclasses name their columns.

    Args:
        cursor: Whether Up and Down choose a row; the cursor stays on its row when others come and go.
    """

    TONED: ClassVar[frozenset[str]] = frozenset({"state"})
    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--good", "rows--bad", "rows--warn", "rows--muted"}
    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    RowTable {
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        padding: 0 0 0 1;
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        &:focus { border-top: solid $primary; background-tint: $foreground 0%; }
        & > .datatable--header, &:ansi > .datatable--header {
            background: $background;
            color: $text-muted;
            text-style: none;
        }
        & > .datatable--odd-row, & > .datatable--even-row { background: $background; }
        & > .rows--good { color: $text-success; }
        & > .rows--bad { color: $text-error; text-style: bold; }
        & > .rows--warn { color: $text-warning; }
        & > .rows--muted { color: $text-muted; }
    }
    """

    def __init__(self, *, cursor: bool, id: str | None = None) -> None:
        super().__init__(id=id, show_cursor=cursor, cursor_type="row", cell_padding=0, zebra_stripes=False)
        self._shown: dict[str, R] = {}
        self._layout: tuple[Column, ...] = ()
        self._rows: tuple[R, ...] = ()
        self._heading = ""

    def columns_for(self, width: int) -> tuple[Column, ...]:
        """The columns of a table of `width` columns."""
        raise NotImplementedError

    @property
    def chosen(self) -> str | None:
        """Key of the row under the cursor."""
        return self._rows[self.cursor_row].key if 0 <= self.cursor_row < len(self._rows) else None

    def head(self, heading: str) -> None:
        """Show this title in the rule above."""
        if heading != self._heading:
            self._heading = heading
            self.border_title = Content(heading)

    def show_rows(self, rows: tuple[R, ...]) -> None:
        """Draw these rows in this order, touching only cells that changed."""
        self._rows, before = rows, self._rows
        self._redraw(self._key_under_cursor(before))

    def on_resize(self, event: events.Resize) -> None:
        self._redraw(self.chosen)

    def redraw_all(self) -> None:
        """Draw every cell again, after the theme changed."""
        chosen = self.chosen
        self._layout = ()
        self._redraw(chosen)

    def _key_under_cursor(self, rows: tuple[R, ...]) -> str | None:
        return rows[self.cursor_row].key if 0 <= self.cursor_row < len(rows) else None

    def _redraw(self, chosen: str | None) -> None:
        width = self.size.width - 1
        if width <= 0:
            return
        layout = self.columns_for(width)
        if layout != self._layout or [row.key for row in self._rows] != list(self._shown):
            self._rebuild(layout, chosen)
            return
        for row in self._rows:
            before = self._shown[row.key]
            if before == row:
                continue
            for field, _heading_text, column in layout:
                if getattr(before, field) != getattr(row, field) or before.tone != row.tone:
                    self.update_cell(row.key, field, self._cell(row, field, column), update_width=False)
            self._shown[row.key] = row

    def _rebuild(self, layout: tuple[Column, ...], chosen: str | None) -> None:
        offset = self.scroll_offset
        self.clear(columns=True)
        self._layout = layout
        for field, heading, width in layout:
            self.add_column(Text(heading), key=field, width=width)
        self._shown = {}
        for row in self._rows:
            self.add_row(*(self._cell(row, field, width) for field, _text, width in layout), key=row.key)
            self._shown[row.key] = row
        self.scroll_to(y=offset.y, animate=False)
        if self.show_cursor:
            place = next((index for index, row in enumerate(self._rows) if row.key == chosen), 0)
            self.move_cursor(row=place, animate=False)

    def _cell(self, row: R, field: str, width: int) -> Text:
        text = Text(getattr(row, field), no_wrap=True, overflow="ellipsis")
        if row.tone and field in self.TONED:
            text.stylize(self.get_component_rich_style(f"rows--{row.tone}", partial=True))
        last = field == self._layout[-1][0] if self._layout else False
        text.truncate(max(1, width if last else width - 1), overflow="ellipsis")
        return text
