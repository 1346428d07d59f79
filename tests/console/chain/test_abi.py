"""The ABI codec against eth_abi, and hostile bytes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import eth_abi.abi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain.abi import AbiError, decode, encode

_BITS = st.integers(1, 32).map(lambda count: 8 * count)


def _scalars() -> st.SearchStrategy[str]:
    return st.one_of(
        _BITS.map(lambda bits: f"uint{bits}"),
        _BITS.map(lambda bits: f"int{bits}"),
        st.integers(1, 32).map(lambda count: f"bytes{count}"),
        st.sampled_from(["bool", "address", "bytes", "string"]),
    )


def _types() -> st.SearchStrategy[str]:
    return st.recursive(
        _scalars(),
        lambda inner: st.one_of(
            inner.map(lambda kind: f"{kind}[]"),
            st.tuples(inner, st.integers(1, 3)).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({','.join(parts)})"),
        ),
        max_leaves=5,
    )


def _values(kind: str) -> st.SearchStrategy[Any]:
    if kind.endswith("]"):
        inner, _, count = kind[:-1].rpartition("[")
        least, most = (int(count), int(count)) if count else (0, 3)
        return st.lists(_values(inner), min_size=least, max_size=most).map(tuple)
    if kind.startswith("("):
        parts, depth, word = [], 0, ""
        for letter in kind[1:-1] + ",":
            depth += (letter in "(") - (letter in ")")
            if letter == "," and not depth:
                parts.append(word)
                word = ""
            else:
                word += letter
        return st.tuples(*(_values(part) for part in parts))
    if kind.startswith("uint"):
        return st.integers(0, (1 << int(kind[4:])) - 1)
    if kind.startswith("int"):
        half = 1 << (int(kind[3:]) - 1)
        return st.integers(-half, half - 1)
    if kind.startswith("bytes") and kind != "bytes":
        return st.binary(min_size=int(kind[5:]), max_size=int(kind[5:]))
    return {
        "bool": st.booleans(),
        "address": st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
        "bytes": st.binary(max_size=70),
        "string": st.text(max_size=30),
    }[kind]


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[str], list[Any]]:
    types = draw(st.lists(_types(), min_size=1, max_size=4))
    return types, [draw(_values(kind)) for kind in types]


@given(_cases())
def test_both_codecs_write_and_read_the_same(case: tuple[list[str], list[Any]]) -> None:
    types, values = case
    ours = encode(types, values)
    assert ours == eth_abi.abi.encode(types, values)
    assert decode(types, ours) == tuple(values) == eth_abi.abi.decode(types, ours)


@settings(max_examples=300)
@given(_cases(), st.data())
def test_a_changed_answer_is_refused_or_read_alike(case: tuple[list[str], list[Any]], data: st.DataObject) -> None:
    types, values = case
    raw = bytearray(encode(types, values))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = bytes(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw)
    try:
        ours = decode(types, changed)
    except AbiError:
        return
    assert ours == eth_abi.abi.decode(types, changed)


@given(st.binary(max_size=400), _types())
def test_any_bytes_end_in_values_or_in_one_error(raw: bytes, kind: str) -> None:
    try:
        decode([kind], raw)
    except AbiError:
        pass


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint8", 256),
        ("uint8", -1),
        ("int8", 128),
        ("uint256", True),
        ("uint256", "1"),
        ("bool", 1),
        ("address", "0x12"),
        ("address", b"\1" * 19),
        ("bytes4", b"12345"),
        ("bytes", "text"),
        ("string", b"bytes"),
        ("string", "\ud800"),
        ("uint8[2]", [1]),
        ("(uint8,bool)", [1]),
        ("uint7", 1),
        ("bytes33", b""),
        ("function", b""),
        ("uint8[", []),
    ],
)
def test_what_does_not_fit_is_refused(kind: str, value: object) -> None:
    with pytest.raises(AbiError):
        encode([kind], [value])


def test_too_few_values_are_refused() -> None:
    with pytest.raises(AbiError):
        encode(["uint8", "bool"], [1])


def _words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("bool", _words(2)),
        ("uint8", _words(256)),
        ("int8", _words(128)),
        ("address", _words(1 << 160)),
        ("bytes4", _words(1)),
        ("bytes", _words(32, 1, 1)),
        ("bytes", _words(32, 1)),
        ("bytes", _words((1 << 256) - 32, 0)),
        ("string", _words(32, 1) + b"\xff".ljust(32, b"\0")),
        ("uint256[]", _words(32, 1 << 40)),
        ("uint256[]", _words(1 << 40, 1)),
        ("uint256[]", _words(0)),
        ("bytes", _words(0, 0)),
        ("uint256", b"\0" * 31),
    ],
)
def test_bytes_that_hold_no_such_value_are_refused(kind: str, raw: bytes) -> None:
    with pytest.raises(AbiError):
        decode([kind], raw)


def test_an_answer_that_points_at_one_value_many_times_does_not_grow() -> None:
    large = encode(["bytes"], [b"x" * 2000])[32:]
    rows = 60
    raw = _words(32, rows, *([32 * rows] * rows)) + large
    with pytest.raises(AbiError, match="more than once"):
        decode(["bytes[]"], raw)


def test_what_stands_behind_the_values_is_ignored() -> None:
    assert decode(["uint8"], _words(7, 9)) == (7,)


def test_a_registry_is_read_without_eth_abi() -> None:
    code = (
        "import sys; from console.chain.registry import registry_interface as made;"
        " made().encode('proposals', (0, 8)); print([name for name in ('eth_abi', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
