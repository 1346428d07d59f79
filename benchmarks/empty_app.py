"""The least that Textual can be: one line on the last row. What the console's start-up is compared with."""

from __future__ import annotations

import sys

from textual.app import App, ComposeResult
from textual.widgets import Static


class EmptyApp(App[None]):
    """One line of text.

    Args:
        text: The line.
    """

    CSS = "Static { dock: bottom; }"

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        yield Static(self._text, markup=False)


if __name__ == "__main__":
    EmptyApp(sys.argv[1]).run()
