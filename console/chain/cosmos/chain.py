"""A Cosmos SDK chain read for the screen, behind the observer's `ChainReader`.

Per refresh one state request to one endpoint, at most one CometBFT request per node and second; a second endpoint is
asked at the same height every few seconds, where our own node is not there to be believed. Validators, rules and
versions change slowly and are read beside it: no view waits for them but the first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from console.chain.agreement import LAG_BLOCKS
from console.chain.cosmos.facts import SlowFacts, Staking, proposing_of, read_slow_facts, read_staking
from console.chain.cosmos.plans import PlanReader, PlanState, made_proposals
from console.chain.cosmos.source import RestSource, Source, WrongChain, sources_of
from console.chain.cosmos.validators import active, outside
from console.chain.network_view import NetworkView
from console.chain.rest import Rest
from console.chain.rpc import endpoint_name
from console.chain.xupgrade import UpgradePlan
from console.errors import ChainError
from console.model import ChainView, CosmosFacts, Proposal, ProposalStatus
from console.settings import NetworkSettings

STAKING_EVERY_S = 20.0
"""Seconds from one reading of the validators to the next."""

SLOW_EVERY_S = 120.0
"""Seconds from one reading of rules and versions to the next."""

FIRST_WAIT_S = 2.5
"""Seconds that the first view waits for what is read beside it."""

SECOND_EVERY_S = 4.0
"""Seconds from one question to a second endpoint to the next."""

SECOND_AGAIN_S = 1.0
"""Seconds after which a second endpoint that does not have the height yet is asked once more."""

_MOST_SEEN = 4

T = TypeVar("T")


class Beside(Generic[T]):
    """Something that is read again and again beside the views, and kept when it cannot be read.

    Args:
        every_s: Seconds from one reading to the next.
        clock: Monotonic seconds.
    """

    def __init__(self, every_s: float, clock: Callable[[], float]) -> None:
        self._every_s, self._clock = every_s, clock
        self.value: T | None = None
        self.failure: ChainError | None = None
        self._task: asyncio.Task[T] | None = None
        self._begun_at: float | None = None

    def begin(self, read: Callable[[], Awaitable[T]]) -> None:
        """Begin to read it, when it is due and not under way."""
        self.collect()
        due = self._begun_at is None or self._clock() - self._begun_at >= self._every_s
        if self._task is None and due:
            self._begun_at = self._clock()
            self._task = asyncio.ensure_future(_awaited(read))

    async def wait(self) -> None:
        """Wait for the first reading, for `FIRST_WAIT_S` at most; later ones are taken when they come."""
        if self._task is not None and self.value is None and self.failure is None:
            await asyncio.wait({self._task}, timeout=FIRST_WAIT_S)
        self.collect()

    def collect(self) -> None:
        """Take a reading that came."""
        if self._task is None or not self._task.done():
            return
        task, self._task = self._task, None
        try:
            self.value, self.failure = task.result(), None
        except ChainError as error:
            self.failure = error

    def soon(self) -> None:
        """Have it read again at the next view."""
        self._begun_at = None

    async def close(self) -> None:
        """Give up the reading under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None


class CosmosChain(NetworkView[PlanState]):
    """Reads one chain. Not for use by two tasks at once.

    Args:
        network: Where its endpoints are.
        clock: Monotonic seconds, for ages and the limit of one request per second.
        wall: Unix seconds, for the age of the first block that is seen.
    """

    def __init__(
        self,
        network: NetworkSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(network, clock, wall)
        self._rest = Rest()
        self._own = {url: node.name for node in network.nodes for url in (node.cometbft_rpc, node.rest) if url}
        self._sources = sources_of(network, self._rpc, self._rest)
        self._turn = 0
        self._readers = {source: PlanReader(clock) for source in self._sources}
        self._second_reader = PlanReader(clock)
        self._second: Beside[None] = Beside(SECOND_EVERY_S, clock)
        self._staking: Beside[Staking] = Beside(STAKING_EVERY_S, clock)
        self._slow: Beside[SlowFacts] = Beside(SLOW_EVERY_S, clock)
        self._stored: Beside[int] = Beside(SECOND_EVERY_S, clock)
        self._seen: list[UpgradePlan] = []
        self._made: tuple[tuple[object, ...], tuple[Proposal, ...]] | None = None
        self._asked_at: float | None = None

    async def view(self) -> ChainView:
        """Read the chain once.

        Returns:
            Everything that is known, each part with its age; `problem` names what could not be read now.

        Raises:
            EndpointDown: No endpoint of any kind answers.
            BadAnswer: None answers as it should, and at least one answered.
        """
        async with asyncio.TaskGroup() as tasks:
            state = tasks.create_task(self._read_state())
            if self._comet.unheard:
                # The first time, the state's height says which headers to ask the nodes for, so that one view is enough
                # for a block time.
                await asyncio.wait({state}, timeout=FIRST_WAIT_S)
            tasks.create_task(self._comet.ask(self._height(), self._members(), crossing=self._crossing()))
        await self._comet.look_whether_it_stands(self._height(), crossing=self._crossing())
        self._begin_beside()
        await asyncio.gather(self._staking.wait(), self._slow.wait(), self._stored.wait())
        if self._failure is not None and not self._comet.reachable:
            raise self._all_down("endpoint")
        return self._view()

    async def check(self) -> None:
        """Check that an endpoint tells the chain's upgrades.

        Raises:
            ChainError: None does, or they belong to another chain.
        """
        await self._read_state()
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Give up every request and close the connections."""
        beside = (self._second, self._staking, self._slow, self._stored)
        await asyncio.gather(*(each.close() for each in beside), self._comet.close())
        await self._rpc.close()
        await self._rest.close()

    async def _read_state(self) -> None:
        now = self._clock()
        if self._asked_at is not None and now - self._asked_at < 0.5:
            return
        self._asked_at = now
        found = await self._ask_in_turn(len(self._sources), self._ask_group)
        if found is not None:
            self._take(*found)

    async def _ask_group(self, group: Sequence[int]) -> list[PlanState | ChainError]:
        sources = [self._sources[index] for index in group]
        answers = await asyncio.gather(*(self._read_one(source) for source in sources))
        for source, answer in zip(sources, answers, strict=True):
            if isinstance(answer, WrongChain):
                self._witnesses.heard_foreign(endpoint_name(source.url), "belongs to another chain")
        return answers

    async def _read_one(self, source: Source) -> PlanState | ChainError:
        try:
            return await self._readers[source].read(source, known=tuple(self._seen))
        except ChainError as error:
            return error

    def _take(self, index: int, state: PlanState) -> None:
        self._preferred = index
        behind = state.height + LAG_BLOCKS < self._comet.height
        if behind and not self._stops_here(state):
            # What a node that lags says is older than what is known already: the next look begins elsewhere.
            self._preferred = (index + 1) % len(self._sources)
            if self._newest is not None and self._newest.height > state.height:
                return
        if state.whole and state.steady:
            self._witnesses.heard_state(endpoint_name(state.url), state.height, state.rows)
        if state.plan is not None and state.plan not in self._seen:
            self._seen = [*self._seen, state.plan][-_MOST_SEEN:]
        if self._newest is not None and self._newest.applied != state.applied:
            self._slow.soon()
        self._keep(state)

    def _stops_here(self, state: PlanState) -> bool:
        """Whether the endpoint's application waits at a plan's height for its new binary."""
        return state.plan is not None and state.height == state.plan.height - 1

    def _begin_beside(self) -> None:
        state = self._newest
        if state is None:
            return
        source = next(each for each in self._sources if (each.url, each.how) == (state.url, state.how))
        self._staking.begin(lambda: read_staking(source))
        self._slow.begin(lambda: read_slow_facts(source, self._readers[source].version_of(source.url)))
        if isinstance(source, RestSource) and self._stops_here(state) and not self._comet.reachable:
            # At the halt its state stays at H-1, and no RPC says that block H is there.
            self._stored.begin(source.newest_block)
        others = [each for each in self._sources if self._whose(each.url) != self._whose(state.url)]
        if not self._binding() and others and state.whole and state.steady:
            self._turn += 1
            other = others[self._turn % len(others)]
            self._second.begin(lambda: self._hear_second(other, state.height))
        self._second.collect()

    async def _hear_second(self, source: Source, height: int) -> None:
        """Ask another endpoint for the same height: nothing but a contradiction can come of it."""
        where = endpoint_name(source.url)
        for again in (True, False):
            try:
                state = await self._second_reader.read(source, height=height, whole=True)
            except WrongChain:
                self._witnesses.heard_foreign(where, "belongs to another chain")
                return
            except ChainError:
                # It may be a block behind; silence and nonsense are no witness.
                if again:
                    await asyncio.sleep(SECOND_AGAIN_S)
                continue
            if not state.problem:
                self._witnesses.heard_state(where, height, state.rows)
            return

    def _whose(self, url: str) -> str:
        """Who speaks at an address: one of our nodes, which by RPC and by REST is one witness, or somebody else."""
        return self._own.get(url) or endpoint_name(url)

    def _binding(self) -> str:
        """Name of our own node when the newest state is its, and it is synced; empty when not."""
        state = self._newest
        if state is None or state.url not in self._own or state.catching_up or self._failure is not None:
            return ""
        return "" if state.height + LAG_BLOCKS < self._height() else self._own[state.url]

    def _height(self) -> int:
        return max(self._comet.height, self._stored.value or 0, 0 if self._newest is None else self._newest.height)

    def _members(self) -> object:
        staking = self._staking.value
        return (
            () if staking is None else tuple((each.consensus_address, each.stake.bond) for each in staking.validators)
        )

    def _proposals(self) -> tuple[Proposal, ...]:
        if self._newest is None:
            return ()
        # The same until something is read anew: an info may be long, and is made safe each time.
        made_of = (self._newest, self._height(), self._slow.value, self._staking.value, tuple(self._seen))
        if self._made is not None and self._made[0] == made_of:
            return self._made[1]
        rules = None if self._slow.value is None else self._slow.value.rules
        bonded = 0 if self._staking.value is None else self._staking.value.bonded_tokens
        made = made_proposals(self._newest, self._seen, self._height(), rules, bonded)
        self._made = made_of, made
        return made

    def _crossing(self) -> bool:
        height = self._height()
        return any(
            each.status is ProposalStatus.SCHEDULED and each.target_height == height for each in self._proposals()
        )

    def _view(self) -> ChainView:
        staking = self._staking.value
        view = self._chain_view(
            self._height(),
            active(self._network, self._comet, staking),
            self._proposals(),
            self._binding(),
            self._problems(),
            crossing=self._crossing(),
        )
        return replace(view, cosmos=self._facts(staking))

    def _facts(self, staking: Staking | None) -> CosmosFacts:
        slow, state = self._slow.value, self._newest
        return CosmosFacts(
            outside=() if staking is None else outside(staking, self._comet.entries),
            bonded_tokens=0 if staking is None else staking.bonded_tokens,
            application=None if slow is None else slow.application,
            proposing=None if slow is None or slow.rules is None else proposing_of(slow.rules),
            modules=() if slow is None else slow.modules,
            told_by="" if state is None else f"{endpoint_name(state.url)} ({state.how})",
        )

    def _problems(self) -> Iterable[str]:
        yield from self._problem_of_plans()
        if self._newest is not None and self._newest.problem:
            yield f"proposals cannot be read: {self._newest.problem}"
        if self._staking.value is None and self._staking.failure is not None:
            yield f"the validators' stake cannot be read: {self._staking.failure.what}"
        yield from self._comet.problems()


async def _awaited(read: Callable[[], Awaitable[T]]) -> T:
    return await read()
