"""A node is taken down: once, for every procedure that does it outside an upgrade of the chain.

Only under the lease of the whole fleet, so that two that do it never do it together, and only while strictly less than
a third of the power is down with it. The lease stays until the node is back, or ends by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from console.errors import ConsoleError, ControllerDown
from console.model import Finding, Outcome, PowerNow
from console.model.procedure import failed, found
from console.operations.fleet_lease import FleetLease
from console.operations.roll import after_blocks, look_at, power_evidence, why_not_taken_down, with_those_out
from console.procedures.step import StepContext
from console.this_user import this_machine

BLOCK_S = 60.0
"""Seconds in which a block has to come."""
_UNHEARD_BLOCKS = 3
"""Blocks after which both commits that are looked at are of afterwards."""
_WAIT = "wait until the others are back, then go on: nothing was taken down"

Act = Callable[[str], Awaitable[Finding]]
"""Takes the node down under the lease of this id."""


def lease_of(context: StepContext, node: str) -> FleetLease:
    """The lease of this run to take that node down, at every controller of the network's settings."""
    fleet = {each.name: context.client(each.name) for each in context.network.named}
    return FleetLease(fleet, node, f"{context.run}@{this_machine()}", context.person)


async def take_down(
    context: StepContext, node: str, key: str, read: Callable[[], Awaitable[PowerNow]], act: Act
) -> Finding:
    """Take a node down where the network can spare it, and remember the height at which it was.

    Args:
        context: Of the step.
        node: Its name.
        key: Its consensus address; empty where it is not known.
        read: Who takes part in consensus now.
        act: What takes it down.

    Raises:
        HeldByOther: Another roll takes a node of the fleet down.
        ConsoleError: Something could not be asked, or was refused.
    """
    lease = lease_of(context, node)
    async with lease.renewed():
        try:
            if len(context.network.named) > 1:
                context.tell(f"the {len(context.network.named)} controllers of the fleet are asked for their lease")
            await lease.take()
            refusal, lines = await _judged(context, node, key, read, lease)
            if refusal:
                await lease.end()
                return failed(refusal, *lines, go_on=_WAIT)
            # A block was waited for, and the node's own controller asks how long it still holds.
            await lease.renew()
        except ConsoleError:
            await lease.end()
            raise
        try:
            finding = await act(lease.id)
        except ControllerDown:
            # It may have been done there: nobody else takes another one down until that can be seen.
            raise
        except ConsoleError:
            await lease.end()
            raise
        if finding.outcome is Outcome.FAIL:
            await lease.end()
            return finding
    return found(finding.outcome, finding.sentence, *lines, *finding.evidence, go_on=finding.go_on)


async def _judged(
    context: StepContext, node: str, key: str, read: Callable[[], Awaitable[PowerNow]], lease: FleetLease
) -> tuple[str, tuple[str, ...]]:
    """Why it may not be taken down now, empty where it may, and what that rests on."""
    looked = await look_at(node, context.client(node))
    # Of whom nobody hears, the commits alone tell.
    if lease.unheard:
        context.tell(f"{_UNHEARD_BLOCKS} blocks are waited for, since {', '.join(lease.unheard)} cannot be heard")
    seen = await after_blocks(_UNHEARD_BLOCKS if lease.unheard else 1, read, context.sleep, BLOCK_S)
    now = with_those_out(seen, lease.answers, node)
    lines = [looked.evidence, power_evidence(now, key)]
    lines += [f"{name} is out: {each.out}" for name, each in lease.answers.items() if each.out and name != node]
    lines += [f"{name} was not heard: {why}" for name, why in lease.unheard.items()]
    why = why_not_taken_down(looked, now, key)
    if not why:
        context.remember(f"down.{node}", str(now.height))
        context.remember(f"down-at.{node}", str(context.now()))
    return why, tuple(lines)


@asynccontextmanager
async def until_back(context: StepContext, node: str) -> AsyncIterator[None]:
    """Keep the lease while a node that was taken down is waited for, and give it back when the waiting has ended.

    One that has ended is not asked for again: by now its controller, or the commits, say that the node is out.
    """
    lease = lease_of(context, node)
    if not await lease.still_held():
        yield
        return
    async with lease.renewed():
        try:
            yield
        except ConsoleError:
            await lease.end()
            raise
        await lease.end()
