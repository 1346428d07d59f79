"""A model that no chain gates by height: every node changes its configuration at one halt, under its controller.

The node's own binary is staged once more under the model's name and planned for that height; the controller's hook
before the start (`custom_preupgrade`) puts the new configuration in place while the node is down. A configuration that
somebody changed since is not replaced: the hook fails, nothing is switched, and the node waits.

The copy carries the model's name behind its last byte, where no loader and no interpreter looks: controllers tell
generations by their bytes, and a crossing to the very same bytes would be none.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import shutil
from pathlib import Path
from typing import Protocol

from console.errors import NodeError
from console.files import write_durably
from console.model import NodeStatus
from console.node.inventory import Inventory
from console.operations.node_config import ConfigControl
from console.operations.node_stage import StageControl, stage_upgrade
from console.operations.toml_key import KeyEdit
from console.settings import NodeSettings

SETTING = "custom_preupgrade"
_PREPARED = ".toml"
_HOOK = """#!/bin/sh
# Written by upgrade-console: puts the configuration of {name} in place while the node is down for it.
set -eu
[ "$1" = {plan} ] || exit 0
config={config}
found=$(sha256sum "$config" | cut -d ' ' -f 1)
[ "$found" = {after} ] && exit 0
[ "$found" = {before} ] || {{ echo "$config was changed by somebody since it was prepared" >&2; exit 1; }}
new="$config.$$.new"
trap 'rm -f "$new"' EXIT
cp -p "$config" "$new"
cat {prepared} > "$new"
made=$(sha256sum "$new" | cut -d ' ' -f 1)
[ "$made" = {after} ] || {{ echo "{prepared_name} is not what was prepared" >&2; exit 1; }}
sync "$new"
mv -f "$new" "$config"
sync "$(dirname "$config")"
"""


class HaltControl(StageControl, ConfigControl, Protocol):
    """What this needs of a controller's client."""


def plan_name_of(version: str) -> str:
    """The name under which the halt is planned."""
    return f"model-{version}"


def hook_name(version: str) -> str:
    """The hook's file in `<home>/cosmovisor`."""
    return f"{plan_name_of(version)}.sh"


async def plan_model_halt(
    control: HaltControl, node: NodeSettings, version: str, height: int, edit: KeyEdit, folder: Path, reason: str
) -> tuple[str, ...]:
    """Prepare everything for the halt; can be done again.

    Args:
        control: The controller's client.
        node: The node.
        version: The model's.
        height: H: the first height that is executed with it.
        edit: What the configuration will be.
        folder: For the copy of the binary on its way.
        reason: For the controller's journal.

    Returns:
        A sentence for each step.

    Raises:
        NodeError: Another hook is set, the disk or the controller refused; nothing is planned.
        InputError: The node has passed that height, or another plan is there.
    """
    if node.runtime == "docker":
        raise NodeError("a node in containers has its model in the image", safe="nothing was planned")
    there = await _hook_set(control)
    name = hook_name(version)
    if there not in {"", name}:
        raise NodeError(
            f"{SETTING} is {there}, which the model's change would replace",
            safe="nothing was planned",
            next_step=f"have that script do it, or unset it: `upgrade-console node config unset {SETTING}`",
        )
    layout = node.home / "cosmovisor"
    await asyncio.to_thread(_write_hook, layout, version, edit)
    if there != name:
        await control.config_set({SETTING: name}, reason)
    binary = Inventory.of(node).generations.current().binary
    copy = await asyncio.to_thread(_marked, binary, folder / plan_name_of(version), version)
    staged = await stage_upgrade(control, node, plan_name_of(version), copy, height=height)
    return (f"{layout / name} puts the configuration in place while the node is down", *staged.lines)


async def forget_model_halt(control: HaltControl, node: NodeSettings, version: str, reason: str) -> tuple[str, ...]:
    """Take the hook away again, where it is ours. Raises NodeError."""
    lines = []
    if await _hook_set(control) == hook_name(version):
        await control.config_unset(SETTING, reason)
        lines.append(f"{SETTING} is what the settings file says again")
    for path in (node.home / "cosmovisor" / hook_name(version), _prepared(node.home / "cosmovisor", version)):
        if path.exists():
            path.unlink()
            lines.append(f"{path} is removed")
    return tuple(lines)


def planned(status: NodeStatus, version: str, height: int) -> bool:
    """Whether the controller has this halt as its plan."""
    attempt = status.attempt
    return attempt is not None and attempt.target_height == height and str(attempt.name) == plan_name_of(version)


async def _hook_set(control: ConfigControl) -> str:
    found = (await control.config(SETTING)).get("settings")
    row = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    return str(row.get("value") or "")


def _marked(binary: Path, copy: Path, version: str) -> Path:
    try:
        shutil.copyfile(binary, copy)
        with copy.open("ab") as stream:
            stream.write(f"\n# upgrade-console: {plan_name_of(version)}\n".encode())
        copy.chmod(0o700)
    except OSError as error:
        raise NodeError(f"cannot copy {binary}: {error.strerror or error}", safe="nothing was planned") from error
    return copy


def _prepared(folder: Path, version: str) -> Path:
    return folder / f"{plan_name_of(version)}{_PREPARED}"


def _write_hook(folder: Path, version: str, edit: KeyEdit) -> None:
    name, prepared = plan_name_of(version), _prepared(folder, version)
    text = _HOOK.format(
        name=name,
        plan=shlex.quote(name),
        config=shlex.quote(str(edit.path.resolve())),
        before=hashlib.sha256(edit.before).hexdigest(),
        after=hashlib.sha256(edit.after).hexdigest(),
        prepared=shlex.quote(str(prepared)),
        prepared_name=prepared.name,
    )
    try:
        write_durably(prepared, edit.after)
        write_durably(folder / hook_name(version), text.encode(), 0o700)
    except OSError as error:
        raise NodeError(
            f"cannot write into {folder}: {os.strerror(error.errno or 0)}", safe="nothing was planned"
        ) from error
