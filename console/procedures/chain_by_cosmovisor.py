"""A chain upgrade under Cosmovisor: its settings checked, its layout prepared, its crossing watched."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from console.errors import InputError, NodeError
from console.files import sha256_of
from console.model import Finding, StepKind
from console.model.procedure import failed, passed, warned
from console.node.cosmovisor.homes import look_at_home
from console.node.cosmovisor.layout import add_upgrade
from console.node.cosmovisor.names import plan_folder
from console.node.cosmovisor.settings import CosmovisorSettings, read_settings
from console.node.discovery.units import load_unit
from console.operations.node_alone import controller_holds
from console.operations.own_heights import heights_or_none
from console.operations.own_process import Supervisor, own_process
from console.procedures import chain_plan
from console.procedures.chain_unit import unit_name
from console.procedures.here import node_of
from console.procedures.step import Step, StepContext
from console.settings import NodeSettings

_BACK = "; where the new program ends at once, `upgrade-console run rollback --way cosmovisor` leads back"


def _running(node: NodeSettings) -> Supervisor | None:
    """The Cosmovisor that runs the node now, as far as this user sees it."""
    process = own_process(node)
    return None if process is None else process.supervisor


def cosmovisor_settings(context: StepContext, running: Supervisor | None = None) -> CosmovisorSettings:
    """As the running one was started, else as its unit sets them, else this environment. Raises InputError, NodeError.

    Args:
        context: Of the step.
        running: The running one, where it was looked for before.
    """
    node, name = node_of(context), unit_name(context)
    environment, config = dict(os.environ), None
    running = running or _running(node)
    if running is not None:
        environment, config = dict(running.environment), running.config
    elif name:
        unit = load_unit(name if "." in name else f"{name}.service")
        if unit is None:
            raise InputError(f"there is no unit {name}", safe="nothing was changed", next_step="name it with --unit")
        environment = dict(unit.environment)
    found = read_settings({"DAEMON_HOME": str(node.home), "DAEMON_NAME": node.daemon} | environment, config)
    if found.home.resolve() != node.home.resolve() or found.name != node.daemon:
        raise NodeError(
            f"Cosmovisor runs {found.name} in {found.home}, and the settings name {node.daemon} in {node.home}",
            safe="nothing was changed",
            next_step="mend the node's `home` and `daemon`, or name another unit",
        )
    return found


async def _look(context: StepContext) -> Finding:
    node = node_of(context)
    if controller_holds(node):
        return failed(
            "a controller of ours runs this node: Cosmovisor may not run it as well",
            go_on="begin again with --way controller, or move the node first: `upgrade-console node doctor`",
        )
    running = await asyncio.to_thread(_running, node)
    found = await asyncio.to_thread(cosmovisor_settings, context, running)
    facts = await asyncio.to_thread(look_at_home, found.home, found.name)
    lines = [
        f"Cosmovisor runs as pid {running.pid}, with the settings that follow"
        if running is not None
        else "no Cosmovisor is seen that runs this node: these are the settings of its unit, or of this environment",
        f"DAEMON_HOME {found.home}, DAEMON_NAME {found.name}",
        f"current -> {facts.current or 'missing'}",
        f"restart after upgrade: {'yes' if found.restart_after_upgrade else 'no'}",
        f"downloads by itself: {'yes' if found.allow_download_binaries else 'no'}",
        f"backup: {'skipped' if found.unsafe_skip_backup else f'into {found.data_backup_dir}'}",
        f"grace: {found.shutdown_grace_s:g} s",
    ]
    if not facts.current_folder:
        return failed(
            f"{found.root / 'current'} points at no generation", *lines, go_on="`cosmovisor init`, or mend the link"
        )
    if not found.restart_after_upgrade:
        return failed(
            "DAEMON_RESTART_AFTER_UPGRADE is off: the node would stay down after the swap",
            *lines,
            go_on="set it to true in the unit, restart the unit before the halt, and go on",
        )
    troubles = [
        words
        for wrong, words in (
            (running is None, "no Cosmovisor is seen that runs this node: look as its user or as root, or start it"),
            (found.allow_download_binaries, "it downloads binaries by itself, at the worst moment"),
            (found.unsafe_skip_backup, "it takes no backup before the swap"),
            (found.shutdown_grace_s == 0, "its grace is 0: the node is killed at once"),
            (bool(found.unknown_keys), f"keys that it does not know: {', '.join(found.unknown_keys)}"),
        )
        if wrong
    ]
    if troubles:
        return warned(
            "; ".join(troubles),
            *lines,
            go_on="mend it in the unit, and restart that before the halt, where it is not meant so",
        )
    return passed("Cosmovisor's settings and layout are as they should be", *lines)


def _target(found: CosmovisorSettings, name: str) -> Path:
    return found.upgrades_dir / plan_folder(name, recase=found.recase) / "bin" / found.name


async def _staged(context: StepContext) -> Finding:
    target = _target(await asyncio.to_thread(cosmovisor_settings, context), context.remembered("plan"))
    if target.is_file() and os.access(target, os.X_OK):
        sha256 = await asyncio.to_thread(sha256_of, target)
        if sha256 == context.remembered("sha256"):
            return passed(f"{target} is the verified program", f"sha256 {sha256}")
        return failed(
            f"{target} has sha256 {sha256}, and not {context.remembered('sha256')}",
            go_on="somebody staged other bytes under that name: find out who, move them away, and go on",
        )
    return failed(f"{target} is not there", go_on="go on")


async def _stage(context: StepContext) -> Finding:
    found = await asyncio.to_thread(cosmovisor_settings, context)
    name = context.remembered("plan")
    if _target(found, name).exists():
        return await _staged(context)
    try:
        await asyncio.to_thread(add_upgrade, found, name, Path(context.remembered("program")))
    except OSError as error:
        raise NodeError(
            f"cannot stage into {found.upgrades_dir}: {error.strerror or error}",
            safe="nothing is half there",
            next_step="free disk space or mend the rights, and go on",
        ) from error
    return await _staged(context)


async def _crossed(context: StepContext) -> Finding:
    node, (_, height) = node_of(context), chain_plan.plan_of(context)
    found = await asyncio.to_thread(cosmovisor_settings, context)
    wanted = f"upgrades/{plan_folder(context.remembered('plan'), recase=found.recase)}"
    while True:
        staged = await _staged(context)
        heights = await heights_or_none(node.cometbft_rpc)
        facts = await asyncio.to_thread(look_at_home, found.home, found.name)
        lines = (f"current -> {facts.current or 'missing'}", "no answer" if heights is None else heights.words)
        switched = facts.current_folder == wanted
        if heights is not None and heights.app_height >= height:
            if switched:
                return passed(f"Cosmovisor switched to {wanted}, and the node executed height {height:,}", *lines)
            return failed(
                f"height {height:,} was executed and {facts.current or 'nothing'} is current: not by the new program",
                *lines,
                go_on="look at the node's log at once; it may have to be brought back before its halt",
            )
        if not switched and not chain_plan.outcome_passed(staged):
            return failed(str(staged.sentence), *lines, go_on=staged.go_on)
        if (gone := await chain_plan.changed(context)) is not None:
            return gone
        context.tell(
            f"{chain_plan.how_far(heights, height)}; current -> {facts.current or 'missing'}{_BACK * switched}"
        )
        await context.sleep(chain_plan.POLL_S)


def cosmovisor_steps() -> tuple[Step, ...]:
    """Every step after the plan."""
    return (
        Step(
            "upgrade.cosmovisor",
            StepKind.CHECK,
            "Check Cosmovisor's settings",
            "As the one that runs now was started, else those of its unit or of this environment: home and name,"
            " restart after the upgrade, downloads, backup, grace, and where `current` points. No controller of ours"
            " may run the node.",
            _look,
        ),
        chain_plan.DOWNLOAD,
        Step(
            "upgrade.stage",
            StepKind.ACTION,
            "Put it into Cosmovisor's layout",
            "`upgrades/<name>/bin/<daemon>`, durably and whole; other bytes under that name are never replaced.",
            _stage,
            done=_staged,
            undo="the folder can be removed before the halt; without it Cosmovisor stops at the halt",
            deadline_s=300.0,
        ),
        Step(
            "upgrade.crossing",
            StepKind.WAIT,
            "Wait for the height and watch Cosmovisor cross",
            "What is staged is compared at every look. Cosmovisor stops the node, switches `current` and starts it. It"
            " does not start a new program again that ends at once: while H is not executed `upgrade-console run"
            " rollback --way cosmovisor` leads back.",
            _crossed,
            deadline_s=0.0,
        ),
        Step(
            "upgrade.follows",
            StepKind.WAIT,
            "See blocks produced",
            "The node executes blocks after H.",
            chain_plan.follows,
            deadline_s=0.0,
        ),
        Step(
            "upgrade.applied",
            StepKind.CHECK,
            "Verify that the upgrade is applied",
            "By the chain's own record, at just that height.",
            chain_plan.applied,
        ),
    )
