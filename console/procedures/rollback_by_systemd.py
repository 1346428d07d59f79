"""A chain upgrade by hand over systemd taken back: only while H is not executed, and the node stays down."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from console.errors import NodeError
from console.files import sha256_of
from console.model import Finding, Outcome, StepKind
from console.model.procedure import failed, passed, warned
from console.node.foreign import foreign_holders
from console.node.shape import shape_of
from console.operations.kept_files import Kept
from console.operations.node_alone import controller_holds
from console.operations.own_heights import heights_or_none
from console.operations.replaced_file import check_room
from console.procedures.arguments import again
from console.procedures.chain_plan import outcome_passed
from console.procedures.chain_unit import BINARY, STOP_S, height_of_backup, unit_name, unit_of, unit_stopped
from console.procedures.here import network_name, node_of
from console.procedures.signer_kept import note_signer, signer_kept
from console.procedures.step import Step, StepContext
from console.procedures.way_back import AGAIN, AT_ROLLBACK, chosen, keep_present, put_one_back
from console.settings import NodeSettings

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


# --- whether H was executed ---


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where the application stands, and what tells it."""

    height: int | None
    words: str


async def _standing(context: StepContext, *, running: bool) -> _Standing:
    node = node_of(context)
    if running:
        heights = await heights_or_none(node.cometbft_rpc)
        if heights is None:
            return _Standing(None, "the node runs and its RPC does not answer: it may be executing H now")
        return _Standing(heights.app_height, heights.words)
    try:
        stored = await asyncio.to_thread(shape_of(node).stored_height)
    except NodeError as error:
        return _Standing(None, error.what)
    return _Standing(stored, f"executed to {stored:,}, as the stopped node's database says")


def _judged(height: int, standing: _Standing) -> Finding:
    """Whether the old program may go back at that standing; pure. What is not known refuses."""
    if standing.height is None:
        return failed(
            f"it is not known whether this node executed height {height:,}",
            standing.words,
            go_on="nothing is replaced on a guess: read the node's log for its last `committed state`, or ask the"
            " daemon; while in doubt go forward with a fixed release, or wait for what the network decides",
        )
    if standing.height >= height:
        return failed(
            f"this node executed height {standing.height:,}: the program of before {height:,} cannot run on its data",
            standing.words,
            go_on="only forward, with a fixed release. Back goes only the network as a whole, every node with its data"
            " of before H; never by `rollback --hard`, which would delete the decided block H",
        )
    if standing.height < height - 1:
        return failed(
            f"the application is at height {standing.height:,}, and its halt was at {height - 1:,}",
            standing.words,
            go_on="this is not what the halt left behind: find out what else happened to the data",
        )
    return passed(f"height {height:,} is not executed: the application is at {standing.height:,}", standing.words)


async def _zone(context: StepContext) -> Finding:
    running = await unit_of(context).running()
    standing = await _standing(context, running=running)
    if running and standing.height is None:
        return warned(
            standing.words,
            go_on="go on: once it is stopped its database is read, and nothing is replaced that the rules do not allow",
        )
    return _judged(int(context.remembered("height")), standing)


def _open_by(node: NodeSettings) -> str:
    """Who has the node's data open, or runs it; empty for nobody. Raises NodeError: it cannot be looked for."""
    shape = shape_of(node)
    holders = foreign_holders(node.home, tuple(shape.ports().values()), shape.database_locks(), (), unit_roots=())
    return holders[0].words if holders else ""


async def _stands_back(context: StepContext) -> Finding:
    """The same of the stopped node: only its database counts, for a reading may be older than what came after it."""
    still = await unit_stopped(context)
    if not outcome_passed(still):
        return failed(str(still.sentence), go_on="stop it, and go on: nothing is replaced under it")
    if holder := await asyncio.to_thread(_open_by, node_of(context)):
        return failed(f"the node's unit is stopped, and {holder}", go_on="end that first, then go on")
    return _judged(int(context.remembered("height")), await _standing(context, running=False))


async def _stop(context: StepContext) -> Finding:
    service = unit_of(context)
    # Looked at again: days may lie between the check and this.
    zone = await _zone(context)
    if zone.outcome is Outcome.FAIL:
        return zone
    await service.stop(STOP_S)
    return passed(f"{service.name} is stopped", *zone.evidence)


# --- the program ---


async def _keep(context: StepContext) -> Finding:
    kept = await _chosen(context)
    return await keep_present(context, "chain", {BINARY: kept.files[BINARY].path})


async def _put_back(context: StepContext) -> Finding:
    stands = await _stands_back(context)
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
        Step(
            "rollback.zone",
            StepKind.CHECK,
            "See that H was not executed",
            "By the node's own RPC, or by its database while it is down. At H or above there is no way back here, and"
            " not known is a refusal too. A node that runs and does not answer is looked at once it is stopped.",
            _zone,
        ),
        Step(
            "rollback.signer",
            StepKind.CHECK,
            "Note the signer's state",
            "The file that guards against signing twice is noted now and compared afterwards; it is never restored.",
            note_signer,
        ),
        Step(
            "rollback.stop",
            StepKind.ACTION,
            "Stop the node",
            "Its unit. One that does not stop is not killed, and nothing is replaced.",
            _stop,
            done=unit_stopped,
            undo="start the unit again: nothing was replaced yet",
            ask="Stop this node and put its old program back? It stays down afterwards.",
            typed=network_name,
            deadline_s=STOP_S + 60.0,
        ),
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
        Step(
            "rollback.signer-kept",
            StepKind.CHECK,
            "Compare the signer's state",
            "It must be what it was, or higher.",
            signer_kept,
        ),
    )
