"""The model of before named again: on a gated chain by a restart, on another one only by the network's decision."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from console.model import Finding, StepKind
from console.model.procedure import failed, passed, warned
from console.operations.kept_files import Kept
from console.operations.model_file import model_of
from console.operations.toml_key import KeyEdit, plan_key, value_of
from console.procedures.arguments import again, filled
from console.procedures.here import network_name
from console.procedures.model_activation import follows, restart, restarted, write_edit
from console.procedures.spared_power import spared
from console.procedures.step import Parameter, Procedure, Step, StepContext
from console.procedures.way_back import BACKUP, chosen, keep_present

_CONFIG = "config"


async def _chosen(context: StepContext) -> Kept:
    return await chosen(context, "model", _CONFIG)


async def _edit(context: StepContext) -> KeyEdit:
    """The key alone goes back: what else was changed in the file since stays."""
    settings = model_of(context.network)
    kept = await _chosen(context)
    old = await asyncio.to_thread(value_of, kept.copy(_CONFIG), settings.key)
    return await asyncio.to_thread(plan_key, settings.config, settings.key, old)


async def _allowed(context: StepContext) -> Finding:
    if model_of(context.network).gated:
        return warned(
            "the chain itself decides which model counts: other validators score with the one of its height",
            go_on="go on only where the network agrees; it may need a proposal of its own",
        )
    decision = context.arguments["decision"]
    if not decision:
        return failed(
            "this chain does not gate the model, so only the network goes back, all nodes at one height",
            go_on="run `model` with the old version, its hash and the height that the network decides; or, at a halt"
            " that the network aborts, begin again with --decision",
        )
    status = await context.client().status()
    if status.pid is not None:
        return failed(
            "the node runs: alone it would score with another model than the others",
            f"state {status.state}",
            go_on="go back only while it is down at a halt that the network aborts, or run `model` with the old one",
        )
    return passed("the network decided to go back, and the node is down", f"decision: {decision}", status.state)


async def _find(context: StepContext) -> Finding:
    kept = await _chosen(context)
    context.remember("from", kept.name)
    edit = await _edit(context)
    model = Path(edit.new)
    lines = (f"{kept.name}: {kept.note}", f"- {edit.old}", f"+ {edit.new}")
    if not await asyncio.to_thread(model.is_file):
        return failed(f"the old model {model} is not there any more", *lines, go_on="bring it back first")
    if not edit.changes:
        return warned("the old model is named already", *lines, go_on="go on to see whether it is in force")
    return passed(f"{edit.key} goes back to {edit.new}", *lines)


async def _keep_present(context: StepContext) -> Finding:
    return await keep_present(context, "model", {_CONFIG: model_of(context.network).config})


async def _put_back(context: StepContext) -> Finding:
    edit = await _edit(context)
    await asyncio.to_thread(write_edit, context, edit)
    return passed(f"{edit.key} of {edit.path} is {edit.new}", f"- {edit.old}", f"+ {edit.new}")


async def _is_back(context: StepContext) -> Finding:
    edit = await _edit(context)
    if edit.changes:
        return failed(f"{edit.key} is {edit.old}", go_on="go on")
    return passed(f"{edit.key} is {edit.new}")


def _stays_down(context: StepContext) -> str:
    if model_of(context.network).gated:
        return ""
    return "the node stays down: it goes on with the network, by `node start` or `node abort`"


def _steps(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        Step(
            "model-back.allowed",
            StepKind.CHECK,
            "See who may go back",
            "Where the chain does not gate the model, only the network goes back: this node follows its decision while"
            " it is down.",
            _allowed,
        ),
        Step(
            "model-back.find",
            StepKind.CHECK,
            "Find what leads back",
            "The configuration that was kept before the upgrade, and the old model's file.",
            _find,
        ),
        Step(
            "model-back.power",
            StepKind.CHECK,
            "See that the chain can spare this node",
            "Less than a third of the voting power may be down while this node restarts.",
            spared,
            needless=_stays_down,
        ),
        Step(
            "model-back.keep",
            StepKind.ACTION,
            "Keep the configuration of now",
            "A rollback can be a mistake too.",
            _keep_present,
            done=again,
            undo="nothing has to be undone",
        ),
        Step(
            "model-back.configure",
            StepKind.ACTION,
            "Name the old model again",
            "The one key goes back; what else was changed in the file since stays.",
            _put_back,
            done=_is_back,
            undo="`upgrade-console run model` brings the new one",
            ask="Name the old model again in the configuration?",
            typed=network_name,
        ),
        Step(
            "model-back.restart",
            StepKind.ACTION,
            "Restart the node",
            "Through its controller, where the chain gates the model.",
            restart,
            done=restarted,
            undo="`upgrade-console run model` brings the new one",
            ask="Restart the node now, with the old model?",
            deadline_s=300.0,
            needless=_stays_down,
        ),
        Step(
            "model-back.follows",
            StepKind.WAIT,
            "See the node follow the chain",
            "It executes new blocks after its start.",
            follows,
            deadline_s=1800.0,
            needless=_stays_down,
        ),
    )


ROLLBACK_MODEL = Procedure(
    "rollback-model",
    "Model rollback",
    "Names the model of before an upgrade again. Other validators may go on with the new one: where the chain does not"
    " gate the model, only the network's decision leads back.",
    _steps,
    (
        Parameter("why", "Why it goes back, for the record", check=filled),
        BACKUP,
        Parameter("decision", "What the network decided, where the chain does not gate the model", ""),
    ),
    kinds=("cosmos",),
)
