"""Plans and readiness from the registry: one reading for the console, and the controller's `PlanSource`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.chain.fields import quantity
from console.chain.registry import (
    MAX_VALIDATORS,
    check_registry_address,
    current_proposal,
    decode_proposal,
    decode_proposals,
    decode_readiness,
    decode_scheduled_id,
    registry_interface,
    view_call,
)
from console.chain.rpc import Call, JsonRpc, Reply, endpoint_name
from console.errors import BadAnswer, ChainError
from console.model import Proposal, ProposalStatus, Readiness
from console.ports.chain import PlanReading
from console.settings import NetworkSettings, NodeSettings

if TYPE_CHECKING:
    from console.chain.agreement import Witnesses

CONTROLLER_PAGE = 8
"""Proposals that a controller looks at, newest first."""

MOST_BEYOND = 8
"""Older proposals that are looked at because they were on their way when they were among the newest."""

HEIGHT_MAX = (1 << 63) - 2
_ON_ITS_WAY = frozenset({ProposalStatus.VOTING, ProposalStatus.APPROVED, ProposalStatus.SCHEDULED})


@dataclass(frozen=True, slots=True)
class RegistryReading:
    """What one endpoint said in one request."""

    url: str
    height: int
    """Committed height; never higher than the state that the rest was read from."""
    proposals: tuple[Proposal, ...]
    """Newest first; after the page those older ones that are followed."""
    readiness: Readiness | None
    """Of the current proposal; None when there is none."""
    members: tuple[tuple[str, int], ...]
    """(checksummed address, weight) of the registry's membership, also when there is no proposal."""
    rows: Readiness
    """The same in full; its id is 0 when there is no proposal."""
    steady: bool
    """Whether no block came between its parts, so that all of it is of `height`."""


class OtherChain(BadAnswer):
    """An endpoint belongs to another chain than the settings say."""

    def __init__(self, what: str, *, chain_id: int, next_step: str = "") -> None:
        super().__init__(what, next_step=next_step)
        self.chain_id = chain_id


class RegistryReader:
    """Reads the registry in one HTTP request per reading.

    Args:
        rpc: The client.
        network: Its `registry` and `evm_chain_id` are used.
        page: How many of the newest proposals are read.
    """

    def __init__(self, rpc: JsonRpc, network: NetworkSettings, *, page: int) -> None:
        self._rpc = rpc
        self._network = network
        self._page = page
        self._last_current: tuple[int, int] | None = None
        self._open: set[int] = set()
        """Proposals that were on their way when they were seen last."""
        self._beyond: tuple[int, ...] = ()
        """Those that are looked at although they are not among the newest any more, newest first."""
        self._loaded = False

    async def read(self, url: str) -> RegistryReading:
        """Read height, proposals and readiness from one endpoint.

        Raises:
            EndpointDown: No answer.
            NoRegistry: There is no contract at the registry's address, or the address has a wrong checksum.
            ContractRefused: A view reverted.
            BadAnswer: Another chain id, or an answer that is not what it should be.
        """
        if not self._loaded:
            # Reading the artefact takes milliseconds that must not stop the screen.
            await asyncio.to_thread(registry_interface)
            check_registry_address(self._network)
            self._loaded = True
        reading, steady = await self._once(url)
        # The readiness that "0" names does not say whose it is. Only when a block came between the parts of the
        # batch, and brought another current proposal or release, it may be that of the one before: it is read again.
        # So it is when the scheduled proposal is not among the newest: anybody may propose and cancel many others.
        if not steady:
            reading, _ = await self._once(url)
        return reading

    async def _once(self, url: str) -> tuple[RegistryReading, bool]:
        where = endpoint_name(url)
        registry = self._network.registry
        # The height first: a node may commit a block between two entries of the batch, and a height that is higher
        # than the state of the verdict would let a controller take "no verdict yet" for a decision.
        first, chain, rows, page, scheduled, *older, last = await self._rpc.batch(
            url,
            [
                Call("eth_blockNumber"),
                Call("eth_chainId"),
                view_call(registry, "readiness", 0, 0, MAX_VALIDATORS),
                view_call(registry, "proposals", 0, self._page),
                view_call(registry, "scheduledId"),
                *(view_call(registry, "proposal", number) for number in self._beyond),
                Call("eth_blockNumber"),
            ],
        )
        check_chain(chain, self._network, where)
        before, after = _height(first, where), _height(last, where)
        newest = decode_proposals(page, limit=self._page, where=where)
        beyond = [decode_proposal(reply, where=where) for reply in older]
        oldest = newest[-1].id if newest else 0
        proposals = (*newest, *(entry for entry in beyond if entry.id < oldest))
        found = self._follow(proposals, oldest, decode_scheduled_id(scheduled, where=where))
        current = current_proposal(proposals)
        current_id = 0 if current is None else current.id
        readiness = decode_readiness(rows, proposal_id=current_id, where=where)
        mark = (current_id, 0 if current is None else current.release_round)
        steady = found and (before == after or mark == self._last_current)
        self._last_current = mark
        reading = RegistryReading(
            url=url,
            height=before,
            proposals=proposals,
            readiness=None if current is None else readiness,
            members=tuple((entry.address, entry.power) for entry in readiness.validators),
            rows=readiness,
            steady=before == after,
        )
        return reading, steady

    def _follow(self, proposals: Sequence[Proposal], oldest: int, scheduled: int) -> bool:
        """Keep an eye on what was on its way and is not among the newest any more, also when it has ended.

        Args:
            proposals: What was read.
            oldest: Of the newest ones.
            scheduled: The scheduled proposal, 0 for none.

        Returns:
            Whether the scheduled one is among what was read.
        """
        seen = {entry.id for entry in proposals}
        self._open |= {entry.id for entry in proposals if entry.status in _ON_ITS_WAY}
        if 0 < scheduled < oldest:
            self._open.add(scheduled)
        ended = {entry.id for entry in proposals if entry.status not in _ON_ITS_WAY}
        lost = sorted(
            (number for number in {*self._open, *self._beyond} if number < oldest),
            key=lambda number: (number in ended, -number),
        )
        self._beyond = tuple(sorted(lost[:MOST_BEYOND], reverse=True))
        self._open = {number for number in self._open if number >= oldest or number in self._beyond}
        return not scheduled or scheduled in seen


def check_chain(reply: Reply, network: NetworkSettings, where: str) -> None:
    """Check the answer to `eth_chainId` against the settings.

    Raises:
        OtherChain: The endpoint belongs to another chain.
        BadAnswer: It says nothing usable.
    """
    found = quantity(reply.value(f"eth_chainId of {where}"), "eth_chainId")
    if found != network.evm_chain_id:
        raise OtherChain(
            f"{where} belongs to chain {found}, not to chain {network.evm_chain_id} of network {network.name}",
            chain_id=found,
            next_step="check the URL and evm_chain_id in the settings",
        )


class RegistryPlans:
    """`console.ports.chain.PlanSource` on the registry.

    Args:
        network: The network.
        node: Our node; its own Ethereum port is the one whose state it will execute on.
    """

    def __init__(self, network: NetworkSettings, node: NodeSettings) -> None:
        self._rpc = JsonRpc(tokens=network.tokens)
        self._own = node.ethereum_rpc
        self._required = network.require_agreement
        self._witnesses: Witnesses | None = None
        self._others = tuple(url for url in dict.fromkeys(network.ethereum_rpc) if url != node.ethereum_rpc)
        self._readers = {
            url: RegistryReader(self._rpc, network, page=CONTROLLER_PAGE) for url in (self._own, *self._others)
        }

    async def read(self, *, own_node_only: bool) -> PlanReading:
        """Read plans and readiness: `console.ports.chain.PlanSource.read`.

        Args:
            own_node_only: One request to our own node; else all endpoints at once, and the highest reading counts,
                our own among equals.

        Raises:
            ChainError: No usable answer; the first endpoint's reason.
        """
        urls = (self._own,) if own_node_only else (self._own, *self._others)
        answers = await asyncio.gather(*(self._readers[url].read(url) for url in urls), return_exceptions=True)
        readings: list[RegistryReading] = []
        for answer in answers:
            if isinstance(answer, RegistryReading):
                readings.append(answer)
            elif not isinstance(answer, ChainError):
                raise answer
        if not readings:
            assert isinstance(answers[0], ChainError)
            raise answers[0]
        # max() keeps the first of equals, and our own node is first.
        best = max(readings, key=lambda reading: reading.height)
        contested = "" if best.url == self._own else self._contested(urls, answers)
        return PlanReading(best.height, best.proposals, best.rows, contested)

    def _contested(self, urls: Sequence[str], answers: Sequence[RegistryReading | BaseException]) -> str:
        """Why what endpoints say is not to be acted on; empty when nothing speaks against it."""
        # Not loaded while our own node answers.
        from console.chain.agreement import Witnesses, hear

        if self._witnesses is None:
            self._witnesses = Witnesses(required=self._required)
        for url, answer in zip(urls, answers, strict=True):
            if isinstance(answer, RegistryReading | ChainError):
                hear(self._witnesses, url, answer)
        found = self._witnesses.agreement(patient=False)
        return found.sentence if found.blocks else ""

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()


def _height(reply: Reply, where: str) -> int:
    # Fendermint says the committed height minus one (facts/ipc.md §4).
    return quantity(reply.value(f"eth_blockNumber of {where}"), "eth_blockNumber", high=HEIGHT_MAX) + 1
