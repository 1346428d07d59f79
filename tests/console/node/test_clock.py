"""The clock of the day jumps by ten years, forward and back, at the worst moments: nothing is decided by it.

The controller's clock is turned inside its process; shims, files and the node keep the machine's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.model import Crossing, Verdict
from console.node.journal import Journal
from tests.console.node import data_tree, nodes
from tests.console.node.bench import Bench, armed_and_ready, crossing, until
from tests.console.node.cosmos_nodes import CosmosBench, committed, ready

pytestmark = pytest.mark.anyio

YEARS_S = 10 * 365.25 * 86400

DEAD = '#!/bin/sh\ncase "$1" in --version) echo v0.2.0; exit 0;; esac\necho "$$ dead 0" >> {home}/starts.log\nexit 1\n'


class DayClock:
    """What `time.time` says, beside what the machine's clock says."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self._machine = time.time

    def now(self) -> float:
        return self._machine() + self.ahead_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[DayClock]:
    clock = DayClock()
    monkeypatch.setattr(time, "time", clock.now)
    yield clock
    monkeypatch.undo()


@pytest.mark.parametrize("jump_s", [YEARS_S, -YEARS_S], ids=["forward", "back"])
@pytest.mark.parametrize("at", [Crossing.NONE, Crossing.STARTING, Crossing.PROBATION])
async def test_an_upgrade_crosses_whatever_is_done_to_the_clock(
    bench: Bench, clock: DayClock, jump_s: float, at: Crossing
) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        if at is Crossing.NONE:
            clock.ahead_s = jump_s
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, lambda status: crossing(Crossing.STARTING)(status) and status.pid is not None)
        if at is Crossing.STARTING:
            clock.ahead_s = jump_s
        bench.chain.height = 101
        await until(controller, crossing(Crossing.PROBATION))
        if at is Crossing.PROBATION:
            clock.ahead_s = jump_s
        bench.chain.height = 103
        status = await until(controller, crossing(Crossing.COMMITTED))
        assert status.height_age_s is not None
        assert status.height_age_s >= 0
        assert status.alarm == ""
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.2.0 0"]
    # And the next controller, whose clock is right again, finds the node as it is.
    clock.ahead_s = 0.0
    async with bench.controller() as controller:
        found = await until(controller, lambda s: s.pid is not None)
        assert found.pid == status.pid
        assert crossing(Crossing.COMMITTED)(found)


@pytest.mark.parametrize("jump_s", [YEARS_S, -YEARS_S], ids=["forward", "back"])
async def test_a_new_binary_that_never_lives_is_rolled_back_all_the_same(
    bench: Bench, clock: DayClock, jump_s: float
) -> None:
    bench.sha256 = nodes.write_binary(bench.given, bench.home, DEAD)
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, lambda _: "dead 0" in nodes.starts(bench.home))
        clock.ahead_s = jump_s
        status = await until(controller, crossing(Crossing.PARKED))
    assert (status.generation, status.pid) == ("genesis", None)
    assert nodes.starts(bench.home).count("dead 0") == 3


async def test_a_binary_that_was_seen_beyond_return_is_not_rolled_back_after_the_clock_was_set_back(
    bench: Bench, clock: DayClock
) -> None:
    """What was read belongs to the run that was read, not to the one that began before it by the clock."""
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, lambda status: crossing(Crossing.STARTING)(status) and status.pid is not None)
        await controller.commands.pause("a look at it")
        # RocksDB's height cannot be read from outside.
        (bench.home / "fendermint" / "data" / "app.json").unlink()
        clock.ahead_s = -YEARS_S
        bench.chain.height = 110
        await until(controller, lambda status: status.app_height == 110)
        nodes.say(bench.home, "exit 1")
        await until(controller, lambda status: status.pid is None)
        await controller.commands.resume()
        status = await until(controller, lambda s: s.attempt is not None and s.attempt.crossing.waits_for_operator)
    assert status.attempt is not None
    assert (status.attempt.crossing, status.generation) == (Crossing.NEEDS_OPERATOR, "v0.2.0")


async def test_a_reading_of_an_older_journal_is_still_told_by_its_time(bench: Bench, clock: DayClock) -> None:
    """Before readings named their run they had only their time."""
    journal = Journal(bench.state_dir / "journal.db")
    first = journal.open_run("genesis", 0, "aa" * 32)
    journal.set_meta("observation", f'{{"height": 9, "app_height": 8, "read_at": {time.time()}}}')
    clock.ahead_s = YEARS_S
    second = journal.open_run("v0.2.0", 0, "bb" * 32)
    assert journal.run_observed() == first
    clock.ahead_s = -YEARS_S
    journal.observe(11, 10, "v1", run_id=second.id)
    assert journal.run_observed() == second
    journal.close()


@pytest.mark.parametrize("jump_s", [YEARS_S, -YEARS_S], ids=["forward", "back"])
async def test_the_halt_of_a_chain_that_stops_by_itself_is_seen(
    cosmos: CosmosBench, clock: DayClock, jump_s: float
) -> None:
    """The plan file is told from one of before the run although the two were dated by different clocks."""
    clock.ahead_s = jump_s
    async with cosmos.controller() as controller:
        await ready(cosmos, controller)
        clock.ahead_s = 0.0
        cosmos.halts()
        await committed(cosmos, controller)
    assert cosmos.starts() == ["v1", "v2"]


async def test_a_file_alone_shows_the_halt_of_a_node_that_does_not_answer(cosmos: CosmosBench, clock: DayClock) -> None:
    """Its RPC is dead, so the file and the node's words are all; the run began years later by the clock."""
    clock.ahead_s = YEARS_S
    async with cosmos.controller() as controller:
        await ready(cosmos, controller)
        clock.ahead_s = 0.0
        cosmos.chain.own_up = lambda: False
        cosmos.say(cosmos.halt_words())
        await until(controller, crossing(Crossing.HALTED))


def test_rollback_points_are_counted_not_dated(tmp_path: Path, clock: DayClock) -> None:
    home = data_tree.make_home(tmp_path / "home")
    points = data_tree.points_of(home)
    for name, ahead_s in (("first", 0.0), ("second", -YEARS_S), ("third", -2 * YEARS_S)):
        clock.ahead_s = ahead_s
        points.take(name, app_height=99, generation="genesis", exe_sha256="")
    assert [point.name for point in points.all()] == ["third", "second", "first"]
    assert "taken at height 99, 0" in points.sentence(points.all()[-1], time.time())
    assert points.prune(1, protect=frozenset()) == ("second", "first")
    assert [point.name for point in points.all()] == ["third"]
