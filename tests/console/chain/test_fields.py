"""Typed readers of foreign fields: everything wrong is a BadAnswer, never another exception."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain import fields
from console.errors import BadAnswer

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary().map(bytes.hex),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
READERS: list[Callable[[Any], object]] = [
    lambda value: fields.table(value, "x"),
    lambda value: fields.items(value, "x", most=2),
    lambda value: fields.integer(value, "x"),
    lambda value: fields.quantity(value, "x"),
    lambda value: fields.text(value, "x"),
    lambda value: fields.exact_text(value, "x"),
    lambda value: fields.flag(value, "x"),
    lambda value: fields.data(value, "x", most=8),
    lambda value: fields.hex_bytes(value, "x", lengths=(0, 20)),
    lambda value: fields.base64_bytes(value, "x"),
    lambda value: fields.time_ns(value, "x"),
]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(ANYTHING)
def test_readers_return_or_say_bad_answer(value: object) -> None:
    for read in READERS:
        refused: BadAnswer | None = None
        try:
            read(value)
        except BadAnswer as error:
            refused = error
        if refused is not None:
            assert str(refused).isprintable()
            assert len(str(refused)) < 200


@settings(derandomize=True, deadline=None)
@given(st.integers(0, fields.INT64_MAX))
def test_integers_as_number_and_as_string(value: int) -> None:
    assert fields.integer(value, "x") == fields.integer(str(value), "x") == value


@pytest.mark.parametrize(
    "value",
    [-1, "-1", "", " 1", "1 ", "+1", "1.0", 1.0, True, False, None, "0x10", "1e3", "１２", [], {}, 1 << 63, "9" * 40],
)
def test_integers_refused(value: object) -> None:
    with pytest.raises(BadAnswer, match="height"):
        fields.integer(value, "height")


@settings(derandomize=True, deadline=None)
@given(st.integers(0, fields.UINT256_MAX))
def test_quantities(value: int) -> None:
    assert fields.quantity(hex(value), "x") == value


@pytest.mark.parametrize("value", ["", "0x", "10", "0x-1", "-0x1", "0xg", "0x" + "f" * 65, 16, None, " 0x1"])
def test_quantities_refused(value: object) -> None:
    with pytest.raises(BadAnswer):
        fields.quantity(value, "x")


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=64))
def test_bytes_in_every_spelling(value: bytes) -> None:
    assert fields.data("0x" + value.hex(), "x", most=64) == value
    assert fields.data(value.hex(), "x", most=64) == value
    assert fields.hex_bytes(value.hex().upper(), "x", lengths=range(65)) == value
    assert fields.base64_bytes(base64.b64encode(value).decode(), "x") == value


def test_too_many_bytes() -> None:
    with pytest.raises(BadAnswer, match="9 bytes"):
        fields.data("0x" + "00" * 9, "x", most=8)


@settings(derandomize=True, deadline=None)
@given(st.datetimes(), st.integers(0, 999))
def test_times(moment: datetime, rest: int) -> None:
    moment = moment.replace(tzinfo=UTC)
    text = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f".{moment.microsecond:06d}{rest:03d}Z"
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    expected = (since.days * 86400 + since.seconds) * 10**9 + moment.microsecond * 1000 + rest
    assert fields.time_ns(text, "x") == expected


def test_time_forms() -> None:
    assert fields.time_ns("1970-01-01T00:00:01Z", "x") == 10**9
    assert fields.time_ns("1970-01-01T01:00:00.5+01:00", "x") == 5 * 10**8
    assert fields.time_ns("0001-01-01T00:00:00Z", "x") == -62135596800 * 10**9
    for wrong in ("", "1970-01-01", "1970-13-01T00:00:00Z", "1970-01-01T00:00:61Z", "1970-01-01T00:00:00", 5, None):
        with pytest.raises(BadAnswer):
            fields.time_ns(wrong, "x")


def test_foreign_text_is_made_safe() -> None:
    assert fields.text("\x1b[2Jv0.2.0\u202e", "x") == "<U+001B>[2Jv0.2.0<U+202E>"
    assert len(fields.text("x" * 100_000, "x")) < 300
