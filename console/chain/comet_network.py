"""All nodes of one network by their CometBFT RPC: heights, block time, validators, votes, and whether the chain stands.

At most one request per node and second (DESIGN §3); whatever else a kind of chain reads stands beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from console.chain.agreement import Witnesses
from console.chain.comet_node import CometNode
from console.chain.cometbft import ConsensusValidator, HeaderTimes, ValidatorSet
from console.chain.rpc import JsonRpc, endpoint_name
from console.chain.stall_watch import StallWatch
from console.errors import ChainError, EndpointDown
from console.model import NodeHeight, RoundVotes, Stalled, Validator, stalled
from console.settings import NetworkSettings

GRACE_S = 0.25
"""Seconds that a view waits for a node that did not answer the last time."""

VALIDATORS_EVERY_BLOCKS = 50
"""Blocks after which the validator set is read again, besides each change of what else is known of its members."""

_HEADERS_AT_ONCE = 4
_HEADER_TRIES = 5
_NODES_ASKED_FOR_VALIDATORS = 4


class CometNetwork:
    """What the nodes of a network tell by CometBFT. Not for use by two tasks at once.

    Args:
        rpc: The client.
        network: Where its nodes are.
        witnesses: Hears each node's blocks.
        clock: Monotonic seconds.
        wall: Unix seconds, for the age of the first block that is seen.
    """

    def __init__(
        self,
        rpc: JsonRpc,
        network: NetworkSettings,
        witnesses: Witnesses,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        names = {node.cometbft_rpc: node.name for node in network.nodes}
        self.nodes = tuple(
            CometNode(rpc, url, network.chain_id, clock, names.get(url, ""))
            for url in dict.fromkeys(network.cometbft_rpc)
        )
        self._witnesses = witnesses
        self._times = HeaderTimes()
        self._stall = StallWatch(clock, wall)
        self._header_tries = 0
        self._validators: ValidatorSet | None = None
        self._validators_key: tuple[int, object] | None = None
        self._validators_problem = ""

    @property
    def unheard(self) -> bool:
        """Whether no node has ever answered."""
        return all(node.status is None for node in self.nodes)

    @property
    def reachable(self) -> bool:
        """Whether any node answered the newest request."""
        return any(node.reachable for node in self.nodes)

    @property
    def height(self) -> int:
        """Highest height that any node told; 0 before."""
        return max((node.status.height for node in self.nodes if node.status is not None), default=0)

    @property
    def seconds_per_block(self) -> float | None:
        """Over recent headers; None until two are known."""
        return self._times.seconds_per_block

    @property
    def block_time_unix(self) -> float | None:
        """Unix seconds of the newest header."""
        statuses = [node.status for node in self.nodes if node.status is not None]
        newest = max(statuses, key=lambda status: status.height, default=None)
        return None if newest is None or newest.height == 0 else newest.time_ns / 1e9

    @property
    def ages_s(self) -> list[float]:
        """Seconds since each node's newest answer, of those that ever answered."""
        return [age for age in (node.age_s for node in self.nodes) if age is not None]

    @property
    def answer_s(self) -> float | None:
        """Seconds that the quickest node took; None while none answers."""
        times = (node.answer_s for node in self.nodes if node.reachable and node.answer_s is not None)
        return min(times, default=None)

    @property
    def votes(self) -> RoundVotes | None:
        """On the height that is being decided; None where nobody asked, and where no node tells."""
        return next((node.votes for node in self.nodes if node.reachable and node.votes is not None), None)

    @property
    def entries(self) -> tuple[ConsensusValidator, ...]:
        """The validator set as read last; empty before."""
        return () if self._validators is None else self._validators.validators

    @property
    def failures(self) -> list[ChainError]:
        """Of the nodes' newest requests."""
        return [node.failure for node in self.nodes if node.failure is not None]

    def views(self) -> tuple[NodeHeight, ...]:
        """Each node as a value for the screen."""
        return tuple(node.view() for node in self.nodes)

    async def ask(self, height: int, members: object, *, crossing: bool) -> None:
        """Ask every node, and take what was answered.

        Args:
            height: The best known, whoever told it.
            members: What is known of the validators elsewhere: the set is read again when it changes.
            crossing: Whether a plan's height is reached and not left behind: the votes on the next are of interest.
        """
        headers: tuple[int, ...] = ()
        if height > 0 and self._header_tries < _HEADER_TRIES:
            headers = self._times.missing(height, _HEADERS_AT_ONCE)
            self._header_tries += bool(headers)
        chosen = self._asked_for_more()
        stale = self._validators_are_stale(height, members)
        voting = self._asked_for_votes(crossing)
        expected: set[asyncio.Task[None]] = set()
        doubtful: set[asyncio.Task[None]] = set()
        for node in self.nodes:
            more = node in chosen
            task = node.ask(validators=more and stale, votes=node is voting, headers=headers if more else ())
            if task is not None:
                (expected if node.trusted_to_answer else doubtful).add(task)
        if expected:
            await asyncio.wait(expected)
        if doubtful:
            # A node behind a silent firewall must not slow every view down; its answer counts when it comes.
            await asyncio.wait(doubtful, timeout=GRACE_S)
        self._take(height, members)

    async def look_whether_it_stands(self, height: int, *, crossing: bool) -> None:
        """Where no block comes for long, read the votes of the next at once."""
        newest = max((node.status.time_ns for node in self.nodes if node.status is not None), default=0)
        if self._stall.see(height, newest):
            # Who looks once gets its answer at once; later looks ask with the rest.
            node = self._asked_for_votes(crossing)
            if node is not None and node.votes is None:
                await node.look_at_votes()

    def stalled(self, height: int, validators: tuple[Validator, ...], *, crossing: bool) -> Stalled | None:
        """Why no blocks are made; None while they are, and while a crossing's own meter tells who is back."""
        if crossing:
            return None
        return stalled(height, self._stall.stood_s, self._times.seconds_per_block, validators, self.votes)

    def problems(self) -> Iterable[str]:
        """What could not be read, in words."""
        silent = [node for node in self.nodes if isinstance(node.failure, EndpointDown)]
        if silent:
            names = ", ".join(_node_name(node) for node in silent[:4])
            more = f" and {len(silent) - 4} more" if len(silent) > 4 else ""
            verb = "does" if len(silent) == 1 else "do"
            yield f"{len(silent)} of {len(self.nodes)} nodes {verb} not answer: {names}{more}"
        wrong = [error for error in self.failures if not isinstance(error, EndpointDown)]
        if wrong:
            yield wrong[0].what
        if self._validators_problem:
            yield f"validators cannot be read: {self._validators_problem}"

    async def close(self) -> None:
        """Give up the requests under way."""
        await asyncio.gather(*(node.close() for node in self.nodes))

    def _asked_for_more(self) -> list[CometNode]:
        reachable = [node for node in self.nodes if node.reachable]
        if self._validators is None or not reachable:
            return list(self.nodes[:_NODES_ASKED_FOR_VALIDATORS])
        return [max(reachable, key=lambda node: 0 if node.status is None else node.status.height)]

    def _asked_for_votes(self, crossing: bool) -> CometNode | None:
        if not crossing and not self._stall.suspects(self._times.seconds_per_block):
            return None
        # Who has executed most has also begun the newest height.
        reachable = [node for node in self.nodes if node.reachable]
        return max(reachable, key=lambda node: node.app_height, default=None)

    def _validators_are_stale(self, height: int, members: object) -> bool:
        if self._validators is None or self._validators_key is None:
            return True
        at, known = self._validators_key
        return height - at > VALIDATORS_EVERY_BLOCKS or known != members

    def _take(self, height: int, members: object) -> None:
        for node in self.nodes:
            if node.reachable and node.status is not None:
                self._times.add(node.status.height, node.status.time_ns)
                self._witnesses.heard_block(endpoint_name(node.url), node.status.height, node.status.block_hash)
            for header in node.headers:
                self._times.add(header.height, header.time_ns)
            node.headers = ()
            if node.validators is not None:
                if self._validators is None or node.validators.height >= self._validators.height:
                    self._validators = node.validators
                    self._validators_key = (max(height, self.height), members)
                node.validators = None
        problems = [node.validators_problem for node in self.nodes if node.validators_problem is not None]
        self._validators_problem = problems[0].what if problems and self._validators is None else ""


def _node_name(node: CometNode) -> str:
    return str(node.moniker) or endpoint_name(node.url)
