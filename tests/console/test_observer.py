"""The observer: one Snapshot per change, either half may be down, no task outlives the iterator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from console.errors import ControllerDown, EndpointDown
from console.model import ChainView, NodeStatus, Snapshot
from console.observer import CLOSE, FRESHEN_S, STALE_AFTER_S, Observer
from tests.console.operations.examples import (
    a_chain,
    a_network,
    a_node_settings,
    a_node_status,
    an_upgrading_chain,
)

pytestmark = pytest.mark.anyio

POLL_S = 0.01


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Clock:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class FakeChain:
    """Answers with `answer`, or raises it; `reads` counts."""

    answer: ChainView | Exception
    reads: int = 0
    hang: bool = False
    read: asyncio.Event = field(default_factory=asyncio.Event)

    async def view(self) -> ChainView:
        self.reads += 1
        self.read.set()
        if self.hang:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def next_reads(self, count: int = 2) -> None:
        for _ in range(count):
            self.read.clear()
            await self.read.wait()


@dataclass
class FakeController:
    """A controller that can be killed, come back and hang; `told` is its stream."""

    now: NodeStatus | None
    told: asyncio.Queue[NodeStatus | None] = field(default_factory=asyncio.Queue)
    asked: int = 0
    open_streams: int = 0

    async def status(self) -> NodeStatus:
        self.asked += 1
        if self.now is None:
            raise ControllerDown("no controller answers")
        return self.now

    async def statuses(self) -> AsyncIterator[NodeStatus]:
        if self.now is None:
            raise ControllerDown("no controller answers")
        self.open_streams += 1
        try:
            yield self.now
            while True:
                status = await self.told.get()
                if status is None:
                    raise ControllerDown("the controller ended")
                self.now = status
                yield status
        finally:
            self.open_streams -= 1

    def die(self) -> None:
        self.now = None
        self.told.put_nowait(None)


def an_observer(
    folder: Path,
    chain: FakeChain,
    controller: FakeController | None,
    *,
    monotonic: Callable[[], float] | None = None,
    journalled: Callable[[], NodeStatus | None] = lambda: None,
    deadline_s: float = 5.0,
) -> Observer:
    return Observer(
        a_network(folder),
        None if controller is None else a_node_settings(folder),
        chain,
        controller,
        journalled=journalled,
        clock=lambda: 1_700_000_000.0,
        monotonic=monotonic or Clock(),
        poll_s=POLL_S,
        deadline_s=deadline_s,
    )


async def until(snapshots: AsyncIterator[Snapshot], wanted: Callable[[Snapshot], bool]) -> Snapshot:
    async with asyncio.timeout(10):
        async for snapshot in snapshots:
            if wanted(snapshot):
                return snapshot
    raise AssertionError("the snapshots ended")


async def nothing_more(snapshots: AsyncIterator[Snapshot], chain: FakeChain) -> None:
    """No Snapshot comes while the chain is read three more times. Ends the iterator."""
    pending = asyncio.ensure_future(anext(snapshots))
    async with asyncio.timeout(10):
        await chain.next_reads(3)
    assert not pending.done(), pending.result()
    pending.cancel()
    await asyncio.gather(pending, return_exceptions=True)


async def test_one_snapshot_holds_both_halves(tmp_path: Path) -> None:
    observer = an_observer(tmp_path, FakeChain(an_upgrading_chain()), FakeController(a_node_status(state="ARMED")))
    snapshot = await observer.snapshot()
    assert (snapshot.height, snapshot.chain_problem, snapshot.node_problem) == (120, "", "")
    assert snapshot.node is not None
    assert snapshot.node.state == "ARMED"
    assert snapshot.upgrade is not None
    assert snapshot.upgrade.blocks_left == 30
    assert snapshot.network.chain_id == "devnet-ab12cd"
    assert snapshot.taken_at == 1_700_000_000.0
    assert snapshot.age_s == pytest.approx(0.1)


async def test_with_the_chain_down_the_height_is_the_journalled_one(tmp_path: Path) -> None:
    chain = FakeChain(EndpointDown("no endpoint answered"))
    node = a_node_status(height=117, height_age_s=42.0)
    snapshot = await an_observer(tmp_path, chain, FakeController(node)).snapshot()
    assert (snapshot.height, snapshot.height_age_s, snapshot.age_s) == (117, 42.0, 42.0)
    assert snapshot.chain is None
    assert snapshot.chain_problem == "no endpoint answered."
    assert snapshot.node_problem == ""


async def test_with_the_controller_down_the_node_is_the_journalled_one(tmp_path: Path) -> None:
    journalled = a_node_status(state="HALTED", height=100, height_age_s=9.0, pid=None)
    observer = an_observer(tmp_path, FakeChain(a_chain()), FakeController(None), journalled=lambda: journalled)
    snapshot = await observer.snapshot()
    assert snapshot.node == journalled
    assert snapshot.node_problem == "no controller answers."
    assert snapshot.height == 120
    assert snapshot.age_s == pytest.approx(0.1)


async def test_with_both_down_nothing_is_raised(tmp_path: Path) -> None:
    chain = FakeChain(EndpointDown("no endpoint answered"))
    snapshot = await an_observer(tmp_path, chain, FakeController(None)).snapshot()
    assert (snapshot.height, snapshot.age_s, snapshot.chain, snapshot.node) == (None, None, None, None)
    assert snapshot.chain_problem
    assert snapshot.node_problem


async def test_a_chain_that_hangs_is_down_after_the_deadline(tmp_path: Path) -> None:
    chain = FakeChain(a_chain(), hang=True)
    snapshot = await an_observer(tmp_path, chain, None, deadline_s=0.02).snapshot()
    assert snapshot.chain is None
    assert snapshot.chain_problem == "network testnet did not answer within 0.02 s."
    assert "no node of network testnet" in snapshot.node_problem


async def test_a_change_is_told_once_and_an_age_is_no_change(tmp_path: Path) -> None:
    chain, clock = FakeChain(a_chain(120)), Clock()
    observer = an_observer(tmp_path, chain, FakeController(a_node_status()), monotonic=clock)
    async with aclosing(observer.snapshots()) as snapshots:
        await until(snapshots, lambda s: s.chain is not None and s.node is not None)
        clock.seconds += 1.0
        chain.answer = replace(a_chain(120), age_s=0.4)
        chain.answer = replace(chain.answer, nodes=tuple(replace(n, age_s=0.9) for n in chain.answer.nodes))
        pending = asyncio.ensure_future(anext(snapshots))
        async with asyncio.timeout(10):
            await chain.next_reads(3)
        assert not pending.done()
        chain.answer = a_chain(121)
        async with asyncio.timeout(10):
            assert (await pending).height == 121


async def test_an_age_inside_a_sentence_is_no_change_but_another_sentence_is(tmp_path: Path) -> None:
    chain = FakeChain(a_chain(problem="plans are 59s old: the registry is silent"))
    async with aclosing(an_observer(tmp_path, chain, None).snapshots()) as snapshots:
        first = await until(snapshots, lambda s: s.chain is not None)
        assert first.chain_problem == "plans are 59s old: the registry is silent"
        pending = asyncio.ensure_future(anext(snapshots))
        chain.answer = a_chain(problem="plans are 1m 02s old: the registry is silent")
        async with asyncio.timeout(10):
            await chain.next_reads(3)
            assert not pending.done()
            chain.answer = a_chain(problem="plans cannot be read")
            assert (await pending).chain_problem == "plans cannot be read"


async def test_becoming_stale_is_a_change(tmp_path: Path) -> None:
    chain, clock = FakeChain(a_chain(120)), Clock()
    async with aclosing(an_observer(tmp_path, chain, None, monotonic=clock).snapshots()) as snapshots:
        await until(snapshots, lambda s: s.chain is not None)
        chain.answer = EndpointDown("no endpoint answered")
        down = await until(snapshots, lambda s: bool(s.chain_problem))
        assert down.chain is not None
        assert (down.height, down.chain.height) == (120, 120)
        assert not any(node.reachable for node in down.chain.nodes)
        clock.seconds += STALE_AFTER_S + 1
        old = await until(snapshots, lambda s: (s.height_age_s or 0) > STALE_AFTER_S)
        assert old.chain is not None
        assert old.chain.age_s == pytest.approx(STALE_AFTER_S + 1.1)
        await nothing_more(snapshots, chain)


async def test_an_unchanged_picture_is_told_again_before_it_looks_old(tmp_path: Path) -> None:
    """A chain that is paused and answers is not stale: a screen counts ages on from the last picture."""
    chain, clock = FakeChain(a_chain(120)), Clock()
    async with aclosing(an_observer(tmp_path, chain, None, monotonic=clock).snapshots()) as snapshots:
        await until(snapshots, lambda s: s.chain is not None)
        clock.seconds += FRESHEN_S
        again = await until(snapshots, lambda _: True)
        assert again.height == 120
        await nothing_more(snapshots, chain)


async def test_a_silent_chain_hands_the_height_to_the_controller_and_takes_it_back(tmp_path: Path) -> None:
    chain, controller = FakeChain(a_chain(120)), FakeController(a_node_status(height=119))
    async with aclosing(an_observer(tmp_path, chain, controller).snapshots()) as snapshots:
        await until(snapshots, lambda s: s.height == 120 and s.node is not None)
        chain.answer = EndpointDown("no endpoint answered")
        assert (await until(snapshots, lambda s: bool(s.chain_problem))).height == 120
        controller.told.put_nowait(a_node_status(height=122, height_age_s=0.5))
        fallen = await until(snapshots, lambda s: s.height == 122)
        assert fallen.height_age_s == 0.5
        chain.answer = a_chain(125)
        back = await until(snapshots, lambda s: s.height == 125)
        assert back.chain_problem == ""
        assert all(node.reachable for node in back.chain.nodes) if back.chain else False


async def test_a_controller_that_dies_and_comes_back_is_followed_again(tmp_path: Path) -> None:
    controller = FakeController(a_node_status(state="ARMED"))
    journalled = a_node_status(state="HALTED", pid=None)
    observer = an_observer(tmp_path, FakeChain(a_chain()), controller, journalled=lambda: journalled)
    async with aclosing(observer.snapshots()) as snapshots:
        await until(snapshots, lambda s: s.node is not None and s.node.state == "ARMED")
        controller.die()
        dead = await until(snapshots, lambda s: bool(s.node_problem))
        assert dead.node is not None
        assert dead.node.state == "HALTED"
        controller.now = a_node_status(state="COMMITTED")
        alive = await until(snapshots, lambda s: s.node is not None and s.node.state == "COMMITTED")
        assert alive.node_problem == ""


async def test_a_controller_that_hangs_behind_an_open_stream_is_noticed(tmp_path: Path) -> None:
    controller = FakeController(a_node_status())
    clock = Clock()
    observer = an_observer(tmp_path, FakeChain(a_chain()), controller, monotonic=clock)
    async with aclosing(observer.snapshots()) as snapshots:
        await until(snapshots, lambda s: s.node is not None)
        controller.now = None  # the stream stays open and silent
        clock.seconds += 1.0
        hung = await until(snapshots, lambda s: bool(s.node_problem))
        assert hung.node is not None
        assert controller.open_streams == 1
        controller.now = a_node_status()
        assert (await until(snapshots, lambda s: not s.node_problem)).node is not None


async def test_no_task_outlives_the_iterator(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    controller = FakeController(a_node_status())
    chain = FakeChain(a_chain())
    async with aclosing(an_observer(tmp_path, chain, controller).snapshots()) as snapshots:
        await until(snapshots, lambda s: s.chain is not None and s.node is not None)
        assert len(asyncio.all_tasks() - before) == 3
    assert asyncio.all_tasks() == before
    assert controller.open_streams == 0


async def test_a_mistake_in_the_code_is_not_hidden(tmp_path: Path) -> None:
    observer = an_observer(tmp_path, FakeChain(ZeroDivisionError()), FakeController(a_node_status()))
    before = asyncio.all_tasks()
    async with aclosing(observer.snapshots()) as snapshots:
        with pytest.raises(ZeroDivisionError):
            await until(snapshots, lambda s: False)
    assert asyncio.all_tasks() == before


async def test_around_an_upgrade_the_chain_is_read_twice_as_often(tmp_path: Path) -> None:
    near, far = an_upgrading_chain(), a_chain()
    pauses: dict[str, float] = {}
    for name, view in (("near", near), ("far", far)):
        observer = an_observer(tmp_path, FakeChain(view), None)
        halves = observer._fresh_halves()
        assert observer._pace_s(halves) == POLL_S
        await observer._read_chain(halves)
        pauses[name] = observer._pace_s(halves)
    assert pauses == {"near": POLL_S / CLOSE, "far": POLL_S}
