"""Lines of several logs in one order, against the plain list."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from hypothesis import given, settings
from hypothesis import strategies as st

from console.log_store.merged import divided, in_order, row_of


class _Moments(list[int]):
    def at(self, index: int) -> int:
        return self[index]

    def before(self, at: int) -> int:
        return bisect_left(self, at)

    def until(self, at: int) -> int:
        return bisect_right(self, at)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 12), max_size=12), min_size=1, max_size=3), st.integers(0, 40))
def test_as_a_sorted_list(logs: list[list[int]], row: int) -> None:
    columns = [_Moments(sorted(log)) for log in logs]
    plain = sorted((at, log, index) for log, column in enumerate(columns) for index, at in enumerate(column))
    assert list(in_order(columns, row, 5)) == [(log, index) for _at, log, index in plain[row : row + 5]]
    assert sum(divided(columns, row)) == min(row, len(plain))
    for place, (_at, log, index) in enumerate(plain):
        assert row_of(columns, log, index) == place
