"""Draws every line with ASCII alone, for terminals whose font or locale has no more."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from widgets.glyphs import in_ascii


class AsciiAlone(LineFilter):
    """Replaces each sign by its twin of the same width: texts, borders, bars and scrollbars alike."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the line in ASCII, width unchanged."""
        if all(segment.text.isascii() for segment in segments):
            return segments
        return [Segment(in_ascii(segment.text), segment.style) for segment in segments]
