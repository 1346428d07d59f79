"""A million lines, known and searched in bounded memory."""

from __future__ import annotations

import pytest

from benchmarks.long_log import measure

_MOST_GROWN = 48 << 20
"""Bytes: 13 a line for the index, and what reading takes for a moment."""


@pytest.mark.soak
def test_a_million_lines_in_bounded_memory() -> None:
    found = measure(1_000_000)
    # Heights 9999, 99990 to 99999, and 999900 to 999999.
    assert found.found == 1 + 10 + 100
    assert found.grown_bytes < _MOST_GROWN
