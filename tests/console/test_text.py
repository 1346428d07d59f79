"""Untrusted text, units and durations."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.text import duration, percent, shortened, size, untrusted


@settings(derandomize=True, deadline=None)
@given(st.one_of(st.text(), st.binary()))
def test_nothing_that_a_terminal_obeys_comes_through(value: str | bytes) -> None:
    shown = untrusted(value)
    assert all(unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for character in shown)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J", "<U+001B>[2J"),
        ("\x9b2J", "<U+009B>2J"),
        ("v0.2.0\u202e", "v0.2.0<U+202E>"),
        ("a\u200bb", "a<U+200B>b"),
        ("a\rb\nc", "a<U+000D>b<U+000A>c"),
        ("\U000e0041", "<U+E0041>"),
        ("[/] [@click=app.quit]x", "[/] [@click=app.quit]x"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_hostile_characters_become_visible(hostile: str | bytes, shown: str) -> None:
    assert untrusted(hostile) == shown


def test_long_text_is_cut_and_says_so() -> None:
    assert untrusted("x" * 300) == "x" * 256 + " (+44 characters)"
    assert len(untrusted("x" * 5_000_000)) < 300


@settings(derandomize=True, deadline=None)
@given(st.text(min_size=0, max_size=80), st.integers(5, 60))
def test_shortening_keeps_both_ends_and_the_width(text: str, width: int) -> None:
    short = shortened(text, width)
    assert len(short) <= width or len(text) <= width
    if len(text) > width:
        assert short[0] == text[0]
        assert short[-1] == text[-1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "—"), (0, "0s"), (59.9, "59s"), (65, "1m 05s"), (11520, "3h 12m"), (446400, "5d 4h"), (-5, "0s")],
)
def test_durations_have_two_units_at_most(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_sizes_and_shares() -> None:
    assert (size(512), size(1536), size(5 << 40)) == ("512 B", "1.5 KiB", "5.0 TiB")
    assert (percent(669, 1000), percent(1, 0)) == ("66%", "—")
