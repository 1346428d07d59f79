"""Counters and histograms, from rows that a real journal wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.metrics.table import METRICS
from console.metrics.words import MetricKind, Source
from console.model import Arming, Attempt, Crossing, FailureCode, PlanOrigin, Preparation, Verdict
from console.node.attempts import ENOUGH_READY, AttemptBook
from console.node.journal import Journal
from console.node.metrics.counts import CONTROLLER_STARTED, Buckets, JournalCounts
from tests.console.node.fakes import proposal

CROSSED = (
    Crossing.HALTED,
    Crossing.QUIESCED,
    Crossing.BACKED_UP,
    Crossing.SWITCHED,
    Crossing.STARTING,
    Crossing.WAITING_FOR_QUORUM,
    Crossing.PROBATION,
    Crossing.COMMITTED,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.db")
    yield journal
    journal.close()


def counted(journal: Journal, **moments: float) -> JournalCounts:
    """The rows of the journal, each with the moment that is given for its kind."""
    return counted_on(JournalCounts(), journal, **moments)


def counted_on(counts: JournalCounts, journal: Journal, **moments: float) -> JournalCounts:
    for row in journal.events(counts.newest):
        at = next((at for word, at in moments.items() if word in row["kind"].replace("-", "_").split("+")), row["at"])
        counts.take({**row, "at": at})
    return counts


def prepared(journal: Journal, number: int = 1) -> Attempt:
    attempt = journal.open_attempt(proposal(id=number), PlanOrigin.REGISTRY, "v0.2.0")
    for state in (Preparation.FETCHING, Preparation.VERIFIED, Preparation.STAGED, Preparation.READY):
        attempt = journal.change(attempt, preparation=state)
    journal.record(ENOUGH_READY, attempt, ready=30, total=40)
    return journal.change(attempt, arming=Arming.ARMED)


def through(journal: Journal, attempt: Attempt, *states: Crossing, **changes: Any) -> Attempt:
    for state in states:
        attempt = journal.change(attempt, crossing=state, **changes)
    return attempt


def nonzero(counts: JournalCounts) -> dict[str, dict[str, float]]:
    found = {name: {value: n for value, n in each.items() if n} for name, each in counts.counters.items()}
    return {name: values for name, values in found.items() if values}


def observed(counts: JournalCounts, name: str, value: str = "") -> tuple[int, float]:
    buckets = counts.histograms[name][value]
    return sum(buckets.counts), buckets.sum


def test_before_anything_happened_every_label_is_there_at_zero() -> None:
    counts = JournalCounts()
    expected = {entry.name: set(entry.values or ("",)) for entry in METRICS if entry.source is Source.JOURNAL}
    born = {name: set(values) for name, values in counts.counters.items()}
    born |= {name: set(values) for name, values in counts.histograms.items()}
    gauges = {entry.name for entry in METRICS if entry.kind is MetricKind.GAUGE}
    assert born == {name: values for name, values in expected.items() if name not in gauges}
    assert not nonzero(counts)
    assert not any(sum(each.counts) for values in counts.histograms.values() for each in values.values())


def test_an_upgrade_that_crossed(journal: Journal) -> None:
    journal.record(CONTROLLER_STARTED, version="1")
    journal.open_run("genesis", 0, "ab" * 32)
    attempt = prepared(journal)
    journal.ask_end(1)
    journal.close_run(1, 0)
    journal.open_run("genesis", 100, "ab" * 32)
    journal.record("end-judged", attempt, meaning="HALTED", why="halt line")
    journal.close_run(2, 2)
    attempt = through(journal, attempt, *CROSSED[:5])
    journal.open_run("v0.2.0", 0, "cd" * 32)
    through(journal, attempt, *CROSSED[5:])
    moments = {"planned": 100, "fetching": 101, "verified": 104, "ready": 110, "enough_ready": 160}
    counts = counted(journal, **moments, halted=1000, probation=1012.5)
    assert nonzero(counts) == {
        "ipc_controller_starts_total": {"": 1},
        "ipc_upgrade_verifications_total": {"verified": 1},
        "ipc_upgrade_commits_total": {"": 1},
        "ipc_node_restarts_total": {"arming": 1, "upgrade": 1},
    }
    assert observed(counts, "ipc_upgrade_download_duration_seconds") == (1, 3)
    assert observed(counts, "ipc_upgrade_preparation_duration_seconds") == (1, 10)
    assert observed(counts, "ipc_upgrade_time_to_ready_seconds") == (1, 60)
    assert observed(counts, "ipc_upgrade_downtime_seconds", "crossed") == (1, 12.5)
    assert (counts.plans, counts.last_target) == (1, 100)


def test_enough_power_is_recorded_once_whoever_looks(journal: Journal) -> None:
    book = AttemptBook(journal, lambda: None)
    attempt = book.take_up(proposal(), PlanOrigin.REGISTRY)
    book.note_enough_ready(proposal(ready_power=26))
    assert ENOUGH_READY not in {event["kind"] for event in journal.events_of(attempt)}
    for looking in (book, book, AttemptBook(journal, lambda: None)):
        looking.note_enough_ready(proposal(ready_power=27))
    assert [event["kind"] for event in journal.events_of(attempt)].count(ENOUGH_READY) == 1
    assert observed(counted(journal, planned=100, enough_ready=160), "ipc_upgrade_time_to_ready_seconds") == (1, 60)


def test_counting_goes_on_where_it_stopped(journal: Journal) -> None:
    attempt = prepared(journal)
    counts = counted(journal)
    through(journal, attempt, *CROSSED)
    assert counted_on(counts, journal).counters == counted(journal).counters
    assert nonzero(counts)["ipc_upgrade_commits_total"] == {"": 1}


@pytest.mark.parametrize(
    ("changes", "led_on", "reason"),
    [
        ({"note": "exit code 1"}, False, "failed_start"),
        ({"note": "rolled back by the operator"}, True, "operator"),
        ({"verdict": Verdict.ABORT}, True, "network_abort"),
    ],
)
def test_a_rollback_by_its_reason(journal: Journal, changes: dict[str, Any], led_on: bool, reason: str) -> None:
    attempt = through(journal, prepared(journal), *CROSSED[:5])
    if led_on:
        journal.record("led-on", attempt, reason="they said so")
    attempt = through(journal, attempt, Crossing.ROLLBACK, **changes)
    through(journal, attempt, Crossing.RESTORED, Crossing.FLIPPED_BACK, Crossing.PARKED)
    assert nonzero(counted(journal)) == {
        "ipc_upgrade_verifications_total": {"verified": 1},
        "ipc_upgrade_rollbacks_total": {reason: 1},
        "ipc_upgrade_failures_total": {"parked": 1},
    }


def test_an_abort_at_the_halt_is_a_downtime_and_one_before_it_is_nothing(journal: Journal) -> None:
    through(journal, prepared(journal), Crossing.RESUMED_OLD, verdict=Verdict.ABORT)
    assert "ipc_upgrade_failures_total" not in nonzero(counted(journal))
    through(journal, prepared(journal, 2), Crossing.HALTED, Crossing.RESUMED_OLD, verdict=Verdict.ABORT)
    counts = counted(journal, halted=50, resumed_old=57)
    assert nonzero(counts)["ipc_upgrade_failures_total"] == {"aborted": 1}
    assert observed(counts, "ipc_upgrade_downtime_seconds", "aborted") == (1, 7)


@pytest.mark.parametrize("code", [*FailureCode, 99])
def test_a_preparation_that_failed_by_its_code(journal: Journal, code: int) -> None:
    attempt = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")
    journal.change(attempt, preparation=Preparation.FAILED, failure_code=int(code), note="…")
    counts = nonzero(counted(journal))
    word = FailureCode(code).name.lower() if code in set(FailureCode) else "unknown"
    assert counts["ipc_upgrade_preparation_failures_total"] == {word: 1}
    checked = {word: 1} if word in {"hash_mismatch", "not_trusted"} else None
    assert counts.get("ipc_upgrade_verifications_total") == checked


def test_a_crash_and_an_operators_restart(journal: Journal) -> None:
    for _ in range(3):
        journal.open_run("genesis", 0, "ab" * 32)
    journal.record("end-judged", None, meaning="CRASHED", why="exit code 139")
    journal.close_run(3, 139)
    journal.open_run("genesis", 0, "ab" * 32)
    journal.ask_end(4)
    journal.close_run(4, 0)
    journal.open_run("genesis", 0, "ab" * 32)
    assert nonzero(counted(journal)) == {"ipc_node_restarts_total": {"other": 2, "crashed": 1, "asked": 1}}


def test_observations_fall_into_their_buckets() -> None:
    buckets = Buckets((1.0, 5.0))
    for seconds in (-3, 0, 1, 1.01, 5, 6):
        buckets.observe(seconds)
    assert (buckets.counts, buckets.sum) == ([3, 2, 1], 13.01)
