"""Nothing that a terminal obeys gets past the second wall."""

from __future__ import annotations

import sys
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from tests.hostile import HOSTILE
from widgets.second_wall import SecondWall, barred_free

BARRED = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
BLACK = Color.parse("black")


def harmless(text: str) -> bool:
    return not any(unicodedata.category(character) in BARRED for character in text)


def test_the_known_bad_inputs_are_stripped() -> None:
    for text in HOSTILE:
        assert harmless(barred_free(text)), ascii(text)


@given(st.text(st.characters(), max_size=60))
@settings(derandomize=True, deadline=None)
def test_any_text_comes_out_harmless_and_as_wide(text: str) -> None:
    shown = barred_free(text)
    assert harmless(shown)
    assert sum(cell_len(character) for character in shown) == sum(max(0, cell_len(character)) for character in text)


def test_every_barred_character_goes() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert harmless(barred_free(everything))
    assert barred_free(harmless_part := "".join(filter(harmless, everything))) == harmless_part


def test_ordinary_lines_are_passed_on_untouched() -> None:
    line = [Segment("height 1,234 ", Style(bold=True)), Segment("✓ ready ≈ 中文")]
    assert SecondWall().apply(line, BLACK) is line


def test_style_is_kept_and_controls_go() -> None:
    bold = Style(bold=True)
    assert SecondWall().apply([Segment("a\x1b[2Jb", bold)], BLACK) == [Segment("a[2Jb", bold)]
