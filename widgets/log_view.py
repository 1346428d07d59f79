"""A part of a log of any length: drawn row by row, only where a row changed; what to show is asked of its owner."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from rich.cells import chop_cells
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from console.log_store import Level, LogEntry, Place, Window
from console.log_store.reading import Found
from widgets.log_tail import source_word

_SIDE_STEP = 20
_WHEEL_ROWS = 3
_MOST_PIECES = 20
"""Rows that one wrapped line takes at most: 1,000 characters at 60 columns and more."""

_NOTHING = Window(0, (), (), 0)
_GRAVE = {Level.DEBUG: "muted", Level.WARNING: "warning", Level.ERROR: "error"}

T = TypeVar("T")
Spans = Callable[[str], Iterable[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class LogLook:
    """How lines are drawn."""

    wrap: bool = False
    moments: bool = True
    sources: bool = True
    """Whether each line names its log."""


class LogView(Widget, can_focus=True):
    """Lines of a log with a line that the reader looks at, or the newest ones as they come."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--muted", "log--warning", "log--error", "log--cursor", "log--hit"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "turn(-1)", show=False),
        Binding("pagedown", "turn(1)", show=False),
        Binding("home", "to_row(0)", show=False),
        Binding("end", "follow", show=False),
        Binding("left", "aside(-1)", show=False),
        Binding("right", "aside(1)", show=False),
    ]
    DEFAULT_CSS = """
    LogView {
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        background: $background;
        &:focus { border-top: solid $primary; }
        & > .log--muted { color: $foreground-muted; }
        & > .log--warning { color: $text-warning; }
        & > .log--error { color: $text-error; text-style: bold; }
        & > .log--cursor { background: $boost; text-style: bold; }
        & > .log--hit { text-style: reverse; }
    }
    """

    @dataclass
    class Moved(Message):
        """The reader looks elsewhere: other lines may be needed."""

    @dataclass
    class Asked(Message):
        """The reader wants to a row that is not here; negative rows count from the end."""

        row: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.look = LogLook()
        self.following = True
        self._window = _NOTHING
        self._top = 0
        self._cursor = 0
        self._left = 0
        self._spans: Spans | None = None
        self._note: Content | None = Content("")
        self._strips: list[Strip] = []
        self._headed: Content | None = None

    # --- what is shown ---

    @property
    def total(self) -> int:
        """Lines that there are."""
        return self._window.total

    @property
    def cursor(self) -> int:
        """Row of the line that the reader looks at."""
        return self._cursor

    @property
    def cursor_place(self) -> Place | None:
        """The line that the reader looks at."""
        return self._at(self._cursor, self._window.places)

    @property
    def cursor_entry(self) -> LogEntry | None:
        """The same, as it is shown."""
        return self._at(self._cursor, self._window.entries)

    @property
    def top_place(self) -> Place | None:
        """The first line on the screen."""
        return self._at(self._top, self._window.places)

    @property
    def rows(self) -> int:
        """Rows for lines."""
        return max(1, self.size.height)

    def head(self, title: Content) -> None:
        """Show this title in the rule above."""
        if self._headed is None or not self._headed.is_same(title):
            self._headed = title
            self.border_title = title

    def show(self, found: Found, note: Content | None = None) -> None:
        """Show what was found.

        Args:
            found: The lines and where the reader stands among them.
            note: Stands there instead when there is no line.
        """
        self._window = found.window
        self._cursor = found.cursor
        self._top = found.top
        self._note = note
        self.draw()

    def dress(self, look: LogLook, spans: Spans | None) -> None:
        """Draw lines this way, and mark these parts of them."""
        self.look, self._spans = look, spans
        self.draw()

    def hold(self) -> None:
        """Stay where the reader is."""
        self.following = False
        self.draw()

    # --- moving ---

    def action_move(self, by: int) -> None:
        """Look at a line further down or up."""
        self.go(self._cursor + by)

    def action_turn(self, by: int) -> None:
        """Look a screen further down or up."""
        self.go(self._cursor + by * max(1, self.rows - 1))

    def action_to_row(self, row: int) -> None:
        """Look at a row from the beginning."""
        self.following = False
        self.post_message(self.Asked(row))

    def action_follow(self) -> None:
        """Look at the newest line, and follow."""
        self.following = True
        self._left = 0
        self.post_message(self.Asked(-1))

    def action_aside(self, by: int) -> None:
        """Look at the columns further right or left of lines that are not wrapped."""
        self._left = max(0, self._left + by * _SIDE_STEP)
        self.draw()

    def go(self, row: int) -> None:
        """Look at a row; at the last one, new lines are followed."""
        row = max(0, min(row, self.total - 1))
        if self.following and row >= self.total - 1:
            return
        self.following = row >= self.total - 1 and row > self._cursor
        if self._at(row, self._window.places) is None:
            self.post_message(self.Asked(-1 if self.following else row))
            return
        self._cursor = row
        self.draw()
        self.post_message(self.Moved())

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.go(max(0, self._top - 1) if self.following else self._cursor - _WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.go(self._cursor + _WHEEL_ROWS)

    def on_click(self, event: events.Click) -> None:
        """Look at the line under the mouse."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        for row, pieces in self._laid_out():
            if offset.y < len(pieces):
                self.following = False
                self.go(row)
                return
            offset = offset - (0, len(pieces))

    # --- drawing ---

    def on_resize(self) -> None:
        self.draw()
        self.post_message(self.Moved())

    def draw(self) -> None:
        """Draw the rows that changed."""
        width, height = self.size
        if width <= 0 or height <= 0:
            return
        laid = self._laid_out()
        strips = [piece for _row, pieces in laid for piece in pieces][:height]
        if not self._window.entries and self._note is not None:
            strips = self._note_strips(width)[:height]
        blank = Strip.blank(width, self.rich_style)
        strips += [blank] * (height - len(strips))
        before, self._strips = self._strips, strips
        if len(before) != height:
            self.refresh()
            return
        changed = [Region(0, row, width, 1) for row in range(height) if strips[row] != before[row]]
        if changed:
            self.refresh(*changed)

    def redraw_theme(self) -> None:
        """Draw all again in other colours."""
        self._strips = []
        self.draw()

    def render_line(self, y: int) -> Strip:
        """One row, drawn before."""
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _laid_out(self) -> list[tuple[int, list[Strip]]]:
        """(row, its strips) of the lines on the screen, from the top; moves the top so that the cursor is seen."""
        height, entries = self.rows, self._window.entries
        if not entries:
            return []
        first, last = self._window.first, self._window.first + len(entries) - 1
        cursor = self._cursor = max(first, min(self._cursor, last))
        top = max(first, min(self._top, cursor, last))
        below = self._pieces_between(top, cursor)
        # From the cursor up as many as fit, or from the top down as many as fit.
        while sum(len(pieces) for _row, pieces in below) > height and len(below) > 1:
            below.pop(0)
        self._top = below[0][0]
        used = sum(len(pieces) for _row, pieces in below)
        row = cursor + 1
        while used < height and row <= last:
            below.append((row, self._pieces(row)))
            used += len(below[-1][1])
            row += 1
        while used < height and self._top > first:
            # Nothing stands below: no row stays empty above.
            pieces = self._pieces(self._top - 1)
            if used + len(pieces) > height:
                break
            self._top -= 1
            below.insert(0, (self._top, pieces))
            used += len(pieces)
        return below

    def _pieces_between(self, top: int, cursor: int) -> list[tuple[int, list[Strip]]]:
        # More lines than rows are above the cursor only after a jump.
        start = max(top, cursor - self.rows)
        return [(row, self._pieces(row)) for row in range(start, cursor + 1)]

    def _pieces(self, row: int) -> list[Strip]:
        entry = self._window.entries[row - self._window.first]
        width, base = self.size.width, self.rich_style
        here = not self.following and row == self._cursor
        if here:
            base += self._style("cursor")
        grave = _GRAVE.get(entry.level)
        text_style = base + self._style(grave) if grave else base
        before = self._before(entry, here, base, base + self._style("muted"), text_style)
        room = max(10, width - sum(len(segment.text) for segment in before))
        text = entry.text[entry.head :] or entry.text
        marked = self._marked(text, text_style)
        if entry.cut:
            marked.append(Segment(f" … {entry.cut:,} more characters: Enter", base + self._style("muted")))
        line = Strip(marked)
        if not self.look.wrap:
            shown = line.crop(self._left, self._left + room)
            return [Strip([*before, *shown]).adjust_cell_length(width, base)]
        blank = Segment(" " * (width - room), base)
        pieces = _wrapped(line, room)
        return [
            Strip([*(before if number == 0 else [blank]), *piece]).adjust_cell_length(width, base)
            for number, piece in enumerate(pieces)
        ]

    def _before(self, entry: LogEntry, here: bool, base: Style, muted: Style, grave: Style) -> list[Segment]:
        found = [Segment(">" if here else " ", base)]
        if self.look.moments:
            found.append(Segment(time.strftime("%H:%M:%S ", time.localtime(entry.at)), muted))
        if self.look.sources:
            found.append(Segment(source_word(entry.source) + " ", muted))
        sign = entry.level.sign if entry.level is not Level.INFO else " "
        found.append(Segment(sign + " ", grave))
        return found

    def _marked(self, text: str, style: Style) -> list[Segment]:
        segments, end = [], 0
        for start, stop in self._spans(text) if self._spans is not None else ():
            if start < end or stop <= start:
                continue
            segments += [Segment(text[end:start], style), Segment(text[start:stop], style + self._style("hit"))]
            end = stop
        return [*segments, Segment(text[end:], style)]

    def _note_strips(self, width: int) -> list[Strip]:
        assert self._note is not None
        lines = self._note.wrap(max(1, width - 2)) if self._note.plain else []
        style = self.rich_style
        return [Strip([Segment(f" {line.plain}", style)]).adjust_cell_length(width, style) for line in lines]

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"log--{name}", partial=True)

    def _at(self, row: int, values: tuple[T, ...]) -> T | None:
        place = row - self._window.first
        return values[place] if 0 <= place < len(values) else None


def _wrapped(line: Strip, width: int) -> list[Strip]:
    """The line in pieces of a width; wide characters stay whole."""
    text = "".join(segment.text for segment in line)
    cuts, at = [], 0
    for piece in chop_cells(text, width)[:_MOST_PIECES]:
        at += Strip([Segment(piece)]).cell_length
        cuts.append(at)
    return list(line.divide(cuts)) if cuts else [line]
