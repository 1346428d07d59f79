"""The base of the views: what they are given and how a refused key answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.reactive import var
from textual.screen import Screen

from console.actions import Action, actions_of
from console.keymap import with_key
from console.model import Snapshot
from console.ports import Session
from screens.bindings import refusal
from widgets.log_view import LogLine
from widgets.status_line import StatusLine


class ModeScreen(Screen[None]):
    """A top-level view. The application binds `snapshot`, `now` and `log_lines`; the view draws them.

    Args:
        session: Operations, read-only flag and clock.
    """

    MODE: ClassVar[str] = ""
    EXPLANATION: ClassVar[str] = ""
    """What this screen shows, for help."""

    snapshot: var[Snapshot | None] = var(None)
    """The newest picture of chain and node."""
    now: var[float] = var(0.0)
    """Unix seconds, once a second."""
    log_lines: var[tuple[LogLine, ...]] = var(())
    """The kept lines of both logs, oldest first."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.keymap: Mapping[str, str] = {}
        """Keys of the operator's own, by action; set by the application."""

    @property
    def actions(self) -> tuple[Action, ...]:
        """What can be done here, with the keys as the operator has them."""
        return tuple(with_key(entry, self.keymap) for entry in actions_of(self.MODE))

    def on_mount(self) -> None:
        self.redraw()

    def watch_snapshot(self) -> None:
        self.redraw()

    def watch_now(self) -> None:
        self.redraw()

    def watch_log_lines(self) -> None:
        if self.is_mounted:
            self.draw_log()

    def status_line(self) -> StatusLine:
        """The line at the top, which every view composes first."""
        return StatusLine(self.session.network, self.session.standing, read_only=self.session.read_only, id="status")

    def refusal_of(self, entry: Action) -> str:
        """Why this action cannot be done now in this view; empty when it can."""
        return refusal(entry, self.session, self.snapshot)

    def redraw(self) -> None:
        """Draw snapshot and time; widgets write only what changed."""
        if self.is_mounted:
            self.draw()

    def draw(self) -> None:
        """Give every widget its values."""
        raise NotImplementedError

    def draw_log(self) -> None:
        """Give log widgets their lines."""

    def redraw_theme(self) -> None:
        """Draw what holds colours of its own again, after the theme changed."""

    def action_back(self) -> None:
        """Go back to the overview."""
        if self.MODE != "overview":
            self.app.switch_mode("overview")

    def on_key(self, event: events.Key) -> None:
        # Only keys that no binding took arrive here: a refused action says why instead of staying mute.
        for entry in self.actions:
            if event.key in entry.key.split(","):
                reason = self.refusal_of(entry)
                if reason:
                    self.notify(reason, title=entry.label, severity="warning", markup=False)
                    event.stop()
