"""The frame of every procedure that goes over several nodes: who, in which order, and when the next one may follow.

One node at a time, the smallest voting power first. It is taken down only while less than a third of the power is
down with it, and the next one follows only when it is back: synced, with peers, its signature under the newest commits.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

from console.checks.jailed import missed, staked_of, unjail_command
from console.errors import SettingsError
from console.model import Finding, StepKind
from console.model.procedure import failed, passed, skipped, warned
from console.model.roll import Standing, standing_of
from console.operations.roll import (
    RolledNode,
    look_at,
    power_evidence,
    settle_order,
    taking_part,
    upgrade_in_hand,
    why_not_taken_down,
)
from console.procedures.here import heard
from console.procedures.step import Parameter, Step, StepContext
from console.procedures.taking_down import BLOCK_S, Act, lease_of, take_down, until_back
from console.text import duration

POLL_S = 2.0
BACK_S = 900.0
"""Seconds that a node has until it is back in consensus."""


def names_given(text: str) -> str:
    """Names of nodes with commas between, as they are used. Raises ValueError with the rest of `NAME must be …`."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if len(set(found)) != len(found):
        raise ValueError("names of nodes, each once")
    return ",".join(found)


NODES = Parameter("nodes", "The nodes by name, with commas between; empty: every node in the settings", "", names_given)


async def settled(context: StepContext) -> tuple[str, ...]:
    """The nodes in their order; it stays for the whole run. Raises ConsoleError."""
    known = [each.name for each in context.network.named]
    wanted = [name for name in context.arguments["nodes"].split(",") if name] or known
    for name in wanted:
        if name not in known:
            raise SettingsError(f"network {context.network.name} has no node {name!r} (known: {', '.join(known)})")
    return await settle_order(wanted, context.client)


def fleet_step(items: tuple[str, ...]) -> Step:
    """The look at every node of the roll, before the first one is touched."""

    async def work(context: StepContext) -> Finding:
        lease = lease_of(context, items[0])
        await lease.look()
        looked = await asyncio.gather(*(look_at(name, context.client(name)) for name in items))
        evidence = [node.evidence for node in looked]
        problems = [why for node in looked if (why := _not_ready(node))]
        if problems:
            return failed(problems[0], *evidence, go_on="mend it, or wait; then go on: the nodes are looked at again")
        for node in looked:
            assert node.consensus is not None  # else it is not ready
            context.remember(f"key.{node.name}", node.consensus.consensus_address)
            context.remember(f"power.{node.name}", str(node.consensus.power))
            context.remember(f"ran.{node.name}", node.status.generation)
        now = await taking_part(context.network)
        if (age := context.now() - now.decided_at) > BLOCK_S:
            return failed(
                f"the chain stands: its newest block is {duration(age)} old by this machine's clock",
                *evidence,
                go_on="begin when blocks are made again",
            )
        for node in looked:
            key = context.remembered(f"key.{node.name}")
            if why := why_not_taken_down(node, now, key):
                return failed(why, *evidence, power_evidence(now, key), go_on="see to it, then go on")
        order = ", then ".join(items)
        for node in looked:
            # Without power it costs the network nothing, and may need the release most of all.
            counted = None if node.consensus is None or node.consensus.power else await _jailed(context, node.name)
            if counted is not None:
                return warned(
                    f"{node.name}: {counted.sentence}",
                    *evidence,
                    *counted.evidence,
                    go_on=f"the roll goes over it as over a node without a vote; {counted.go_on}",
                )
        return passed(f"all {len(items)} nodes are well; the order is {order}", *evidence)

    return Step(
        "roll.fleet",
        StepKind.CHECK,
        "Look at every node of the roll",
        "Each answers, runs, is synced and signs, has no upgrade of the chain in hand, and can be spared by the network"
        " alone.",
        work,
        deadline_s=180.0,
    )


def _not_ready(node: RolledNode) -> str:
    """Why a roll does not begin with this node as it is; empty where it may."""
    seen = node.consensus
    if node.status.pid is None or seen is None:
        return f"{node.name} does not run: {node.status.state}"
    if why := upgrade_in_hand(node.status):
        return f"{node.name} is left alone: {why}"
    if node.status.alarm:
        return f"{node.name} calls its operator: {node.status.alarm}"
    if seen.catching_up:
        return f"{node.name} is catching up, at height {seen.height:,}"
    if seen.power and not seen.signed:
        return f"{node.name} does not sign: its signature is not in the last commit"
    return ""


async def taken_down(context: StepContext, act: Act) -> Finding:
    """Take the node of the step down by `act`, where the network can spare it. Raises as `take_down`."""
    name = context.item
    key = context.remembered(f"key.{name}")
    return await take_down(context, name, key, lambda: taking_part(context.network), act)


def back_step(item: str) -> Step:
    """The wait until a node that was changed is back in consensus."""
    return Step(
        f"{item}.back",
        StepKind.WAIT,
        f"Wait until {item} is back in consensus",
        "It is synced, has peers, and its signature is under the newest commits; only then the next node follows.",
        _back,
        item=item,
        deadline_s=BACK_S,
    )


def back_if_down(item: str) -> Step:
    """The same wait for a node that may not have been taken down at all."""

    async def work(context: StepContext) -> Finding:
        if not context.remembered(f"down.{item}"):
            return skipped(f"{item} was not taken down")
        return await _back(context)

    return replace(back_step(item), work=work)


async def _stays_away(context: StepContext, node: RolledNode, why: str) -> Finding:
    """Why the roll stops at a node: what the chain says of its validator speaks before what its node says."""
    name = node.name
    counted = await _jailed(context, name)
    if counted is not None:
        return failed(
            f"the roll stops at {name}: {counted.sentence}",
            node.evidence,
            *counted.evidence,
            go_on=f"{counted.go_on}; then go on with this run: {name} is looked at again, and the next one follows",
        )
    return failed(
        f"{name} did not come back: {why}",
        node.evidence,
        go_on=f"the roll stops here: see to {name} (`upgrade-console node status --node {name}`), then go on",
    )


async def _jailed(context: StepContext, name: str) -> Finding | None:
    """What the chain counts against a node's validator where it jailed it; None where it did not, or does not tell."""
    key, chain = context.remembered(f"key.{name}"), (await context.snapshot()).chain
    ours = None if chain is None else staked_of(chain, key)
    if chain is None or ours is None or ours.stake is None or not (ours.stake.jailed or ours.stake.tombstoned):
        return None
    own = next((each for each in context.network.nodes if each.name == name), None)
    return missed(chain, key, context.now(), unjail_command(context.network, own))


async def _back(context: StepContext) -> Finding:
    async with until_back(context, context.item):
        return await _waited_for(context)


async def _waited_for(context: StepContext) -> Finding:
    name = context.item
    key, since = context.remembered(f"key.{name}"), int(context.remembered(f"down.{name}") or 0)
    power = int(context.remembered(f"power.{name}") or 0)
    began = float(context.remembered(f"down-at.{name}") or context.now())
    said = ""
    while True:
        node = await heard(context, partial(look_at, name, context.client(name)))
        now = await taking_part(context.network)
        standing, why = standing_of(node.status, node.consensus, now, key=key, since=since, power=power)
        if standing is Standing.BACK:
            back = f"back after {duration(context.now() - began)}" if since else "in consensus"
            return passed(f"{name} is {back}: {why}", node.evidence, power_evidence(now))
        if standing is Standing.FAILED:
            return await _stays_away(context, node, why)
        if why != said:
            context.tell(f"{name}: {why}")
            said = why
        await context.sleep(POLL_S)
