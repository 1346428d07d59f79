"""The state as a running migration sees it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.node.migration import KeyPattern
from console.node.migration import journal as module
from console.node.migration.exploits import GRANT
from console.node.migration.journal import Journal, Refused
from console.node.migration.outcome import Failure, Write, journal_hash

FREE = replace(GRANT, writable=(KeyPattern(b"w", True), KeyPattern(b"one", False)), readable=None)
KEYS = st.sampled_from([b"w", b"w1", b"w2", b"one"])


def nothing(key: bytes) -> bytes | None:
    return None


STEPS = st.lists(st.tuples(KEYS, st.none() | st.binary(min_size=1, max_size=3)), max_size=12)


@given(st.dictionaries(KEYS, st.binary(min_size=1, max_size=3)), STEPS)
def test_it_is_a_dictionary_that_knows_what_was_before(
    before: dict[bytes, bytes], steps: list[tuple[bytes, bytes | None]]
) -> None:
    journal, now = Journal(FREE, before.get), dict(before)
    for key, value in steps:
        assert journal.get(key) == now.get(key)
        assert journal.set(key, value) == (key in now)
        now.pop(key, None)
        if value is not None:
            now[key] = value
        assert journal.get(key) == now.get(key)
    changed = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    assert journal.writes == tuple(Write(key, before.get(key), now.get(key)) for key in changed)
    assert journal.calls == 3 * len(steps)


def test_a_pattern_without_a_star_is_one_key() -> None:
    journal = Journal(FREE, nothing)
    journal.set(b"one", b"1")
    with pytest.raises(Refused, match="not in its list") as refused:
        journal.set(b"one1", b"1")
    assert refused.value.failure is Failure.WRITE_OUTSIDE


def test_without_a_list_every_key_may_be_read() -> None:
    assert Journal(FREE, {b"other": b"1"}.get).get(b"other") == b"1"


@pytest.mark.parametrize(
    ("limit", "value", "why"),
    [
        ("MAX_CALLS", 3, "called more"),
        ("MAX_KEYS", 3, "touched more"),
        ("MAX_JOURNAL_BYTES", 30, "held more"),
    ],
)
def test_there_is_an_end_to_everything(monkeypatch: pytest.MonkeyPatch, limit: str, value: int, why: str) -> None:
    monkeypatch.setattr(module, limit, value)
    journal = Journal(FREE, nothing)
    for number in range(3):
        journal.set(b"w%d" % number, b"12345678" if limit == "MAX_JOURNAL_BYTES" and number < 2 else b"1")
    with pytest.raises(Refused, match=why) as refused:
        journal.set(b"w9", b"12345678")
    assert refused.value.failure is Failure.HOST_LIMIT


def test_the_hash_tells_nothing_from_an_empty_value_and_one_key_from_two() -> None:
    runs = [
        (),
        (Write(b"a", None, b""),),
        (Write(b"a", b"", None),),
        (Write(b"a", b"b", None),),
        (Write(b"ab", b"", None),),
        (Write(b"a", None, b"b"), Write(b"c", None, b"d")),
    ]
    assert len({journal_hash(each) for each in runs}) == len(runs)
    assert journal_hash(runs[-1]) == journal_hash(reversed(runs[-1]))
