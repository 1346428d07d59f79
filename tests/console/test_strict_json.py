"""Strict JSON: equal to the standard reader where both accept, and refusing what readers disagree on."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.strict_json import MAX_DEPTH, NotStrictJson, loads

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=30,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(VALUES)
def test_reads_what_the_standard_writes(value: object) -> None:
    assert loads(json.dumps(value).encode()) == value
    assert loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")) is not Ellipsis


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{",
        b'{"a":1,"a":2}',
        b'[{"x":{"b":1,"b":1}}]',
        b'{"a":1,"\\u0061":2}',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"[-1e999]",
        b"[" + b"9" * 5000 + b"]",
        b"\xff\xfe",
        b'"\xff"',
        b'\xef\xbb\xbf{"a":1}',
        b"[1] [2]",
        b"'a'",
        b"[01]",
    ],
)
def test_refuses(body: bytes) -> None:
    with pytest.raises(NotStrictJson):
        loads(body)


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH])
def test_depth_up_to_the_limit(depth: int) -> None:
    assert loads(b"[" * depth + b"]" * depth) is not None
    assert loads(b'{"a":' * depth + b"1" + b"}" * depth) is not None


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 10_000, 500_000])
def test_depth_beyond_the_limit(depth: int) -> None:
    for body in (b"[" * depth + b"]" * depth, b"[" * depth, b'[{"a":' * depth + b"1" + b"}]" * depth):
        with pytest.raises(NotStrictJson, match="deeper"):
            loads(body)


def test_brackets_in_strings_are_not_depth() -> None:
    text = "[{" * 500 + '\\"[[' + "\n"
    assert loads(json.dumps({"a": text}).encode()) == {"a": text}


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100 + b'"' + b'\\"' * 500_000,
        b"[" * 100 + b'"\\' * 500_000,
        b"[" + b"[],{}," * 250_000 + b"1]",
        (b"[" * 50 + b"]" * 50) * 10_000,
    ],
    ids=["escaped quotes", "backslashes", "wide", "many towers"],
)
def test_hostile_megabytes_take_no_quadratic_time(body: bytes) -> None:
    began = time.process_time()
    try:
        loads(body)
    except NotStrictJson:
        pass
    assert time.process_time() - began < 2
