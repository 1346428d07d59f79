"""What is watched beside an upgrade: one event per episode, the operator called in time, no peer asked too often."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from console.errors import NodeError
from console.model import Crossing, NodeRun, PlanOrigin, Verdict
from console.model.around_upgrade import AFTER_S, BEFORE_BLOCKS
from console.node import health_sources, health_watch, key_elsewhere
from console.node.health_table import BEHIND_AFTER_UPGRADE
from console.node.journal import Journal
from console.node.runtime.runtime import LiveRun
from console.node.shape import NodeShape
from console.node.watching import LEFT_BEHIND_S, AfterUpgrade
from console.ports.chain import ConsensusReading
from console.settings import NodeSettings
from tests.console.node import nodes
from tests.console.node.bench import Bench, armed_and_ready, asked, crossing, until
from tests.console.node.fakes import OWN, FakeChain
from tests.console.node.test_late import NEW, attempt

pytestmark = pytest.mark.anyio

H = 100
GIB = 1 << 30


def settings_of(folder: Path) -> NodeSettings:
    """The settings of the one node in a folder."""
    return NodeSettings(
        name="node1",
        home=folder / "home",
        state_dir=folder / "state",
        daemon=nodes.DAEMON,
        arguments=("node", "start", "--home", "{home}"),
        address=OWN,
        cometbft_rpc="http://127.0.0.1:9",
        ethereum_rpc="http://127.0.0.1:9",
        operator_key=None,
    )


class Runs:
    """One run, that of this very process, which lives as long as the test says."""

    def __init__(self, exe_sha256: str = NEW) -> None:
        self.run = NodeRun(7, "v0.2.0", 0, exe_sha256, 0.0, None, None)
        self.age_s = 0.0
        self.live: LiveRun | None = LiveRun(7, os.getpid(), 0, os.getpid(), 0, exe_sha256, 0, 0.0)


class Case:
    """A watch on a clock that the test turns."""

    def __init__(self, folder: Path) -> None:
        self.seconds = 0.0
        self.node = settings_of(folder)
        self.journal = Journal(folder / "journal.db")
        self.chain = FakeChain(height=H + 2)
        self.runs: Any = Runs()
        self.attempt: Any = attempt(crossing=Crossing.PROBATION)
        self.consensus: ConsensusReading | None = None
        self.changes: dict[str, Any] = {}
        (folder / "home" / "fendermint" / "data").mkdir(parents=True)
        shape = NodeShape(folder / "home", ())
        self.after = AfterUpgrade(lambda: self.node, self.journal, shape, lambda: self.seconds)

    async def go(self, seconds: int, *, blocks: int = 1) -> None:
        """Look and judge once a second, `blocks` further each time; `consensus` is the node's own, None if silent."""
        for _ in range(seconds):
            self.chain.height += blocks
            own = await self.chain.own() if self.runs.live is not None else None
            self.consensus = (
                None if own is None or "silent" in self.changes else dataclasses.replace(own, **self.changes)
            )
            self.seconds += 1
            await self.after.look(self.attempt, self.runs, self.consensus, self.chain)
            for _ in range(3):
                await self.after.step(self.attempt, self.runs, self.consensus, self.chain)

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.journal.events()]


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    case = Case(tmp_path)
    yield case
    case.journal.close()


# --- health ---


async def test_a_node_that_does_well_is_no_news(case: Case) -> None:
    await case.go(60)
    assert (case.after.alarm, case.kinds()) == ("", [])
    assert case.after.report is not None
    assert case.after.report.counted_s > 50


async def test_behind_after_the_upgrade_is_one_event_and_its_end_another(case: Case) -> None:
    await case.go(5)
    case.changes = {"height": H + 3, "app_height": H + 3}
    case.chain.peer_height = H + 40
    await case.go(80)
    assert case.kinds().count(BEHIND_AFTER_UPGRADE) == 1
    case.changes = {}
    await case.go(30)
    case.chain.peer_height = None
    await case.go(30)
    assert [kind for kind in case.kinds() if kind.startswith(BEHIND_AFTER_UPGRADE)] == [
        BEHIND_AFTER_UPGRADE,
        f"{BEHIND_AFTER_UPGRADE}: over",
    ]


async def test_until_others_are_past_the_height_the_health_clock_stands(case: Case) -> None:
    case.attempt = attempt(crossing=Crossing.WAITING_FOR_QUORUM)
    case.chain.height = case.chain.peer_height = H
    case.changes = {"own_signature": False, "peers": 0}
    await case.go(200, blocks=0)
    assert case.after.report is not None
    assert case.after.report.counted_s == 0
    assert BEHIND_AFTER_UPGRADE not in case.kinds()
    assert case.after.alarm == ""


async def test_an_hour_after_the_proof_it_is_an_ordinary_node_again(case: Case) -> None:
    await case.go(3)
    case.attempt = attempt(crossing=Crossing.COMMITTED)
    await case.go(3)
    case.seconds += AFTER_S
    case.changes = {"height": H + 3}
    await case.go(60)
    assert "health" in case.kinds()
    assert BEHIND_AFTER_UPGRADE not in case.kinds()


async def test_another_app_hash_calls_the_operator_when_it_was_seen_twice(case: Case) -> None:
    case.chain.hashes = ("AB", "ab")
    await case.go(20)
    assert case.after.alarm == ""
    case.chain.hashes = ("CD", "CD", "AB")
    before = case.chain.asked.count("app hash")
    while not case.after.alarm and case.seconds < 60:
        await case.go(1)
    assert case.chain.asked.count("app hash") - before >= 2
    assert "another app hash than its peers" in case.after.alarm


async def test_one_endpoint_of_two_that_tells_another_hash_is_not_believed(case: Case) -> None:
    case.chain.hashes = ("CD", "AB")
    await case.go(60)
    assert case.after.alarm == ""


async def test_a_signature_that_is_missing_in_commit_after_commit_calls_the_operator(case: Case) -> None:
    case.changes = {"own_signature": False}
    await case.go(15)
    assert case.after.alarm == ""
    await case.go(10)
    assert "signature is missing" in case.after.alarm
    case.changes = {"own_power": 0}
    case.runs.live = None
    await case.go(1)
    assert case.after.alarm == ""
    assert case.kinds()[-1] == "health-again"


async def test_a_silent_rpc_after_the_start_calls_the_operator(case: Case) -> None:
    await case.go(5)
    case.changes = {"silent": True}
    await case.go(70)
    assert "RPC does not answer any more" in case.after.alarm


async def test_disk_memory_rounds_and_the_parents_finality_are_looked_at(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def finality(url: str) -> int | None:
        assert url == "http://127.0.0.1:9/metrics"
        return 4211

    case.node = dataclasses.replace(case.node, metrics_url="http://127.0.0.1:9/metrics")
    monkeypatch.setattr(health_sources, "parent_finality", finality)
    monkeypatch.setattr(health_sources, "free_bytes", lambda folders: GIB)
    monkeypatch.setattr(health_sources, "memory_limit", lambda pid: health_sources.memory_of([pid]))
    case.chain.at_round = 12
    await case.go(75, blocks=20)
    assert "only 1.0 GiB are free" in case.after.alarm
    assert "100 % of the memory" in case.after.alarm
    assert "finality of the parent chain does not move" in case.after.alarm
    probes = [event["detail"]["probe"] for event in case.journal.events() if event["kind"] == "health"]
    assert sorted(probes) == ["disk free", "memory", "parent finality", "round"]


async def test_no_peer_is_asked_more_than_one_thing_per_look(case: Case) -> None:
    case.chain.hashes = ("CD",)
    await case.go(40)
    assert len(case.chain.asked) == 40
    case.runs.live = None
    state = case.node.home / "cometbft" / "data" / "priv_validator_state.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"height": "0", "round": 0, "step": 3}')
    await case.go(20)
    assert len(case.chain.asked) == 60
    assert "signed" in case.chain.asked


def test_at_rest_it_looks_less_often(case: Case) -> None:
    watch = case.after._health
    assert watch.pace_s(None) == watch.pace_s(attempt(crossing=Crossing.NONE)) == health_watch.REST_PACE_S
    assert watch.pace_s(attempt(crossing=Crossing.HALTED)) == health_watch.PACE_S >= 1


async def test_near_its_halt_it_looks_as_often_as_in_it(case: Case) -> None:
    case.attempt = attempt(crossing=Crossing.NONE)
    case.chain.height = H - BEFORE_BLOCKS - 3
    watch = case.after._health
    await case.go(2)
    assert watch.pace_s(case.attempt) == health_watch.REST_PACE_S
    await case.go(2)
    assert watch.pace_s(case.attempt) == health_watch.PACE_S


async def test_a_peer_that_makes_us_stumble_does_not_end_the_watch(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = asyncio.Event()

    async def broken() -> int | None:
        if case.chain.asked:
            looked.set()
        case.chain.asked.append("height")
        raise ZeroDivisionError

    monkeypatch.setattr(health_watch, "PACE_S", 0.0)
    case.chain.highest_peer = broken  # type: ignore[method-assign]
    task = asyncio.create_task(case.after.watch(lambda: case.attempt, case.runs, lambda: None, case.chain))
    async with asyncio.timeout(10):
        await looked.wait()
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


# --- starts ---


async def test_a_start_without_rpc_has_failed_after_the_timeout(case: Case) -> None:
    mine = attempt(crossing=Crossing.STARTING)
    assert case.after.failed_start(mine, case.runs, None) == ""
    case.seconds += case.node.startup_timeout_s
    assert case.after.failed_start(mine, case.runs, None) == ""
    case.seconds += 1
    assert "RPC has not answered yet" in case.after.failed_start(mine, case.runs, None)
    case.runs.live = None
    assert case.after.failed_start(mine, case.runs, None) == ""


async def test_a_start_that_replays_goes_on_as_long_as_its_application_moves(case: Case) -> None:
    mine = attempt(crossing=Crossing.STARTING)
    own = await case.chain.own()
    for height in range(20, 30):
        assert case.after.failed_start(mine, case.runs, dataclasses.replace(own, app_height=height)) == ""
        case.seconds += case.node.startup_timeout_s - 1
    stands = dataclasses.replace(own, app_height=29)
    assert case.after.failed_start(mine, case.runs, stands) == ""
    case.seconds += 2
    assert "its application stays at height 29" in case.after.failed_start(mine, case.runs, stands)


async def test_a_start_is_as_old_as_its_run_when_the_controller_came_later(case: Case) -> None:
    case.runs.age_s = case.node.startup_timeout_s + 5
    assert case.after.failed_start(attempt(crossing=Crossing.STARTING), case.runs, None)


async def test_a_new_run_has_its_own_time(case: Case) -> None:
    mine = attempt(crossing=Crossing.STARTING)
    case.after.failed_start(mine, case.runs, None)
    case.seconds += case.node.startup_timeout_s + 1
    case.runs.live = dataclasses.replace(case.runs.live, run_id=8)
    assert case.after.failed_start(mine, case.runs, None) == ""


# --- time and others ---


async def test_too_long_a_downtime_calls_the_operator_once(case: Case) -> None:
    case.attempt = attempt(crossing=Crossing.HALTED)
    case.runs.live = None
    case.chain.peer_height = H
    await case.go(int(case.node.max_downtime_s))
    assert case.after.alarm == ""
    await case.go(5)
    assert "down for more than 5m 00s, at HALTED" in case.after.alarm
    assert case.kinds().count("max-downtime") == 1


async def test_a_network_that_went_on_without_this_node_is_said(case: Case) -> None:
    case.attempt = attempt(crossing=Crossing.WAITING_FOR_QUORUM)
    case.chain.height = H
    case.chain.peer_height = H + 1
    await case.go(int(LEFT_BEHIND_S), blocks=0)
    assert case.after.alarm == ""
    await case.go(2, blocks=0)
    assert "the network went on without this node: it is at height 101, past 100" in case.after.alarm
    await case.go(5, blocks=0)
    case.attempt = attempt(crossing=Crossing.PROBATION)
    await case.go(1)
    assert case.kinds() == ["left-behind", "left-behind-over"]


async def test_a_swap_by_hand_is_left_behind_by_nobody(case: Case) -> None:
    case.attempt = attempt(crossing=Crossing.WAITING_FOR_QUORUM, origin=PlanOrigin.OPERATOR)
    case.chain.peer_height = H + 50
    await case.go(60, blocks=0)
    assert "went on without" not in case.after.alarm


# --- in the controller, with real processes ---


@pytest.fixture
def quick(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench whose downtimes count at once, and that looks fast."""
    monkeypatch.setattr(key_elsewhere, "DOWN_S", 0.0)
    monkeypatch.setattr(health_watch, "REST_PACE_S", 0.02)
    return bench


async def test_a_node_that_executed_the_height_under_old_rules_is_stopped(bench: Bench) -> None:
    bench.chain.height = 99
    bench.plan(verdict=Verdict.CROSS, frozen_at=96)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        bench.chain.height = 101
        status = await until(controller, lambda s: crossing(Crossing.MISSED_HALT)(s) and s.pid is None)
        assert status.alarm.startswith("MISSED_HALT")
    assert not bench.node_runs()
    async with bench.controller() as controller:
        await until(controller, lambda _: bench.chain.reads > 2)
    assert len(nodes.starts(bench.home)) == 1


async def test_nothing_is_started_while_the_key_is_used_elsewhere(quick: Bench) -> None:
    async with quick.controller() as controller:
        await until(controller, lambda status: status.height == 60 and quick.key_is_known())
        quick.chain.peer_height = 80
        quick.chain.signed = frozenset(range(90))
        nodes.say(quick.home, f"rm -f {quick.home}/say; kill -9 $$")
        status = await until(controller, lambda status: status.state == "NEEDS_OPERATOR")
        assert "signed height 80" in status.alarm
        with pytest.raises(NodeError, match="used elsewhere"):
            await asked(controller, "start")
    assert len(nodes.starts(quick.home)) == 1


async def test_a_key_that_signs_elsewhere_while_the_node_stays_down_is_noticed(quick: Bench) -> None:
    async with quick.controller() as controller:
        await until(controller, lambda status: status.height == 60 and quick.key_is_known())
        nodes.say(quick.home, "exit 0")
        await until(controller, lambda status: "stays down" in status.note)
        quick.chain.peer_height = 80
        quick.chain.signed = frozenset(range(90))
        await until(controller, lambda status: status.state == "NEEDS_OPERATOR")
    assert len(nodes.starts(quick.home)) == 1


async def test_our_own_signature_at_the_halt_is_no_alarm(quick: Bench) -> None:
    state = quick.home / "cometbft" / "data" / "priv_validator_state.json"
    async with quick.controller() as controller:
        await until(controller, lambda status: status.height == 60 and quick.key_is_known())
        state.write_text('{"height": "63", "round": 1, "step": 3}')
        quick.chain.peer_height = 80
        quick.chain.signed = frozenset(range(64))
        nodes.say(quick.home, f"rm -f {quick.home}/say; kill -9 $$")
        await until(controller, lambda _: len(nodes.starts(quick.home)) == 2)
        status = await until(controller, lambda status: status.pid is not None)
    assert status.state == "IDLE"


async def test_a_late_node_goes_on_through_its_grace_period_and_stops_at_its_end(quick: Bench) -> None:
    quick.chain.height = 99
    quick.plan(verdict=Verdict.CROSS, frozen_at=96, breaking=False, grace_blocks=10)
    async with quick.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        quick.chain.height = 101
        await until(controller, crossing(Crossing.RESUMED_OLD))
        quick.chain.height = 105
        status = await until(controller, lambda status: "grace period" in status.alarm)
        assert status.pid is not None
        quick.chain.height = 109
        status = await until(controller, lambda status: status.pid is None)
        assert (status.state, "ended with height 109" in status.note) == ("STOPPED", True)
        with pytest.raises(NodeError, match="node swap"):
            await asked(controller, "start")
    before = quick.chain.reads
    async with quick.controller() as controller:
        await until(controller, lambda _: quick.chain.reads > before + 1)
    assert not quick.node_runs()
    assert len(nodes.starts(quick.home)) == 1


async def test_a_new_binary_that_lives_without_rpc_has_spent_its_try(bench: Bench) -> None:
    bench.node = dataclasses.replace(bench.node, startup_timeout_s=1.0)
    old_runs = bench.node_runs

    def old_answers() -> bool:
        live = bench.runtime.recorded()
        return old_runs() and live is not None and live.exe_sha256 != bench.sha256

    bench.chain.own_up = old_answers
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        status = await until(
            controller, lambda s: s.attempt is not None and "did not come up" in s.attempt.note and s.pid is None
        )
    assert status.attempt is not None
    assert "RPC has not answered yet" in status.attempt.note
