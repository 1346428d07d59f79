"""Whether a whole network came through: who runs what, whether blocks are made, and whether all compute the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from console.chain.cometbft import ValidatorSet
from console.chain.network_look import NetworkLook, Told
from console.errors import ChainError
from console.model import ChainView, Finding, FleetNode, Outcome, Proposal, ReleaseKind
from console.model.procedure import failed, passed, skipped, warned
from console.node.health_sources import parent_finality
from console.settings import NodeSettings
from console.text import duration, percent, short_hash

PRODUCTION_S = 10.0
"""Seconds over which blocks are counted (the operators' document)."""
_LONGEST_S = 90.0
PARENT_S = 240.0
"""Seconds in which the parent's finality has to move; a parent epoch is half a minute."""
_PARENT_PAUSE_S = 5.0

Sleep = Callable[[float], Awaitable[None]]


def over(block_time_s: float | None) -> float:
    """Seconds over which blocks are counted: ten, and on a slow chain three blocks' worth."""
    return min(_LONGEST_S, max(PRODUCTION_S, 3.0 * (block_time_s or 0.0)))


def versions(chain: ChainView, proposal: Proposal | None) -> Finding:
    """What every validator runs, by what it confirmed on chain; CometBFT's own version says nothing of the release.

    Where no registry counts confirmations, the application's version of each node that answers is all there is, and it
    is only what a node says of itself.

    Args:
        chain: What nodes and registry tell.
        proposal: The upgrade; None for none.
    """
    if proposal is not None and chain.readiness is not None and chain.readiness.proposal_id == proposal.id:
        return _confirmed(chain, proposal)
    said: dict[str, list[str]] = {}
    for node in chain.nodes:
        if node.reachable:
            said.setdefault(str(node.version) or "no version", []).append(str(node.moniker) or node.url)
    evidence = [f"{version}: {', '.join(names[:8])} (abci_info)" for version, names in said.items()]
    silent = [str(node.moniker) or node.url for node in chain.nodes if not node.reachable]
    if silent:
        evidence.append(f"no answer: {', '.join(silent[:8])}")
    if not said:
        return failed("no node tells its version", *evidence, go_on="name more endpoints in the settings")
    if len(said) > 1 or silent:
        return warned(
            f"{len(said)} versions among the nodes that answer"
            if len(said) > 1
            else f"{len(silent)} nodes do not answer",
            *evidence,
            go_on="call the operators of those that stayed behind",
        )
    unknown = len(chain.validators) - len(chain.nodes)
    sentence = f"all {len(chain.nodes)} nodes that are known say {next(iter(said))}"
    if unknown > 0:
        return warned(
            f"{sentence}; of {unknown} validators no node is known",
            *evidence,
            go_on="who signs after H runs the new rules: see the 95 % rule",
        )
    return passed(sentence, *evidence)


def fleet_versions(nodes: Sequence[FleetNode]) -> Finding:
    """What our own controllers run, here and over SSH, by the hash of the executed bytes.

    Args:
        nodes: As they were asked just now.
    """
    told = [node for node in nodes if node.status is not None and not node.problem]
    lines = [f"{node.name}: {node.problem}" for node in nodes if node.problem]
    running: dict[str, list[str]] = {}
    for node in told:
        assert node.status is not None
        running.setdefault(node.status.exe_sha256 or "unknown", []).append(node.name)
        words = f"{node.status.generation}, {node.status.version or 'no version'}"
        lines.append(f"{node.name} (its controller): {words}, sha256 {short_hash(node.status.exe_sha256) or 'unknown'}")
    if not told:
        return skipped("no controller of this network answers from here", *lines)
    if len(running) > 1 or len(told) < len(nodes):
        what = f"{len(running)} executables among {len(told)} of our own nodes"
        silent = f"; {len(nodes) - len(told)} do not answer" if len(told) < len(nodes) else ""
        return warned(f"{what}{silent}", *lines, go_on="look at those that stayed behind: `upgrade-console fleet`")
    return passed(f"one executable on {len(told)} of our own nodes", *lines)


def _confirmed(chain: ChainView, proposal: Proposal) -> Finding:
    readiness = chain.readiness
    assert readiness is not None
    names = {each.address: str(each.moniker) or each.address for each in chain.validators}
    entries = readiness.validators
    confirmed = [entry for entry in entries if entry.confirmed_at]
    lines = [
        f"{names.get(entry.address, entry.address)}: confirmed sha256 {short_hash(entry.exe_hash)} at height"
        f" {entry.confirmed_at:,}"
        for entry in confirmed[:12]
    ]
    missing = [names.get(entry.address, entry.address) for entry in entries if not entry.confirmed_at]
    if missing:
        lines.append(f"not confirmed: {', '.join(missing[:8])}")
    power, total = sum(entry.power for entry in confirmed), sum(entry.power for entry in entries)
    counted = f"{len(confirmed)} of {len(entries)} validators confirmed ({percent(power, total)} of the power)"
    if proposal.release_kind is ReleaseKind.RAW:
        other = [entry for entry in confirmed if entry.exe_hash != proposal.release_hash]
        if other:
            who = ", ".join(names.get(entry.address, entry.address) for entry in other[:4])
            return failed(
                f"{who} confirmed another executable than the one voted for", *lines, go_on="call their operators now"
            )
    if missing:
        return warned(counted, *lines, go_on="call the operators of those that are missing")
    return passed(counted, *lines)


async def block_production(look: NetworkLook, sleep: Sleep = asyncio.sleep, *, over_s: float = PRODUCTION_S) -> Finding:
    """Blocks that each endpoint gained over some seconds.

    Args:
        look: Asks the endpoints.
        sleep: Waits.
        over_s: Seconds between the two looks.
    """
    before = await look.heights()
    await sleep(over_s)
    after = await look.heights()
    gained = {
        name: int(value) - int(before.values[name]) for name, value in after.values.items() if name in before.values
    }
    lines = [
        f"{name}: {before.values[name]} to {after.values[name]}, {blocks} blocks" for name, blocks in gained.items()
    ]
    lines += [f"{name}: {problem}" for name, problem in after.problems.items()]
    if not gained:
        return failed("no endpoint tells its height", *lines, go_on="mend the endpoints of the settings")
    most = max(gained.values())
    if most <= 0:
        return failed(
            f"no block in {over_s:.0f} s",
            *lines,
            go_on="see who is missing in the console's overview; do not restart all",
        )
    standing = [name for name, blocks in gained.items() if blocks <= 0]
    if standing or after.problems:
        who = ", ".join([*standing, *after.problems][:4])
        return warned(f"{most} blocks in {over_s:.0f} s, but not at {who}", *lines, go_on="look at those nodes")
    return passed(f"{most} blocks in {over_s:.0f} s ({most / over_s:.2f} a second)", *lines)


async def same_app_hash(look: NetworkLook, target_height: int, sleep: Sleep = asyncio.sleep) -> Finding:
    """Whether all endpoints have the same application hash after H and after H + 1: the proof of one state.

    Args:
        look: Asks the endpoints.
        target_height: H.
        sleep: Waits for a block.
    """
    findings = []
    for height in (target_height, target_height + 1):
        told = await look.app_hashes(height)
        if not told.values:
            await sleep(1.0)
            told = await look.app_hashes(height)
        findings.append(_same(told, height))
    worst = max(findings, key=lambda each: [Outcome.PASS, Outcome.WARN, Outcome.FAIL].index(each.outcome))
    if worst.outcome is not Outcome.PASS:
        return worst
    lines = [line for each in findings for line in each.evidence]
    return passed(f"the application hash after H and H+1 is the same everywhere ({findings[-1].sentence})", *lines)


def _same(told: Told, height: int) -> Finding:
    lines = [f"after {height}: {line}" for line in told.lines]
    hashes = {str(value) for value in told.values.values()}
    if len(hashes) > 1:
        return failed(
            f"{len(hashes)} different application hashes after height {height}",
            *lines,
            go_on="stop nothing in a hurry: find out which of them runs another release, and tell the others",
        )
    if not hashes:
        return failed(
            f"no endpoint has a block after height {height}", *lines, go_on="wait for the block, then look again"
        )
    sentence = f"{len(told.values)} endpoints, {next(iter(hashes))[:16]}… after {height}"
    if len(told.values) == 1:
        return warned(
            f"only one endpoint tells the hash after {height}", *lines, go_on="name more endpoints in the settings"
        )
    return passed(sentence, *lines)


async def active_set(look: NetworkLook, chain: ChainView, target_height: int) -> Finding:
    """Whether the validators of before H are still the active set, by power.

    Args:
        look: Asks the endpoints.
        chain: With the set of now.
        target_height: H.
    """
    try:
        before = await look.validators(target_height - 1)
    except ChainError as error:
        return warned(
            f"{len(chain.validators)} validators are active; the set before H cannot be read: {error.what}",
            go_on="compare with what you noted before the upgrade",
        )
    return _compared(before, chain)


def _compared(before: ValidatorSet, chain: ChainView) -> Finding:
    now = {each.consensus_address: each for each in chain.validators}
    power = sum(each.power for each in chain.validators)
    lines = [
        f"before H: {len(before.validators)} validators, {before.total_power} power",
        f"now: {len(chain.validators)} validators, {power} power",
    ]
    gone = [each for each in before.validators if each.consensus_address not in now]
    come = len(chain.validators) - (len(before.validators) - len(gone))
    lines += [f"gone: {each.consensus_address} ({each.power})" for each in gone[:8]]
    if 3 * sum(each.power for each in gone) >= before.total_power:
        return failed(
            f"validators with a third of the power or more left the set: {len(gone)}",
            *lines,
            go_on="find out why before anybody restarts anything",
        )
    if gone:
        return warned(f"{len(gone)} validators left the set since H", *lines, go_on="call their operators")
    words = f"{len(chain.validators)} validators are active, all of before H" + (f", {come} new" if come > 0 else "")
    return passed(words, *lines)


async def ethereum_moves(look: NetworkLook, sleep: Sleep = asyncio.sleep, *, over_s: float = PRODUCTION_S) -> Finding:
    """Whether the Ethereum side follows the chain: its height grows at every endpoint."""
    before = await look.ethereum_heights()
    if not before.values and not before.problems:
        return skipped("this network has no Ethereum endpoint")
    await sleep(over_s)
    after = await look.ethereum_heights()
    lines = [f"{name}: {before.values.get(name, 'unknown')} to {value}" for name, value in after.values.items()]
    lines += [f"{name}: {problem}" for name, problem in after.problems.items()]
    moved = [
        name for name, value in after.values.items() if name in before.values and int(value) > int(before.values[name])
    ]
    if not moved:
        return failed(
            f"the Ethereum height does not move in {over_s:.0f} s",
            *lines,
            go_on="look at the Ethereum service of the node: contracts cannot be reached meanwhile",
        )
    if len(moved) < len(before.values) or after.problems:
        return warned(f"the Ethereum height moves at {len(moved)} endpoints only", *lines, go_on="look at the others")
    return passed(f"the Ethereum height moves at {len(moved)} endpoint{'' if len(moved) == 1 else 's'}", *lines)


async def parent_finality_moves(
    node: NodeSettings | None, sleep: Sleep = asyncio.sleep, *, within_s: float = PARENT_S
) -> Finding:
    """Whether the subnet goes on committing its parent's blocks, by the application's own metrics.

    Args:
        node: Whose application is asked; needs `metrics_url`.
        sleep: Waits between two looks.
        within_s: Seconds in which it has to move.
    """
    if node is None or not node.metrics_url:
        return skipped(
            "whether the parent's finality moves cannot be told: no metrics_url is set",
            "`upgrade-console node config set metrics_url http://127.0.0.1:9184/metrics`",
        )
    first = await parent_finality(node.metrics_url)
    if first is None:
        return warned(
            f"{node.metrics_url} tells no parent finality", go_on="turn the application's metrics on, and look again"
        )
    waited = 0.0
    newest = first
    while waited < within_s:
        await sleep(_PARENT_PAUSE_S)
        waited += _PARENT_PAUSE_S
        newest = await parent_finality(node.metrics_url) or newest
        if newest > first:
            return passed(
                f"the parent's finality moved from {first:,} to {newest:,} in {duration(waited)}", node.metrics_url
            )
    return failed(
        f"the parent's finality stays at {newest:,} for {duration(within_s)}",
        node.metrics_url,
        go_on="look at the parent's RPC and the relayers: after 16 hours it cannot be caught up with",
    )
