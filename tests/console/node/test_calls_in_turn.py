"""Calls that anyone may make: when they are due, whose turn it is, and what happens when all are at it."""

from __future__ import annotations

import asyncio
import dataclasses
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import ContractRefused, EndpointDown
from console.model import (
    Crossing,
    Preparation,
    Proposal,
    ProposalStatus,
    Readiness,
    ReleaseKind,
    ScheduleKind,
    ValidatorReadiness,
    Verdict,
)
from console.node.attempts import AttemptBook
from console.node.calls_in_turn import CALL_BLOCKS, LEAD_BLOCKS, CallsInTurn, Open, calls_due
from console.node.journal import Journal
from console.node.silence import SilentSignals
from console.node.turns import arming_order
from console.ports.chain import PlanReading
from tests.console.node.fakes import OTHERS, OWN, ZERO, proposal
from tests.console.node.test_preparation import SETTINGS

pytestmark = pytest.mark.anyio

ALL = (OWN, *OTHERS)
ORDER = arming_order(1, ALL)


def plan(**changes: object) -> Proposal:
    return proposal(**{"go_power": 40, "total_power": 40, **changes})


def due(entry: Proposal, height: int, committed: bool = False) -> list[Open]:
    return [call.what for call in calls_due(PlanReading(height, (entry,), None), lambda _: committed)]


def waits_for_readiness(ready: int, **changes: object) -> Proposal:
    return plan(
        status=ProposalStatus.APPROVED,
        schedule_kind=ScheduleKind.READINESS,
        readiness_bps=9000,
        readiness_deadline=100,
        ready_power=ready,
        **changes,
    )


@given(total=st.integers(1, 2**128), bps=st.integers(1, 10_000), data=st.data())
def test_enough_readiness_is_both_the_share_and_more_than_two_thirds(total: int, bps: int, data: st.DataObject) -> None:
    ready = data.draw(st.integers(0, total))
    entry = dataclasses.replace(waits_for_readiness(ready), total_power=total, readiness_bps=bps)
    assert due(entry, 60) == ([Open.SCHEDULE] if ready * 10_000 >= total * bps and 3 * ready > 2 * total else [])


def test_it_is_scheduled_until_the_deadline_and_not_beside_another() -> None:
    entry = waits_for_readiness(36)
    assert due(entry, 99) == [Open.SCHEDULE]
    assert due(entry, 100) == [], "the next block is past the deadline"
    other = proposal(id=2, status=ProposalStatus.SCHEDULED)
    assert not list(calls_due(PlanReading(60, (other, entry), None), lambda _: False))
    stopped = proposal(id=2, status=ProposalStatus.CANCELLED, verdict=Verdict.ABORT, target_height=80)
    for height, wanted in ((79, []), (80, [Open.SCHEDULE])):
        found = calls_due(PlanReading(height, (stopped, entry), None), lambda _: False)
        assert [call.what for call in found] == wanted, "armed nodes still halt at the height that was stopped"
    assert due(plan(status=ProposalStatus.APPROVED), 60) == [Open.SCHEDULE], "a fixed height needs no readiness"
    assert due(plan(status=ProposalStatus.VOTING), 60) == []


def test_calls_that_come_first_are_made_shortly_before_the_freeze_when_there_is_power_to_cross() -> None:
    entry = plan(linked_calls=1, contracts_first=True)
    heights = [height for height in range(50, 101) if due(entry, height)]
    assert heights == list(range(95 - LEAD_BLOCKS, 94))
    assert due(dataclasses.replace(entry, go_power=26), 90) == []
    assert due(dataclasses.replace(entry, contracts_at=80), 90) == []


def test_other_calls_are_made_when_this_node_has_crossed() -> None:
    entry = plan(linked_calls=1, verdict=Verdict.CROSS, execution_window=50)
    assert due(entry, 120) == []
    assert due(entry, 150, committed=True) == [], "the next block is past the window"
    assert due(entry, 120, committed=True) == [Open.EXECUTE]
    assert due(dataclasses.replace(entry, status=ProposalStatus.EXECUTED), 120, committed=True) == [Open.EXECUTE]
    assert due(dataclasses.replace(entry, status=ProposalStatus.ROLLED_BACK), 120, committed=True) == []


def test_calls_alone_are_made_within_their_window() -> None:
    entry = plan(
        release_kind=ReleaseKind.NONE,
        status=ProposalStatus.APPROVED,
        linked_calls=2,
        approved_at=50,
        execution_window=20,
    )
    assert due(entry, 69) == [Open.EXECUTE]
    assert due(entry, 70) == []


@pytest.mark.parametrize(
    "status",
    [ProposalStatus.ABORTED, ProposalStatus.CANCELLED, ProposalStatus.ROLLED_BACK],
)
def test_calls_are_taken_back_when_their_upgrade_did_not_come(status: ProposalStatus) -> None:
    entry = plan(linked_calls=1, contracts_first=True, contracts_at=85, status=status)
    assert due(entry, 101) == [Open.UNDO]
    assert due(dataclasses.replace(entry, undone_at=102), 103) == []
    assert due(dataclasses.replace(entry, contracts_at=0), 103) == []
    assert due(dataclasses.replace(entry, status=ProposalStatus.EXPIRED), 103) == [], "it may run everywhere"


class Chain(SilentSignals):
    """A registry that makes each call once, a block after it was sent, and refuses it to whoever comes later."""

    def __init__(self, entry: Proposal, height: int) -> None:
        self.entry = entry
        self.height = height
        self.calls: list[tuple[int, str, str]] = []
        self.pending = False
        self.down: set[str] = set()
        self.sender = ""

    async def execute(self, proposal_id: int) -> None:
        await self._call("execute")

    async def undo(self, proposal_id: int) -> None:
        await self._call("undo")

    async def schedule(self, proposal_id: int) -> None:
        await self._call("schedule")

    async def _call(self, what: str) -> None:
        self.calls.append((self.height, what, self.sender))
        if self.sender in self.down:
            raise EndpointDown("its operator has no gas")
        if self.pending or self.entry.contracts_at:
            raise ContractRefused("made already", name="AlreadyMade")
        self.pending = True

    def block(self) -> None:
        self.height += 1
        if self.pending:
            self.pending = False
            self.entry = dataclasses.replace(self.entry, contracts_at=self.height)

    def reading(self) -> PlanReading:
        rows = tuple(ValidatorReadiness(each, 10, ZERO, 0, 0, 0, 0, 0, 0, "", "") for each in ALL)
        return PlanReading(self.height, (self.entry,), Readiness(self.entry.id, rows))


class Caller:
    """One of the four."""

    def __init__(self, folder: Path, address: str, chain: Chain, **settings: object) -> None:
        self.address = address
        self.chain = chain
        self.settings = dataclasses.replace(SETTINGS, **settings)  # type: ignore[arg-type]
        self.journal = Journal(folder / f"{address}.db")
        self.book = AttemptBook(self.journal, lambda: None)
        self.calls = CallsInTurn(address, lambda: self.settings, self.book, self.journal, chain, lambda: None)

    async def look(self) -> None:
        self.chain.sender = self.address
        self.calls.step(self.chain.reading())
        if self.calls._task is not None:
            await asyncio.wait({self.calls._task})

    def events(self) -> list[str]:
        return [event["kind"] for event in self.journal.events()]


def first_calls() -> Proposal:
    return plan(linked_calls=1, contracts_first=True)


async def test_of_four_that_look_at_the_same_blocks_one_calls(tmp_path: Path) -> None:
    chain = Chain(first_calls(), 95 - LEAD_BLOCKS)
    callers = [Caller(tmp_path, address, chain) for address in ALL]
    while chain.height < 101:
        for caller in callers:
            await caller.look()
        chain.block()
    assert [(what, sender) for _, what, sender in chain.calls] == [("execute", ORDER[0])]
    assert chain.entry.contracts_at < 95


@pytest.mark.parametrize("down", [1, 2])
async def test_the_next_in_turn_calls_where_one_cannot_and_it_is_before_the_freeze(tmp_path: Path, down: int) -> None:
    chain = Chain(first_calls(), 95 - LEAD_BLOCKS)
    chain.down = set(ORDER[:down])
    callers = [Caller(tmp_path, address, chain) for address in ALL]
    while chain.height < 101:
        for caller in callers:
            await caller.look()
        chain.block()
    assert 0 < chain.entry.contracts_at < 95
    assert [sender for _, _, sender in chain.calls][:down] == list(ORDER[:down])
    first = next(caller for caller in callers if caller.address == ORDER[0])
    assert first.events() == ["refused-execute"]


async def test_raced_by_all_four_it_is_made_once_and_nobody_is_called_a_failure(tmp_path: Path) -> None:
    """Each starts late, when every turn has passed: all find it due at once."""
    chain = Chain(first_calls(), 95 - 3)
    callers = [Caller(tmp_path, address, chain) for address in ALL]
    for _ in range(8):
        for caller in callers:
            await caller.look()
        chain.block()
    assert len(chain.calls) == 4
    assert chain.entry.contracts_at == 93
    assert sorted(kind for caller in callers for kind in caller.events()) == ["called-execute"]


async def test_what_is_switched_off_is_left_to_others(tmp_path: Path) -> None:
    chain = Chain(first_calls(), 95 - LEAD_BLOCKS)
    lazy = Caller(tmp_path, ORDER[0], chain, auto_execute=False)
    other = Caller(tmp_path, ORDER[1], chain)
    while chain.height < 101:
        await lazy.look()
        await other.look()
        chain.block()
    assert [(height, sender) for height, _, sender in chain.calls] == [(95 - LEAD_BLOCKS + CALL_BLOCKS, ORDER[1])]


async def test_what_fails_for_good_is_tried_less_and_less_often(tmp_path: Path) -> None:
    chain = Chain(plan(status=ProposalStatus.CANCELLED, contracts_at=50, linked_calls=1), 60)
    caller = Caller(tmp_path, ORDER[0], chain)
    while chain.height < 60 + 3000:
        await caller.look()
        chain.block()
    heights = [height for height, _, _ in chain.calls]
    gaps = [later - earlier for earlier, later in pairwise(heights)]
    assert gaps == sorted(gaps)
    assert len(heights) < 12
    assert caller.events().count("refused-undo") == len(heights)


async def test_committed_means_by_this_node(tmp_path: Path) -> None:
    entry = plan(linked_calls=1, verdict=Verdict.CROSS, execution_window=50)
    chain = Chain(entry, 103)
    caller = Caller(tmp_path, ORDER[0], chain)
    caller.book.follow(chain.reading(), "", 90)
    await caller.look()
    assert chain.calls == []
    for change in (
        {"preparation": Preparation.STAGED},
        {"preparation": Preparation.READY},
        {"crossing": Crossing.WAITING_FOR_QUORUM},
        {"crossing": Crossing.PROBATION},
        {"crossing": Crossing.COMMITTED},
    ):
        caller.book.change(**change)
    await caller.look()
    assert chain.calls == [(103, "execute", ORDER[0])]
