"""The fleet: every node of the network that the settings name, each asked by one poll of its own.

A node that does not answer is told as such, and keeps nobody else waiting; what it said last stays beside its age.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any

from console.errors import ConsoleError
from console.model import FleetNode, last_word
from console.operations.controllers import Member, members
from console.operations.status import node_document
from console.settings import NetworkSettings

POLL_S = 2.0
"""Seconds between two polls of one node of this machine."""
FAR_POLL_S = 5.0
"""The same of a node elsewhere: each costs a round trip."""
_AGAIN_S = 15.0
"""Seconds after which a node that did not answer is asked again."""
_POINTS_S = 60.0
"""Seconds for which the newest rollback point holds: to look for it costs more than to ask how the node is."""
AT_ONCE = 8
"""Nodes that are asked at a time."""


class FleetReader:
    """Asks the controllers of a network's nodes, over one connection each as long as it is open.

    Args:
        network: The network.
        clock: Unix seconds.
        fleet: Who is asked; None for everybody in the settings.
    """

    def __init__(
        self, network: NetworkSettings, clock: Callable[[], float] = time.time, fleet: tuple[Member, ...] | None = None
    ) -> None:
        self._members = members(network) if fleet is None else fleet
        self._clock = clock
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._known = {each.name: FleetNode(each.name, each.where) for each in self._members}
        self._points_at: dict[str, float] = {}

    @property
    def nodes(self) -> tuple[FleetNode, ...]:
        """What is known of each, in the order of the settings, those of this machine first."""
        return tuple(self._known.values())

    async def read(self) -> tuple[FleetNode, ...]:
        """Ask everybody once; who does not answer is told as such."""
        await asyncio.gather(*(self._poll(each) for each in self._members))
        return self.nodes

    async def follow(self) -> AsyncGenerator[tuple[FleetNode, ...], None]:
        """What is known, at each answer, until closed."""
        heard = asyncio.Event()
        asking = [asyncio.create_task(self._ask_on(each, heard)) for each in self._members]
        for task in asking:
            task.add_done_callback(lambda _: heard.set())
        try:
            yield self.nodes
            while True:
                await heard.wait()
                heard.clear()
                for task in asking:
                    if task.done():
                        # A mistake of ours must not vanish with its task.
                        task.result()
                yield self.nodes
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _ask_on(self, node: Member, heard: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(node.client.kept())
            while True:
                await self._poll(node)
                heard.set()
                pause = FAR_POLL_S if node.where else POLL_S
                await asyncio.sleep(_AGAIN_S if self._known[node.name].problem and node.where else pause)

    async def _poll(self, node: Member) -> None:
        async with self._turns:
            before = self._known[node.name]
            try:
                async with node.client.kept():
                    self._known[node.name] = await self._asked(node, before)
            except ConsoleError as error:
                self._known[node.name] = replace(before, problem=str(error))

    async def _asked(self, node: Member, before: FleetNode) -> FleetNode:
        client = node.client
        status = await client.status()
        # A controller of a version before this question does not know it.
        consensus = None
        with suppress(ConsoleError):
            consensus = await client.consensus()
        now = self._clock()
        point_at = before.point_at
        if now - self._points_at.get(node.name, float("-inf")) >= _POINTS_S or before.status is None:
            with suppress(ConsoleError):
                point_at = newest_point(await client.points())
            self._points_at[node.name] = now
        return FleetNode(node.name, node.where, status, consensus, point_at, now)


def newest_point(points: list[dict[str, Any]]) -> float | None:
    """Unix seconds of the newest complete rollback point; None for none."""
    taken = [point.get("taken_at") for point in points if point.get("complete") is True]
    return max((float(each) for each in taken if isinstance(each, int | float)), default=None)


def fleet_document(nodes: tuple[FleetNode, ...], now: float) -> dict[str, Any]:
    """The fleet as plain values for JSON; ages in seconds."""
    return {"nodes": [_document(node, now) for node in nodes]}


def _document(node: FleetNode, now: float) -> dict[str, Any]:
    status, seen = node.status, node.consensus
    return {
        "name": node.name,
        "ssh": node.where or None,
        "problem": node.problem or None,
        "age_s": None if node.read_at is None else round(max(0.0, now - node.read_at), 1),
        "node": None if status is None else node_document(status),
        "halt_height": None if status is None or not status.halt_height else status.halt_height,
        "says": None if status is None else last_word(status) or None,
        "consensus": None
        if seen is None
        else {
            "height": seen.height,
            "catching_up": seen.catching_up,
            "peers": seen.peers,
            "power": seen.power,
            "total_power": seen.total_power,
            "signed": seen.signed,
            "consensus_address": seen.consensus_address,
        },
        "rollback_point_age_s": None if node.point_at is None else round(max(0.0, now - node.point_at), 1),
    }
