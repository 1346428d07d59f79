"""Numbers in large glyphs of full blocks: five rows high, smaller or plain where they would not fit."""

from __future__ import annotations

from textual.content import Content

from widgets.drawn import MUTED, Drawn

_PIXELS = {
    "0": "111 101 101 101 111",
    "1": "010 110 010 010 111",
    "2": "111 001 111 100 111",
    "3": "111 001 111 001 111",
    "4": "101 101 111 001 001",
    "5": "111 100 111 001 111",
    "6": "111 100 111 101 111",
    "7": "111 001 001 001 001",
    "8": "111 101 111 101 111",
    "9": "111 101 111 001 111",
    "/": "01 01 11 10 10",
    "—": "000 000 111 000 000",
}
ROWS = 5
"""Height of the widget in rows."""


def large(text: str) -> list[str]:
    """Five rows; a pixel is two columns wide, so a digit takes six and a gap of two follows."""
    glyphs = [_PIXELS[character].split() for character in text]
    return [
        "  ".join("".join("██" if bit == "1" else "  " for bit in glyph[row]) for glyph in glyphs) for row in range(5)
    ]


def small(text: str) -> list[str]:
    """Three rows of half blocks; a digit takes three columns and a gap of one follows."""
    halves = {"11": "█", "10": "▀", "01": "▄", "00": " "}
    glyphs = [[*pixels, "0" * len(pixels[0])] for pixels in (_PIXELS[character].split() for character in text)]
    return [
        " ".join(
            "".join(halves[upper + lower] for upper, lower in zip(glyph[2 * row], glyph[2 * row + 1], strict=True))
            for glyph in glyphs
        )
        for row in range(3)
    ]


def glyph_rows(text: str, width: int) -> list[str]:
    """The number as `ROWS` rows of at most `width` columns, in the largest glyphs that fit."""
    if text and all(character in _PIXELS for character in text):
        for rows in (large(text), ["", *small(text), ""]):
            if len(rows[1]) <= width:
                return rows
    return ["", "", text[:width], "", ""]


class BigNumber(Drawn):
    """A number in large glyphs with a caption of two words at its foot."""

    DEFAULT_CSS = """
    BigNumber { height: 5; width: 1fr; text-wrap: nowrap; }
    BigNumber.-error { color: $text-error; }
    BigNumber.-warning { color: $text-warning; }
    BigNumber.-success { color: $text-success; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._number = ""
        self._caption: tuple[str, str] = ("", "")

    def show(self, number: str, caption: tuple[str, str]) -> None:
        """Show a number; the caption stands at its right foot."""
        self._number, self._caption = number, caption
        self._redraw()

    def _redraw(self) -> None:
        width = self.size.width
        if not width:
            return
        label = max(len(line) for line in self._caption)
        rows = glyph_rows(self._number, width - label - 2)
        widest = max(len(row) for row in rows)
        lines = [Content(row) for row in rows]
        for row, words in zip((3, 4), self._caption, strict=True):
            lines[row] = Content.assemble(rows[row].ljust(widest), "  ", (words, MUTED))
        self.draw(Content("\n").join(lines))
