"""Leaving the console on a devnet: keep the network running, or have it stopped."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from screens.buttons import button
from screens.sized import Dialog
from widgets.drawn import MUTED

Leaving = Literal["keep", "stop"]


class QuitScreen(Dialog[Leaving | None]):
    """Keep the devnet (the default), stop it, or stay. Dismissed with None to stay.

    Args:
        refusal: Why it cannot be stopped from here; empty when it can.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "#keep"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stay", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, refusal: str) -> None:
        super().__init__()
        self._refusal = refusal

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = Content("Quit")
            yield Static(
                Content(
                    "The devnet's nodes are processes of their own: they go on when the console is closed.\n\n"
                    "Keep it running, and `upgrade-console --network devnet` opens it again. Stop it, and its folder "
                    "stays: the next start resumes it."
                ),
                markup=False,
                classes="body",
            )
            reason = self._refusal or "Esc stays in the console."
            yield Static(Content.styled(reason, MUTED), markup=False, classes="result")
            with Horizontal(classes="buttons"):
                yield button("Keep it running", "keep")
                yield button("Stop it", "stop", disabled=bool(self._refusal))
                yield button("Cancel", "cancel")

    @on(Button.Pressed, "#keep")
    def keep(self) -> None:
        """Leave, the devnet goes on."""
        self.dismiss("keep")

    @on(Button.Pressed, "#stop")
    def stop_devnet(self) -> None:
        """Leave and have the devnet stopped."""
        self.dismiss("stop")

    @on(Button.Pressed, "#cancel")
    def action_stay(self) -> None:
        """Stay in the console."""
        self.dismiss(None)
