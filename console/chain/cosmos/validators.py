"""The validators of a Cosmos chain: who decides blocks is CometBFT's word, who they are x/staking's. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from console.chain.comet_network import CometNetwork
from console.chain.cometbft import ConsensusValidator
from console.chain.cosmos.facts import Staking
from console.model import Bond, Validator
from console.settings import NetworkSettings
from console.text import UntrustedText

POWER_REDUCTION = 10**6
"""Tokens of one voting power, as the SDK has it by default; a chain may set another."""


def active(network: NetworkSettings, comet: CometNetwork, staking: Staking | None) -> tuple[Validator, ...]:
    """The set that decides the next block, in CometBFT's order, with what staking knows of each.

    While no CometBFT RPC answers, the bonded ones: their shares are right, whatever the chain's power reduction.
    """
    if not comet.entries:
        return () if staking is None else _bonded(staking)
    staked = {} if staking is None else {each.consensus_address: each for each in staking.validators}
    monikers = {node.status.consensus_address: node.status.moniker for node in comet.nodes if node.status}
    # A node that has not answered yet is known by what the settings call it.
    names = {node.address: node.name for node in network.nodes if node.address}
    found = []
    for entry in comet.entries:
        known = staked.get(entry.consensus_address)
        moniker = known.moniker if known is not None else monikers.get(entry.consensus_address)
        found.append(
            Validator(
                address=entry.address,
                moniker=moniker or UntrustedText(names.get(entry.address, "")),
                power=entry.power,
                consensus_address=entry.consensus_address,
                stake=None if known is None else known.stake,
            )
        )
    return tuple(found)


def outside(staking: Staking, entries: Sequence[ConsensusValidator]) -> tuple[Validator, ...]:
    """Those that staking knows and that decide nothing: the jailed first, then by tokens."""
    inside = {entry.consensus_address for entry in entries} or {each.consensus_address for each in _bonded(staking)}
    found = [
        Validator(
            address=each.consensus_address or each.stake.operator,
            moniker=each.moniker,
            power=0,
            consensus_address=each.consensus_address,
            stake=each.stake,
        )
        for each in staking.validators
        if each.consensus_address not in inside
    ]
    return tuple(sorted(found, key=lambda each: (each.stake is None or not each.stake.jailed, -_tokens(each))))


def _bonded(staking: Staking) -> tuple[Validator, ...]:
    found = [
        Validator(
            address=each.consensus_address,
            moniker=each.moniker,
            power=each.stake.tokens // POWER_REDUCTION,
            consensus_address=each.consensus_address,
            stake=each.stake,
        )
        for each in staking.validators
        if each.stake.bond is Bond.BONDED and each.consensus_address and each.stake.tokens >= POWER_REDUCTION
    ]
    return tuple(sorted(found, key=lambda each: (-each.power, each.address)))


def _tokens(validator: Validator) -> int:
    return 0 if validator.stake is None else validator.stake.tokens
