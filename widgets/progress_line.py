"""A determinate bar of one line with its numbers; it moves only when a step ends."""

from __future__ import annotations

from textual.content import Content

from widgets.drawn import GOOD, MUTED, Drawn


class ProgressLine(Drawn):
    """`━━━━━━━━────── 5 of 9`."""

    DEFAULT_CSS = """
    ProgressLine { height: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._done = 0
        self._total = 0

    def show(self, done: int, total: int) -> None:
        """Draw `done` of `total` steps; a total of 0 is not known yet."""
        self._total = max(0, total)
        self._done = min(max(0, done), self._total)
        self._redraw()

    def _redraw(self) -> None:
        words = f" {self._done} of {self._total}" if self._total else " starting"
        room = max(0, self.size.width - len(words))
        filled = room * self._done // self._total if self._total else 0
        self.draw(Content.assemble(("━" * filled, GOOD), ("─" * (room - filled), MUTED), words))
