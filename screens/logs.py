"""The node's and the controller's log: follow, pause, filter."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Footer, Input

from screens.bindings import bindings_for
from screens.mode import ModeScreen
from widgets.log_view import LogView
from widgets.status_line import StatusLine


class LogsScreen(ModeScreen):
    """The log as it comes, or held still, or only the lines that hold a text."""

    MODE = "logs"
    EXPLANATION = (
        "New lines appear at the end as long as you are there; scroll up, or press Space, to hold the log still. "
        "/ shows only the lines that hold a text; Esc ends the filter."
    )
    CSS_PATH = "logs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("logs"))
    AUTO_FOCUS = "#log-view"

    def compose(self) -> ComposeResult:
        yield StatusLine(self.session.network, read_only=self.session.read_only, id="status")
        yield LogView(id="log-view")
        yield Input(
            placeholder="show only lines that hold this text; Enter keeps it, Esc ends it", id="filter", compact=True
        )
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        filter_input = self.query_one("#filter", Input)
        filter_input.cursor_blink = False
        filter_input.display = False

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

    def action_filter(self) -> None:
        """Open the filter."""
        filter_input = self.query_one("#filter", Input)
        filter_input.display = True
        filter_input.focus()

    def action_back(self) -> None:
        """End the filter if there is one, else go back to the overview."""
        filter_input = self.query_one("#filter", Input)
        if filter_input.display:
            filter_input.value = ""
            filter_input.display = False
            self.query_one(LogView).focus()
        else:
            super().action_back()

    @on(Input.Changed, "#filter")
    def apply_filter(self, event: Input.Changed) -> None:
        """Show only lines that hold what is typed."""
        self.query_one(LogView).filter(event.value)
        self._draw_title()

    @on(Input.Submitted, "#filter")
    def keep_filter(self) -> None:
        """Keep the filter and give the keys back to the log."""
        self.query_one(LogView).focus()

    def _draw_title(self) -> None:
        view = self.query_one(LogView)
        needle = self.query_one("#filter", Input).value
        words = ["Log", "PAUSED" if view.paused else "following"]
        if needle:
            words.append(f"{len(view.shown)} of {len(self.log_lines)} lines hold the text below")
            words.append("Esc ends it")
        title = Content(" · ".join(words))
        if view.border_title != title.markup:
            view.border_title = title
