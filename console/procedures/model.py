"""A model that validators score with brought to a new version: verified and loaded first, in force at its height."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from console.chain.cosmos.model_changes import model_version
from console.errors import InputError
from console.model import ChainMessage, Finding, Outcome, StepKind
from console.model.procedure import failed, passed, skipped, warned
from console.operations.chain_messages import model_confirmation_message
from console.operations.model_file import fetch_model, is_there, load_model, model_of, model_path, sha256_given
from console.procedures import model_activation as activation
from console.procedures.arguments import again
from console.procedures.here import network_name
from console.procedures.model_proposal import find_proposal, still_decided
from console.procedures.said_on_chain import say, show
from console.procedures.spared_power import spared
from console.procedures.step import Parameter, Procedure, Step, StepContext

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


async def _preview(context: StepContext) -> Finding:
    edit = await asyncio.to_thread(activation.planned_edit, context)
    if not edit.changes:
        return warned(f"{edit.path} names this model already", go_on="go on to see whether it is in force")
    return passed(f"{edit.key} of {edit.path} would change", f"- {edit.old}", f"+ {edit.new}")


# --- told to the others ---


def _unconfirmed(context: StepContext) -> str:
    return "" if model_of(context.network).confirm else "no `confirm` is set: this chain knows no confirmations"


def _confirmation(context: StepContext) -> ChainMessage:
    words = model_of(context.network).confirm
    return model_confirmation_message(words, context.remembered("version"), context.remembered("checksum"))


async def _show_confirmation(context: StepContext) -> Finding:
    return await show(context, _confirmation(context))


async def _confirm(context: StepContext) -> Finding:
    there = await _downloaded(context)
    if there.outcome is Outcome.FAIL:
        return there
    height, evidence = await say(context, _confirmation(context))
    return passed(f"the chain has this validator's confirmation since block {height}", *evidence)


_BACK = "`upgrade-console run rollback-model` puts the old configuration back"


def _steps(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        Step(
            "model.proposal",
            StepKind.CHECK,
            "Find the proposal",
            "The newest proposal with the message that the settings name: version, hash, effective height and URL of"
            " the model; every REST endpoint has to say the same. Or what the operator gives by hand.",
            find_proposal,
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
            still_decided,
        ),
        Step(
            "model.confirm-shown",
            StepKind.CHECK,
            "Show what confirms the model",
            "The chain's daemon builds the transaction without signing it: every command, message and fee is shown.",
            _show_confirmation,
            optional=True,
            needless=_unconfirmed,
        ),
        Step(
            "model.confirm",
            StepKind.ACTION,
            "Confirm the model on the chain",
            "Tells everybody that this validator has the model, verified and loaded, and waits for the block.",
            _confirm,
            # What was sent and not seen in a block is settled before anything is signed anew.
            done=again,
            undo="nothing has to be undone",
            follows="model.confirm-shown",
            ask="Confirm the model with the transaction that was shown?",
            optional=True,
            deadline_s=900.0,
        ),
        Step(
            "model.backup",
            StepKind.ACTION,
            "Back up the configuration",
            "A copy with its rights; it leads back.",
            activation.keep,
            done=activation.kept,
            undo="nothing has to be undone",
        ),
        Step(
            "model.plan",
            StepKind.ACTION,
            "Plan the halt, where the chain does not gate the model",
            "Treated as an upgrade at the effective height: the controller stops the node there, its hook puts the"
            " configuration in place while the node is down, and the same binary goes on.",
            activation.plan_halt,
            done=activation.halt_planned,
            undo="before the height: `upgrade-console node config unset custom_preupgrade`, and another plan",
            ask="This chain does not gate the model: have the node halt at its height, as all others do?",
            typed=network_name,
            deadline_s=900.0,
            needless=activation.gated,
        ),
        Step(
            "model.height",
            StepKind.WAIT,
            "Wait for the activation height",
            "The configuration changes when the chain has reached it, and not before.",
            activation.await_height,
            deadline_s=0.0,
            needless=activation.not_gated,
        ),
        Step(
            "model.power",
            StepKind.CHECK,
            "See that the chain can spare this node",
            "Less than a third of the voting power may be down while this node restarts.",
            spared,
            needless=activation.not_gated,
        ),
        Step(
            "model.configure",
            StepKind.ACTION,
            "Change the configuration",
            "In one step, whole before and after a power cut.",
            activation.configure,
            done=activation.configured,
            undo=_BACK,
            needless=activation.not_gated,
        ),
        Step(
            "model.restart",
            StepKind.ACTION,
            "Restart the node",
            "Through its controller, with the same binary and halt height.",
            activation.restart,
            done=activation.restarted,
            undo=_BACK,
            ask="Restart the node now, with the new model?",
            deadline_s=300.0,
            needless=activation.not_gated,
        ),
        Step(
            "model.cross",
            StepKind.WAIT,
            "Cross the halt, where the chain does not gate the model",
            "Halted, configuration in place, started, blocks after H seen.",
            activation.cross_halt,
            deadline_s=0.0,
            needless=activation.gated,
        ),
        Step(
            "model.unhook",
            StepKind.ACTION,
            "Take the hook away",
            "The controller's setting is again what it was.",
            activation.unhook,
            done=again,
            undo="nothing has to be undone",
            needless=activation.gated,
        ),
        Step(
            "model.follows",
            StepKind.WAIT,
            "See the node follow the chain",
            "It executes new blocks after its start.",
            activation.follows,
            deadline_s=1800.0,
        ),
        Step(
            "model.status",
            StepKind.WAIT,
            "Verify the model in force",
            "The operator's status command names the new version.",
            activation.new_in_force,
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
