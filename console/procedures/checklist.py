"""What the lists of the pre-upgrade checklist have in common: when they are due, health, who is at hand, and the copy.

What a machine can see it checks; what only a person knows is asked, with name and time. `boxes` of a step names each
box of the operators' document that it stands for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from console.checks.backups import configuration_backed_up, copy_evidence
from console.checks.countdown import Phase, is_due
from console.checks.live import chain_health, service_health
from console.checks.probing import CONSENSUS, DISK, MEMORY, PEERS, SYNC
from console.maintenance import MaintenanceWindow
from console.model import Finding, Outcome, StepKind
from console.model.procedure import failed, passed
from console.operations.config_copy import copy_config, newest_copy
from console.procedures.here import node_of, probe
from console.procedures.step import Step, StepContext
from console.settings import load_maintenance

READS_EVERYTHING_S = 3600.0
"""Seconds for hashing generations and rollback points: as long as a large disk takes."""

_MOST_LOOKS = 4


def due(phase: Phase) -> Step:
    """The step by which a list says when it is due, and refuses what is too early or too late."""

    async def look(context: StepContext) -> Finding:
        snapshot = await context.snapshot()
        for _ in range(_MOST_LOOKS):
            if snapshot.chain is None or snapshot.chain.block_time_s is not None:
                break
            # The block time comes with the second look or the third.
            await asyncio.sleep(1.0)
            snapshot = await context.snapshot()
        return is_due(phase, snapshot)

    return Step(
        f"{phase.value}.time",
        StepKind.CHECK,
        "Hold the time against the countdown",
        "Refuses after H, and the lists of the last hour while H is far away: what they find holds for minutes. Says"
        " when this list is due.",
        look,
    )


def declared_windows(context: StepContext) -> tuple[MaintenanceWindow, ...]:
    """When operators are at hand: one's own windows, then the network's. Raises SettingsError."""
    return (*load_maintenance(), *context.network.windows)


def health_steps(prefix: str, box: str) -> tuple[Step, ...]:
    """The looks at chain and node.

    Args:
        prefix: Of the steps' names, the list's own.
        box: Of the operators' document, for which they stand.
    """
    steps: tuple[tuple[str, str, str, Callable[[StepContext], Awaitable[Finding]]], ...] = (
        (
            "chain",
            "Look at the chain",
            "The chain answers and makes blocks, and its endpoints say the same.",
            _chain,
        ),
        (
            "service",
            "Look at the node",
            "The node runs under its controller, nobody is called for it, and automation is not paused.",
            _service,
        ),
        (
            "probes",
            "Probe the node",
            "Some seconds of the health table: answer, height, peers, signature, round, app hash, memory, disk.",
            _probes,
        ),
    )
    return tuple(
        Step(f"{prefix}.{name}", StepKind.CHECK, title, says, work, boxes=(box,)) for name, title, says, work in steps
    )


async def _chain(context: StepContext) -> Finding:
    return chain_health(await context.snapshot())


async def _service(context: StepContext) -> Finding:
    return service_health(await context.snapshot())


async def _probes(context: StepContext) -> Finding:
    return await probe(context, (*SYNC, *PEERS, *CONSENSUS, *MEMORY, *DISK), "the node is well by every probe")


async def copy_configuration(context: StepContext) -> Finding:
    """Copy the node's configuration and read the copy back. Raises NodeError."""
    copy = await asyncio.to_thread(copy_config, node_of(context), context.now())
    found = await configuration_backed_up(node_of(context), context.now())
    if found.outcome is Outcome.FAIL:
        return found
    return passed(f"{len(copy.files)} files are copied and were read back", *copy_evidence(copy, context.now()))


async def configuration_copied(context: StepContext) -> Finding:
    """Whether the newest copy is whole and as in force: then one that was begun was done. Raises NodeError."""
    found = await configuration_backed_up(node_of(context), context.now())
    if found.outcome is Outcome.PASS:
        return found
    copy = await asyncio.to_thread(newest_copy, node_of(context))
    return failed(found.sentence, *([] if copy is None else [str(copy.folder)]), go_on="copy it")
