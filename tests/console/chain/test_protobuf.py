"""Protobuf's wire format: what other writers write is read, everything ambiguous is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain.protobuf import bytes_field, int64_field, message, text_field, text_message
from console.errors import BadAnswer


def varint(value: int) -> bytes:
    """Written the other way round than in the module, so that both have to be right."""
    groups = []
    while True:
        groups.append(value % 128)
        value //= 128
        if not value:
            break
    return bytes([*(group + 128 for group in groups[:-1]), groups[-1]])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number * 8) + varint(value)
    return varint(number * 8 + 2) + varint(len(value)) + value


FIELDS = st.dictionaries(
    st.integers(1, (1 << 29) - 1), st.integers(0, (1 << 64) - 1) | st.binary(max_size=300), max_size=8
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(FIELDS)
def test_what_was_written_is_read(fields: dict[int, int | bytes]) -> None:
    assert message(b"".join(field(number, value) for number, value in fields.items()), "x") == fields


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(raw: bytes) -> None:
    try:
        fields = message(raw, "x")
    except BadAnswer:
        return
    assert len(fields) <= len(raw)
    for value in fields.values():
        assert isinstance(value, int) or value in raw


@settings(derandomize=True, deadline=None, max_examples=200)
@given(FIELDS, st.data())
def test_a_message_that_was_cut_off_inside_a_field_is_refused(
    fields: dict[int, int | bytes], data: st.DataObject
) -> None:
    raw = b"".join(field(number, value) for number, value in fields.items())
    ends = [0]
    for number, value in fields.items():
        ends.append(ends[-1] + len(field(number, value)))
    cut = data.draw(st.integers(0, len(raw)))
    if cut in ends:
        assert len(message(raw[:cut], "x")) == ends.index(cut)
    else:
        with pytest.raises(BadAnswer):
            message(raw[:cut], "x")


@pytest.mark.parametrize(
    "raw",
    [
        b"\x08",
        b"\x08\x80",
        b"\x08" + b"\xff" * 10 + b"\x01",
        b"\x08" + b"\xff" * 9 + b"\x02",
        b"\x0a\x05abc",
        b"\x0a" + varint((1 << 63) - 1) + b"abc",
        b"\x0b\x0c",
        b"\x0e",
        b"\x0f",
        b"\x00\x01",
        b"\x02\x00",
        field(1, 5) + field(1, 5),
        field(1, b"a") + field(1, 5),
        b"\x09\x01",
        b"\x0d\x01",
        varint((1 << 29) * 8) + b"\x01",
        b"".join(field(number, 0) for number in range(1, 1200)),
    ],
    ids=[
        "no value",
        "open varint",
        "eleven bytes",
        "beyond 64 bits",
        "too short",
        "huge length",
        "group",
        "kind 6",
        "kind 7",
        "field 0",
        "bytes of field 0",
        "twice",
        "twice, two kinds",
        "cut fixed64",
        "cut fixed32",
        "field number too large",
        "too many fields",
    ],
)
def test_refuses(raw: bytes) -> None:
    with pytest.raises(BadAnswer, match="not a protobuf message"):
        message(raw, "the plan")


def test_unknown_fields_of_every_kind_are_passed_over() -> None:
    raw = field(1, b"v2") + b"\x91\x03" + b"12345678" + b"\x9d\x03" + b"1234" + field(3, 7)
    fields = message(raw, "x")
    assert text_field(fields, 1, "name", most=10) == "v2"
    assert int64_field(fields, 3, "height") == 7


def test_fields_have_their_kind_and_range() -> None:
    fields = message(field(1, 1 << 63) + field(2, b"\xff\xfe") + field(3, b"long") + field(4, 9), "x")
    with pytest.raises(BadAnswer):
        int64_field(fields, 1, "negative")
    with pytest.raises(BadAnswer):
        int64_field(fields, 3, "bytes")
    with pytest.raises(BadAnswer):
        text_field(fields, 2, "not UTF-8", most=10)
    with pytest.raises(BadAnswer):
        text_field(fields, 3, "too long", most=3)
    with pytest.raises(BadAnswer):
        bytes_field(fields, 4, "a number")
    assert (int64_field(fields, 9, "x"), text_field(fields, 9, "x", most=1), bytes_field(fields, 9, "x")) == (
        0,
        "",
        b"",
    )


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.text(max_size=400))
def test_a_text_message_reads_back(text: str) -> None:
    encodable = text.encode("utf-8", "replace").decode()
    assert text_field(message(text_message(1, encodable), "x"), 1, "x", most=4000) == encodable
