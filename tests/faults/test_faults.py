"""Controllers and shims killed, stopped and hindered everywhere: no rule of facts/safety.md §3 is broken."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from console.node.shim import FAULT_POINTS as SHIM_POINTS
from tests.faults import tracing
from tests.faults.conftest import Player
from tests.faults.plan import (
    CALLS,
    SAMPLE,
    SHIM_CALLS,
    SOAK,
    controller_points,
    covering_seeds,
    fault_run,
    scenarios,
)
from tests.faults.rig import Zygote, served
from tests.faults.scripted import NEW_BEHAVIOURS, OLD_BEHAVIOURS
from tests.faults.world import World

GROUP = 30

TRACED = {"call", "shim-call"}


def grouped(seeds: Iterable[int], *, traced: bool) -> list[tuple[int, ...]]:
    """Seeds in groups of about equal length."""
    wanted = [seed for seed in seeds if (fault_run(seed).fault.kind in TRACED) is traced]
    count = -(-len(wanted) // GROUP)
    return [tuple(wanted[at::count]) for at in range(count)]


def play_seeds(play: Player, seeds: tuple[int, ...]) -> None:
    """Play them; a failure says what was broken, how, and how to see it again."""
    bad = [outcome for outcome in play([fault_run(seed) for seed in seeds]) if outcome.violations]
    if bad:
        again = " ".join(str(outcome.run.seed) for outcome in bad)
        stories = "\n\n".join(f"{outcome}\n{outcome.story}" for outcome in bad)
        pytest.fail(f"play again: python -m tests.faults {again}\n\n{stories}", pytrace=False)


FIRST = range(len(covering_seeds()) + SAMPLE)
LONG = range(FIRST.stop, FIRST.stop + SOAK)


def _first(seeds: tuple[int, ...]) -> str:
    return f"{len(seeds)} from {seeds[0]}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seeds", grouped(FIRST, traced=False), ids=_first)
def test_no_kill_and_no_pause_breaks_a_rule(play: Player, seeds: tuple[int, ...]) -> None:
    play_seeds(play, seeds)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seeds", grouped(FIRST, traced=True), ids=_first)
def test_no_failing_system_call_breaks_a_rule(play: Player, seeds: tuple[int, ...]) -> None:
    if not tracing.usable():
        pytest.skip("strace is not here or may not attach: no system call can be made to fail")
    play_seeds(play, seeds)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seeds", grouped(LONG, traced=False) + grouped(LONG, traced=True), ids=_first)
def test_nothing_drawn_breaks_a_rule(play: Player, seeds: tuple[int, ...]) -> None:
    if fault_run(seeds[0]).fault.kind in TRACED and not tracing.usable():
        pytest.skip("strace is not here or may not attach: no system call can be made to fail")
    play_seeds(play, seeds)


def test_the_first_seeds_cover_every_point_behaviour_and_call() -> None:
    runs = [fault_run(seed) for seed in covering_seeds()]
    once = {run.fault.point for run in runs if run.must_happen and run.fault.kind == "point" and run.fault.times == 1}
    again = {run.fault.point for run in runs if run.must_happen and run.fault.kind == "point" and run.fault.times > 1}
    assert once == again == set(controller_points())
    assert {run.fault.point for run in runs if run.fault.kind == "shim"} == set(SHIM_POINTS)
    untouched = [run.scenario for run in runs if run.fault.kind == "none"]
    assert {entry.name for entry in untouched} == set(scenarios())
    assert {entry.old for entry in untouched} == set(OLD_BEHAVIOURS)
    assert {entry.new for entry in untouched} == set(NEW_BEHAVIOURS)
    for kind, calls in (("call", CALLS), ("shim-call", SHIM_CALLS)):
        assert {run.fault.call for run in runs if run.fault.kind == kind} == {call for call, _ in calls}
    assert len(FIRST) >= 200
    assert len(LONG) >= 1000


def test_a_seed_always_means_the_same_run() -> None:
    assert [fault_run(seed) for seed in FIRST] == [fault_run(seed) for seed in FIRST]


def test_every_point_that_the_code_passes_is_known_here() -> None:
    """The journal names its own; all others are words in the modules, which this package reads."""
    named = set(controller_points())
    assert {"before-start", "after-judged", "restore-between-renames", "before-point-described"} <= named
    assert all(not point.endswith("-") for point in named)


def test_a_controller_that_is_told_to_end_while_it_begins_ends(tmp_path: Path, zygote: Zygote) -> None:
    with served(tmp_path) as url:
        (tmp_path / "world").mkdir()
        world = World(tmp_path / "world", scenarios()["file-pre-upgrade-fails"], f"{url}/world")
        life = zygote.begin(world.folder, {})
        while not life.wait(0.02) and world.end() != "PARKED":
            pass
        os.kill(life.pid, signal.SIGTERM)
        assert life.wait(20)
        for number in range(40):
            life = zygote.begin(world.folder, {})
            # Later and later in its first steps, each time.
            life.wait(number * 0.0015)
            os.kill(life.pid, signal.SIGTERM)
            ended = life.wait(20)
            if not ended:
                os.kill(life.pid, signal.SIGKILL)
                life.wait(20)
            assert ended, number


def test_a_run_leaves_its_folder_readable_for_whoever_asks_why(play: Player, tmp_path: Path) -> None:
    (outcome,) = play([fault_run(0)])
    assert outcome.end == "COMMITTED"
    assert (tmp_path / "run-0" / "starts.log").read_text().count("v0.1.5") == 2
