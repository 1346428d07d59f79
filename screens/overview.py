"""The overview: countdown, GO or NO-GO, readiness, this node, and the last events, whole at 80x24."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Footer

from screens.bindings import bindings_for
from screens.mode import ModeScreen
from widgets.countdown import Countdown
from widgets.event_tail import EventTail
from widgets.go_panel import GoPanel
from widgets.log_tail import LogTail
from widgets.node_panel import NodePanel
from widgets.notice_line import NoticeLine
from widgets.readiness_table import ReadinessTable
from widgets.status_line import StatusLine


class OverviewScreen(ModeScreen):
    """What an operator keeps open through an upgrade."""

    MODE = "overview"
    EXPLANATION = (
        "The large number counts the blocks until H, the first block that the new binary executes. "
        "GO needs more than two thirds of the voting power ready and armed. Ready: the release is downloaded, verified "
        "and staged. Armed: the running node has loaded H and will stop there. A clock sign ◷ marks what is old."
    )
    CSS_PATH = "overview.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("overview"))
    AUTO_FOCUS = ""

    def compose(self) -> ComposeResult:
        yield self.status_line()
        with Horizontal(id="top"):
            yield Countdown(id="countdown")
            yield GoPanel(id="go")
        with Horizontal(id="middle"):
            yield ReadinessTable(id="readiness")
            yield NodePanel(id="node")
        yield NoticeLine(id="notice")
        yield EventTail(id="events")
        yield LogTail(id="log")
        yield Footer(show_command_palette=False)

    def draw(self) -> None:
        snapshot, now = self.snapshot, self.now
        self.query_one(StatusLine).show(snapshot, now)
        self.query_one(Countdown).show(snapshot, now)
        self.query_one(GoPanel).show(snapshot, now)
        self.query_one(ReadinessTable).show(snapshot, now)
        self.query_one(NodePanel).show(snapshot, now)
        self.query_one(NoticeLine).show(snapshot)
        self.query_one(EventTail).show(self.course.events)
        self.draw_log()

    def draw_log(self) -> None:
        self.query_one(LogTail).show(self.log_lines)

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw_log)
