"""The lease of a whole fleet: what is asked of whom, and that no two rolls ever take too much power down together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import ControllerDown, HeldByOther, NodeError
from console.model.roll_lease import LEASE_S, LeaseAnswer, RollLease
from console.node.roll_lease import RollLeases
from console.operations.fleet_lease import FleetLease
from tests.console.node.leases import Kept

pytestmark = pytest.mark.anyio


@dataclass
class Member:
    """A controller that is asked directly."""

    name: str
    now: Callable[[], float] = lambda: 0.0
    answers: bool = True
    old: bool = False
    asked: list[tuple[str, float]] = field(default_factory=list)
    slow: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.leases = RollLeases(Kept(), self.now)

    async def lease(self, wish: RollLease) -> LeaseAnswer:
        if self.old:
            raise NodeError("the controller does not know lease")
        if not self.answers:
            raise ControllerDown(f"{self.name} cannot be reached")
        self.asked.append((wish.node, wish.left_s))
        if wish.left_s:
            self.slow()
        return LeaseAnswer(self.leases.ask(wish), "", self.name)

    async def end_lease(self, lease: str) -> None:
        if not self.answers:
            raise ControllerDown(f"{self.name} cannot be reached")
        self.leases.end(lease)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        yield


def fleet(*names: str) -> dict[str, Member]:
    return {name: Member(name) for name in names}


def lease_of(fleet: dict[str, Member], node: str, run: str = "rolling-1@desk", by: str = "jane") -> FleetLease:
    return FleetLease(fleet, node, run, by, clock=lambda: 0.0)


async def test_everybody_grants_it_and_the_nodes_own_controller_for_the_shortest_time() -> None:
    nodes = fleet("a", "b", "c")
    lease = lease_of(nodes, "b")
    await lease.take()
    left = {name: node.leases.holder().left_s for name, node in nodes.items()}  # type: ignore[union-attr]
    assert left == {"a": LEASE_S, "b": LEASE_S - 5, "c": LEASE_S}
    assert [node.leases.holder().own for node in nodes.values()] == [False, True, False]  # type: ignore[union-attr]
    await lease.end()
    assert [node.leases.holder() for node in nodes.values()] == [None] * 3


async def test_a_second_roll_is_refused_and_keeps_nothing() -> None:
    nodes = fleet("a", "b", "c")
    await lease_of(nodes, "b").take()
    other = lease_of(nodes, "c", "patch-2@lap", "bob")
    with pytest.raises(HeldByOther, match="another roll is under way: jane takes b down in run rolling-1@desk") as told:
        await other.take()
    assert "its lease ends by itself in 90 s" in str(told.value)
    assert {node.leases.holder().by for node in nodes.values()} == {"jane"}  # type: ignore[union-attr]
    with pytest.raises(HeldByOther):
        await other.look()


async def test_more_than_half_have_to_answer_and_the_node_itself() -> None:
    nodes = fleet("a", "b", "c", "d")
    nodes["a"].answers = False
    lease = lease_of(nodes, "b")
    await lease.take()
    assert list(lease.unheard) == ["a"]
    await lease.end()
    nodes["c"].answers = False
    with pytest.raises(NodeError, match="2 of 4 controllers of the fleet answer, and more than half have to"):
        await lease.take()
    assert nodes["b"].leases.holder() is None
    nodes["a"].answers = nodes["c"].answers = True
    nodes["b"].answers = False
    with pytest.raises(ControllerDown, match="b cannot be reached"):
        await lease.take()
    assert nodes["a"].leases.holder() is None


async def test_a_controller_that_can_grant_none_is_not_counted_and_takes_no_node_of_its_own_down() -> None:
    nodes = fleet("a", "b", "c")
    nodes["a"].old = True
    lease = lease_of(nodes, "b")
    await lease.take()
    assert lease.unheard == {"a": "the controller does not know lease"}
    await lease.end()
    with pytest.raises(NodeError, match="a grants no lease: the controller does not know lease") as told:
        await lease_of(nodes, "a").take()
    assert "have this version of the console run its controller" in str(told.value)
    assert [node.leases.holder() for node in nodes.values()] == [None] * 3


async def test_a_fleet_that_answers_too_slowly_grants_nothing() -> None:
    clock = [0.0]
    nodes = fleet("a", "b", "c")

    def later() -> None:
        clock[0] += 40.0

    for node in nodes.values():
        node.slow = later
    with pytest.raises(NodeError, match=r"took \d+ s to grant a lease"):
        await FleetLease(nodes, "b", "rolling-1@desk", "jane", clock=lambda: clock[0]).take()
    assert [node.leases.holder() for node in nodes.values()] == [None] * 3


# --- whatever gets lost, comes late or dies ---

NAMES = ("a", "b", "c", "d")
"""Four validators of the same power: one may be down, two may not."""
LATE_S = 15.0
"""Seconds for which a request may still arrive after its client gave it up."""
VISIBLE_S = 30.0
"""Seconds after which the commits show that a node is down."""


@dataclass
class Message:
    """A request on its way."""

    what: str
    work: Callable[[], Any]
    answer: asyncio.Future[Any]
    given_up_at: float = 0.0


class World:
    """Controllers, rolls and a network that delivers, loses and delays as it is told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.kept = {name: Kept() for name in NAMES}
        self.leases = {name: RollLeases(self.kept[name], self.clock) for name in NAMES}
        self.out: dict[str, float] = {}
        self.sent: list[Message] = []
        self.late: list[Message] = []
        self.sleeping: list[tuple[float, asyncio.Future[None]]] = []
        self.rolls: list[asyncio.Task[None]] = []
        self.cut: set[tuple[int, str]] = set()
        self.begun = 0
        self.taken: list[str] = []

    def clock(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sleeping.append((self.now + seconds, woken))
        await woken

    async def ask(self, desk: int, node: str, what: str, work: Callable[[], Any]) -> Any:
        if (desk, node) in self.cut:
            raise ControllerDown(f"{node} cannot be reached")
        message = Message(what, work, asyncio.get_running_loop().create_future())
        self.sent.append(message)
        return await message.answer

    def swap(self, node: str, lease: str) -> None:
        self.leases[node].require(lease, "a swap")
        # The one rule, whoever asked: a third is never down.
        assert not self.out.keys() - {node}, f"{node} would be down with {sorted(self.out)}"
        self.out[node] = self.now
        self.taken.append(node)

    async def roll(self, desk: int, node: str, run: str) -> None:
        """One node of a roll, as `console.procedures.taking_down` does it."""
        fleet = {name: Far(self, desk, name) for name in NAMES}
        lease = FleetLease(fleet, node, run, run, clock=self.clock, pause=self.pause)
        try:
            async with lease.renewed():
                await lease.take()
                # Three blocks later where somebody was not heard, so that commits tell all that was before.
                waited = self.now if lease.unheard else self.now - VISIBLE_S
                silent = {name for name, since in self.out.items() if since <= waited}
                silent |= {name for name, answer in lease.answers.items() if answer.out}
                if silent - {node}:
                    await lease.end()
                    return
                await lease.renew()
                await self.ask(desk, node, "swap", lambda: self.swap(node, lease.id))
                while node in self.out:
                    await self.pause(2.0)
                await lease.end()
        except NodeError:
            # It is over: what it holds ends by itself.
            return

    def begin(self, desk: int, node: str) -> None:
        self.begun += 1
        self.rolls.append(asyncio.create_task(self.roll(desk, node, f"run-{self.begun}")))

    def does(self, what: int, which: int) -> None:
        """Have one thing happen."""
        if what < 55:
            self.deliver()
        elif what < 65 and self.sent:
            self._deliver(self.sent.pop(which % len(self.sent)), heard=what < 63)
        elif what < 69 and self.sent:
            message = self.sent.pop(which % len(self.sent))
            message.given_up_at = self.now
            self.late.append(message)
            _fails(message)
        elif what < 72 and self.late:
            message = self.late.pop(which % len(self.late))
            if self.now - message.given_up_at < LATE_S:
                self._deliver(message, heard=False)
        elif what < 80:
            self.passes((2.0, 30.0, 60.0, 86.0)[which % 4])
        elif what < 83:
            self.restarts(NAMES[which % 4])
        elif what < 86:
            self.rolls[which % len(self.rolls)].cancel()
        elif what < 89:
            self.out.pop(NAMES[which % 4], None)
        elif what < 92:
            # The way between one desk and one controller is cut, or open again.
            self.cut ^= {(which % 2, NAMES[which // 2 % 4])}
        else:
            self.begin(which // 4 % 2, NAMES[which % 4])

    def deliver(self) -> None:
        """Have everything arrive that is on its way now, and its answers."""
        sent, self.sent = self.sent, []
        for message in sent:
            self._deliver(message, heard=True)

    def passes(self, seconds: float) -> None:
        self.now += seconds
        for at, woken in self.sleeping:
            if at <= self.now and not woken.done():
                woken.set_result(None)

    def restarts(self, name: str) -> None:
        """Have a controller start again."""
        self.leases[name] = RollLeases(self.kept[name], self.clock)

    async def until_asked(self, what: str) -> Message:
        """Deliver until a roll asks for this, which stays on its way."""
        for _ in range(30):
            for message in self.sent:
                if message.what == what:
                    self.sent.remove(message)
                    return message
            self.deliver()
            await self.settle()
        raise AssertionError(f"nobody asks for {what}")

    async def rest(self) -> None:
        for _ in range(12):
            self.deliver()
            await self.settle()

    def _deliver(self, message: Message, *, heard: bool) -> None:
        try:
            result = message.work()
        except NodeError as error:
            if heard and not message.answer.done():
                message.answer.set_exception(error)
        else:
            if heard and not message.answer.done():
                message.answer.set_result(result)
        if not message.answer.done():
            _fails(message)

    async def settle(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)
        for task in self.rolls:
            if task.done() and not task.cancelled():
                task.result()

    async def end(self) -> None:
        for task in self.rolls:
            task.cancel()
        await asyncio.gather(*self.rolls, return_exceptions=True)


def _fails(message: Message) -> None:
    if not message.answer.done():
        message.answer.set_exception(ControllerDown("SSH is lost"))


@dataclass
class Far:
    """The way to one controller of a world."""

    world: World
    desk: int
    name: str

    async def lease(self, wish: RollLease) -> LeaseAnswer:
        def answered() -> LeaseAnswer:
            out = "it does not run" if self.name in self.world.out else ""
            return LeaseAnswer(self.world.leases[self.name].ask(wish), out, self.name)

        found: LeaseAnswer = await self.world.ask(self.desk, self.name, "lease", answered)
        return found

    async def end_lease(self, lease: str) -> None:
        await self.world.ask(self.desk, self.name, "end", lambda: self.world.leases[self.name].end(lease))

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        yield


async def _played(cut: set[tuple[int, str]], targets: tuple[str, str], story: list[tuple[int, int]]) -> list[str]:
    world = World()
    world.cut |= cut
    for desk, node in enumerate(targets):
        world.begin(desk, node)
    try:
        await world.settle()
        for what, which in story:
            world.does(what, which)
            await world.settle()
        return world.taken
    finally:
        await world.end()


_CUT = st.sets(st.tuples(st.integers(0, 1), st.sampled_from(NAMES)), max_size=4)
_STORY = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=8, max_size=50)


@settings(max_examples=50)
@given(_CUT, st.permutations(NAMES), _STORY)
def test_two_rolls_never_have_two_nodes_down(
    cut: set[tuple[int, str]], order: list[str], story: list[tuple[int, int]]
) -> None:
    asyncio.run(_played(cut, (order[0], order[1]), story))


def test_in_such_a_world_one_of_two_gets_through() -> None:
    assert asyncio.run(_played(set(), ("c", "a"), [(0, 0)] * 12)) in (["a"], ["c"])


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    world = World()
    try:
        yield world
    finally:
        await world.end()


async def test_a_swap_that_arrives_when_its_lease_has_ended_is_refused() -> None:
    async with a_world() as world:
        world.begin(0, "a")
        late = await world.until_asked("swap")
        # Its operator's machine sleeps, and somebody else goes on.
        world.rolls[0].cancel()
        world.passes(LEASE_S)
        world.begin(1, "b")
        await world.rest()
        assert world.taken == ["b"]
        with pytest.raises(NodeError, match="the lease of run-1 to take this node down has ended: run-2 takes b down"):
            late.work()


async def test_the_nodes_own_lease_ends_first() -> None:
    async with a_world() as world:
        world.begin(0, "c")
        late = await world.until_asked("swap")
        world.rolls[0].cancel()
        world.passes(LEASE_S - 4)
        with pytest.raises(NodeError, match="has ended"):
            late.work()
        assert world.leases["a"].holder() is not None


async def test_a_node_that_has_just_gone_down_counts_before_the_commits_tell() -> None:
    async with a_world() as world:
        world.begin(0, "a")
        late = await world.until_asked("swap")
        world.rolls[0].cancel()
        world.passes(LEASE_S - 6)
        late.work()
        world.passes(7)
        world.begin(1, "b")
        await world.rest()
        assert world.taken == ["a"]
        assert all(lease.holder() is None for lease in world.leases.values())


async def test_controllers_that_start_again_know_who_had_it() -> None:
    async with a_world() as world:
        world.cut = {(0, "d"), (1, "a")}
        world.begin(0, "a")
        await world.rest()
        for name in NAMES:
            world.restarts(name)
        world.begin(1, "d")
        await world.rest()
        assert world.taken == ["a"]


async def test_two_halves_that_do_not_hear_each_other_do_nothing() -> None:
    async with a_world() as world:
        world.cut = {(0, "c"), (0, "d"), (1, "a"), (1, "b")}
        world.begin(0, "a")
        world.begin(1, "c")
        await world.rest()
        assert world.taken == []
