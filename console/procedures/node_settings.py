"""All settings of a node as they were before a step, kept in the run's folder, and what differs afterwards."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256

from console.errors import JournalError
from console.files import write_durably
from console.model import Finding, StepKind
from console.model.procedure import passed, warned
from console.operations.setting_changes import all_settings, changed_between, digest_of
from console.procedures.step import Step, StepContext
from console.settings_table import SettingChange

_MOST_LINES = 12


def before_step(item: str) -> Step:
    """The look at all settings before the node is touched."""
    return Step(
        f"{item}.settings-before",
        StepKind.CHECK,
        f"Keep the settings of {item} as they are",
        "Reads every setting of its controller and every key of its own TOML files, to show afterwards what differs."
        " Secrets are hidden and not kept.",
        _before,
        item=item,
    )


async def _before(context: StepContext) -> Finding:
    if not context.remembered(f"settings.{context.item}"):
        await keep(context)
    known = await kept(context)
    return passed(f"{len(known)} settings of {context.item} are kept", f"sha256 {digest_of(known)}")


async def keep(context: StepContext) -> None:
    """Keep all settings of the step's node as they are now. Raises ControllerDown, NodeError."""
    found = await all_settings(context.client(context.item))
    content = json.dumps(found).encode()
    name = f"settings-{sha256(context.item.encode()).hexdigest()[:16]}.json"
    await asyncio.to_thread(write_durably, context.folder / name, content)
    context.remember(f"settings.{context.item}", f"{name} {digest_of(found)}")


async def kept(context: StepContext) -> dict[str, str]:
    """What was kept. Raises JournalError: the file is not what was written."""
    name, _, digest = context.remembered(f"settings.{context.item}").partition(" ")
    try:
        found = json.loads(await asyncio.to_thread((context.folder / name).read_text, "utf-8"))
    except (OSError, ValueError) as error:
        raise JournalError(f"the settings kept of {context.item} cannot be read: {error}") from error
    if not isinstance(found, dict) or digest_of(found) != digest:
        raise JournalError(f"the settings kept of {context.item} are not what was written")
    return {str(key): str(value) for key, value in found.items()}


async def changed_since(context: StepContext) -> tuple[SettingChange, ...]:
    """What differs from what was kept. Raises as `kept` and `keep`."""
    before = await kept(context)
    return changed_between(before, await all_settings(context.client(context.item)))


def lines_of(changes: tuple[SettingChange, ...]) -> tuple[str, ...]:
    """Changes as evidence, a line each."""
    lines = [f"{each.key}: {each.old or '—'} → {each.new or '—'}" for each in changes[:_MOST_LINES]]
    return tuple(lines) + ((f"and {len(changes) - _MOST_LINES} more",) if len(changes) > _MOST_LINES else ())


def after_step(item: str) -> Step:
    """The look at what a release made of the settings."""
    return Step(
        f"{item}.settings-after",
        StepKind.CHECK,
        f"Show what differs in the settings of {item}",
        "A new program may write its settings anew when it starts: what differs from before is shown, key by key.",
        _after,
        item=item,
    )


async def _after(context: StepContext) -> Finding:
    changes = await changed_since(context)
    if not changes:
        return passed(f"no setting of {context.item} differs from before")
    return warned(
        f"{len(changes)} settings of {context.item} differ from before",
        *lines_of(changes),
        go_on="see whether the release's notes say so",
    )
