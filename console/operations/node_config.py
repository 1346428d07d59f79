"""`node config`: settings in force, changed through the controller, or in its file when none runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from console.errors import ControllerDown, InputError
from console.node.journal import Journal
from console.node.live_settings import LiveSettings
from console.node.protocol import settings_to_json
from console.operations.node_alone import alone, controller_holds
from console.operations.orchestrator_import import imported_changes, read_orchestrator_config
from console.settings import NodeSettings
from console.settings_table import SettingChange
from console.this_user import this_user


class ConfigControl(Protocol):
    """What the verbs need of a controller's client."""

    async def config(self, key: str | None = None) -> dict[str, Any]: ...
    async def config_set(self, changes: Mapping[str, str], reason: str = "") -> tuple[SettingChange, ...]: ...
    async def config_unset(self, key: str, reason: str = "") -> tuple[SettingChange, ...]: ...


async def shown(control: ConfigControl, node: NodeSettings | None, key: str | None = None) -> dict[str, Any]:
    """Settings in force: the controller's word, or what the files say when none runs. Raises InputError, NodeError.

    Args:
        control: The controller's client.
        node: The node's settings; None for one on another machine, where only the controller is asked.
        key: Only this one.
    """
    try:
        return await control.config(key)
    except ControllerDown:
        if node is None:
            raise
        live = LiveSettings(node, _refuse)
        return settings_to_json(live.all() if key is None else (live.get(key),), live.problem)


async def changed(
    control: ConfigControl, node: NodeSettings | None, changes: Mapping[str, str], reason: str = ""
) -> tuple[SettingChange, ...]:
    """Set some settings, all or none.

    Raises:
        InputError: A name or a value is not acceptable.
        NodeError: Refused by the controller, or the file cannot be written.
        ControllerDown: A controller runs and does not answer, or it is on another machine.
    """
    try:
        return await control.config_set(changes, reason)
    except ControllerDown:
        if node is None or controller_holds(node):
            raise

    def write() -> tuple[SettingChange, ...]:
        with alone(node, "config_set", changes=dict(changes), reason=reason) as journal:
            return _live(node, journal).set_many(changes.items(), who=this_user(), reason=reason)

    return await asyncio.to_thread(write)


async def unset(
    control: ConfigControl, node: NodeSettings | None, key: str, reason: str = ""
) -> tuple[SettingChange, ...]:
    """Let the settings file say it again. Raises as `changed`."""
    try:
        return await control.config_unset(key, reason)
    except ControllerDown:
        if node is None or controller_holds(node):
            raise

    def write() -> tuple[SettingChange, ...]:
        with alone(node, "config_unset", key=key, reason=reason) as journal:
            return (_live(node, journal).unset(key, who=this_user(), reason=reason),)

    return await asyncio.to_thread(write)


async def imported(
    control: ConfigControl, node: NodeSettings, file: Path, reason: str = ""
) -> tuple[SettingChange, ...]:
    """Take over an `orchestrator-config.yaml`; what says the same as now is left alone. Raises as `changed`."""
    text = await asyncio.to_thread(read_orchestrator_config, file)
    in_force = await asyncio.to_thread(lambda: LiveSettings(node, _refuse).settings)
    wanted = {change.key: change.new for change in imported_changes(text, in_force)}
    return await changed(control, node, wanted, reason) if wanted else ()


def assignments(words: list[str]) -> dict[str, str]:
    """`KEY=VALUE` words, or one `KEY VALUE` pair.

    Raises:
        InputError: They are neither, or a name is given twice.
    """
    if len(words) == 2 and "=" not in words[0]:
        return {words[0]: words[1]}
    found: dict[str, str] = {}
    for word in words:
        key, separator, value = word.partition("=")
        if not separator or not key:
            raise InputError(f"{word!r} is not KEY=VALUE", safe="nothing was changed")
        if key in found:
            raise InputError(f"{key} is given twice", safe="nothing was changed")
        found[key] = value
    return found


def _live(node: NodeSettings, journal: Journal) -> LiveSettings:
    return LiveSettings(node, lambda kind, **detail: journal.record(kind, **detail))


def _refuse(kind: str, **detail: Any) -> None:
    raise AssertionError("nothing is changed here")
