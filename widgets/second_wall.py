"""The second wall: no control, bidi or hidden character reaches the terminal (facts/safety.md §7).

The first wall is `console.text.untrusted` where text enters. This one holds when somebody forgot it.
"""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_BARRED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def _drawable(character: str) -> str:
    if unicodedata.category(character) not in _BARRED_CATEGORIES:
        return character
    # The width stays what the layout counted with, or every later column of the line would move.
    return "·" * max(0, cell_len(character))


def barred_free(text: str) -> str:
    """The text without any character that a terminal would obey, hide or reorder."""
    # What is barred is never printable, and nearly every line is printable: one look in C, and no table of Unicode
    # that the first frame would have to wait for.
    return text if text.isprintable() else "".join(map(_drawable, text))


class SecondWall(LineFilter):
    """Strips from every drawn line what the first wall should have made visible."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the line with barred characters replaced, width unchanged."""
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [Segment(barred_free(segment.text), segment.style) for segment in segments]
