"""Health: each probe's one verdict after its window, no flapping, a clock that waits for the network (DESIGN §4.8)."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.node.health import (
    KEPT,
    CrossingNow,
    Finding,
    Health,
    HealthReport,
    StartProgress,
    clock_counts,
    failed_start,
    follow_start,
)
from console.node.health_table import (
    BEHIND_AFTER_UPGRADE,
    HEALTH_TABLE,
    START_APP,
    START_RPC,
    Clock,
    Consequence,
    HealthReading,
    HealthVerdict,
    Unit,
    health_table_markdown,
)
from console.node.zones import Zone

H = 100
FORWARD = CrossingNow(H, Zone.Z2)
GIB = 1 << 30
WELL = HealthReading(
    at=0.0,
    alive=True,
    answered=True,
    height=0,
    app_height=0,
    peer_height=0,
    app_hash_agrees=True,
    own_signature=True,
    round=0,
    peers=3,
    memory_bytes=GIB,
    memory_limit_bytes=8 * GIB,
    disk_free_bytes=100 * GIB,
    parent_finality=0,
)

WRONG: dict[str, dict[str, Any]] = {
    "answer": {"answered": False},
    "application": {"app_height": H + 10},
    "height": {"height": H + 20},
    "app hash": {"app_hash_agrees": False},
    "signature": {"own_signature": False},
    "round": {"round": 10},
    "peers": {"peers": 0},
    "parent finality": {"parent_finality": 5},
    "memory": {"memory_bytes": 7.5 * GIB},
    "disk free": {"disk_free_bytes": GIB},
}
"""What makes each probe wrong, in a network that is at H + 50 and goes on by a block per second."""


def reading(second: int, **changes: Any) -> HealthReading:
    """One reading per second of a node that keeps up from H + 50 on."""
    height = H + 50 + second
    moving: dict[str, Any] = {
        "height": height,
        "app_height": height,
        "peer_height": height,
        "parent_finality": 10 + second,
    }
    return dataclasses.replace(WELL, **({"at": 1000.0 + second} | moving | changes))


def run_health(seconds: Iterable[int], crossing: CrossingNow | None = FORWARD, **changes: Any) -> Health:
    health = Health(1000.0)
    for second in seconds:
        health.take(reading(second, **changes), crossing)
    return health


def finding(report: HealthReport, probe: str) -> Finding:
    return next(entry for entry in report.findings if entry.probe == probe)


def raised(report: HealthReport) -> set[str]:
    return {entry.probe for entry in report.findings if entry.verdict is not HealthVerdict.OK}


class TestTable:
    def test_every_probe_of_the_issue_has_one_row(self) -> None:
        names = [probe.name for probe in HEALTH_TABLE]
        assert len(set(names)) == len(names)
        assert set(names) == {START_RPC, START_APP, *WRONG}

    def test_each_row_gives_one_verdict_that_is_not_ok_and_clears_on_the_other_side(self) -> None:
        for probe in HEALTH_TABLE:
            assert probe.verdict is not HealthVerdict.OK
            assert probe.window > 0
            assert not probe.is_wrong(probe.clear)
            assert probe.is_wrong(probe.threshold)
            assert not probe.is_clear(probe.threshold)
            assert probe.words(7.0).isprintable()

    def test_the_words_of_a_limit_hold_its_number(self) -> None:
        for probe in HEALTH_TABLE:
            number = re.search(r"\d+", probe.limit)
            told = None if number is None else int(number[0]) * (GIB if "GiB" in probe.limit else 1)
            assert told in {None, probe.threshold}

    def test_the_markdown_has_a_row_per_probe_and_no_stray_bars(self) -> None:
        lines = health_table_markdown().splitlines()
        assert len(lines) == len(HEALTH_TABLE) + 2
        assert {line.count("|") for line in lines} == {8}
        assert "| height | own height against the highest peer | 5 blocks or more behind | 30 s |" in lines[6]
        assert f"event `{BEHIND_AFTER_UPGRADE}`" in lines[6]


class TestProbes:
    def test_a_node_that_keeps_up_is_well(self) -> None:
        for crossing in (FORWARD, None):
            report = run_health(range(4000), crossing).judge(5000.0)
            assert raised(report) == set()
            assert report.verdict is HealthVerdict.OK
            assert (report.events, report.call_operator, report.failed_try) == ((), (), "")

    @pytest.mark.parametrize("name", sorted(WRONG))
    def test_each_probe_alone_gives_its_verdict_exactly_after_its_window(self, name: str) -> None:
        probe = next(entry for entry in HEALTH_TABLE if entry.name == name)
        health = run_health(range(5))
        # A block per second: both kinds of window end after as many readings. What must not move was read before.
        last = 5 + int(probe.window) + (name in {"application", "parent finality"})
        first_wrong = {"application": {"app_height": H + 54}, "parent finality": {"parent_finality": 14}}
        wrong = WRONG[name] | first_wrong.get(name, {})
        seen: list[bool] = []
        for second in range(5, last + 2):
            health.take(reading(second, **wrong), FORWARD)
            seen.append(name in raised(health.judge(1000.0 + second)))
        assert seen == sorted(seen)
        assert seen[-1]
        assert abs(seen.index(True) - probe.window) <= 2
        report = health.judge(1000.0 + last + 1)
        found = finding(report, name)
        assert (found.verdict, found.follows) == (probe.verdict, probe.consequence)
        assert found.sentence
        assert "{" not in found.sentence
        assert raised(report) <= {name, "height"}

    def test_what_follows_is_in_the_report(self) -> None:
        behind = run_health(range(40), height=H + 20).judge(1040.0)
        assert behind.events == (BEHIND_AFTER_UPGRADE,)
        assert behind.verdict is HealthVerdict.WATCH
        still = run_health(range(80), app_height=H + 10).judge(1080.0)
        assert "does not move" in still.failed_try
        lonely = run_health(range(80), peers=0).judge(1080.0)
        assert lonely.call_operator == ("this node has no peers",)
        full = run_health(range(80), disk_free_bytes=GIB).judge(1080.0)
        assert full.call_operator == ("only 1.0 GiB are free where the node's data is",)

    def test_outside_an_upgrade_nothing_counts_as_a_try(self) -> None:
        report = run_health(range(80), None, app_height=H + 10, height=H + 20).judge(1080.0)
        assert report.failed_try == ""
        assert report.events == ()
        assert any("does not move" in sentence for sentence in report.call_operator)
        assert finding(report, "height").follows is Consequence.NOTHING

    def test_a_network_that_stands_still_is_not_this_nodes_fault(self) -> None:
        health = Health(1000.0)
        for second in range(3000):
            health.take(reading(0, at=1000.0 + second, round=5), FORWARD)
        assert raised(health.judge(4000.0)) == set()

    def test_commits_from_the_time_when_the_node_was_down_are_not_held_against_it(self) -> None:
        for changes in ({"catching_up": True}, {"height": H + 1}):
            assert "signature" not in raised(run_health(range(60), own_signature=False, **changes).judge(1060.0))

    def test_a_node_that_is_no_validator_needs_no_signature(self) -> None:
        assert raised(run_health(range(60), own_signature=None).judge(1060.0)) == set()

    def test_a_chain_without_a_parent_needs_no_finality(self) -> None:
        assert raised(run_health(range(4000), parent_finality=None).judge(5000.0)) == set()

    def test_what_cannot_be_read_is_neither_good_nor_bad(self) -> None:
        health = run_health(range(40), height=H + 20)
        assert "height" in raised(health.judge(1040.0))
        for second in range(40, 90):
            health.take(HealthReading(at=1000.0 + second, alive=True, answered=True), FORWARD)
        assert "height" in raised(health.judge(1090.0))
        health = run_health(range(10))
        for second in range(10, 400):
            health.take(HealthReading(at=1000.0 + second, alive=True, answered=True), FORWARD)
        assert raised(health.judge(1400.0)) == set()


class TestFlapping:
    def test_a_measure_around_its_limit_gives_no_verdict(self) -> None:
        health = Health(1000.0)
        for second in range(600):
            health.take(reading(second, height=H + 50 + second - (5 if second % 20 else 1)), FORWARD)
            assert raised(health.judge(1000.0 + second)) == set()

    def test_a_verdict_stays_in_the_band_between_the_limits_and_goes_once(self) -> None:
        health = run_health(range(40), height=H + 20)
        for second in range(40, 100):
            health.take(reading(second, height=H + 50 + second - 3), FORWARD)
        assert "height" in raised(health.judge(1100.0))
        for second in range(100, 120):
            health.take(reading(second), FORWARD)
        assert raised(health.judge(1120.0)) == set()

    def test_one_good_reading_takes_nothing_back(self) -> None:
        health = run_health(range(70), peers=0)
        health.take(reading(70), FORWARD)
        health.take(reading(71, peers=0), FORWARD)
        assert "peers" in raised(health.judge(1071.0))

    def test_one_good_reading_starts_the_window_again(self) -> None:
        health = run_health(range(59), peers=0)
        health.take(reading(59), FORWARD)
        for second in range(60, 115):
            health.take(reading(second, peers=0), FORWARD)
        assert raised(health.judge(1115.0)) == set()

    @settings(derandomize=True, deadline=None, max_examples=100)
    @given(st.lists(st.tuples(st.floats(0.1, 20), st.integers(0, 12)), min_size=1, max_size=60))
    def test_between_two_changes_lies_at_least_a_window(self, steps: list[tuple[float, int]]) -> None:
        probe = next(entry for entry in HEALTH_TABLE if entry.name == "height")
        health, at = Health(0.0), 0.0
        changes: list[tuple[float, bool]] = []
        before = False
        for pause, behind in steps:
            at += pause
            height = H + 50
            health.take(dataclasses.replace(WELL, at=at, height=height - behind, peer_height=height), FORWARD)
            now = "height" in raised(health.judge(at))
            if now != before:
                changes.append((at, now))
            before = now
        for (early, _), (later, up) in itertools.pairwise([(0.0, False), *changes]):
            assert later - early >= (probe.window if up else probe.clear_window) - 1e-6

    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(st.lists(st.sampled_from(sorted(WRONG)) | st.none(), min_size=1, max_size=80), st.sampled_from(list(Zone)))
    def test_judging_changes_nothing_and_every_report_is_whole(self, kinds: list[str | None], zone: Zone) -> None:
        health = Health(1000.0)
        for second, kind in enumerate(kinds):
            health.take(reading(second, **({} if kind is None else WRONG[kind])), CrossingNow(H, zone))
            now = 1000.0 + second
            first, again = health.judge(now), health.judge(now)
            assert first == again
            assert [entry.probe for entry in first.findings] == [probe.name for probe in HEALTH_TABLE]
            for entry in first.findings:
                assert (entry.verdict is HealthVerdict.OK) == (entry.sentence == "")
            assert 0 <= first.counted_s <= second
            assert first.counting == (zone is Zone.Z2)


class TestClock:
    @pytest.mark.parametrize("zone", [None, *Zone])
    @pytest.mark.parametrize("peer", [None, 0, H - 1, H, H + 1, H + 100])
    def test_counts_only_beyond_return_while_others_are_past_the_height(
        self, zone: Zone | None, peer: int | None
    ) -> None:
        expected = zone is None or (zone is Zone.Z2 and peer is not None and peer > H)
        assert clock_counts(zone, H, peer) == expected

    @pytest.mark.parametrize("zone", [Zone.Z0, Zone.Z1, Zone.UNKNOWN])
    def test_before_quorum_a_healthy_node_that_stands_still_is_never_judged(self, zone: Zone) -> None:
        health = Health(1000.0)
        for second in range(4000):
            waiting = reading(
                0, at=1000.0 + second, height=H, app_height=H, peer_height=H, own_signature=False, round=400, peers=0
            )
            health.take(waiting, CrossingNow(H, zone))
        report = health.judge(5000.0)
        assert raised(report) == set()
        assert (report.counting, report.counted_s) == (False, 0.0)

    def test_it_stops_while_no_peer_tells_a_height_and_goes_on_afterwards(self) -> None:
        health = run_health(range(41), peers=0)
        for second in range(41, 200):
            health.take(reading(second, peers=0, peer_height=None), FORWARD)
        assert raised(health.judge(1200.0)) == set()
        assert health.judge(1200.0).counted_s == 40.0
        for second in range(200, 221):
            health.take(reading(second, peers=0), FORWARD)
        assert raised(health.judge(1221.0)) == {"peers"}

    def test_a_machine_that_slept_does_not_come_back_to_verdicts(self) -> None:
        health = run_health(range(10), peers=0, height=H + 20)
        health.take(reading(7200, peers=0, height=H + 20), FORWARD)
        assert raised(health.judge(8200.0)) == set()

    def test_a_reading_that_comes_late_is_left_out(self) -> None:
        health = run_health(range(40))
        health.take(reading(10, app_hash_agrees=False), FORWARD)
        assert len(health.readings) == 40
        assert health.readings[-1].at == 1039.0

    def test_what_does_not_depend_on_others_counts_always(self) -> None:
        always = {probe.name for probe in HEALTH_TABLE if probe.clock is Clock.ALWAYS}
        for name in always:
            assert name in raised(run_health(range(200), CrossingNow(H, Zone.Z1), **WRONG[name]).judge(1200.0))

    def test_readings_are_bounded(self) -> None:
        assert len(run_health(range(KEPT * 3)).readings) == KEPT

    def test_the_report_tells_its_age(self) -> None:
        assert Health(1000.0).judge(1003.0).age_s is None
        assert run_health(range(10)).judge(1039.0).age_s == 30.0


class TestStart:
    def silent(self, seconds: range, **changes: Any) -> list[HealthReading]:
        return [HealthReading(**({"at": float(at), "alive": True, "answered": False} | changes)) for at in seconds]

    def judged(self, readings: list[HealthReading], now: float) -> Finding | None:
        progress = reduce(follow_start, readings, StartProgress(0.0))
        return failed_start(progress, now=now, target_height=H, startup_s=60)

    def test_alive_without_rpc_beyond_the_timeout_has_failed(self) -> None:
        readings = self.silent(range(60))
        assert self.judged(readings, 60.0) is None
        found = self.judged(readings, 61.0)
        assert found is not None
        assert (found.probe, found.follows) == (START_RPC, Consequence.FAILED_TRY)
        assert "has not answered yet" in found.sentence

    def test_a_migration_that_fails_without_an_exit_has_failed(self) -> None:
        readings = self.silent(range(100), answered=True, app_height=H - 1)
        found = self.judged(readings, 100.0)
        assert found is not None
        assert found.probe == START_APP
        assert f"stays at height {H - 1}" in found.sentence

    def test_a_node_that_answered_and_fell_silent_has_failed(self) -> None:
        readings = [*self.silent(range(20), answered=True, app_height=H - 1), *self.silent(range(20, 100))]
        found = self.judged(readings, 100.0)
        assert found is not None
        assert (found.probe, "any more" in found.sentence) == (START_RPC, True)

    def test_a_node_that_replays_goes_on_as_long_as_it_moves(self) -> None:
        readings = [
            HealthReading(at=float(at), alive=True, answered=True, app_height=10 + at // 50) for at in range(2000)
        ]
        assert all(self.judged(readings[: at + 1], float(at)) is None for at in range(0, 2000, 40))

    def test_a_node_that_executed_the_height_has_come_up_whatever_follows(self) -> None:
        readings = [*self.silent(range(5), answered=True, app_height=H), *self.silent(range(5, 900))]
        assert self.judged(readings, 900.0) is None

    def test_a_process_that_ended_is_judged_by_its_exit(self) -> None:
        assert self.judged(self.silent(range(100), alive=False), 100.0) is None

    def test_health_reports_it_between_readings_too(self) -> None:
        health = Health(0.0, startup_s=10)
        health.take(HealthReading(at=5.0, alive=True, answered=False), CrossingNow(H, Zone.Z0))
        assert health.judge(10.0).failed_try == ""
        assert "has not answered yet" in health.judge(10.5).failed_try

    def test_a_run_that_came_up_and_fell_silent_has_failed_after_the_window_of_its_row(self) -> None:
        health = Health(0.0, startup_s=10)
        waiting = CrossingNow(H, Zone.Z1)
        health.take(HealthReading(at=1.0, alive=True, answered=True, app_height=H), waiting)
        for at in range(2, 62):
            health.take(HealthReading(at=float(at), alive=True, answered=False), waiting)
            assert health.judge(float(at)).failed_try == ""
        health.take(HealthReading(at=62.0, alive=True, answered=False), waiting)
        assert "does not answer any more" in health.judge(62.0).failed_try

    def test_outside_an_upgrade_a_run_that_never_answers_calls_the_operator(self) -> None:
        health = Health(0.0, startup_s=10)
        for at in range(30):
            health.take(HealthReading(at=float(at), alive=True, answered=False), None)
        report = health.judge(30.0)
        assert report.failed_try == ""
        assert len(report.call_operator) == 1

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(
        st.lists(
            st.tuples(st.floats(0.1, 40), st.booleans(), st.none() | st.integers(H - 5, H + 1), st.booleans()),
            max_size=40,
        )
    )
    def test_a_start_fails_only_without_progress_for_the_whole_timeout(
        self, steps: list[tuple[float, bool, int | None, bool]]
    ) -> None:
        progress, at, last_move, highest = StartProgress(0.0), 0.0, 0.0, None
        for pause, answered, height, alive in steps:
            at += pause
            known = height if answered else None
            if known is not None and highest is not None and known > highest:
                last_move = at
            highest = known if highest is None else highest if known is None else max(highest, known)
            progress = follow_start(progress, HealthReading(at=at, alive=alive, answered=answered, app_height=known))
            found = failed_start(progress, now=at, target_height=H, startup_s=60)
            came_up = highest is not None and highest >= H
            assert (found is not None) == (alive and not came_up and at - last_move > 60)


def test_blocks_and_seconds_are_the_only_units() -> None:
    assert {probe.unit for probe in HEALTH_TABLE} == {Unit.SECONDS, Unit.BLOCKS}
