"""Who is jailed, and what ours missed, on a chain that has staking; a subnet knows neither. Pure."""

from __future__ import annotations

from console.model import ChainView, Finding
from console.model.network import Validator
from console.model.procedure import failed, passed, skipped, warned

MISSED_PERCENT = 50
"""Of the signing window; above it a validator is near being jailed on most chains."""


def jailed(chain: ChainView) -> Finding:
    """Whether a validator is jailed now; a restart that takes too long ends there."""
    known = [*chain.validators, *(() if chain.cosmos is None else chain.cosmos.outside)]
    staked = [each for each in known if each.stake is not None]
    if not staked:
        return skipped("nobody is jailed on a chain without staking, or the chain does not tell")
    found = [each for each in staked if each.stake is not None and each.stake.jailed]
    told = "" if chain.cosmos is None else chain.cosmos.told_by
    lines = [f"{len(staked)} validators with stake, told by {told or 'the chain'}", *(_of(each) for each in found[:12])]
    if found:
        return warned(
            f"{len(found)} validator{' is' if len(found) == 1 else 's are'} jailed: "
            + ", ".join(str(each.moniker) or each.address for each in found[:4]),
            *lines,
            go_on="call their operators: who is back and synced can unjail (`tx slashing unjail`)",
        )
    return passed(f"none of {len(staked)} validators is jailed", *lines)


def missed(chain: ChainView, consensus_address: str) -> Finding:
    """What the chain counts against our validator: jailed, and blocks missed of its signing window."""
    known = [*chain.validators, *(() if chain.cosmos is None else chain.cosmos.outside)]
    ours = next((each for each in known if each.consensus_address == consensus_address), None)
    if ours is None or ours.stake is None:
        return skipped("the chain counts no missed blocks, or not those of this node")
    stake = ours.stake
    lines = [_of(ours), f"operator {stake.operator}, {stake.tokens:,} tokens, {stake.bond.value}"]
    if stake.tombstoned:
        return failed("the validator is tombstoned: it signed twice", *lines, go_on="it can never come back; a new key")
    if stake.jailed:
        return failed(
            "the validator is jailed",
            *lines,
            go_on="once it is synced: `tx slashing unjail`, by its operator's account",
        )
    if stake.missed_blocks is None or not stake.signing_window:
        return skipped("the chain does not tell how many blocks were missed", *lines)
    share = 100 * stake.missed_blocks // stake.signing_window
    words = f"{stake.missed_blocks:,} of the last {stake.signing_window:,} blocks missed"
    if share >= MISSED_PERCENT:
        return warned(words, *lines, go_on="it has to sign from now on, else it is jailed")
    return passed(words, *lines)


def _of(validator: Validator) -> str:
    stake = validator.stake
    name = str(validator.moniker) or validator.address
    if stake is None:
        return name
    state = "tombstoned" if stake.tombstoned else "jailed" if stake.jailed else stake.bond.value
    count = "" if stake.missed_blocks is None else f", missed {stake.missed_blocks:,} of {stake.signing_window:,}"
    return f"{name}: {state}{count}"
