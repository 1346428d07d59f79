"""A chain upgrade by hand over systemd: stopped only at its proven halt, its program replaced in one step, started."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.errors import InputError, NodeError
from console.files import sha256_of
from console.model import Finding, StepKind
from console.model.procedure import failed, passed, skipped, warned
from console.operations.halt_evidence import HaltLook, look_at_halt
from console.operations.kept_backups import backups_folder
from console.operations.kept_files import keep_files, read_kept
from console.operations.node_alone import controller_holds
from console.operations.own_heights import heights_or_none
from console.operations.replaced_file import check_room, replace_file
from console.operations.signer_state import look_at_signer, went_back
from console.procedures import chain_plan
from console.procedures.chain_unit import BINARY, STOP_S, backup_name, unit_name, unit_of, unit_stopped, way_back
from console.procedures.here import network_name, node_of
from console.procedures.step import Step, StepContext

_LASTING_LOOKS = 4
"""Looks in a row at which the node stands at H: longer than a block is executed."""
_DAY_S = 86_400.0


def _binary(context: StepContext) -> Path:
    path = Path(context.arguments["binary"])
    if not path.is_absolute():
        raise InputError(
            "no installed program is named", safe="nothing was changed", next_step="begin again with --binary /…"
        )
    return path


async def _look(context: StepContext) -> Finding:
    node, service, binary = node_of(context), unit_of(context), _binary(context)
    if controller_holds(node):
        return failed(
            "a controller of ours runs this node: its unit may not run it as well",
            go_on="begin again with --way controller",
        )
    running = await service.running()
    try:
        sha256 = await asyncio.to_thread(sha256_of, binary)
    except OSError as error:
        return failed(
            f"{binary} cannot be read: {error.strerror or error}", go_on="name the program that the unit starts"
        )
    heights = await heights_or_none(node.cometbft_rpc)
    signer = await asyncio.to_thread(look_at_signer, node)
    lines = (
        f"{service.name} {'runs' if running else 'is stopped'}",
        f"{binary}: sha256 {sha256}",
        "its RPC does not answer" if heights is None else heights.words,
        signer.words,
    )
    if not running:
        return warned(f"{service.name} is stopped", *lines, go_on="go on only if it stands at its halt")
    return passed(f"{service.name} runs", *lines)


async def _room(context: StepContext) -> Finding:
    binary = _binary(context)
    if not context.remembered("program"):
        return skipped("the new program is not here: nothing was downloaded in this run")
    size = Path(context.remembered("program")).stat().st_size
    await asyncio.to_thread(check_room, binary, size)
    folder = backups_folder(context.network, "chain")
    await asyncio.to_thread(folder.mkdir, 0o700, True, True)
    await asyncio.to_thread(check_room, folder / BINARY, binary.stat().st_size)
    return passed("there is room for the new program and for the copy of the old one", binary.parent, folder)


# --- the halt ---


async def _at_halt(context: StepContext, *, lasting: bool) -> HaltLook:
    service = unit_of(context)
    started = await service.started_at()
    if started is not None and context.remembered("started") != f"{started:.3f}":
        context.remember("started", f"{started:.3f}")
    since = float(context.remembered("started") or context.now() - _DAY_S)
    name, height = chain_plan.plan_of(context)
    return await look_at_halt(
        node_of(context),
        service,
        name,
        height,
        since=since,
        # The chain told it when this run began, and every look at the plan since.
        told=True,
        lasting=lasting,
    )


async def _halted(context: StepContext) -> Finding:
    (_, height), there = chain_plan.plan_of(context), 0
    while True:
        look = await _at_halt(context, lasting=there >= _LASTING_LOOKS)
        heights = look.heights
        if look.at_halt:
            context.remember("halted", str(height))
            return passed(f"the node stands at its halt before height {height:,}", *look.evidence)
        if heights is not None and heights.app_height >= height:
            return failed(
                f"the node executed height {heights.app_height:,} without a halt",
                *look.evidence,
                go_on="was the program replaced before, or is this another chain? Nothing was stopped by this run",
            )
        there = there + 1 if heights is not None and heights.height >= height > heights.app_height else 0
        if (gone := await chain_plan.changed(context)) is not None:
            return gone
        context.tell(chain_plan.how_far(heights, height))
        await context.sleep(chain_plan.POLL_S)


async def _stop(context: StepContext) -> Finding:
    service = unit_of(context)
    # Looked at again: days may lie between the wait and this.
    look = await _at_halt(context, lasting=bool(context.remembered("halted")))
    if not look.at_halt:
        return failed(
            "the node does not stand at its halt now", *look.evidence, go_on="wait for the halt again: give this run up"
        )
    signer = await asyncio.to_thread(look_at_signer, node_of(context))
    context.remember("signer", signer.mark)
    await service.stop(STOP_S)
    return passed(f"{service.name} is stopped at its halt", *look.evidence, signer.words)


# --- the program ---


def _backup(context: StepContext) -> Path:
    return backups_folder(context.network, "chain") / context.remembered("backup")


async def _keep(context: StepContext) -> Finding:
    if not context.remembered("backup"):
        context.remember("backup", backup_name(context.now(), int(context.remembered("height"))))
    note = f"before {context.remembered('plan')}, by {context.person}"
    kept = await asyncio.to_thread(keep_files, _backup(context), {BINARY: _binary(context)}, note, context.now())
    return passed(f"kept as {kept.name}", *(f"{file.path}: sha256 {file.sha256}" for file in kept.files.values()))


async def _kept(context: StepContext) -> Finding:
    if not context.remembered("backup"):
        return failed("nothing is kept yet", go_on="go on")
    kept = await asyncio.to_thread(read_kept, _backup(context))
    return passed(f"kept as {kept.name}")


async def _replace(context: StepContext) -> Finding:
    still = await unit_stopped(context)
    if not chain_plan.outcome_passed(still):
        return failed(str(still.sentence), go_on="stop it, and go on: its program is not replaced under it")
    await asyncio.to_thread(read_kept, _backup(context))
    binary, sha256 = _binary(context), context.remembered("sha256")
    await asyncio.to_thread(replace_file, Path(context.remembered("program")), binary, sha256)
    return passed(f"{binary} is the new program", f"sha256 {sha256}", f"the old one is in {_backup(context)}")


async def _replaced(context: StepContext) -> Finding:
    binary = _binary(context)
    found = await asyncio.to_thread(sha256_of, binary)
    if found == context.remembered("sha256"):
        return passed(f"{binary} is the new program", f"sha256 {found}")
    return failed(f"{binary} has sha256 {found}", go_on="go on")


# --- and on ---


def _way_back(context: StepContext) -> str:
    return way_back(unit_name(context))


async def _start(context: StepContext) -> Finding:
    node = node_of(context)
    if not chain_plan.outcome_passed(await _replaced(context)):
        return failed("the new program is not in place", go_on="replace it again: the old one would halt once more")
    signer = await asyncio.to_thread(look_at_signer, node)
    before = context.remembered("signer")
    if before and not signer.remote and went_back(before, signer):
        return failed(
            "the signer's state is lower than at the halt: this node could sign a height twice",
            signer.words,
            go_on="put the newest priv_validator_state.json back before anything else",
        )
    service = unit_of(context)
    try:
        await service.start()
    except NodeError as error:
        return failed(
            error.what, go_on=f"{error.next_step or 'read its log'}, mend it, and go on; {_way_back(context)}"
        )
    return passed(f"{service.name} runs with the new program", signer.words)


async def _running(context: StepContext) -> Finding:
    service = unit_of(context)
    if await service.running() and chain_plan.outcome_passed(await _replaced(context)):
        return passed(f"{service.name} runs with the new program")
    return failed(f"{service.name} does not run with the new program", go_on="go on")


async def _crossed(context: StepContext) -> Finding:
    node, (_, height), service = node_of(context), chain_plan.plan_of(context), unit_of(context)
    while True:
        heights = await heights_or_none(node.cometbft_rpc)
        if heights is not None and heights.app_height >= height:
            return passed(f"the new program executed height {height:,}", heights.words)
        if not await service.running():
            return failed(
                f"{service.name} ended before it executed height {height:,}",
                go_on=f"read its log, mend it, start it, and go on; {_way_back(context)}",
            )
        context.tell("its RPC does not answer yet" if heights is None else heights.words)
        await context.sleep(chain_plan.POLL_S)


def systemd_steps() -> tuple[Step, ...]:
    """Every step after the plan."""
    return (
        Step(
            "upgrade.unit",
            StepKind.CHECK,
            "Look at unit, program and signer",
            "The unit is known and runs the node, the program is readable, and no controller of ours runs the node.",
            _look,
        ),
        chain_plan.DOWNLOAD,
        Step(
            "upgrade.room",
            StepKind.CHECK,
            "See that there is room",
            "For the new program beside the old one, and for the copy that leads back.",
            _room,
        ),
        Step(
            "upgrade.halt",
            StepKind.WAIT,
            "Wait for the halt",
            "Two signs of three: the plan file that this run of the node wrote, its line in the journal, and block H"
            " stored while H − 1 is executed. A process that lives on is no proof against it, and one that ended is"
            " none for it. A plan that is cancelled or moved meanwhile ends this run.",
            _halted,
            deadline_s=0.0,
        ),
        Step(
            "upgrade.stop",
            StepKind.ACTION,
            "Stop the node",
            "Its unit, at its halt, which is looked at once more; the signer's state is noted.",
            _stop,
            done=unit_stopped,
            undo="start the unit again: the old program halts again",
            ask="The node stands at its halt. Stop it and replace its program?",
            typed=network_name,
            deadline_s=STOP_S + 60.0,
        ),
        Step(
            "upgrade.backup",
            StepKind.ACTION,
            "Back up the current binary",
            "A copy with its rights, durably, compared with its original.",
            _keep,
            done=_kept,
            undo="nothing has to be undone",
        ),
        Step(
            "upgrade.replace",
            StepKind.ACTION,
            "Install the new binary",
            "The verified copy takes its place in one step, with the rights of the old one.",
            _replace,
            done=_replaced,
            undo=way_back("UNIT"),
        ),
        Step(
            "upgrade.start",
            StepKind.ACTION,
            "Start the node",
            "Its unit; refused where the signer's state is lower than at the halt.",
            _start,
            done=_running,
            undo=way_back("UNIT"),
            deadline_s=120.0,
        ),
        Step(
            "upgrade.crossing",
            StepKind.WAIT,
            "Watch block H executed",
            "By the new program; the old one never would.",
            _crossed,
            deadline_s=0.0,
        ),
        Step(
            "upgrade.follows",
            StepKind.WAIT,
            "See blocks produced",
            "The node executes blocks after H: more than two thirds of the power crossed.",
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
