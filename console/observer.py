"""The observer: chain and node turned into one immutable Snapshot per change (DESIGN §3).

Either half may be down; the other goes on and says so. Ages run on a monotonic clock, so that a corrected wall clock
makes nothing fresh or stale.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from console.errors import ConsoleError
from console.model import ChainView, NetworkIdentity, NodeStatus, ParentIntent, Snapshot, close_watch, upgrade_of
from console.settings import NetworkSettings, NodeSettings

POLL_S = 1.0
"""Seconds from one reading of the chain to the next: at most one CometBFT call per node per second."""

CLOSE = 2
"""How much oftener chain and controller are read around an upgrade; each node is still asked at most once a second."""

DEADLINE_S = 10.0
"""Seconds that one reading of a half may take in all; each request in it has its own, shorter deadline."""

STALE_AFTER_S = 5.0
"""Seconds after which a value is shown as stale."""

NODE_STALE_AFTER_S = 10.0
"""The same of our node: at rest its controller reads it every three seconds, and is asked every two."""

FRESHEN_S = 4.0
"""Seconds after which an unchanged picture is told again: a screen counts ages on from the last one it was given."""


_NUMBERS = re.compile(r"(?:[0-9]+[smhd]?\s?)+")


class ChainReader(Protocol):
    """What the observer needs of a chain."""

    async def view(self) -> ChainView:
        """Read everything once. Raises ChainError when nothing usable answers."""
        ...


class ControllerReader(Protocol):
    """What the observer needs of a node's controller."""

    async def status(self) -> NodeStatus:
        """Ask once. Raises ControllerDown when nobody answers."""
        ...

    def statuses(self) -> AsyncIterator[NodeStatus]:
        """One status at once, then one per change; raises ControllerDown at the end."""
        ...


def stale(age_s: float | None) -> bool:
    """Whether a value of this age in seconds (None: never read) must be shown as stale."""
    return age_s is None or age_s > STALE_AFTER_S


@dataclass(slots=True)
class _Halves:
    """What is known of both halves, and when it was read on the monotonic clock."""

    chain: ChainView | None = None
    chain_at: float = 0.0
    chain_problem: str = ""
    chain_failed: bool = False
    node: NodeStatus | None = None
    node_at: float = 0.0
    node_problem: str = ""
    subscribed: bool = False


class ParentReader(Protocol):
    """What the observer needs of `console.operations.parent_watch.ParentWatch`."""

    def latest(self) -> ParentIntent | None:
        """What is known now, at once."""
        ...

    async def settled(self) -> ParentIntent | None:
        """The same, once it was read or took too long."""
        ...


class Observer:
    """Polls the chain, follows the controller, and tells each change once.

    Args:
        network: The network that is observed.
        node: The node whose controller is followed; None when this machine runs none.
        chain: Reads the chain.
        controller: Reads the node's controller; None when there is no node.
        journalled: Gives the node's last journalled status while its controller is down; may block for milliseconds.
        parent: Reads what the network above intends, beside everything else; None where there is none.
        clock: Unix seconds.
        monotonic: Seconds that only grow.
        poll_s: Seconds between two readings of the chain.
        deadline_s: Seconds that one reading may take.
    """

    def __init__(
        self,
        network: NetworkSettings,
        node: NodeSettings | None,
        chain: ChainReader,
        controller: ControllerReader | None,
        *,
        journalled: Callable[[], NodeStatus | None] = lambda: None,
        parent: ParentReader | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        poll_s: float = POLL_S,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._identity = NetworkIdentity(network.name, network.kind, network.chain_id)
        self._node = node
        self._chain = chain
        self._controller = controller
        self._journalled = journalled
        self._parent = parent
        self._clock = clock
        self._monotonic = monotonic
        self._poll_s = poll_s
        self._deadline_s = deadline_s

    async def snapshot(self) -> Snapshot:
        """Read both halves once, side by side. A half that is down is told in the Snapshot, not raised."""
        halves = self._fresh_halves()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_chain(halves))
            group.create_task(self._ask_controller(halves))
            if self._parent is not None:
                group.create_task(self._parent.settled())
        return self._picture(halves)

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """Yield a Snapshot at each change until closed; growing ages are no change, becoming stale is.

        An unchanged picture comes again every `FRESHEN_S`, so that what is read again and again does not look old.
        Close the iterator (`contextlib.aclosing`) to end its tasks at once.
        """
        halves = self._fresh_halves()
        changed = asyncio.Event()
        followers = (self._follow_chain, self._follow_controller, self._check_controller)
        tasks = [asyncio.create_task(follower(halves, changed)) for follower in followers]
        for task in tasks:
            task.add_done_callback(lambda _task: changed.set())
        last: tuple[object, ...] = ()
        told_at = 0.0
        try:
            while True:
                try:
                    # Values become stale while nothing arrives: look again within a poll.
                    async with asyncio.timeout(self._poll_s):
                        await changed.wait()
                except TimeoutError:
                    pass
                changed.clear()
                for task in tasks:
                    if task.done():
                        task.result()
                picture = self._picture(halves)
                told = _content(picture)
                known = picture.chain or picture.chain_problem or picture.node or picture.node_problem
                if known and (told != last or self._monotonic() - told_at >= FRESHEN_S):
                    last, told_at = told, self._monotonic()
                    yield picture
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _fresh_halves(self) -> _Halves:
        halves = _Halves()
        if self._node is None or self._controller is None:
            halves.node_problem = f"no node of network {self._identity.name} is set up on this machine"
        return halves

    async def _follow_chain(self, halves: _Halves, changed: asyncio.Event) -> None:
        while True:
            started = self._monotonic()
            await self._read_chain(halves)
            changed.set()
            await asyncio.sleep(max(0.0, self._pace_s(halves) - (self._monotonic() - started)))

    def _pace_s(self, halves: _Halves) -> float:
        """Seconds from one reading to the next: fewer while an upgrade is watched closely."""
        chain = halves.chain
        closely = chain is not None and close_watch(chain, chain.height, self._clock()) is not None
        return self._poll_s / CLOSE if closely else self._poll_s

    async def _read_chain(self, halves: _Halves) -> None:
        try:
            async with asyncio.timeout(self._deadline_s):
                view = await self._chain.view()
        except ConsoleError as error:
            halves.chain_failed, halves.chain_problem = True, str(error)
        except TimeoutError:
            halves.chain_failed = True
            halves.chain_problem = f"network {self._identity.name} did not answer within {self._deadline_s:g} s."
        else:
            halves.chain, halves.chain_at = view, self._monotonic()
            halves.chain_failed, halves.chain_problem = False, view.problem

    async def _follow_controller(self, halves: _Halves, changed: asyncio.Event) -> None:
        if self._controller is None:
            await asyncio.Event().wait()
            return
        while True:
            statuses = self._controller.statuses()
            problem = "the controller ended the stream of statuses."
            try:
                async for status in statuses:
                    self._heard(halves, status)
                    halves.subscribed = True
                    changed.set()
            except ConsoleError as error:
                problem = str(error)
            finally:
                halves.subscribed = False
                if isinstance(statuses, AsyncGenerator):
                    await statuses.aclose()
            self._lost(halves, problem)
            changed.set()
            await asyncio.sleep(self._poll_s)

    async def _check_controller(self, halves: _Halves, changed: asyncio.Event) -> None:
        # A quiet subscription is either a quiet node or a controller that hangs: ask.
        while True:
            pace_s = self._pace_s(halves)
            await asyncio.sleep(pace_s)
            if halves.subscribed and self._monotonic() - halves.node_at >= 2 * pace_s:
                await self._ask_controller(halves)
                changed.set()

    async def _ask_controller(self, halves: _Halves) -> None:
        if self._controller is None:
            return
        try:
            async with asyncio.timeout(self._deadline_s):
                status = await self._controller.status()
        except ConsoleError as error:
            self._lost(halves, str(error))
        except TimeoutError:
            self._lost(halves, f"the node's controller did not answer within {self._deadline_s:g} s.")
        else:
            self._heard(halves, status)

    def _heard(self, halves: _Halves, status: NodeStatus) -> None:
        halves.node, halves.node_at, halves.node_problem = status, self._monotonic(), ""

    def _lost(self, halves: _Halves, problem: str) -> None:
        halves.node_problem = problem
        try:
            journalled = self._journalled()
        except ConsoleError as error:
            halves.node_problem = f"{problem.rstrip('.')}; {error}"
            return
        if journalled is not None:
            halves.node, halves.node_at = journalled, self._monotonic()

    def _picture(self, halves: _Halves) -> Snapshot:
        now = self._monotonic()
        chain = None
        if halves.chain is not None:
            chain = _chain_aged(halves.chain, now - halves.chain_at, halves.chain_failed)
        node = None if halves.node is None else _node_aged(halves.node, now - halves.node_at)
        chain_current = chain is not None and not halves.chain_failed and not stale(chain.age_s)
        height, height_age_s = _best_height(chain, chain_current, node)
        ages = [chain.age_s] if chain is not None and chain_current else []
        if node is not None and not halves.node_problem:
            ages.append(now - halves.node_at)
        if not chain_current and height_age_s is not None:
            ages.append(height_age_s)
        return Snapshot(
            network=self._identity,
            height=height,
            height_age_s=height_age_s,
            chain=chain,
            chain_problem=halves.chain_problem,
            node=node,
            node_problem=halves.node_problem,
            upgrade=upgrade_of(chain, node, height),
            age_s=max(ages, default=None),
            taken_at=self._clock(),
            parent=None if self._parent is None else self._parent.latest(),
        )


def _best_height(
    chain: ChainView | None, chain_current: bool, node: NodeStatus | None
) -> tuple[int | None, float | None]:
    """The height to show and its age in seconds: the chain's, or while it is silent the newer of both."""
    if chain is not None and chain_current:
        return chain.height, chain.age_s
    journalled = None if node is None else node.height
    if node is not None and journalled is not None and (chain is None or journalled > chain.height):
        return journalled, node.height_age_s
    return (None, None) if chain is None else (chain.height, chain.age_s)


def _chain_aged(chain: ChainView, more_s: float, failed: bool) -> ChainView:
    nodes = tuple(
        replace(node, age_s=node.age_s + more_s, reachable=node.reachable and not failed) for node in chain.nodes
    )
    return replace(chain, age_s=chain.age_s + more_s, nodes=nodes)


def _node_aged(node: NodeStatus, more_s: float) -> NodeStatus:
    return node if node.height_age_s is None else replace(node, height_age_s=node.height_age_s + more_s)


def _content(snapshot: Snapshot) -> tuple[object, ...]:
    """What two Snapshots must differ in to be two: everything but ages, and which values are stale."""
    chain, node = snapshot.chain, snapshot.node
    if chain is not None:
        nodes = tuple(replace(entry, age_s=0.0) for entry in chain.nodes)
        chain = replace(chain, age_s=0.0, answer_s=None, nodes=nodes, problem="")
    if node is not None:
        node = replace(node, height_age_s=None)
    # Numbers in a sentence are ages ("plans are 5s old"), or counts of what the values beside it hold.
    problem = _NUMBERS.sub("", snapshot.chain_problem)
    parent = snapshot.parent
    if parent is not None:
        # It moves with every block of the parent; what it means is reckoned when it is shown.
        parent = replace(parent, height=0, block_time_s=None, read_at=0.0)
    timeless = replace(
        snapshot,
        parent=parent,
        chain=chain,
        chain_problem=problem,
        node=node,
        height_age_s=None,
        age_s=None,
        taken_at=0.0,
    )
    flags = [stale(snapshot.height_age_s), stale(snapshot.age_s)]
    if snapshot.chain is not None:
        flags += [stale(snapshot.chain.age_s), *(stale(entry.age_s) for entry in snapshot.chain.nodes)]
    if snapshot.node is not None:
        age = snapshot.node.height_age_s
        flags.append(age is None or age > NODE_STALE_AFTER_S)
    return (timeless, *flags)
