"""What is counted of a module before a compiler sees it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.node.migration.exploits import RETURN_0, plain_module, section_of
from console.node.migration.journal import Refused
from console.node.migration.module_shape import MAGIC, MAX_LOCALS, check_shape
from console.node.migration.outcome import Failure

GOOD = plain_module(3, RETURN_0)


def test_a_plain_module_passes() -> None:
    check_shape(MAGIC)
    check_shape(GOOD)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 9, 11])
def test_every_section_has_a_largest_count(number: int) -> None:
    with pytest.raises(Refused, match="at most") as refused:
        check_shape(MAGIC + section_of(number, b"\xff\xff\x7f"))
    assert refused.value.failure is Failure.TOO_LARGE


def test_locals_are_counted_over_their_groups() -> None:
    half = MAX_LOCALS // 2
    group = bytes([half & 0x7F | 0x80, half >> 7]) + b"\x7f"
    check_shape(plain_module(1, b"\x02" + group * 2 + b"\x41\x00\x0b"))
    with pytest.raises(Refused, match="more than 2000 locals"):
        check_shape(plain_module(1, b"\x03" + group * 2 + b"\x01\x7f\x41\x00\x0b"))


def failure(module: bytes) -> Failure | None:
    try:
        check_shape(module)
    except Refused as refused:
        return refused.failure
    return None


@given(st.integers(0, len(GOOD) - 1))
def test_a_part_of_a_module_is_damaged_unless_it_ends_between_two_sections(length: int) -> None:
    ends = {len(MAGIC), len(MAGIC) + 7, len(MAGIC) + 13, len(MAGIC) + 26}
    assert failure(GOOD[:length]) is (None if length in ends else Failure.BAD_MODULE)


@given(st.binary(max_size=200))
def test_any_bytes_are_passed_or_refused(tail: bytes) -> None:
    assert failure(MAGIC + tail) in {None, Failure.BAD_MODULE, Failure.TOO_LARGE}
