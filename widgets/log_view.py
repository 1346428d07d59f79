"""Log lines: the tail on the overview, and the scrolling view with filter and pause."""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.text import untrusted
from widgets.drawn import MUTED, Drawn, stacked
from widgets.narrowing import NOTHING_TYPED, Narrowing

MAX_LINES = 2000
"""Lines kept."""
MAX_LINE = 1000
"""Characters kept of a line (facts/tui.md C4)."""

LogLine = tuple[str, str]
"""(source, text), source being `node` or `controller`."""

_SHORT = {"controller": "ctrl"}


def source_word(source: str) -> str:
    """The source in a column of four."""
    return f"{_SHORT.get(source, source)[:4]:<4}"


def safe_line(source: str, text: str) -> LogLine:
    """A line as it may be shown: a log is a file, so its text is foreign."""
    return str(untrusted(source, 16)), str(untrusted(text.expandtabs(), MAX_LINE))


_MOMENT = re.compile(r"^(?:[A-Z]\[)?\d{4}-\d\d-\d\d[T| ](\d\d:\d\d:\d\d)(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?\s+")
"""The date and time with which controllers and nodes begin a line."""


def tail_line(text: str) -> str:
    """A line for a place where columns are few: of its moment only the time of day is left."""
    return _MOMENT.sub(r"\1 ", text)


def newest(lines: tuple[LogLine, ...], rows: int) -> list[LogLine]:
    """The newest `rows` lines, oldest first; of node lines that differ in numbers only the newest stands for all.

    A node that says the same of every block would otherwise push out the controller's few words in seconds.
    """
    kept: list[LogLine] = []
    said: set[str] = set()
    for source, text in reversed(lines):
        if source != "controller":
            shape = " ".join(word for word in text.split() if not any(sign.isdigit() for sign in word))
            if shape in said:
                continue
            said.add(shape)
        kept.append((source, text))
        if len(kept) == rows:
            break
    return kept[::-1]


class LogTail(Drawn):
    """The newest lines, as many as fit; no scrolling, and what repeats itself stands there once."""

    DEFAULT_CSS = """
    LogTail {
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        padding: 0 1;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def show(self, lines: tuple[LogLine, ...]) -> None:
        """Draw the tail of these lines, oldest first."""
        self.head(Content("Log (5 shows all)"))
        rows = self.size.height
        if rows <= 0:
            return
        if not lines:
            self.draw(Content.styled("No line yet.", MUTED))
            return
        self.draw(
            stacked(
                *(
                    Content.assemble((source_word(source), MUTED), " ", tail_line(text))
                    for source, text in newest(lines, rows)
                )
            )
        )


class LogView(ScrollView, can_focus=True):
    """All kept lines, following the newest until paused or scrolled away; an optional filter."""

    DEFAULT_CSS = """
    LogView {
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        background: $background;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        overflow-y: scroll;
        scrollbar-color: $panel;
        scrollbar-background: $background;
        scrollbar-corner-color: $background;
        padding: 0 0 0 1;
        &:focus { border-top: solid $primary; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._all: tuple[LogLine, ...] = ()
        self._shown: list[LogLine] = []
        self._narrowing = NOTHING_TYPED
        self._paused = False

    @property
    def paused(self) -> bool:
        """Whether new lines are held back."""
        return self._paused

    @property
    def narrowing(self) -> Narrowing:
        """The filter."""
        return self._narrowing

    @property
    def shown(self) -> list[LogLine]:
        """The lines that pass the filter."""
        return self._shown

    def show(self, lines: tuple[LogLine, ...]) -> None:
        """Take the lines; while paused they wait."""
        if self._paused or lines is self._all:
            return
        self._all = lines
        self._apply()

    def pause(self, paused: bool, lines: tuple[LogLine, ...]) -> None:
        """Hold still, or show what arrived meanwhile and follow again."""
        self._paused = paused
        if not paused:
            self._all = lines
            self._apply()
            self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)

    def filter(self, narrowing: Narrowing) -> None:
        """Show only lines that the filter keeps."""
        self._narrowing = narrowing
        self._apply()
        self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)

    def _apply(self) -> None:
        following = self.is_vertical_scroll_end
        kept = self._narrowing.kept([f"{source} {text}" for source, text in self._all])
        self._shown = [self._all[place] for place in kept]
        width = max((cell_len(text) for _source, text in self._shown), default=0) + 5
        self.virtual_size = Size(width, len(self._shown))
        if following:
            self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw one row of the window."""
        scroll_x, scroll_y = self.scroll_offset
        index = scroll_y + y
        width = self.scrollable_content_region.width
        base = self.rich_style
        if index >= len(self._shown):
            text = "No line matches." if index == 0 and self._narrowing.active else ""
            return Strip([Segment(text, base)]).adjust_cell_length(width, base)
        source, text = self._shown[index]
        strip = Strip([Segment(source_word(source) + " ", base + Style(dim=True)), Segment(text, base)])
        return strip.crop_extend(scroll_x, scroll_x + width, base)
