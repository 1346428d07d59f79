"""What stands there instead of a view for which the terminal has no room."""

from __future__ import annotations

from textual.content import Content

from widgets.drawn import STRONG, WARN, Drawn, stacked

LEAST_COLUMNS = 60
LEAST_ROWS = 16
"""Below this a view would hide what it is for (facts/tui.md A1)."""


def too_small(columns: int, rows: int) -> bool:
    """Whether a view has no room."""
    return columns < LEAST_COLUMNS or rows < LEAST_ROWS


class TooSmall(Drawn):
    """Says how big the terminal has to be, over everything else of a view; whatever has the focus keeps it.

    Args:
        keys: What works all the same, in a few words.
    """

    DEFAULT_CSS = """
    /* Docked, so that a view which is scrolled does not take it along. */
    TooSmall { layer: above; dock: top; width: 100%; height: 100%; background: $background; }
    """

    def __init__(self, keys: str) -> None:
        super().__init__(classes="too-small")
        self._keys = keys

    def on_mount(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        columns, rows = self.app.size
        self.draw(
            stacked(
                Content.styled(f"{columns}×{rows} is too small", f"{STRONG} {WARN}"),
                f"Needs {LEAST_COLUMNS}×{LEAST_ROWS}.",
                Content.styled(self._keys, STRONG),
            )
        )
