"""A share of power as a bar with the line that it has to reach. Pure: text and styles."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from widgets.drawn import MUTED, STRONG

LINE = "┃"
"""Stands between two cells, so that it hides none."""


@dataclass(frozen=True, slots=True)
class Share:
    """A piece of a bar, from the left."""

    power: int
    glyph: str
    """One column wide; tells pieces apart without colour."""
    style: str


def cells_of(power: int, needed: int, total: int, width: int) -> int:
    """Cells that `power` fills: past the line exactly if it is enough, whatever rounding says.

    Args:
        power: At most `total`.
        needed: The least power that is enough.
        total: Greater than 0.
        width: Cells of the whole bar.
    """
    filled = power * width // total
    return max(filled, line_at(needed, total, width)) if power >= needed else filled


def line_at(needed: int, total: int, width: int) -> int:
    """How many cells stand before the line."""
    return min(width, -(-needed * width // total))


def power_bar(shares: tuple[Share, ...], needed: int, total: int, width: int) -> Content:
    """The bar, `width` columns wide; empty where nobody has power.

    Args:
        shares: The first one is what is counted against the line; the others follow it.
        needed: The least power that is enough; 0 draws no line.
        total: All power.
        width: In columns, with the line.
    """
    if total <= 0 or width < 3:
        return Content("")
    cells = width - (1 if needed else 0)
    glyphs: list[tuple[str, str]] = []
    for number, share in enumerate(shares):
        count = cells_of(share.power, needed, total, cells) if number == 0 else share.power * cells // total
        if share.power and not count:
            # A vote that is there is seen.
            count = 0 if number == 0 else 1
        glyphs += [(share.glyph, share.style)] * max(0, min(count, cells - len(glyphs)))
    glyphs += [("·", MUTED)] * (cells - len(glyphs))
    if needed:
        glyphs.insert(line_at(needed, total, cells), (LINE, STRONG))
    return Content.assemble(*_joined(glyphs))


def _joined(glyphs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    runs: list[tuple[str, str]] = []
    for glyph, style in glyphs:
        if runs and runs[-1][1] == style:
            runs[-1] = (runs[-1][0] + glyph, style)
        else:
            runs.append((glyph, style))
    return runs
