"""The node's and the controller's log, of any length: follow, hold, filter, search, levels, save."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Input
from textual.worker import Worker

from console.errors import ConsoleError
from console.log_store import Level, LineFilter, Place, Selection
from console.log_store.reading import Found, Jump, Wanted
from console.ports.session import Session
from console.typed_moment import EXAMPLES, read_moment
from screens.bindings import bindings_for
from screens.log_reader import LogReader
from screens.mode import ModeScreen
from screens.whole_text import WholeTextScreen
from widgets.copyable import Copyable
from widgets.drawn import Drawn
from widgets.key_line import KeyLine
from widgets.log_view import LogView
from widgets.log_words import LEVELS, Asked, asked_line, heading, title_of, why_empty
from widgets.narrowing import NOTHING_TYPED, Narrowing
from widgets.status_line import StatusLine
from widgets.working import begin

_FIELDS = {
    "filter": "only lines that match this (a regular expression; ! first: that do not); Enter keeps it",
    "search": "find this in the lines; Enter goes to the newest, then n and N",
    "moment": f"go to a time: {EXAMPLES}",
}


class LogsScreen(ModeScreen):
    """Both logs in the order of their moments, read from the files where they are."""

    MODE = "logs"
    EXPLANATION = (
        "New lines come at the end as long as you are there. Up, Page Up, Home or Space hold the log still at the line "
        "marked >; End follows again. / shows only lines that match, s searches in what is shown; Left and Right move "
        "along lines that run out of the screen. Esc ends filter and search."
    )
    CSS_PATH = "logs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("logs"))
    AUTO_FOCUS = "#log-view"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._narrowing = NOTHING_TYPED
        self._searching = NOTHING_TYPED
        self._least = Level.DEBUG
        self._only = ""
        """Name of the one log that is shown; empty for all."""
        self._selection = Selection(LineFilter())
        self._search: Selection | None = None
        self._jump: Jump | None = None
        self._held: Place | None = None
        self._found: Found | None = None
        self._reader: LogReader | None = None
        self._worker: Worker[None] | None = None
        # Kept, for what is read in a thread may come when the screen is being taken down.
        self._view = LogView(id="log-view")
        self._asked = Drawn(id="asked")

    def compose(self) -> ComposeResult:
        yield self.status_line()
        yield self._view
        yield self._asked
        for name, guide in _FIELDS.items():
            yield Input(placeholder=guide, id=name, classes="typed", compact=True)
        yield KeyLine()

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
            field.display = False
        self._draw_asked()

    def on_screen_resume(self) -> None:
        """Read on; nothing is read while something else is shown."""
        self._worker = begin(self, self._read, group="log", exclusive=True)

    def on_screen_suspend(self) -> None:
        """Let the files be."""
        if self._worker is not None:
            self._worker.cancel()

    def draw(self) -> None:
        self.query_one(StatusLine).show(self.snapshot, self.now)

    def draw_log(self) -> None:
        # Of a recording there is what it holds of that moment; else the files are read.
        if self._reader is not None:
            self._reader.give(self.log_lines)

    async def nearest(self) -> tuple[Copyable, ...]:
        place = self._view.cursor_place
        if place is None or self._reader is None:
            return ()
        entry, text = await asyncio.to_thread(self._reader.store.whole, place)
        return (Copyable(f"line of the {entry.source} log", text),)

    def redraw_theme(self) -> None:
        self._view.redraw_theme()

    # --- reading ---

    async def _read(self) -> None:
        if self._reader is None:
            self._reader = LogReader(self.session.logs(), self._wanted, lambda: self.now)
            self._reader.give(self.log_lines)
        async with aclosing(self._reader.found()) as looks:
            async for wanted, found in looks:
                self._take(wanted, found)

    def _wanted(self) -> Wanted:
        view = self._view
        cursor = None if view.following else view.cursor_place
        return Wanted(
            self._selection,
            self._search,
            rows=view.rows,
            top=view.top_place,
            cursor=cursor,
            held=self._held if cursor is not None else None,
            jump=self._jump,
            until=self.now if self.past is not None else None,
        )

    def _take(self, wanted: Wanted, found: Found) -> None:
        view = self._view
        if wanted.selection is not self._selection or wanted.search is not self._search:
            return
        if wanted.jump is not None and wanted.jump is self._jump and found.jumped:
            self._jump = None
            view.following = wanted.jump.row == -1
            if wanted.jump.hit and not found.hits:
                self._tell_none_found()
        elif wanted.cursor is not None and view.cursor_place not in (wanted.cursor, None):
            # Moved meanwhile: what was looked at for the old place would jump back.
            self._nudge()
            return
        if view.following:
            self._held = None
        elif self._held is None and found.window.places:
            self._held = found.window.places[-1]
        if self._selection.asked.keeps is not None and self._narrowing.problem:
            # It was given up, so nothing is filtered any more.
            self._select()
            return
        self._found = found
        assert self._reader is not None
        view.show(found, why_empty(found, self._reader.store))
        self._draw_title()
        self._draw_asked()

    def _tell_none_found(self) -> None:
        self.notify(f"No line that is shown holds {self._searching.wanted!r}.", severity="warning", markup=False)

    def _nudge(self) -> None:
        if self._reader is not None:
            self._reader.nudge()

    def _select(self) -> None:
        """Show what filter, level and log ask for now; the place in the log stays."""
        names = frozenset({self._only}) if self._only else None
        keeps = self._narrowing.keeps if self._narrowing.active else None
        self._selection = Selection(LineFilter(names, self._least, keeps))
        self._seek()

    def _seek(self) -> None:
        active = self._searching.active
        self._search = Selection(LineFilter(keeps=self._searching.keeps), self._selection) if active else None
        self._dress()
        self._draw_asked()
        self._nudge()

    def _dress(self, **changes: bool) -> None:
        marking = self._searching if self._searching.active else self._narrowing
        look = replace(self._view.look, sources=not self._only, **changes)
        self._view.dress(look, marking.spans if marking.active else None)

    # --- what is drawn beside the lines ---

    def _draw_title(self) -> None:
        view, found = self._view, self._found
        if found is not None:
            store = self._reader.store if self._reader is not None else None
            held = None if view.following else view.cursor
            view.head(heading(found, store, view.total, held, view.cursor_entry))

    def _draw_asked(self) -> None:
        asked = Asked(self._narrowing, self._searching, self._least, self._only)
        self._asked.draw(asked_line(asked, self._view.total, self._found))

    # --- keys ---

    def action_toggle_pause(self) -> None:
        """Hold the log still, or follow it again."""
        if self._view.following:
            self._view.hold()
            self._held = self._view.cursor_place
            self._nudge()
        else:
            self._view.action_follow()

    def action_levels(self) -> None:
        """Show the next set of levels."""
        levels = list(LEVELS)
        self._least = levels[(levels.index(self._least) + 1) % len(levels)]
        self._select()

    def action_sources(self) -> None:
        """Show all logs, or one after the other alone."""
        names = ["", *(self._reader.store.names if self._reader is not None else ())]
        self._only = names[(names.index(self._only) + 1) % len(names)]
        self._select()

    def action_wrap(self) -> None:
        """Break long lines, or not."""
        self._dress(wrap=not self._view.look.wrap)

    def action_moments(self) -> None:
        """Show times, or not."""
        self._dress(moments=not self._view.look.moments)

    def action_next_hit(self) -> None:
        """Go down to the next hit."""
        self._go_to_hit(1)

    def action_previous_hit(self) -> None:
        """Go up to the hit before."""
        self._go_to_hit(-1)

    def _go_to_hit(self, by: int) -> None:
        if self._search is None:
            self.action_search()
            return
        self._jump = Jump(hit=by)
        self._nudge()

    def action_whole_line(self) -> None:
        """Show the chosen line whole."""
        place = self._view.cursor_place
        if place is not None and self._reader is not None:
            begin(self, partial(self._show_whole, self._reader, place), group="whole", exclusive=True)

    async def _show_whole(self, reader: LogReader, place: Place) -> None:
        entry, text = await asyncio.to_thread(reader.store.whole, place)
        self.app.push_screen(WholeTextScreen(title_of(entry), (Content(text),), text))

    def action_save(self) -> None:
        """Write what passes to a new file."""
        if self._reader is not None:
            begin(self, partial(self._save, self._reader, self._selection), group="save", exclusive=True)

    async def _save(self, reader: LogReader, selection: Selection) -> None:
        try:
            path, lines = await self.session.save_lines("log", reader.store.saved_lines(selection))
        except ConsoleError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.notify(f"{lines:,} lines written to {path}", markup=False)

    # --- what is typed ---

    def action_filter(self) -> None:
        """Type a filter."""
        self._open("filter")

    def action_search(self) -> None:
        """Type what to search for."""
        self._open("search")

    def action_go_to(self) -> None:
        """Type a time."""
        self._open("moment")

    def _open(self, name: str) -> None:
        for field in self.query(Input):
            field.display = field.id == name
        self.query_one(f"#{name}", Input).focus()

    def _close(self) -> None:
        for field in self.query(Input):
            field.display = False
        self._view.focus()

    def action_back(self) -> None:
        """End what is typed, then search, then filter; then go back to the overview."""
        typing = next((field for field in self.query(Input) if field.display), None)
        ended = typing.id if typing is not None else "search" if self._searching.typed else "filter"
        if typing is None and not self._searching.typed and not self._narrowing.typed:
            super().action_back()
            return
        self.query_one(f"#{ended}", Input).value = ""
        if ended == "search":
            self._searching = NOTHING_TYPED
            self._seek()
        self._close()

    @on(Input.Changed, "#filter")
    def narrow(self, event: Input.Changed) -> None:
        """Show only what matches."""
        self._narrowing = Narrowing(event.value)
        self._select()

    @on(Input.Submitted, "#filter")
    def keep_filter(self) -> None:
        """Keep the filter and give the keys back."""
        self._close()

    @on(Input.Submitted, "#search")
    def seek(self, event: Input.Submitted) -> None:
        """Mark what matches and go to the newest."""
        self._searching = Narrowing(event.value)
        self._jump = Jump(hit=-2) if self._searching.active else None
        self._seek()
        self._close()

    @on(Input.Submitted, "#moment")
    def go_to(self, event: Input.Submitted) -> None:
        """Go to a time."""
        try:
            self._jump = Jump(at=read_moment(event.value, self.session.now()))
        except ValueError as error:
            self.notify(f"{event.value!r} is {error}.", severity="warning", markup=False)
            return
        event.input.value = ""
        self._nudge()
        self._close()

    @on(LogView.Moved)
    def moved(self) -> None:
        """Have the lines around the new place read."""
        self._draw_title()
        self._draw_asked()
        self._nudge()

    @on(LogView.Asked)
    def asked(self, event: LogView.Asked) -> None:
        """Go to a row that is not read yet."""
        self._jump = Jump(row=event.row)
        self._nudge()
