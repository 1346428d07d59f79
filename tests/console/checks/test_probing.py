"""One look by the rows of the health table: the same thresholds, and what cannot be told is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from console.checks.probing import CONSENSUS, DISK, LOOKS, MEMORY, PEERS, SYNC, judged, readings_of
from console.model import Finding, Outcome
from console.node.health_table import HEALTH_TABLE, HealthReading
from console.ports.chain import ConsensusReading
from console.settings import NodeSettings
from tests.console.checks.doubles import WELL, Peers, no_time
from tests.console.operations.homes import a_node

pytestmark = pytest.mark.anyio


@pytest.fixture
def node(tmp_path: Path) -> NodeSettings:
    return a_node(tmp_path)


async def looked(node: NodeSettings, peers: Peers, rows: tuple[str, ...]) -> tuple[Finding, ...]:
    readings = await readings_of(node, None, peers, no_time)
    assert len(readings) == LOOKS
    return judged(rows, readings)


def test_every_row_that_is_asked_for_is_in_the_table() -> None:
    names = {probe.name for probe in HEALTH_TABLE}
    assert {*SYNC, *PEERS, *CONSENSUS, *MEMORY, *DISK} <= names


async def test_a_node_that_is_well_passes_every_row(node: NodeSettings) -> None:
    found = await looked(node, Peers(), (*SYNC[1:], *PEERS, *CONSENSUS, *DISK))
    assert {each.outcome for each in found} == {Outcome.PASS}
    assert any("once caught up: missing in 0 of 4 looks" in each.sentence for each in found)
    assert any("own height against the highest peer: 0 (wrong: 5 blocks" in each.sentence for each in found)


async def test_at_the_tip_the_application_hash_of_the_look_before_is_compared(node: NodeSettings) -> None:
    """The hash after a block is in the next one, which nobody has yet."""

    class Growing(Peers):
        async def own(self) -> ConsensusReading:
            assert self.highest is not None
            self.highest += 1
            return replace(WELL, height=self.highest, app_height=self.highest, app_hash=f"{self.highest:064X}")

        async def app_hashes(self, height: int) -> tuple[str, ...]:
            return (f"{height:064X}",) * 3

    (found,) = await looked(node, Growing(highest=1300), ("app hash",))
    assert (found.outcome, "another one in 0 of 3 looks" in found.sentence) == (Outcome.PASS, True)


async def test_what_is_wrong_all_the_time_fails_with_the_rows_own_words(node: NodeSettings) -> None:
    (alone,) = await looked(node, Peers().saying(peers=0), PEERS)
    assert (alone.outcome, alone.sentence) == (Outcome.FAIL, "this node has no peers")
    (behind,) = await looked(node, replace(Peers(), highest=1310), ("height",))
    assert (behind.outcome, behind.sentence) == (Outcome.WARN, "this node is 10 blocks behind the highest peer")
    (unsigned,) = await looked(node, Peers().saying(own_signature=False), ("signature",))
    assert unsigned.outcome is Outcome.FAIL
    (other,) = await looked(node, replace(Peers(), hashes=("CD" * 32,) * 3), ("app hash",))
    assert other.outcome is Outcome.FAIL
    assert other.go_on


async def test_what_cannot_be_told_is_skipped_and_never_a_pass(node: NodeSettings) -> None:
    found = await looked(node, replace(Peers(), reading=None, highest=None), (*SYNC, *PEERS, *CONSENSUS, *MEMORY))
    assert {each.outcome for each in found} == {Outcome.SKIP}


def reading(at: float, **values: object) -> HealthReading:
    return HealthReading(at=at, alive=True, answered=True, **values)  # type: ignore[arg-type]


def test_what_is_wrong_some_of_the_time_is_a_warning() -> None:
    (found,) = judged(PEERS, [reading(1, peers=0), reading(2, peers=3), reading(3, peers=3)])
    assert found.outcome is Outcome.WARN
    (silent,) = judged(("answer",), [reading(1), replace(reading(2), answered=False)])
    assert silent.outcome is Outcome.WARN


def test_between_the_two_limits_of_a_row_nothing_passes() -> None:
    (found,) = judged(MEMORY, [reading(1, memory_bytes=85, memory_limit_bytes=100)])
    assert found.outcome is Outcome.WARN
    (full,) = judged(MEMORY, [reading(1, memory_bytes=95, memory_limit_bytes=100)])
    assert full.outcome is Outcome.FAIL
