"""The halt of a node that no controller of ours runs, recognised by the same signs (facts/cosmos.md §4.4)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.node.chain_halt import HaltSigns, Standing, says_needed, standing
from console.node.cosmovisor.names import same_name
from console.node.cosmovisor.upgrade_info import FILE_NAME, PlanFile, read_plan
from console.node.cosmovisor.watch import DATA_FOLDER
from console.operations.own_heights import OwnHeights, heights_or_none
from console.operations.service import WatchedService
from console.settings import NodeSettings

_MTIME_SLACK_S = 1.0


@dataclass(frozen=True, slots=True)
class HaltLook:
    """One look at a node that may stand at its halt."""

    at_halt: bool
    running: bool
    heights: OwnHeights | None
    evidence: tuple[str, ...]


def decide(signs: HaltSigns, *, running: bool, lasting: bool) -> bool:
    """Whether the node stands at its halt; pure.

    A living one as the controller judges its own. One that is down needs the file and the line: who else ended it
    would leave neither, and an operator who wrote the file ahead leaves no line.

    Args:
        signs: What speaks for it.
        running: Whether it lives.
        lasting: Whether readings have shown it at H for longer than a block is executed.
    """
    if signs.passed:
        return False
    if running:
        return standing(signs, lasting=lasting) is Standing.AT_HALT
    return signs.wrote_file and signs.said_so


async def look_at_halt(
    node: NodeSettings,
    service: WatchedService,
    name: str,
    height: int,
    *,
    since: float,
    told: bool,
    lasting: bool,
) -> HaltLook:
    """Look once.

    Args:
        node: Its home and its RPC.
        service: Its unit.
        name: The plan's.
        height: H.
        since: Unix seconds at which its process was seen to have started, for one that is down by now.
        told: Whether the chain tells this plan.
        lasting: Whether earlier looks have shown it at H.

    Raises:
        NodeError: The unit cannot be looked at.
    """
    running = await service.running()
    started = await service.started_at() or since
    heights = await heights_or_none(node.cometbft_rpc) if running else None
    wrote, file = await asyncio.to_thread(_wrote, node.home / DATA_FOLDER / FILE_NAME, name, height, started)
    try:
        said = says_needed((await service.log_since(started)).encode(), name, height)
        log = f"{service.name} {'wrote' if said else 'did not write'} that the upgrade is needed at {height:,}"
    except NodeError as error:
        said, log = False, f"the log is not known: {error.what}"
    signs = HaltSigns(
        height=height,
        wrote_file=wrote,
        said_so=said,
        block_height=None if heights is None else heights.height,
        app_height=None if heights is None else heights.app_height,
        told=told,
        by_operator=False,
    )
    rpc = "its RPC does not answer" if heights is None else heights.words
    return HaltLook(
        at_halt=decide(signs, running=running, lasting=lasting),
        running=running,
        heights=heights,
        evidence=(f"{service.name} {'runs' if running else 'is stopped'}", rpc, file, log),
    )


def _wrote(path: Path, name: str, height: int, started: float) -> tuple[bool, str]:
    """Whether the run wrote the plan file, and that in words."""
    plan = read_plan(path)
    if not isinstance(plan, PlanFile):
        return False, f"{path} holds no plan"
    try:
        written = path.stat().st_mtime
    except OSError:
        return False, f"{path} is gone"
    mine = plan.height == height and same_name(plan.name, name)
    young = started > 0 and written >= started - _MTIME_SLACK_S
    words = f"{path} plans {plan.shown_name} for {plan.height:,}"
    return mine and young, words if young else f"{words}, written before this run"
