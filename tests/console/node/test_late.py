"""A node that went on with the old release: what it says, once each, and how it stops."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.errors import NodeError
from console.model import Arming, Attempt, Crossing, PlanOrigin, Preparation, Verdict
from console.node.journal import Journal
from console.node.late import LateUpgrader, late_attempt
from console.text import untrusted

pytestmark = pytest.mark.anyio

H, GRACE = 100, 200
OLD, NEW = "00" * 32, "11" * 32

BASE = Attempt(
    id=1,
    proposal_id=1,
    name=untrusted("v0.2.0"),
    target_height=H,
    freeze_blocks=5,
    scheduled_at=50,
    release_kind=0,
    release_hash=NEW,
    release_url="",
    breaking=False,
    preparation=Preparation.FAILED,
    arming=Arming.WAITING_TURN,
    crossing=Crossing.RESUMED_OLD,
    verdict=Verdict.CROSS,
    failure_code=0,
    tries_left=3,
    note="",
    generation="v0.2.0",
    generation_hash=NEW,
    grace_blocks=GRACE,
)


def attempt(**changes: Any) -> Attempt:
    return dataclasses.replace(BASE, **changes)


class Run:
    def __init__(self, exe_sha256: str) -> None:
        self.exe_sha256 = exe_sha256


class Runs:
    """One run that can be stopped."""

    def __init__(self, exe_sha256: str = OLD) -> None:
        self.run = Run(exe_sha256)
        self.live: object | None = object()
        self.on_stop: Callable[[], None] = lambda: None

    async def stop(self) -> None:
        self.on_stop()
        self.live = None


class Case:
    def __init__(self, folder: Path, *attempts: Attempt) -> None:
        self.journal = Journal(folder / "journal.db")
        self.attempts = attempts or (BASE,)
        self.journal.attempts = lambda limit=20: self.attempts  # type: ignore[method-assign]
        self.runs: Any = Runs()
        self.late = LateUpgrader(self.journal)

    async def at(self, height: int, block_time_s: float | None = 2.0) -> None:
        await self.late.step(self.attempts[0], self.runs, height, block_time_s)

    def marks(self) -> list[int]:
        return [event["detail"]["mark"] for event in self.journal.events() if event["kind"] == "late-upgrader"]


class TestWhich:
    def test_a_compatible_upgrade_that_this_node_did_not_take(self) -> None:
        assert late_attempt((BASE,)) == BASE

    @pytest.mark.parametrize(
        "changes",
        [
            {"grace_blocks": 0},
            {"breaking": True},
            {"verdict": Verdict.ABORT},
            {"crossing": Crossing.COMMITTED},
            {"crossing": Crossing.MISSED_HALT},
            {"origin": PlanOrigin.OPERATOR},
        ],
    )
    def test_no_other(self, changes: dict[str, Any]) -> None:
        assert late_attempt((attempt(**changes),)) is None

    def test_the_next_plan_does_not_end_the_period_of_the_last_one(self) -> None:
        following = attempt(id=2, crossing=Crossing.NONE, verdict=Verdict.NONE, target_height=500)
        assert late_attempt((following, BASE)) == BASE

    def test_one_that_crossed_afterwards_does(self) -> None:
        assert late_attempt((attempt(id=2, crossing=Crossing.COMMITTED), BASE)) is None

    def test_nothing_is_stopped_in_the_middle_of_a_crossing(self) -> None:
        assert late_attempt((attempt(id=2, crossing=Crossing.HALTED), BASE)) is None

    def test_of_two_the_one_that_ends_first(self) -> None:
        shorter = attempt(id=2, target_height=H + 10, grace_blocks=20)
        assert late_attempt((shorter, BASE)) == shorter


async def test_each_mark_is_an_event_once_and_the_operator_is_called_from_the_half_on(tmp_path: Path) -> None:
    case = Case(tmp_path)
    await case.at(H)
    assert (case.marks(), case.late.alarm) == ([100], "")
    for height in (H + 99, H + 100, H + 150, H + 179, H + 197):
        await case.at(height)
        assert case.late.alarm
    assert case.marks() == [100, 50, 10, 1]
    assert "2 blocks (about 4s) of its grace period are left" in case.late.alarm
    assert case.runs.live is not None
    # A controller that starts anew says nothing again.
    case.late = LateUpgrader(case.journal)
    await case.at(H + 198)
    assert case.marks() == [100, 50, 10, 1]
    case.journal.close()


async def test_at_the_end_it_is_durable_first_and_stopped_then(tmp_path: Path) -> None:
    case = Case(tmp_path)
    durable: list[str | None] = []
    case.runs.on_stop = lambda: durable.append(case.journal.meta("stays_down"))
    await case.at(H + GRACE - 1)
    assert case.runs.live is None
    (why,) = durable
    assert why is not None
    assert f"ended with height {H + GRACE - 1}" in why
    assert [event["kind"] for event in case.journal.events()][-2:] == ["late-upgrader", "stopped"]
    count = len(case.journal.events())
    await case.at(H + GRACE - 1)
    assert len(case.journal.events()) == count
    case.journal.close()


async def test_a_kill_between_the_word_and_the_deed_is_finished(tmp_path: Path) -> None:
    case = Case(tmp_path)
    await case.at(H + GRACE - 1)
    case.late, case.runs = LateUpgrader(case.journal), Runs()
    await case.at(H + GRACE - 1)
    assert case.runs.live is None
    case.journal.close()


async def test_the_new_release_is_neither_late_nor_stopped(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.runs = Runs(NEW)
    await case.at(H + GRACE + 50)
    assert (case.runs.live is None, case.late.alarm, case.marks()) == (False, "", [])
    case.journal.close()


def test_after_the_end_the_old_release_is_not_started_and_the_new_one_is(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.late.refuse(BASE, OLD, H + GRACE - 2)
    case.late.refuse(BASE, NEW, H + GRACE)
    with pytest.raises(NodeError, match=r"grace period of v0\.2\.0 ended.*node swap"):
        case.late.refuse(BASE, OLD, H + GRACE - 1)
    case.journal.close()
