"""The node's and the controller's log: follow, pause, filter."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Footer

from screens.bindings import bindings_for
from screens.filtered import FilteredScreen, filter_field
from widgets.log_view import LogView
from widgets.narrowing import Narrowing
from widgets.status_line import StatusLine


class LogsScreen(FilteredScreen):
    """The log as it comes, or held still, or only the lines that hold a text."""

    MODE = "logs"
    EXPLANATION = (
        "New lines appear at the end as long as you are there; scroll up, or press Space, to hold the log still. "
        "/ shows only the lines that match a text or a pattern, with ! first only the others; Esc ends the filter."
    )
    CSS_PATH = "logs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("logs"))
    AUTO_FOCUS = "#log-view"
    FILTERED = "#log-view"

    def compose(self) -> ComposeResult:
        yield self.status_line()
        yield LogView(id="log-view")
        yield filter_field("a text or a pattern, ! first for the others; Enter keeps it, Esc ends it")
        yield Footer(show_command_palette=False)

    def draw(self) -> None:
        self.query_one(StatusLine).show(self.snapshot, self.now)

    def draw_log(self) -> None:
        self.query_one(LogView).show(self.log_lines)
        self._draw_title()

    def action_toggle_pause(self) -> None:
        """Hold the log still, or follow it again."""
        view = self.query_one(LogView)
        view.pause(not view.paused, self.log_lines)
        self._draw_title()

    def apply_filter(self, narrowing: Narrowing) -> None:
        self.query_one(LogView).filter(narrowing)
        self._draw_title()

    def _draw_title(self) -> None:
        view = self.query_one(LogView)
        found = view.narrowing.words(len(view.shown), len(self.log_lines))
        words = ["Log", "PAUSED" if view.paused else "following"]
        if found:
            words += [found, "Esc ends it"]
        title = Content(" · ".join(words))
        if view.border_title != title.markup:
            view.border_title = title
