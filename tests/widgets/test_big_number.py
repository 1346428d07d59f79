"""Large glyphs: readable, within their room, never an error."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from widgets.big_number import ROWS, glyph_rows


def test_a_digit_is_five_rows_of_two_column_pixels() -> None:
    assert glyph_rows("7", 20) == ["██████", "    ██", "    ██", "    ██", "    ██"]


def test_smaller_glyphs_where_large_ones_do_not_fit() -> None:
    assert [len(row) for row in glyph_rows("123456", 30)] == [0, 23, 23, 23, 0]


def test_plain_digits_where_no_glyph_fits() -> None:
    assert glyph_rows("18446744073709551616", 24) == ["", "", "18446744073709551616", "", ""]


@given(st.text(max_size=30), st.integers(min_value=0, max_value=60))
@settings(derandomize=True, deadline=None)
def test_any_text_in_any_room(text: str, width: int) -> None:
    rows = glyph_rows(text, width)
    assert len(rows) == ROWS
    assert max(map(len, rows)) <= width
