"""Who is jailed, and what ours missed, on a chain that has staking; a subnet knows neither. Pure."""

from __future__ import annotations

import shlex

from console.model import ChainView, Finding
from console.model.network import Validator
from console.model.procedure import failed, passed, skipped, warned
from console.settings import NetworkSettings, NodeSettings
from console.text import duration

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


def unjail_command(network: NetworkSettings, node: NodeSettings | None) -> str:
    """What its operator runs to have a jailed validator released: by the chain's own daemon and its keyring.

    Args:
        network: Whose settings may name daemon and key.
        node: The validator's, where it is on this machine.
    """
    daemon = network.daemon
    program = daemon.command if daemon is not None else "" if node is None else node.daemon
    words = [program or "DAEMON", "tx", "slashing", "unjail", "--chain-id", network.chain_id]
    words += ["--from", (daemon.key("voter") if daemon is not None else "") or "OPERATOR-KEY"]
    home = daemon.home if daemon is not None else None if node is None else node.home
    words += ["--home", str(home)] if home is not None else []
    words += ["--node", node.cometbft_rpc.replace("http://", "tcp://")] if node is not None else []
    return shlex.join(words)


def staked_of(chain: ChainView, consensus_address: str) -> Validator | None:
    """The validator of that key with its stake, in the active set or outside it; None where the chain tells none."""
    known = [*chain.validators, *(() if chain.cosmos is None else chain.cosmos.outside)]
    return next((each for each in known if each.consensus_address == consensus_address and each.stake), None)


def missed(chain: ChainView, consensus_address: str, now: float, unjail: str) -> Finding:
    """What the chain counts against our validator: jailed, and blocks missed of its signing window.

    Args:
        chain: With stakes.
        consensus_address: Ours, 40 upper-case hex digits.
        now: Unix seconds.
        unjail: The command that has it released.
    """
    ours = staked_of(chain, consensus_address)
    if ours is None or ours.stake is None:
        return skipped("the chain counts no missed blocks, or not those of this node")
    stake = ours.stake
    lines = [_of(ours), f"operator {stake.operator}, {stake.tokens:,} tokens, {stake.bond.value}"]
    if stake.tombstoned:
        return failed("the validator is tombstoned: it signed twice", *lines, go_on="it can never come back; a new key")
    if stake.jailed:
        left = 0.0 if stake.jailed_until is None else stake.jailed_until - now
        more = f", for {duration(left)} more" if left > 0 else ""
        return failed(
            f"the chain jailed the validator{more}: it has no vote until its operator has it released",
            *lines,
            go_on=f"find out why it was down; once it is synced{' and that time is over' if more else ''}: `{unjail}`",
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
