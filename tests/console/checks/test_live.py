"""Chain and node health from a Snapshot: what passes, what is only said, what stops a checklist."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.checks.live import chain_health, service_health
from console.model import Agreement, AgreementState, Outcome, Snapshot, Stalled
from tests import fakes


def with_chain(snapshot: Snapshot, **changes: object) -> Snapshot:
    assert snapshot.chain is not None
    return replace(snapshot, chain=replace(snapshot.chain, **changes))  # type: ignore[arg-type]


def with_node(snapshot: Snapshot, **changes: object) -> Snapshot:
    assert snapshot.node is not None
    return replace(snapshot, node=replace(snapshot.node, **changes))  # type: ignore[arg-type]


STALLED = Stalled(1277, 60.0, 20, 40, 27, fakes.validators()[:2])
TWO_WORDS = Agreement(AgreementState.DISAGREED, "a says 1, b says 2")


@pytest.mark.parametrize(
    ("snapshot", "outcome", "words"),
    [
        (fakes.go(), Outcome.PASS, "makes blocks"),
        (fakes.chain_down(), Outcome.FAIL, "does not answer"),
        (fakes.stale(), Outcome.FAIL, "does not answer"),
        (with_chain(fakes.go(), stalled=STALLED), Outcome.FAIL, "stands at block"),
        (with_chain(fakes.go(), agreement=TWO_WORDS), Outcome.FAIL, "a says 1, b says 2"),
        (with_chain(fakes.go(), block_time_unix=fakes.NOW - 60), Outcome.WARN, "1m 00s old"),
        (with_chain(fakes.go(), problem="plans are 9s old"), Outcome.WARN, "plans are 9s old"),
    ],
)
def test_the_chain(snapshot: Snapshot, outcome: Outcome, words: str) -> None:
    found = chain_health(snapshot)
    assert found.outcome is outcome
    assert words in found.sentence
    assert bool(found.go_on) == (outcome is not Outcome.PASS)


@pytest.mark.parametrize(
    ("snapshot", "outcome", "words"),
    [
        (fakes.go(), Outcome.PASS, "ARMED at height 1,277"),
        (fakes.node_down(), Outcome.FAIL, "does not answer"),
        (fakes.parked(), Outcome.FAIL, "did not start in 3 tries"),
        (with_node(fakes.go(), pid=None, state="STOPPED"), Outcome.FAIL, "does not run: STOPPED"),
        (with_node(fakes.go(), height_age_s=60.0), Outcome.FAIL, "read 1m 00s ago"),
        (with_node(fakes.go(), paused="a new disk"), Outcome.WARN, "a new disk"),
    ],
)
def test_the_node(snapshot: Snapshot, outcome: Outcome, words: str) -> None:
    found = service_health(snapshot)
    assert found.outcome is outcome
    assert words in found.sentence
    assert bool(found.go_on) == (outcome is not Outcome.PASS)


def test_in_a_crossing_nobody_is_told_to_start_a_node_by_hand() -> None:
    assert "start nothing past it" in service_health(fakes.halted()).go_on
