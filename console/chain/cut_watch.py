"""The linked cuts of the current proposal, looked at again and again once they are made: slowly, beside the view."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from console.addresses import checked_address
from console.chain.rpc import JsonRpc
from console.errors import ConsoleError
from console.model import CutCheck, CutWatch, LinkedCall, Proposal
from console.settings import NetworkSettings
from console.text import untrusted

if TYPE_CHECKING:
    from console.chain.diamond import Place

EVERY_S = 30.0
"""Seconds from one look to the next."""

_MOST_PROBLEM = 200


class CutWatcher:
    """Keeps what the last look found. Not for use by two tasks at once.

    Args:
        network: The network.
        rpc: The client.
        clock: Monotonic seconds.
    """

    def __init__(self, network: NetworkSettings, rpc: JsonRpc, clock: Callable[[], float]) -> None:
        self._network = network
        self._rpc = rpc
        self._clock = clock
        self._found: CutWatch | None = None
        self._looked_at: float | None = None
        self._calls: tuple[str, tuple[LinkedCall, ...]] | None = None
        self._task: asyncio.Task[CutWatch] | None = None

    def of(self, proposal: Proposal | None) -> CutWatch | None:
        """What was found last of this proposal; None when it was not looked at."""
        self._take()
        found = self._found
        return found if found is not None and proposal is not None and found.proposal_id == proposal.id else None

    def look(self, proposal: Proposal | None) -> asyncio.Task[CutWatch] | None:
        """Look, unless that is not due: only where calls were made and not taken back.

        Returns:
            The look under way; None when there is none.
        """
        self._take()
        if proposal is None or not proposal.linked_calls or not proposal.contracts_at or proposal.undone_at:
            return None
        if self._task is not None:
            return self._task
        known = self._found is not None and self._found.proposal_id == proposal.id
        if known and self._looked_at is not None and self._clock() - self._looked_at < EVERY_S:
            return None
        self._looked_at = self._clock()
        self._task = asyncio.create_task(self._watch(proposal))
        return self._task

    async def close(self) -> None:
        """Give up the look under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _take(self) -> None:
        if self._task is not None and self._task.done():
            self._found, self._task = self._task.result(), None

    async def _watch(self, proposal: Proposal) -> CutWatch:
        try:
            return CutWatch(proposal.id, await self._checks(proposal))
        except ConsoleError as error:
            return CutWatch(proposal.id, (), untrusted(str(error), _MOST_PROBLEM))

    async def _checks(self, proposal: Proposal) -> tuple[CutCheck, ...]:
        # What reads diamonds is not needed for the first frame.
        await asyncio.to_thread(_import)
        from console.chain.cut_check import check_cut
        from console.chain.cuts import decode_cut
        from console.chain.governance import GovernanceReader

        if self._calls is None or self._calls[0] != proposal.linked_hash:
            reader = GovernanceReader(self._network, self._network.ethereum_rpc, self._rpc)
            self._calls = proposal.linked_hash, (await reader.read(proposal.id)).calls
        found = []
        for call in self._calls[1]:
            cut = decode_cut(call.data)
            if cut is not None:
                found.append(await check_cut(self._place(call.target), cut, self._rpc, codes_hash=call.codes_hash))
        return tuple(found)

    def _place(self, target: str) -> Place:
        from console.chain.diamond import Place

        network = self._network
        # The registry makes its calls on its own chain.
        return Place(
            target, target, network.ethereum_rpc, network.evm_chain_id, registry=checked_address(network.registry)
        )


def _import() -> None:
    import console.chain.cut_check
    import console.chain.governance  # noqa: F401
