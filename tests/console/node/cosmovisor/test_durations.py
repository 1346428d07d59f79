"""Durations are read and written as Go does; the table is Go's own output (go1.26)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.node.cosmovisor.durations import format_duration, parse_duration

GO_SAYS = [
    ("300ms", 300_000_000, "300ms"),
    ("1.5h", 5_400_000_000_000, "1h30m0s"),
    ("-1m", -60_000_000_000, "-1m0s"),
    ("2h45m30.5s", 9_930_500_000_000, "2h45m30.5s"),
    ("1us", 1_000, "1µs"),
    ("1.5\u00b5s", 1_500, "1.5µs"),
    ("1.5\u03bcs", 1_500, "1.5µs"),
    ("7ns", 7, "7ns"),
    ("0", 0, "0s"),
    ("+0", 0, "0s"),
    (".5s", 500_000_000, "500ms"),
    ("5.s", 5_000_000_000, "5s"),
    ("0.3333333333333333333h", 1_200_000_000_000, "20m0s"),
    ("9223372036854775807ns", (1 << 63) - 1, "2562047h47m16.854775807s"),
    ("-9223372036854775808ns", -(1 << 63), "-2562047h47m16.854775808s"),
]


@pytest.mark.parametrize(("text", "nanoseconds", "shown"), GO_SAYS)
def test_a_duration_is_what_go_says(text: str, nanoseconds: int, shown: str) -> None:
    assert parse_duration(text) == nanoseconds
    assert format_duration(nanoseconds) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "600",
        "-",
        "+",
        "s",
        "-.s",
        "1",
        "1x",
        "1 s",
        " 1s",
        "1s ",
        "1e3s",
        "٣s",
        "9223372036854775808ns",
        "3000000h",
    ],
)
def test_what_go_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_duration(text)


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_every_duration_survives_its_own_text(nanoseconds: int) -> None:
    if abs(nanoseconds) < 1 << 52 or nanoseconds % 1_000_000_000 == 0:
        assert parse_duration(format_duration(nanoseconds)) == nanoseconds
    else:
        # Go counts fractions in floating point, and so reads its own text a nanosecond off at most.
        assert abs(parse_duration(format_duration(nanoseconds)) - nanoseconds) <= 1


@given(st.text(alphabet="0123456789.-+nuµsmh ", max_size=30))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        found = parse_duration(text)
    except ValueError:
        return
    assert -(1 << 63) <= found < 1 << 63
