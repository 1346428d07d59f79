"""Spans, shares and the terms of a proposal: how and when, read strictly from what is typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.model import MigrationKind, RegistryRules, ScheduleKind
from console.operations.propose_terms import MOST_BLOCKS, read_terms, share_bps, span_blocks, voting_blocks
from tests.console.operations.examples import a_chain, a_snapshot
from tests.governance_fakes import rules as some_rules

SNAPSHOT = a_snapshot(a_chain(120))
"""A block takes one second."""


def the_rules(**changes: object) -> RegistryRules:
    from dataclasses import replace

    base = replace(some_rules(), voting_required=True, min_voting_blocks=1000, min_expedited_blocks=50)
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "blocks"), [("100", 100), ("0", 0), (" 7 ", 7), ("7d", 302_400), ("1h30m", 2700), ("1s", 1)]
)
def test_a_span_is_blocks_or_a_time(typed: str, blocks: int) -> None:
    assert span_blocks(typed, 2.0) == blocks


@pytest.mark.parametrize("typed", ["", "-1", "soon", "7 d 3", "1.5", str(MOST_BLOCKS + 1), "١", "9" * 30, "30m1h"])
def test_what_is_no_span_is_refused(typed: str) -> None:
    if typed == "1.5":
        assert span_blocks(typed, 2.0) == 1  # seconds, as everywhere
        return
    with pytest.raises(ValueError, match="blocks"):
        span_blocks(typed, 2.0)


def test_a_time_needs_a_block_time() -> None:
    assert span_blocks("100", None) == 100
    with pytest.raises(ValueError, match="how long a block takes is not known"):
        span_blocks("7d", None)


@given(st.text(max_size=20))
def test_any_text_is_blocks_in_range_or_refused(typed: str) -> None:
    try:
        blocks = span_blocks(typed, 1.0)
    except ValueError:
        return
    assert 0 <= blocks <= MOST_BLOCKS


@given(st.integers(1, 10_000))
def test_a_share_reads_back_in_each_spelling(bps: int) -> None:
    assert share_bps(f"{bps}bps") == share_bps(f"{bps // 100}.{bps % 100:02d}%") == bps


@pytest.mark.parametrize("typed", ["", "0", "0%", "100.01", "101%", "-5", "66.667", "10001bps", "0bps", "two", "6 7"])
def test_what_is_no_share_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        share_bps(typed)


def test_the_usual_vote_is_seven_days_and_never_less_than_the_registry_wants() -> None:
    assert voting_blocks({}, SNAPSHOT, the_rules()) == 7 * 86_400
    assert voting_blocks({}, SNAPSHOT, the_rules(min_voting_blocks=10**6)) == 10**6
    assert voting_blocks({"expedited": "yes"}, SNAPSHOT, the_rules()) == 50
    assert voting_blocks({"voting": "2000"}, SNAPSHOT, the_rules()) == 2000
    assert voting_blocks({"voting": "60", "expedited": "yes"}, SNAPSHOT, the_rules()) == 60
    with pytest.raises(ValueError, match="a vote is open for at least 1000 here"):
        voting_blocks({"voting": "999"}, SNAPSHOT, the_rules())
    assert voting_blocks({}, SNAPSHOT, the_rules(voting_required=False)) == 0
    assert voting_blocks({"what": "contracts"}, SNAPSHOT, the_rules(voting_required=False)) == 7 * 86_400


def test_by_readiness() -> None:
    fields = {"schedule": "readiness", "threshold": "75", "deadline": "14d", "delay": "1h", "voting": "1d"}
    terms, problems = read_terms(fields, SNAPSHOT, the_rules(minimum_lead=20), 5)
    assert problems == {}
    assert (terms.schedule_kind, terms.readiness_bps, terms.delay) == (ScheduleKind.READINESS, 7500, 3600)
    assert (terms.voting_blocks, terms.readiness_deadline) == (86_400, 120 + 1 + 14 * 86_400)
    _, problems = read_terms({**fields, "deadline": "1d"}, SNAPSHOT, the_rules(), 5)
    assert "the vote alone takes 86400" in problems["deadline"]
    _, problems = read_terms({**fields, "delay": "10"}, SNAPSHOT, the_rules(minimum_lead=20), 5)
    assert problems == {"delay": "the delay to H is 10 blocks: at least 20 are needed"}
    _, problems = read_terms({"schedule": "readiness"}, SNAPSHOT, the_rules(), 5)
    assert set(problems) == {"threshold", "deadline", "delay"}


def test_a_migration_needs_its_hash_and_none_has_none() -> None:
    good = {"migration": "wasm", "migration_hash": "sha256:" + "AB" * 32}
    terms, problems = read_terms(good, SNAPSHOT, None, 5)
    assert (problems, terms.migration_kind, terms.migration_hash) == ({}, MigrationKind.WASM, "ab" * 32)
    for wrong in ("", "ab", "0" * 64):
        assert "migration_hash" in read_terms({**good, "migration_hash": wrong}, SNAPSHOT, None, 5)[1]
    assert "migration_hash" in read_terms({"migration_hash": "ab" * 32}, SNAPSHOT, None, 5)[1]
    assert "migration" in read_terms({"migration": "magic"}, SNAPSHOT, None, 5)[1]


def test_a_registry_without_votes_takes_no_time_to_vote() -> None:
    without = the_rules(voting_required=False)
    assert "voting" in read_terms({"voting": "2000"}, SNAPSHOT, without, 5)[1]
    assert "expedited" in read_terms({"expedited": "yes"}, SNAPSHOT, without, 5)[1]
    assert read_terms({}, SNAPSHOT, without, 5)[1] == {}
