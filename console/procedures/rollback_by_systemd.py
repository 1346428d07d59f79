"""A chain upgrade by hand over systemd taken back: only while H is not executed, and the node stays down."""

from __future__ import annotations

import asyncio

from console.files import sha256_of
from console.model import Finding, StepKind
from console.model.procedure import failed, passed, warned
from console.operations.kept_files import Kept
from console.operations.node_alone import controller_holds
from console.operations.replaced_file import check_room
from console.procedures.arguments import again
from console.procedures.chain_plan import outcome_passed
from console.procedures.chain_unit import BINARY, height_of_backup, unit_name, unit_of
from console.procedures.here import node_of
from console.procedures.not_executed import SIGNER, SIGNER_KEPT, STOP, ZONE, stopped_before_h
from console.procedures.step import Step, StepContext
from console.procedures.way_back import AGAIN, AT_ROLLBACK, chosen, keep_present, put_one_back

_POLL_S = 0.5
_LOOKS = 4
"""More than one, so that a dry run, in which nothing was put back, says what it would wait for."""


async def _chosen(context: StepContext) -> Kept:
    return await chosen(context, "chain", BINARY)


async def _find(context: StepContext) -> Finding:
    if controller_holds(node_of(context)):
        return failed("a controller of ours runs this node: it alone goes back", go_on="begin again without --way")
    service, kept = unit_of(context), await _chosen(context)
    height, file = height_of_backup(kept), kept.files[BINARY]
    running = await service.running()
    now = await asyncio.to_thread(sha256_of, file.path) if file.path.exists() else "missing"
    lines = (
        f"{kept.name}: {kept.note}",
        f"kept: {file.path}: sha256 {file.sha256}, mode {file.mode:04o}",
        f"in place now: sha256 {now}",
        f"{service.name} {'runs' if running else 'is stopped'}",
    )
    if not height:
        after = "the program that a rollback took away" if kept.name.endswith(AT_ROLLBACK) else "no upgrade's program"
        return failed(
            f"{kept.name} keeps {after}",
            *lines,
            go_on="`upgrade-console run chain-upgrade --way systemd` leads forward; name another backup to go back",
        )
    context.remember("from", kept.name)
    context.remember("height", str(height))
    if now == file.sha256:
        return warned("the kept program is the one in place", *lines, go_on="go on: the rest is looked at all the same")
    await asyncio.to_thread(check_room, file.path, kept.copy(BINARY).stat().st_size)
    return passed(f"{kept.name} is whole: the program of before height {height:,}", *lines)


# --- the program ---


async def _keep(context: StepContext) -> Finding:
    kept = await _chosen(context)
    return await keep_present(context, "chain", {BINARY: kept.files[BINARY].path})


async def _put_back(context: StepContext) -> Finding:
    stands = await stopped_before_h(context)
    return await put_one_back(await _chosen(context), BINARY) if outcome_passed(stands) else stands


async def _parked(context: StepContext) -> Finding:
    service, file = unit_of(context), (await _chosen(context)).files[BINARY]
    height, unit = context.remembered("height"), unit_name(context)
    for _look in range(_LOOKS):
        running, found = await service.running(), await asyncio.to_thread(sha256_of, file.path)
        if not running and found == file.sha256:
            return warned(
                "the old program is in place, and the node is down: nothing of ours starts it",
                f"{file.path}: sha256 {found}",
                f"started as it is, it halts again before height {int(height):,}",
                f"it goes on only with `--unsafe-skip-upgrades {height}` in its arguments, and only together with more"
                " than 2/3 of the voting power that does the same",
                f"`systemctl is-enabled {unit}` says whether a reboot would start it",
                go_on="wait for the network: it skips this upgrade together, or crosses with a fixed release"
                " (`upgrade-console run chain-upgrade --way systemd` leads forward again)",
            )
        await context.sleep(_POLL_S)
    if running:
        return failed(f"{service.name} runs", go_on="somebody started it: stop it, and go on")
    return failed(f"{file.path} has sha256 {found}", go_on="find out who replaced it, and run this again")


def systemd_rollback_steps() -> tuple[Step, ...]:
    """Every step."""
    return (
        Step(
            "rollback.backup",
            StepKind.CHECK,
            "Find what leads back",
            "The newest whole backup of the program, or the one that was named; its copy is compared with its record."
            " Its name says H. No controller of ours may run the node.",
            _find,
        ),
        ZONE,
        SIGNER,
        STOP,
        Step(
            "rollback.keep",
            StepKind.ACTION,
            "Keep what is in place",
            "The program of now is kept as well, to look into what failed.",
            _keep,
            done=again,
            undo="nothing has to be undone",
        ),
        Step(
            "rollback.back",
            StepKind.ACTION,
            "Put the old program back",
            "Right before, the stopped node's database is read, with nobody else having it open: what ran until then"
            " may have gone on after it was last asked. The kept copy takes its place in one step, with its rights. It"
            " is not started. `rollback --hard` is no part of it: at a halt it would delete the decided block"
            " H.",
            _put_back,
            done=again,
            undo=f"what was in place is kept; {AGAIN}",
        ),
        Step(
            "rollback.parked",
            StepKind.WAIT,
            "See it parked",
            "The old program is in place, and the node is down. The old program runs again only where the network skips"
            " this upgrade (`--unsafe-skip-upgrades H`, more than 2/3 of the power) or aborts it.",
            _parked,
        ),
        SIGNER_KEPT,
    )
