"""The countdown: the biggest thing on the screen (DESIGN §9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from widgets.big_number import BigNumber
from widgets.drawn import Drawn
from widgets.phases import CONNECTING, Outlook

if TYPE_CHECKING:
    from console.model import Snapshot

_TONES = ("error", "warning", "success")


class Countdown(Vertical):
    """Blocks left in large glyphs, time left, wall clock, and one sentence on what will happen."""

    DEFAULT_CSS = """
    Countdown {
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        padding: 0 1;
        overflow: hidden;
        #countdown-when { height: 1; text-style: bold; text-wrap: nowrap; text-overflow: ellipsis; }
        #countdown-sentence { height: 1fr; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = ""

    def compose(self) -> ComposeResult:
        yield BigNumber(id="countdown-number")
        yield Drawn(id="countdown-when")
        yield Drawn(id="countdown-sentence")

    def show(self, snapshot: Snapshot | None, now: float) -> Outlook:
        """Draw where the upgrade stands at `now` (Unix seconds); returns what was drawn."""
        view = CONNECTING if snapshot is None else _outlook(snapshot, now)
        if view.title != self._title:
            self._title = view.title
            self.border_title = Content(view.title)
        number = self.query_one(BigNumber)
        number.show(view.number, view.caption)
        for tone in _TONES:
            number.set_class(view.tone == tone, f"-{tone}")
        self.query_one("#countdown-when", Drawn).draw(Content(view.when))
        self.query_one("#countdown-sentence", Drawn).draw(Content(view.sentence))
        return view


def _outlook(snapshot: Snapshot, now: float) -> Outlook:
    # Imported here: the first frame comes before the first Snapshot.
    from widgets.outlook import outlook

    return outlook(snapshot, now)
