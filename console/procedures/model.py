"""A model that validators score with brought to a new version: verified and loaded first, in force at its height."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

from console.chain.cosmos.model_changes import ModelChange, model_version, read_model_changes
from console.chain.rest import Rest
from console.errors import InputError, NodeError
from console.files import write_durably
from console.model import Crossing, Finding, NodeState, Outcome, StepKind
from console.model.procedure import failed, passed, skipped, warned
from console.operations.kept_backups import backups_folder
from console.operations.model_file import (
    fetch_model,
    is_there,
    load_model,
    model_of,
    model_path,
    model_status,
    sha256_given,
)
from console.operations.model_halt import forget_model_halt, plan_model_halt, planned
from console.operations.replaced_file import keep_files, read_kept, replace_file
from console.operations.toml_key import KeyEdit, plan_key
from console.procedures.arguments import again
from console.procedures.here import network_name, node_of
from console.procedures.spared_power import spared
from console.procedures.step import Parameter, Procedure, Step, StepContext
from console.text import untrusted

POLL_S = 3.0
_CONFIG = "config"
_LOST = frozenset(
    {Crossing.PARKED, Crossing.NEEDS_OPERATOR, Crossing.ROLLBACK, Crossing.RESUMED_OLD, Crossing.MISSED_HALT}
)
_DECIDED = "PASSED"
_GONE = frozenset({"REJECTED", "FAILED"})


# --- what the network decided ---


async def _proposal(context: StepContext) -> Finding:
    given, settings = context.arguments, model_of(context.network)
    if given["version"]:
        return _by_hand(context)
    if not settings.message_type or not context.network.rest:
        raise InputError(
            "no proposal can be read: message_type of the model, and rest of the network, are needed for it",
            safe="nothing was downloaded",
            next_step="set both, or begin again with --version, --hash and --height as the network decided them",
        )
    rest = Rest()
    try:
        changes = await read_model_changes(rest, context.network.rest, settings.message_type)
    finally:
        await rest.close()
    wanted = given["proposal"]
    found = next((each for each in changes if wanted in {"", str(each.proposal)}), None)
    if found is None:
        return failed(
            f"no proposal {wanted or 'of the newest'} changes the model by {settings.message_type}",
            *(_words(each) for each in changes),
            go_on="name another with --proposal, or give version, hash and height by hand",
        )
    _remember(context, found.version, found.checksum, found.height, found.url)
    if found.status in _GONE:
        return failed(
            f"proposal {found.proposal} was {found.status.lower()}",
            _words(found),
            go_on="there is no model to change to",
        )
    if found.status != _DECIDED:
        return warned(
            f"proposal {found.proposal} is not decided yet ({found.status.lower().replace('_', ' ')})",
            _words(found),
            go_on="the model can be downloaded and tried meanwhile; look again before it is taken into force",
        )
    return passed(f"proposal {found.proposal} passed: {found.version} from height {found.height:,} on", _words(found))


def _by_hand(context: StepContext) -> Finding:
    given = context.arguments
    if not given["hash"] or not given["height"]:
        raise InputError("--version needs --hash and --height as well", safe="nothing was downloaded")
    checksum = sha256_given(given["hash"])
    _remember(context, given["version"], f"sha256:{checksum.digest}", int(given["height"]), given["url"])
    return warned(
        f"{given['version']} from height {int(given['height']):,} on, as {context.person} says it",
        f"sha256:{checksum.digest}",
        go_on="go on only if the network has decided just that",
    )


def _remember(context: StepContext, version: str, checksum: str, height: int, url: str) -> None:
    for key, value in (("version", version), ("checksum", checksum), ("height", str(height)), ("url", url)):
        if context.remembered(key) != value:
            context.remember(key, value)


def _words(change: ModelChange) -> str:
    return str(
        untrusted(
            f"proposal {change.proposal} ({change.status.lower()}) {change.title}: {change.version}, {change.checksum},"
            f" from height {change.height}, {change.url or 'no URL'}",
            400,
        )
    )


async def _still_decided(context: StepContext) -> Finding:
    """Once more before anything changes: it may have been undecided, or another may have come."""
    before = [context.remembered(key) for key in ("version", "checksum", "height")]
    found = await _proposal(context)
    if [context.remembered(key) for key in ("version", "checksum", "height")] != before:
        return failed(
            "the newest proposal is another one by now",
            *found.evidence,
            go_on="give this run up and begin again: what was verified is another model",
        )
    if found.outcome is Outcome.WARN and not context.arguments["version"]:
        return failed(str(found.sentence), *found.evidence, go_on="wait for the vote, then go on")
    return found


# --- the file ---


async def _download(context: StepContext) -> Finding:
    settings, version = model_of(context.network), context.remembered("version")
    named = context.remembered("url")
    url = named or settings.url.replace("{version}", version)
    if not url:
        raise InputError("nobody says where the model is", next_step="set `url` of the model, or give --url")
    # A URL of the chain is a stranger's: it may not lead into the operator's own network.
    own = not named or bool(context.arguments["url"]) or (context.node is not None and context.node.local_downloads)
    checksum = sha256_given(context.remembered("checksum"))
    path, origin = await fetch_model(
        settings, version, checksum, url, context.folder, own=own, told=lambda each: context.tell(each.sentence)
    )
    return passed(
        f"{path} is the model that was decided" if origin else f"{path} was there already", str(checksum), origin or url
    )


async def _downloaded(context: StepContext) -> Finding:
    path = model_path(model_of(context.network), context.remembered("version"))
    checksum = sha256_given(context.remembered("checksum"))
    if await asyncio.to_thread(is_there, path, checksum.digest):
        return passed(f"{path} is the model that was decided", str(checksum))
    return failed(f"{path} is not there", go_on="go on")


async def _load(context: StepContext) -> Finding:
    settings = model_of(context.network)
    if not settings.load_command:
        return warned(
            "no load_command is set: whether the model loads is not known",
            go_on="set it in [networks.NAME.model], or be sure by other means",
        )
    path = model_path(settings, context.remembered("version"))
    if not path.exists():
        return skipped(f"{path} is not here: nothing was downloaded in this run")
    end = await load_model(settings, path)
    network = "without a network" if end.alone else "with the network, which could not be taken away here"
    return passed(
        f"the model loads, in {end.seconds:.1f} s",
        f"{end.words}, {network}",
        f"at most {settings.load_memory_bytes >> 20} MiB and {settings.load_s:g} s",
        *end.lines[-5:],
    )


def _edit(context: StepContext) -> KeyEdit:
    settings = model_of(context.network)
    return plan_key(settings.config, settings.key, str(model_path(settings, context.remembered("version"))))


async def _preview(context: StepContext) -> Finding:
    edit = await asyncio.to_thread(_edit, context)
    if not edit.changes:
        return warned(f"{edit.path} names this model already", go_on="go on to see whether it is in force")
    return passed(f"{edit.key} of {edit.path} would change", f"- {edit.old}", f"+ {edit.new}")


# --- a chain that takes the model up at its height ---


def _gated(context: StepContext) -> bool:
    return model_of(context.network).gated


_NOT_GATED = "this chain does not gate the model: the nodes change at one halt instead"
_IS_GATED = "the chain itself takes the model up at its height: no halt is planned"


async def _await_height(context: StepContext) -> Finding:
    if not _gated(context):
        return skipped(_NOT_GATED)
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


async def _spared(context: StepContext) -> Finding:
    return await spared(context) if _gated(context) else skipped(_NOT_GATED)


async def _keep(context: StepContext) -> Finding:
    settings = model_of(context.network)
    if not context.remembered("backup"):
        context.remember("backup", f"{int(context.now())}-before-{context.remembered('version')}")
    folder = backups_folder(context.network, "model") / context.remembered("backup")
    note = f"before model {context.remembered('version')}, by {context.person}"
    kept = await asyncio.to_thread(keep_files, folder, {_CONFIG: settings.config}, note)
    return passed(f"kept as {kept.name}", *(f"{file.path}: sha256 {file.sha256}" for file in kept.files.values()))


async def _kept(context: StepContext) -> Finding:
    if not context.remembered("backup"):
        return failed("nothing is kept yet", go_on="go on")
    kept = await asyncio.to_thread(read_kept, backups_folder(context.network, "model") / context.remembered("backup"))
    return passed(f"kept as {kept.name}")


async def _configure(context: StepContext) -> Finding:
    if not _gated(context):
        return skipped(_NOT_GATED)
    edit = await asyncio.to_thread(_edit, context)
    await asyncio.to_thread(write_edit, context, edit)
    return passed(f"{edit.key} of {edit.path} is {edit.new}", f"- {edit.old}", f"+ {edit.new}")


def write_edit(context: StepContext, edit: KeyEdit) -> None:
    """Write a planned edit in one step. Raises NodeError: the disk refused; the file is as it was."""
    import hashlib

    new = context.folder / f"{edit.path.name}.new"
    try:
        write_durably(new, edit.after)
    except OSError as error:
        raise NodeError(f"cannot write {new}: {error.strerror or error}", safe="the file was not changed") from error
    replace_file(new, edit.path, hashlib.sha256(edit.after).hexdigest())


async def _configured(context: StepContext) -> Finding:
    if not _gated(context):
        return skipped(_NOT_GATED)
    edit = await asyncio.to_thread(_edit, context)
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
    after = await context.client().restart()
    return passed(f"the node runs again, process {after.pid}", f"process {status.pid} before", f"state {after.state}")


async def restarted(context: StepContext) -> Finding:
    """Whether another process runs than before the restart."""
    status = await context.client().status()
    before = context.remembered("pid-before")
    if before and status.pid is not None and str(status.pid) != before:
        return passed(f"the node runs again, process {status.pid}", f"process {before} before")
    return failed(f"process {status.pid} runs", go_on="go on")


async def _restart(context: StepContext) -> Finding:
    return await restart(context) if _gated(context) else skipped(_NOT_GATED)


# --- a chain that does not ---


async def _plan(context: StepContext) -> Finding:
    if _gated(context):
        return skipped(_IS_GATED)
    node = node_of(context)
    version, height = context.remembered("version"), int(context.remembered("height"))
    edit = await asyncio.to_thread(_edit, context)
    reason = f"model {version} at height {height}, by {context.person}"
    lines = await plan_model_halt(context.client(), node, version, height, edit, context.folder, reason)
    return passed(f"the node halts at height {height:,} and comes back with the new configuration", *lines)


async def _planned(context: StepContext) -> Finding:
    if _gated(context):
        return skipped(_IS_GATED)
    status = await context.client().status()
    if planned(status, context.remembered("version"), int(context.remembered("height"))):
        return passed("the halt is planned", f"state {status.state}")
    return failed("the halt is not planned", f"state {status.state}", go_on="go on")


async def _cross(context: StepContext) -> Finding:
    if _gated(context):
        return skipped(_IS_GATED)
    while True:
        status = await context.client().status()
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


async def _unhook(context: StepContext) -> Finding:
    if _gated(context):
        return skipped(_IS_GATED)
    reason = f"model {context.remembered('version')} is in force, by {context.person}"
    lines = await forget_model_halt(context.client(), node_of(context), context.remembered("version"), reason)
    return passed("the hook of the halt is gone", *lines)


# --- both ---


async def follows(context: StepContext) -> Finding:
    """Wait until the node executes new blocks."""
    first: int | None = None
    while True:
        status = await context.client().status()
        if status.state in {NodeState.NEEDS_OPERATOR.value, Crossing.PARKED.value}:
            return failed(
                f"the node is {status.state}: {status.note}", go_on="see `upgrade-console node events`, then go on"
            )
        if status.pid is not None and status.app_height is not None:
            first = status.app_height if first is None else first
            if status.app_height > first:
                return passed(f"the node executes blocks, up to {status.app_height:,}", f"state {status.state}")
        context.tell(f"{status.state}, app at {status.app_height}")
        await context.sleep(POLL_S)


async def _in_force(context: StepContext) -> Finding:
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
            if not end.code and _says(end.output, version):
                return passed(f"the model in force is {version}", *end.lines[:10])
        context.tell(said)
        await context.sleep(POLL_S)


def _says(output: str, version: str) -> bool:
    """Whether a version is named, and not only as a part of a longer one: v1.1 is none in v1.1.0."""
    plain = re.escape(version.removeprefix("v"))
    return re.search(rf"(?<![0-9.])v?{plain}(?![0-9]|\.[0-9])", output) is not None


_BACK = "`upgrade-console run rollback-model` puts the old configuration back"


def _steps(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        Step(
            "model.proposal",
            StepKind.CHECK,
            "Find the proposal",
            "The newest proposal with the message that the settings name: version, hash, effective height and URL of"
            " the model; every REST endpoint has to say the same. Or what the operator gives by hand.",
            _proposal,
        ),
        Step(
            "model.download",
            StepKind.ACTION,
            "Download the model and verify its hash",
            "Into the folder of the models, where the old one stays; another file of that name is never replaced.",
            _download,
            done=_downloaded,
            undo="the file can be removed while nothing names it",
            deadline_s=6 * 3600.0,
        ),
        Step(
            "model.load",
            StepKind.CHECK,
            "Load it once",
            "The operator's command loads it in a process of its own, with limits of memory, processor and time, and"
            " without a network where the kernel lets it be taken away.",
            _load,
            deadline_s=0.0,
        ),
        Step(
            "model.preview",
            StepKind.CHECK,
            "See what would change in the configuration",
            "One key gets another value; comments and everything else stay as they are.",
            _preview,
        ),
        Step(
            "model.agreed",
            StepKind.CONFIRMATION,
            "Coordinate with the other validators",
            "Scores have to be the same everywhere: a validator without the model falls out of consensus.",
            ask="Have the other validators downloaded and verified the same model?",
        ),
        Step(
            "model.decided",
            StepKind.CHECK,
            "See that it is decided",
            "The proposal passed, and is still the one whose model was verified.",
            _still_decided,
        ),
        Step(
            "model.backup",
            StepKind.ACTION,
            "Back up the configuration",
            "A copy with its rights; it leads back.",
            _keep,
            done=_kept,
            undo="nothing has to be undone",
        ),
        Step(
            "model.plan",
            StepKind.ACTION,
            "Plan the halt, where the chain does not gate the model",
            "Treated as an upgrade at the effective height: the controller stops the node there, its hook puts the"
            " configuration in place while the node is down, and the same binary goes on.",
            _plan,
            done=_planned,
            undo="before the height: `upgrade-console node config unset custom_preupgrade`, and another plan",
            ask="Where the chain does not gate the model the node will halt at its height. Go on?",
            typed=network_name,
            deadline_s=900.0,
        ),
        Step(
            "model.height",
            StepKind.WAIT,
            "Wait for the activation height",
            "The configuration changes when the chain has reached it, and not before.",
            _await_height,
            deadline_s=0.0,
        ),
        Step(
            "model.power",
            StepKind.CHECK,
            "See that the chain can spare this node",
            "Less than a third of the voting power may be down while this node restarts.",
            _spared,
        ),
        Step(
            "model.configure",
            StepKind.ACTION,
            "Change the configuration",
            "In one step, whole before and after a power cut.",
            _configure,
            done=_configured,
            undo=_BACK,
        ),
        Step(
            "model.restart",
            StepKind.ACTION,
            "Restart the node",
            "Through its controller, with the same binary and halt height.",
            _restart,
            done=restarted,
            undo=_BACK,
            ask="Restart the node now, with the new model?",
            deadline_s=300.0,
        ),
        Step(
            "model.cross",
            StepKind.WAIT,
            "Cross the halt, where the chain does not gate the model",
            "Halted, configuration in place, started, blocks after H seen.",
            _cross,
            deadline_s=0.0,
        ),
        Step(
            "model.unhook",
            StepKind.ACTION,
            "Take the hook away",
            "The controller's setting is again what it was.",
            _unhook,
            done=again,
            undo="nothing has to be undone",
        ),
        Step(
            "model.follows",
            StepKind.WAIT,
            "See the node follow the chain",
            "It executes new blocks after its start.",
            follows,
            deadline_s=1800.0,
        ),
        Step(
            "model.status",
            StepKind.WAIT,
            "Verify the model in force",
            "The operator's status command names the new version.",
            _in_force,
            deadline_s=900.0,
        ),
    )


def _version(text: str) -> str:
    return model_version(text) if text.strip() else ""


def _number(text: str) -> str:
    if text.strip() and not (text.strip().isascii() and text.strip().isdigit() and int(text) > 0):
        raise ValueError("a whole number above 0")
    return text.strip()


MODEL = Procedure(
    "model",
    "Model upgrade",
    "Brings the model that validators score with to the version that a proposal decided. A chain that takes the model"
    " up at a height waits for it; on another one all nodes change at one halt under their controllers.",
    _steps,
    (
        Parameter("proposal", "Number of the proposal; empty: the newest that changes the model", "", _number),
        Parameter("version", "By hand: the model's version", "", _version),
        Parameter("hash", "By hand: sha256:… of the file", ""),
        Parameter("height", "By hand: the first height with the model", "", _number),
        Parameter("url", "By hand: where the file is; empty: as the settings say", ""),
    ),
    kinds=("cosmos",),
)
