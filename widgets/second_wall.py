"""The second wall: no control, bidi or hidden character reaches the terminal (facts/safety.md §7).

The first wall is `console.text.untrusted` where text enters. This one holds when somebody forgot it.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_BARRED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


@lru_cache(maxsize=1)
def _barred() -> re.Pattern[str]:
    ranges: list[str] = []
    start: int | None = None
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and unicodedata.category(chr(code)) in _BARRED_CATEGORIES
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            ranges.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = None
    return re.compile("[" + "".join(ranges) + "]")


def _replacement(match: re.Match[str]) -> str:
    # The width stays what the layout counted with, or every later column of the line would move.
    return "·" * max(0, cell_len(match.group()))


def barred_free(text: str) -> str:
    """The text without any character that a terminal would obey, hide or reorder."""
    return _barred().sub(_replacement, text)


class SecondWall(LineFilter):
    """Strips from every drawn line what the first wall should have made visible."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the line with barred characters replaced, width unchanged."""
        if not _barred().search("".join(segment.text for segment in segments)):
            return segments
        return [Segment(barred_free(segment.text), segment.style) for segment in segments]
