"""A new model taken into force: on a gated chain at its height by a restart, on another one at a halt of every node."""

from __future__ import annotations

import asyncio
import hashlib
import re

from console.errors import NodeError
from console.files import write_durably
from console.model import Crossing, Finding, NodeState
from console.model.procedure import failed, passed, warned
from console.operations.kept_backups import backups_folder
from console.operations.kept_files import keep_files, read_kept
from console.operations.model_file import model_of, model_path, model_status
from console.operations.model_halt import forget_model_halt, plan_model_halt, planned
from console.operations.replaced_file import replace_file
from console.operations.toml_key import KeyEdit, plan_key
from console.procedures.here import heard, node_of
from console.procedures.spared_power import take_this_down
from console.procedures.step import StepContext
from console.procedures.taking_down import until_back

POLL_S = 3.0
FASTEST_BLOCKS_S = 2.0
"""Seconds per block from which on controllers stop their nodes in time at a height that no plan of the chain holds.
With blocks of 0.4 s two nodes of four ran past it; on an idle machine with blocks of 1 s none did."""
_CONFIG = "config"
_LOST = frozenset(
    {Crossing.PARKED, Crossing.NEEDS_OPERATOR, Crossing.ROLLBACK, Crossing.RESUMED_OLD, Crossing.MISSED_HALT}
)


def planned_edit(context: StepContext) -> KeyEdit:
    """What the configuration will be. Raises InputError, NodeError."""
    settings = model_of(context.network)
    return plan_key(settings.config, settings.key, str(model_path(settings, context.remembered("version"))))


def gated(context: StepContext) -> str:
    """Why no halt is planned; empty where the chain does not gate the model."""
    if model_of(context.network).gated:
        return "the chain itself takes the model up at its height: no halt is planned"
    return ""


def not_gated(context: StepContext) -> str:
    """Why nothing is changed while the node runs; empty where the chain gates the model."""
    if model_of(context.network).gated:
        return ""
    return "this chain does not gate the model: the nodes change at one halt instead"


# --- a chain that takes the model up at its height ---


async def await_height(context: StepContext) -> Finding:
    """Wait for the activation height."""
    height = int(context.remembered("height"))
    while True:
        snapshot = await context.snapshot()
        if snapshot.height is not None and snapshot.height >= height:
            return passed(f"the chain is at height {snapshot.height:,}", f"the model is due from {height:,} on")
        context.tell(
            f"{height - snapshot.height:,} blocks to height {height:,}"
            if snapshot.height is not None
            else snapshot.chain_problem or "the height is not known"
        )
        await context.sleep(POLL_S)


async def keep(context: StepContext) -> Finding:
    """Keep the configuration of now."""
    settings = model_of(context.network)
    if not context.remembered("backup"):
        context.remember("backup", f"{int(context.now())}-before-{context.remembered('version')}")
    folder = backups_folder(context.network, "model") / context.remembered("backup")
    note = f"before model {context.remembered('version')}, by {context.person}"
    kept = await asyncio.to_thread(keep_files, folder, {_CONFIG: settings.config}, note, context.now())
    return passed(f"kept as {kept.name}", *(f"{file.path}: sha256 {file.sha256}" for file in kept.files.values()))


async def kept(context: StepContext) -> Finding:
    """Whether it is kept."""
    if not context.remembered("backup"):
        return failed("nothing is kept yet", go_on="go on")
    kept = await asyncio.to_thread(read_kept, backups_folder(context.network, "model") / context.remembered("backup"))
    return passed(f"kept as {kept.name}")


async def configure(context: StepContext) -> Finding:
    """Name the new model in the configuration."""
    edit = await asyncio.to_thread(planned_edit, context)
    await asyncio.to_thread(write_edit, context, edit)
    return passed(f"{edit.key} of {edit.path} is {edit.new}", f"- {edit.old}", f"+ {edit.new}")


def write_edit(context: StepContext, edit: KeyEdit) -> None:
    """Write a planned edit in one step. Raises NodeError: the disk refused; the file is as it was."""
    new = context.folder / f"{edit.path.name}.new"
    try:
        write_durably(new, edit.after)
    except OSError as error:
        raise NodeError(f"cannot write {new}: {error.strerror or error}", safe="the file was not changed") from error
    replace_file(new, edit.path, hashlib.sha256(edit.after).hexdigest())


async def configured(context: StepContext) -> Finding:
    """Whether it is named."""
    edit = await asyncio.to_thread(planned_edit, context)
    if edit.changes:
        return failed(f"{edit.key} is {edit.old}", go_on="go on")
    return passed(f"{edit.key} of {edit.path} is {edit.new}")


async def restart(context: StepContext) -> Finding:
    """Restart the node through its controller, outside any upgrade."""
    status = await context.client().status()
    if status.attempt is not None and status.attempt.has_height and not status.attempt.crossing.ended:
        return failed(
            f"the upgrade {status.attempt.name} is open on this node: a restart could cost its halt",
            f"state {status.state}",
            go_on="cross it first; the crossing restarts the node, and the model is in force then",
        )
    if not context.remembered("pid-before"):
        context.remember("pid-before", str(status.pid))

    async def again(lease: str) -> Finding:
        after = await context.client().restart(lease=lease)
        before = f"process {status.pid} before"
        return passed(f"the node runs again, process {after.pid}", before, f"state {after.state}")

    return await take_this_down(context, again)


async def restarted(context: StepContext) -> Finding:
    """Whether another process runs than before the restart."""
    status = await context.client().status()
    before = context.remembered("pid-before")
    if before and status.pid is not None and str(status.pid) != before:
        return passed(f"the node runs again, process {status.pid}", f"process {before} before")
    return failed(f"process {status.pid} runs", go_on="go on")


# --- a chain that does not ---


async def plan_halt(context: StepContext) -> Finding:
    """Plan the halt, where the chain does not gate the model."""
    node = node_of(context)
    version, height = context.remembered("version"), int(context.remembered("height"))
    chain = (await context.snapshot()).chain
    if chain is not None and chain.block_time_s is not None and chain.block_time_s < FASTEST_BLOCKS_S:
        return failed(
            f"blocks come every {chain.block_time_s:.2f} s: some nodes would be past height {height:,} before their"
            " controllers have stopped them, and the network would part over the model",
            go_on="have the network plan a height itself, by a software upgrade proposal: every node stops there, and"
            " its custom_preupgrade can change the configuration while it is down",
        )
    edit = await asyncio.to_thread(planned_edit, context)
    reason = f"model {version} at height {height}, by {context.person}"
    lines = await plan_model_halt(context.client(), node, version, height, edit, context.folder, reason)
    return passed(f"the node halts at height {height:,} and comes back with the new configuration", *lines)


async def halt_planned(context: StepContext) -> Finding:
    """Whether the halt is planned."""
    status = await context.client().status()
    if planned(status, context.remembered("version"), int(context.remembered("height"))):
        return passed("the halt is planned", f"state {status.state}")
    return failed("the halt is not planned", f"state {status.state}", go_on="go on")


async def cross_halt(context: StepContext) -> Finding:
    """Wait until the node has crossed its halt."""
    while True:
        status = await heard(context, context.client().status)
        attempt = status.attempt
        if planned(status, context.remembered("version"), int(context.remembered("height"))) and attempt is not None:
            lines = (f"state {status.state}, height {status.height}, app at {status.app_height}", attempt.note)
            if attempt.crossing is Crossing.COMMITTED:
                return passed("the node crossed with the new configuration, and the network follows", *lines)
            if attempt.crossing in _LOST:
                return failed(
                    f"the crossing is {attempt.crossing.value}: {attempt.note}",
                    *lines,
                    go_on="alone this node does not go back: when the network has decided so, `upgrade-console run"
                    " rollback-model --decision …`; else mend what the note says, and go on",
                )
        if status.state == NodeState.NEEDS_OPERATOR.value:
            return failed(f"the node needs its operator: {status.note}", go_on="see `upgrade-console node events`")
        context.tell(f"{status.state}, height {status.height}")
        await context.sleep(POLL_S)


async def unhook(context: StepContext) -> Finding:
    """Take the hook of the halt away."""
    reason = f"model {context.remembered('version')} is in force, by {context.person}"
    lines = await forget_model_halt(context.client(), node_of(context), context.remembered("version"), reason)
    return passed("the hook of the halt is gone", *lines)


# --- both ---


async def follows(context: StepContext) -> Finding:
    """Wait until the node executes new blocks, and has executed that from which on the model counts.

    Before it, what the node tells of models names the new one as the next.
    """
    async with until_back(context, node_of(context).name):
        return await _executes(context)


async def _executes(context: StepContext) -> Finding:
    due = int(context.remembered("height") or 0)
    first: int | None = None
    while True:
        status = await heard(context, context.client().status)
        if status.state in {NodeState.NEEDS_OPERATOR.value, Crossing.PARKED.value}:
            return failed(
                f"the node is {status.state}: {status.note}", go_on="see `upgrade-console node events`, then go on"
            )
        if status.pid is not None and status.app_height is not None:
            first = status.app_height if first is None else first
            if status.app_height > first and status.app_height >= due:
                return passed(f"the node executes blocks, up to {status.app_height:,}", f"state {status.state}")
        context.tell(f"{status.state}, app at {status.app_height}")
        await context.sleep(POLL_S)


async def new_in_force(context: StepContext) -> Finding:
    """Wait until the new model is in force."""
    return await in_force(context, context.remembered("version"))


async def in_force(context: StepContext, version: str) -> Finding:
    """Wait until the operator's command says that a version is in force."""
    settings = model_of(context.network)
    if not settings.status_command:
        return warned(
            "no status_command is set: the model in force is not known",
            go_on="ask the chain which model is in force",
        )
    while True:
        try:
            end = await model_status(settings, model_path(settings, version))
        except NodeError as error:
            said = error.what
        else:
            said = f"{end.words}: {' / '.join(end.lines[:6]) or end.how}"
            if not end.code and says(end.output, version):
                return passed(f"the model in force is {version}", *end.lines[:10])
        context.tell(said)
        await context.sleep(POLL_S)


def says(output: str, version: str) -> bool:
    """Whether a version is named, and not only as a part of a longer one: v1.1 is none in v1.1.0."""
    plain = re.escape(version.removeprefix("v"))
    return re.search(rf"(?<![0-9.])v?{plain}(?![0-9]|\.[0-9])", output) is not None
