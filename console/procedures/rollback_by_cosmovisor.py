"""A chain upgrade under Cosmovisor taken back: only while H is not executed, and the node stays down.

Cosmovisor keeps no word of what ran before, has no way back, and would lead forward again by itself: the plan file in
`data` is all that it needs (facts/cosmos.md §1.3 to §1.5). So `current` goes back, and then both the plan file and
the generation that was left are put where it does not look.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.files import sha256_of, switch_link, sync_folder
from console.model import GENESIS, Finding, StepKind
from console.model.procedure import failed, passed, warned
from console.node.cosmovisor.homes import HomeFacts, look_at_home
from console.node.cosmovisor.upgrade_info import (
    FILE_NAME,
    Incomplete,
    Invalid,
    PlanFile,
    PlanReading,
    applied_path,
    read_plan,
)
from console.operations.kept_backups import backups_folder
from console.operations.kept_files import read_kept
from console.operations.node_alone import controller_holds
from console.procedures.arguments import again
from console.procedures.chain_by_cosmovisor import cosmovisor_settings
from console.procedures.chain_plan import outcome_passed
from console.procedures.chain_unit import unit_name, unit_of
from console.procedures.here import node_of
from console.procedures.not_executed import SIGNER, SIGNER_KEPT, STOP, ZONE, stopped_before_h
from console.procedures.step import Step, StepContext
from console.procedures.way_back import AGAIN, keep_present
from console.text import untrusted

_POLL_S = 0.5
_LOOKS = 4
"""More than one, so that a dry run, in which nothing was switched, says what it would wait for."""
_UPGRADES = "upgrades/"


# --- what leads back ---


@dataclass(frozen=True, slots=True)
class _Way:
    """From which generation to which, and over which upgrade."""

    plan: PlanFile
    left: str
    """`upgrades/<name>` of the plan."""
    to: str
    """`genesis`, or `upgrades/<name>`."""


def _pending(facts: HomeFacts) -> PlanFile | str:
    """The upgrade that is meant; a sentence where the home does not say it."""
    if isinstance(facts.plan, Incomplete):
        return f"data/{FILE_NAME} is cut off: it does not say which upgrade is meant"
    if isinstance(facts.plan, Invalid):
        return f"data/{FILE_NAME} {facts.plan.reason}"
    if facts.plan is None and not isinstance(facts.applied, PlanFile):
        return f"there is no data/{FILE_NAME}, and none beside the current binary: nothing says which upgrade is meant"
    plan = facts.plan or facts.applied
    assert isinstance(plan, PlanFile)
    if isinstance(facts.applied, PlanFile) and facts.applied.height > plan.height:
        return (
            f"data/{FILE_NAME} tells {plan.shown_name} at height {plan.height:,}, and the current generation is of a"
            f" later one, {facts.applied.shown_name} at {facts.applied.height:,}"
        )
    return plan


def _before(applied: Iterable[tuple[str, PlanReading | None]], plan: PlanFile, left: str) -> str | None:
    """What ran before the plan, by the records that Cosmovisor writes at each switch; None where they leave it open.

    Args:
        applied: Each generation with a whole binary, and the plan beside it.
        plan: The upgrade.
        left: Its own generation.
    """
    newest, found = 0, GENESIS
    for folder, record in applied:
        if folder in {left, GENESIS}:
            continue
        if not isinstance(record, PlanFile) or record.height >= plan.height:
            # Staged for later, or put there by hand and perhaps run: nothing tells which.
            return None
        if record.height > newest:
            newest, found = record.height, folder
    return found


def _way_back(facts: HomeFacts, wanted: str, *, recase: bool) -> _Way | Finding:
    """What leads back, or why nothing does. Reads the records beside the binaries; blocking."""
    mend = "nothing is switched on a guess: mend the layout, or go forward with a fixed release"
    if not facts.current_folder:
        return failed(f"{facts.root / 'current'} points at no generation", go_on=mend)
    plan = _pending(facts)
    if isinstance(plan, str):
        return failed(plan, f"current -> {facts.current}", go_on=mend)
    left = f"{_UPGRADES}{plan.folder(recase=recase)}"
    whole = [each.folder for each in facts.generations if not each.problem]
    found: str | None
    if wanted:
        found = wanted if wanted == GENESIS else f"{_UPGRADES}{wanted.removeprefix(_UPGRADES)}"
    elif facts.current_folder != left:
        # Cosmovisor did not come as far as its switch.
        found = facts.current_folder
    else:
        found = _before(((each, read_plan(applied_path(facts.root / each))) for each in whole), plan, left)
    names = ", ".join(str(untrusted(each)) for each in whole if each != left) or "none"
    if found is None:
        return failed(
            f"the home does not say what ran before {plan.shown_name}",
            f"generations with a whole binary: {names}",
            go_on="begin again with --to, and the one that ran before: `genesis`, or its name",
        )
    if found == left or found not in whole:
        return failed(
            f"{untrusted(found)} cannot be what ran before {plan.shown_name}: it has no whole binary, or is its own",
            f"generations with a whole binary: {names}",
            go_on=mend if not wanted else "begin again with another --to",
        )
    return _Way(plan, left, found)


async def _find(context: StepContext) -> Finding:
    if controller_holds(node_of(context)):
        return failed("a controller of ours runs this node: it alone goes back", go_on="begin again without --way")
    service = unit_of(context)
    settings = await asyncio.to_thread(cosmovisor_settings, context)
    facts = await asyncio.to_thread(look_at_home, settings.home, settings.name)
    way = await asyncio.to_thread(_way_back, facts, context.arguments["to"].strip(), recase=settings.recase)
    if isinstance(way, Finding):
        return way
    context.remember("from", way.to)
    context.remember("left", way.left)
    context.remember("height", str(way.plan.height))
    context.remember("downloads", "yes" if settings.allow_download_binaries else "no")
    sha256 = await asyncio.to_thread(sha256_of, facts.root / way.to / "bin" / settings.name)
    lines = (
        f"plan {way.plan.shown_name} at height {way.plan.height:,}",
        f"current -> {facts.current}",
        f"before it ran {way.to}: sha256 {sha256}",
        f"{service.name} {'runs' if await service.running() else 'is stopped'}",
    )
    if not os.access(facts.root, os.W_OK | os.X_OK):
        return failed(
            f"{facts.root} may not be written by this user", *lines, go_on="run this as the node's user, or as root"
        )
    if facts.current_folder == way.to:
        return warned(
            f"current points to {way.to} already",
            *lines,
            go_on="go on: the rest is looked at all the same, and Cosmovisor is kept from switching forward",
        )
    return passed(f"{way.to} leads back: it ran before height {way.plan.height:,}", *lines)


# --- what is changed ---


def _root(context: StepContext) -> Path:
    return node_of(context).home / "cosmovisor"


def _plan_file(context: StepContext) -> Path:
    return node_of(context).home / "data" / FILE_NAME


def _aside(context: StepContext) -> Path:
    """Where the generation that is left goes: beside its place, hidden from Cosmovisor, so that one rename does it."""
    left = _root(context) / context.remembered("left")
    return left.with_name(f".{left.name}-{context.remembered('aside')}")


async def _keep(context: StepContext) -> Finding:
    return await keep_present(context, "chain", {FILE_NAME: _plan_file(context)})


def _switched(root: Path, to: str) -> bool:
    """Point `current` back in the form that it has; whether that changed anything. Raises NodeError."""
    link = root / "current"
    try:
        # Before 1.7.0 Cosmovisor writes it absolute, and finds a relative one only from inside its folder.
        target = str(root / to) if link.readlink().is_absolute() else to
        if link.resolve() == (root / to).resolve():
            return False
        switch_link(link, target)
    except OSError as error:
        raise NodeError(
            f"cannot switch {link}: {error.strerror or error}",
            safe="it points where it did",
            next_step="mend the disk or the rights, and go on",
        ) from error
    return True


async def _switch(context: StepContext) -> Finding:
    stands = await stopped_before_h(context)
    if not outcome_passed(stands):
        return stands
    to = context.remembered("from")
    changed = await asyncio.to_thread(_switched, _root(context), to)
    return passed(f"current points to {to}" + ("" if changed else ", as it did"), *stands.evidence)


def _put_aside(plan: Path, kept: str, left: Path, aside: Path) -> None:
    """Take both from where Cosmovisor looks; can be done again. Raises NodeError.

    Args:
        plan: The node's plan file.
        kept: sha256 of its copy; empty where there was none.
        left: The folder of the generation.
        aside: Where it goes.
    """
    try:
        if plan.exists():
            if sha256_of(plan) != kept:
                raise NodeError(
                    f"{plan} was changed since it was kept",
                    safe="it stays as it is, and nothing runs",
                    next_step="find out who wrote it, and begin again",
                )
            plan.unlink()
            sync_folder(plan.parent)
        if os.path.lexists(left):
            left.rename(aside)
            sync_folder(left.parent)
    except OSError as error:
        raise NodeError(
            f"cannot put aside {error.filename or left}: {error.strerror or error}",
            safe="current points back, and nothing runs; do not start the unit before this is done",
            next_step="mend the disk or the rights, and go on",
        ) from error


async def _hide(context: StepContext) -> Finding:
    stands = await stopped_before_h(context)
    if not outcome_passed(stands):
        return stands
    root, to = _root(context), context.remembered("from")
    if (root / "current").resolve() != (root / to).resolve():
        return failed(f"current does not point to {to} any more", go_on="find out who switched it, and begin again")
    copies = await asyncio.to_thread(read_kept, backups_folder(context.network, "chain") / context.remembered("aside"))
    kept = copies.files[FILE_NAME].sha256 if FILE_NAME in copies.files else ""
    left, aside = root / context.remembered("left"), _aside(context)
    await asyncio.to_thread(_put_aside, _plan_file(context), kept, left, aside)
    return passed("Cosmovisor finds neither the plan nor its program", *_put(context))


def _put(context: StepContext) -> tuple[str, ...]:
    copy = backups_folder(context.network, "chain") / context.remembered("aside") / "files" / FILE_NAME
    left, aside = _root(context) / context.remembered("left"), _aside(context)
    plan = _plan_file(context)
    return (
        f"{plan} is kept as {copy}" if copy.exists() else f"there was no {plan}",
        f"{left} is kept as {aside}" if aside.exists() else f"there was no {left}",
    )


async def _parked(context: StepContext) -> Finding:
    service, root, to = unit_of(context), _root(context), context.remembered("from")
    left, height, unit = context.remembered("left"), context.remembered("height"), unit_name(context)
    plan = _plan_file(context)
    lines = [
        f"current -> {to}",
        f"it goes on only with `--unsafe-skip-upgrades {height}` behind `cosmovisor run start` in the unit (two words:"
        " with `=` Cosmovisor does not see it), and only together with more than 2/3 of the voting power that does the"
        " same",
        f"while it skips, {plan} must not be there: Cosmovisor would end the node and itself for it",
        f"started as it is, it halts again before height {int(height):,}, writes that file anew, and Cosmovisor looks"
        f" for {left}",
        "config is as it is: what a `pre-upgrade` of the new program changed there is not taken back",
        f"`systemctl is-enabled {unit}` says whether a reboot would start it",
    ]
    if context.remembered("downloads") == "yes":
        lines.append(
            "DAEMON_ALLOW_DOWNLOAD_BINARIES is true: at that halt Cosmovisor downloads the plan's program again and"
            " runs it; set it to false in the unit before anything is started"
        )
    if (batch := plan.with_name(f"{plan.name}.batch")).exists():
        lines.append(f"{batch} is there: Cosmovisor writes plans from it by itself; look whether {left} is in it")
    for _look in range(_LOOKS):
        running = await service.running()
        back = (root / "current").resolve() == (root / to).resolve()
        hidden = not plan.exists() and not os.path.lexists(root / left)
        if not running and back and hidden:
            return warned(
                "the old program is current, and the node is down: nothing of ours starts it. It runs on only where"
                " the network skips this upgrade on more than 2/3 of the power",
                *lines,
                *_put(context),
                go_on="wait for the network: it skips this upgrade together, or crosses with a fixed release"
                " (`upgrade-console run chain-upgrade --way cosmovisor` stages it under the same name)",
            )
        await context.sleep(_POLL_S)
    if running:
        return failed(f"{service.name} runs", go_on="somebody started it: stop it, and begin again")
    return failed(
        f"current does not point to {to}" if not back else f"{plan} or {root / left} is there again",
        go_on="find out who put it there, and begin again",
    )


def cosmovisor_rollback_steps() -> tuple[Step, ...]:
    """Every step."""
    return (
        Step(
            "rollback.generation",
            StepKind.CHECK,
            "Find what leads back",
            "The node's plan file says which upgrade and H; the records that Cosmovisor writes beside each binary say"
            " what ran before: the newest before H, else genesis. Where a generation has no record it is not guessed:"
            " `--to` names the one. No controller of ours may run the node.",
            _find,
        ),
        ZONE,
        SIGNER,
        STOP,
        Step(
            "rollback.keep",
            StepKind.ACTION,
            "Keep the plan file",
            "A copy of `data/upgrade-info.json`: a new program needs it for its first start, whenever that is.",
            _keep,
            done=again,
            undo="nothing has to be undone",
        ),
        Step(
            "rollback.back",
            StepKind.ACTION,
            "Point `current` back",
            "In one step, relative or absolute as the link was. Right before, the stopped node's database is read, with"
            " nobody else having it open: what ran until then may have gone on after it was last asked. Nothing is"
            " started. `rollback --hard` is no part of it: at a halt it would delete the decided block H.",
            _switch,
            done=again,
            undo=f"`current` may point to the upgrade again while the node is down; {AGAIN}",
        ),
        Step(
            "rollback.hide",
            StepKind.ACTION,
            "Keep Cosmovisor from switching forward",
            "The plan file goes, its copy is kept, and the generation that was left is renamed beside its place: a"
            " fixed release can be staged under its name. Cosmovisor switches by itself to the plan that it finds in"
            " `data`, and with the height skipped it would end the node for it. Only once `current` is back: without"
            " the file the new program could not load its stores.",
            _hide,
            done=again,
            undo="put both back where its evidence says that they were",
        ),
        Step(
            "rollback.parked",
            StepKind.WAIT,
            "See it parked",
            "The old program is current, and the node is down. It runs again only where the network skips this upgrade"
            " (`--unsafe-skip-upgrades H`, more than 2/3 of the power) or aborts it.",
            _parked,
        ),
        SIGNER_KEPT,
    )
