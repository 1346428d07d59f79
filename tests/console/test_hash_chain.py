"""A chain of rows: whatever is done to them shows, unless nothing is done to them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.hash_chain import ChainCheck, ChainedRow, Head, genesis, row_hash

GENESIS = genesis("journal of the test")

contents = st.lists(
    st.tuples(
        st.floats(min_value=0, max_value=4e9),
        st.none() | st.integers(min_value=1, max_value=9),
        st.text(max_size=8),
        st.text(max_size=12),
    ),
    min_size=1,
    max_size=8,
)


def chained(told: list[tuple[float, int | None, str, str]]) -> list[ChainedRow]:
    rows: list[ChainedRow] = []
    before = GENESIS
    for seq, (at, attempt, kind, detail) in enumerate(told, 1):
        before = row_hash(before, seq, at, attempt, kind, detail)
        rows.append(ChainedRow(seq, at, attempt, kind, detail, before))
    return rows


def findings(rows: list[ChainedRow], *marks: Head, used: int = 0) -> list[str]:
    check = ChainCheck(GENESIS, marks)
    for row in rows:
        check.take(row)
    return check.end(used)


@settings(max_examples=50, deadline=None)
@given(contents)
def test_rows_as_they_were_written_are_whole(told: list[tuple[float, int | None, str, str]]) -> None:
    rows = chained(told)
    marks = [Head(row.seq, row.hash) for row in rows]
    assert findings(rows, *marks, used=len(rows)) == []


@settings(max_examples=50, deadline=None)
@given(contents, st.data())
def test_a_row_that_is_changed_is_named(told: list[tuple[float, int | None, str, str]], data: st.DataObject) -> None:
    rows = chained(told)
    at = data.draw(st.integers(min_value=0, max_value=len(rows) - 1))
    row = rows[at]
    changed = data.draw(
        st.sampled_from(
            (
                replace(row, at=row.at + 1),
                replace(row, attempt=10 if row.attempt is None else None),
                replace(row, kind=row.kind + "x"),
                replace(row, detail=row.detail + " "),
                # What the parts are is hashed, not how they read in one piece.
                replace(row, kind=row.kind + '"', detail=row.detail),
            )
        )
    )
    assert findings([*rows[:at], changed, *rows[at + 1 :]]) == [
        f"row {row.seq} is not what was written: the hash does not fit"
    ]
    # Its own hash made to fit leaves the row after it, or what was noted elsewhere.
    before = rows[at - 1].hash if at else GENESIS
    fitted = replace(changed, hash=row_hash(before, row.seq, changed.at, changed.attempt, changed.kind, changed.detail))
    assert findings([*rows[:at], fitted, *rows[at + 1 :]], Head(len(rows), rows[-1].hash))


@settings(max_examples=50, deadline=None)
@given(contents, st.data())
def test_a_row_that_is_gone_or_moved_shows(told: list[tuple[float, int | None, str, str]], data: st.DataObject) -> None:
    rows = chained(told)
    at = data.draw(st.integers(min_value=0, max_value=len(rows) - 1))
    gone = [*rows[:at], *rows[at + 1 :]]
    assert findings(gone, used=len(rows)) == [f"1 of {len(rows)} rows are missing, the first is row {at + 1}"]
    assert findings(gone, Head(len(rows), rows[-1].hash))
    if at:
        swapped = [*rows[: at - 1], rows[at], rows[at - 1], *rows[at + 1 :]]
        renumbered = [replace(row, seq=seq) for seq, row in enumerate(swapped, 1)]
        assert findings(renumbered)


def test_all_written_anew_shows_against_what_was_noted() -> None:
    rows = chained([(1.0, None, "asked", "{}"), (2.0, 1, "armed", "{}"), (3.0, 1, "halted", "{}")])
    noted = Head(2, rows[1].hash)
    anew = chained([(1.0, None, "asked", "{}"), (2.0, 1, "disarmed", "{}"), (3.0, 1, "halted", "{}")])
    assert findings(anew) == []
    assert findings(anew, noted) == ["row 2 is not what was noted elsewhere: the rows until there were written anew"]
    assert findings(rows[:1], noted) == ["1 of 2 rows are missing, the first is row 2"]
    assert findings([], noted) == ["2 of 2 rows are missing, the first is row 1"]


def test_another_journals_rows_do_not_fit() -> None:
    check = ChainCheck(genesis("another"))
    for row in chained([(1.0, None, "asked", "{}"), (2.0, 1, "armed", "{}")]):
        check.take(row)
    assert check.end() == ["row 1 is not what was written: the hash does not fit"]


def test_a_head_reads_as_it_is_written() -> None:
    head = Head(12, "ab" * 32)
    assert Head.read(str(head)) == head
    for wrong in ("", "12", "12:", ":" + "ab" * 32, "-1:" + "ab" * 32, "12:" + "AB" * 32, "²:" + "ab" * 32, "1:2:3"):
        with pytest.raises(ValueError, match="64 hex digits"):
            Head.read(wrong)
