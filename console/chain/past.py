"""The chain's past upgrades: every proposal, who said what of it, and when the blocks around H were decided."""

from __future__ import annotations

from dataclasses import dataclass

from console.chain.cometbft import (
    Commit,
    ValidatorSet,
    commit_call,
    parse_signed_header,
    parse_validator_set,
    validator_calls,
)
from console.chain.first_answer import first_answer
from console.chain.plans import check_chain
from console.chain.registry import MAX_VALIDATORS, decode_proposals, decode_readiness, registry_interface, view_call
from console.chain.rpc import Call, JsonRpc, Reply, endpoint_name
from console.errors import ChainError
from console.model import Proposal, ValidatorReadiness
from console.settings import NetworkSettings

PAGE = 32
"""Proposals that are asked for at once."""
MOST_PROPOSALS = 1024
_FOR_THE_BLOCK = 2
"""Flag of a commit's signature."""
_NANOS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class PastUpgrade:
    """One proposal and what the chain keeps of its crossing. Times are Unix seconds, None where nobody keeps them."""

    proposal: Proposal
    validators: tuple[ValidatorReadiness, ...]
    """On the frozen membership, once there is one."""
    halted_at: float | None = None
    """When block H was decided: before it is executed, armed nodes stop."""
    resumed_at: float | None = None
    """When block H+1 was decided."""
    signed_after: frozenset[str] = frozenset()
    """Ethereum addresses of the validators whose precommits decided H+1."""


class PastReader:
    """Reads the past of one network.

    Args:
        network: Its endpoints and its registry.
    """

    def __init__(self, network: NetworkSettings) -> None:
        self._network = network
        self._rpc = JsonRpc(tokens=network.tokens)

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()

    async def upgrades(self) -> tuple[PastUpgrade, ...]:
        """Every proposal, oldest first.

        Raises:
            ChainError: No endpoint gave a usable answer about the proposals.
        """
        found = await first_answer(self._network.ethereum_rpc, self._said)
        return tuple([await self._with_times(each) for each in reversed(found)])

    async def _said(self, url: str) -> list[PastUpgrade]:
        registry_interface()
        where, registry = endpoint_name(url), self._network.registry
        proposals: list[Proposal] = []
        while len(proposals) < MOST_PROPOSALS:
            calls = [Call("eth_chainId"), view_call(registry, "proposals", len(proposals), PAGE)]
            chain, rows = await self._rpc.batch(url, calls)
            check_chain(chain, self._network, where)
            page = decode_proposals(rows, limit=PAGE, where=where)
            proposals += page
            if len(page) < PAGE:
                break
        replies: list[Reply] = []
        for start in range(0, len(proposals), PAGE):
            part = proposals[start : start + PAGE]
            replies += await self._rpc.batch(
                url, [view_call(registry, "readiness", each.id, 0, MAX_VALIDATORS) for each in part]
            )
        return [
            PastUpgrade(proposal, decode_readiness(reply, proposal_id=proposal.id, where=where).validators)
            for proposal, reply in zip(proposals, replies, strict=True)
        ]

    async def _with_times(self, upgrade: PastUpgrade) -> PastUpgrade:
        height = upgrade.proposal.target_height
        if not height or not upgrade.proposal.frozen_at:
            return upgrade
        halted = await self._decided(height)
        resumed = await self._decided(height + 1)
        return PastUpgrade(
            upgrade.proposal,
            upgrade.validators,
            None if halted is None else decided_at(*halted),
            None if resumed is None else decided_at(*resumed),
            frozenset() if resumed is None else _signers(*resumed),
        )

    async def _decided(self, height: int) -> tuple[Commit, ValidatorSet] | None:
        """Commit and validators of a height; None when no endpoint has it, as after pruning."""

        async def ask(url: str) -> tuple[Commit, ValidatorSet] | None:
            commit, *pages = await self._rpc.batch(url, [commit_call(height), *validator_calls(height)])
            signed = parse_signed_header(commit.value("commit"))
            if signed.header.height != height or signed.header.chain_id != self._network.chain_id:
                return None
            return signed.commit, parse_validator_set(pages)

        try:
            return await first_answer(self._network.cometbft_rpc, ask, enough=lambda found: found is not None)
        except ChainError:
            return None


def decided_at(commit: Commit, validators: ValidatorSet) -> float | None:
    """When more than 2/3 of the power had precommitted the block, by the signers' clocks; Unix seconds.

    Late signatures are in a commit too: the block did not wait for them. None when the commit does not decide.
    """
    votes = sorted(
        (signature.time_ns, known.power)
        for signature in commit.signatures
        if signature.flag == _FOR_THE_BLOCK and (known := validators.of(signature.consensus_address)) is not None
    )
    power = 0
    for time_ns, own in votes:
        power += own
        if 3 * power > 2 * validators.total_power:
            return time_ns / _NANOS
    return None


def _signers(commit: Commit, validators: ValidatorSet) -> frozenset[str]:
    found = (validators.of(each.consensus_address) for each in commit.signatures if each.flag == _FOR_THE_BLOCK)
    return frozenset(each.ethereum_address for each in found if each is not None)
