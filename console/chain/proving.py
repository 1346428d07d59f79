"""What another IPC network has executed, and its block times: `ProvingNetwork` of `console.ports.chain`, over RPC.

Each endpoint is asked in turn until one answers as it should: an operator names endpoints of the proving network that
he trusts as he trusts those of his own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from console.chain.cometbft import commit_call, parse_signed_header, parse_status
from console.chain.first_answer import first_answer
from console.chain.plans import check_chain
from console.chain.registry import MAX_VALIDATORS, decode_proposals, decode_readiness, registry_interface, view_call
from console.chain.rpc import Call, JsonRpc, endpoint_name
from console.errors import BadAnswer
from console.model import ProofReading, Proposal, ProposalStatus, Readiness, crossing_of
from console.settings import NetworkSettings

PROPOSALS = 16
"""Proposals that are looked at, newest first."""
CONFIRMATIONS = 4
"""Executed proposals, newest first, whose confirmations are read: 256 validators' are 90 KiB."""


class RegistryProof:
    """`console.ports.chain.ProvingNetwork` on an IPC network.

    Args:
        network: The network that proves.
    """

    def __init__(self, network: NetworkSettings) -> None:
        self._rpc = JsonRpc(tokens=network.tokens)
        self._network = network

    async def read(self, release_hash: str, binaries: Collection[str]) -> ProofReading:
        """Read it in three small requests: proposals, confirmations, block times.

        Raises:
            ChainError: None of its endpoints gives a usable answer.
        """
        # Reading the artefact takes milliseconds that must not stop the controller.
        await asyncio.to_thread(registry_interface)
        proposals, confirmations = await first_answer(self._network.ethereum_rpc, self._registry)
        crossing = crossing_of(release_hash, binaries, proposals, confirmations)

        async def times(url: str) -> tuple[int | None, int]:
            return await self._times(url, None if crossing is None else crossing.target_height)

        crossed_ns, newest_ns = await first_answer(
            self._network.cometbft_rpc, times, enough=lambda found: crossing is None or found[0] is not None
        )
        return ProofReading(proposals, confirmations, crossed_ns, newest_ns)

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()

    async def _registry(self, url: str) -> tuple[tuple[Proposal, ...], tuple[Readiness, ...]]:
        where, registry = endpoint_name(url), self._network.registry
        chain, page = await self._rpc.batch(url, [Call("eth_chainId"), view_call(registry, "proposals", 0, PROPOSALS)])
        check_chain(chain, self._network, where)
        proposals = decode_proposals(page, limit=PROPOSALS, where=where)
        executed = [entry.id for entry in proposals if entry.status is ProposalStatus.EXECUTED][:CONFIRMATIONS]
        if not executed:
            return proposals, ()
        rows = await self._rpc.batch(
            url, [view_call(registry, "readiness", number, 0, MAX_VALIDATORS) for number in executed]
        )
        confirmed = tuple(
            decode_readiness(reply, proposal_id=number, where=where)
            for number, reply in zip(executed, rows, strict=True)
        )
        return proposals, confirmed

    async def _times(self, url: str, height: int | None) -> tuple[int | None, int]:
        """Time of the header of a height, None when this node does not have it, and of its newest header."""
        where = endpoint_name(url)
        calls = [Call("status", {})] if height is None else [Call("status", {}), commit_call(height)]
        newest, *rest = await self._rpc.batch(url, calls)
        status = parse_status(newest.value(f"status of {where}"))
        if status.chain_id != self._network.chain_id:
            raise BadAnswer(
                f"{where} belongs to chain {status.chain_id!a}, not to {self._network.chain_id}",
                next_step="check the URL and chain_id in the settings",
            )
        if not rest or rest[0].error is not None:
            # A node may have pruned it.
            return None, status.time_ns
        header = parse_signed_header(rest[0].result).header
        if header.height != height or header.chain_id != self._network.chain_id:
            raise BadAnswer(f"{where} answered with another block than that of height {height}")
        return header.time_ns, status.time_ns
