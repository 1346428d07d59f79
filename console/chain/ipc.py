"""An IPC subnet read for the screen: registry over Ethereum RPC, heights and validators over CometBFT RPC.

Per refresh: one Ethereum request to one endpoint, at most one CometBFT request per node and second (facts/evm.md §5,
DESIGN §3). Imports neither web3 nor eth_account: the console's first frame waits for this module.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from console.chain.agreement import LAG_BLOCKS, hear
from console.chain.comet_network import GRACE_S
from console.chain.cut_watch import CutWatcher
from console.chain.fields import data as read_data
from console.chain.first_answer import first_answer
from console.chain.network_view import NetworkView
from console.chain.peers import CometPeers
from console.chain.plans import RegistryPlans, RegistryReader, RegistryReading, check_chain
from console.chain.registry import NoRegistry, current_proposal, no_registry
from console.chain.rpc import Call, endpoint_name
from console.errors import ChainError, ContractRefused
from console.model import ChainView, Proposal, Validator
from console.settings import NetworkSettings
from console.text import UntrustedText

__all__ = ["CometPeers", "IpcChain", "RegistryPlans"]

PROPOSALS = 16
"""Proposals that a view holds, newest first."""

FIRST_WAIT_S = 1.5
"""Seconds that the first view's CometBFT requests wait for the registry's height."""

_MOST_CODE = 64 * 1024


class IpcChain(NetworkView[RegistryReading]):
    """Reads one subnet. Not for use by two tasks at once.

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
        self._reader = RegistryReader(self._rpc, network, page=PROPOSALS)
        self._own = {node.ethereum_rpc: node for node in network.nodes if node.ethereum_rpc}
        # Our own node first: where it is synced, its word is binding.
        own = tuple(url for url in network.ethereum_rpc if url in self._own)
        self._ethereum = tuple(dict.fromkeys((*own, *network.ethereum_rpc)))
        self._second = RegistryReader(self._rpc, network, page=PROPOSALS)
        self._asked_second: tuple[str, asyncio.Task[RegistryReading | ChainError]] | None = None
        self._turn = 0
        self._cuts = CutWatcher(network, self._rpc, clock)

    async def view(self) -> ChainView:
        """Read the chain once.

        Returns:
            Everything that is known, each part with its age; `problem` names what could not be read now.

        Raises:
            EndpointDown: No endpoint of either kind answers.
            BadAnswer: None answers as it should, and at least one answered.
        """
        async with asyncio.TaskGroup() as tasks:
            registry = tasks.create_task(self._read_registry())
            if self._newest is None and self._comet.unheard:
                # The first time, the registry's height says which headers to ask the nodes for, so that one view is
                # enough for a block time.
                await asyncio.wait({registry}, timeout=FIRST_WAIT_S)
            tasks.create_task(self._ask_nodes())
        await self._comet.look_whether_it_stands(self._best_height(), crossing=self._at_a_plans_height())
        await self._look_at_cuts()
        if self._failure is not None and not self._comet.reachable:
            raise self._all_down("RPC endpoint")
        return self._view()

    async def check(self) -> None:
        """Check that there is a contract at the registry's address, on the first endpoint that answers.

        Raises:
            ChainError: There is none, no endpoint answers, or the endpoint belongs to another chain.
        """

        async def ask(url: str) -> None:
            where = endpoint_name(url)
            code_call = Call("eth_getCode", [self._network.registry, "latest"])
            chain, code = await self._rpc.batch(url, [Call("eth_chainId"), code_call])
            check_chain(chain, self._network, where)
            if not read_data(code.value(f"eth_getCode of {where}"), "the registry's code", most=_MOST_CODE):
                raise no_registry(where, self._network.registry)

        await first_answer(self._ethereum, ask, final=(NoRegistry,))

    async def close(self) -> None:
        """Give up every request and close the connections."""
        if self._asked_second is not None:
            self._asked_second[1].cancel()
            await asyncio.gather(self._asked_second[1], return_exceptions=True)
        await self._comet.close()
        await self._cuts.close()
        await self._rpc.close()

    async def _look_at_cuts(self) -> None:
        proposal = self._current()
        look = self._cuts.look(proposal)
        if look is not None and self._cuts.of(proposal) is None:
            # GO depends on them: a first view waits for a first look, later ones take what was seen last.
            await asyncio.wait({look}, timeout=FIRST_WAIT_S)

    def _current(self) -> Proposal | None:
        return None if self._newest is None else current_proposal(self._newest.proposals)

    async def _read_registry(self) -> None:
        if not self._ethereum:
            # A chain that keeps its plans elsewhere: there is nobody to ask.
            return
        self._ask_second()
        await self._read_first()
        await self._hear_second()

    async def _read_first(self) -> None:
        # A registry that is not there, or refuses, is the chain's own word, the same everywhere.
        found = await self._ask_in_turn(len(self._ethereum), self._ask_group, (NoRegistry, ContractRefused))
        if found is not None:
            self._take_reading(found[1])

    async def _ask_group(self, group: Sequence[int]) -> list[RegistryReading | ChainError]:
        urls = [self._ethereum[index] for index in group]
        answers = await asyncio.gather(*(_read_one(self._reader, url) for url in urls))
        for url, answer in zip(urls, answers, strict=True):
            hear(self._witnesses, url, answer)
        return answers

    def _ask_second(self) -> None:
        """Ask a second endpoint at the same time, where our own node is not there to be believed."""
        others = [url for url in self._ethereum if url != self._ethereum[self._preferred]]
        if self._asked_second is not None or not others or self._binding():
            return
        # Back to our own node as soon as it is synced again.
        own = [url for url in others if url in self._own]
        self._turn += 1
        url = own[0] if own and self._turn % 2 else others[self._turn % len(others)]
        self._asked_second = url, asyncio.create_task(_read_one(self._second, url))

    async def _hear_second(self) -> None:
        if self._asked_second is None:
            return
        url, task = self._asked_second
        # One that hangs must not slow the view down: what it says is heard at the next one.
        await asyncio.wait({task}, timeout=GRACE_S)
        if not task.done():
            return
        self._asked_second = None
        answer = task.result()
        hear(self._witnesses, url, answer)
        if url in self._own and isinstance(answer, RegistryReading) and self._is_synced(url, answer.height):
            self._failure = None
            self._take_reading(answer)

    def _binding(self) -> str:
        """Name of our own node when the newest reading is its, and it is synced; empty when not."""
        reading = self._newest
        if reading is None:
            # Before the first answer nothing is known against it.
            first = self._own.get(self._ethereum[0]) if self._ethereum else None
            return "" if first is None or self._failure is not None else first.name
        current = self._failure is None and self._ethereum[self._preferred] == reading.url
        return self._own[reading.url].name if current and self._is_synced(reading.url, reading.height) else ""

    def _is_synced(self, url: str, height: int) -> bool:
        node = self._own.get(url)
        if node is None or height + LAG_BLOCKS < self._best_height():
            return False
        comet = next((each for each in self._comet.nodes if each.url == node.cometbft_rpc), None)
        return comet is None or (comet.reachable and comet.status is not None and not comet.status.catching_up)

    def _take_reading(self, reading: RegistryReading) -> None:
        index = self._ethereum.index(reading.url)
        self._preferred = index
        if reading.height + LAG_BLOCKS < self._best_height():
            self._preferred = (index + 1) % len(self._ethereum)
            # What a node that lags says is older than what is known already.
            if self._newest is not None and self._newest.height > reading.height:
                return
        self._keep(reading)

    async def _ask_nodes(self) -> None:
        await self._comet.ask(self._best_height(), self._members(), crossing=self._at_a_plans_height())

    def _at_a_plans_height(self) -> bool:
        height = self._best_height()
        proposals = () if self._newest is None else self._newest.proposals
        return any(entry.has_height and entry.target_height == height for entry in proposals)

    def _members(self) -> tuple[tuple[str, int], ...]:
        return () if self._newest is None else self._newest.members

    def _best_height(self) -> int:
        return max(self._comet.height, 0 if self._newest is None else self._newest.height)

    def _view(self) -> ChainView:
        reading = self._newest
        view = self._chain_view(
            self._best_height(),
            self._named_validators(),
            () if reading is None else reading.proposals,
            self._binding(),
            self._problems(),
            crossing=self._at_a_plans_height(),
        )
        readiness = None if reading is None else reading.readiness
        return replace(view, readiness=readiness, cuts=self._cuts.of(self._current()))

    def _named_validators(self) -> tuple[Validator, ...]:
        monikers = {node.status.consensus_address: node.status.moniker for node in self._comet.nodes if node.status}
        # A node that has not answered yet is known by what the settings call it.
        names = {node.address: node.name for node in self._network.nodes}
        return tuple(
            Validator(
                address=entry.ethereum_address,
                moniker=monikers.get(entry.consensus_address) or UntrustedText(names.get(entry.ethereum_address, "")),
                power=entry.power,
                consensus_address=entry.consensus_address,
            )
            for entry in self._comet.entries
        )

    def _problems(self) -> Iterable[str]:
        yield from self._problem_of_plans()
        yield from self._comet.problems()


async def _read_one(reader: RegistryReader, url: str) -> RegistryReading | ChainError:
    try:
        return await reader.read(url)
    except ChainError as error:
        return error
