"""Changes of settings that go over several nodes: the controller's own, and those of the node's TOML files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from console.errors import InputError
from console.settings_table import Effect, SettingChange, find_setting


class SettingsControl(Protocol):
    """What is asked of a controller's client. All raise ControllerDown and NodeError."""

    async def config(self, key: str | None = None) -> dict[str, Any]: ...
    async def config_set(self, changes: Mapping[str, str], reason: str = "") -> tuple[SettingChange, ...]: ...
    async def node_files(self) -> tuple[str, ...]: ...
    async def node_values(self, file: str) -> dict[str, str]: ...
    async def node_values_set(
        self, file: str, changes: Mapping[str, str], reason: str
    ) -> tuple[SettingChange, ...]: ...


@dataclass(frozen=True, slots=True)
class WantedSettings:
    """What is to be set on each node."""

    controller: Mapping[str, str]
    """Values by the key of a setting of the controller's."""
    files: Mapping[str, Mapping[str, str]]
    """Values by dotted key, by file of the node's."""

    @property
    def text(self) -> str:
        """As it is typed."""
        parts = [f"{key}={value}" for key, value in self.controller.items()]
        parts += [f"{file}:{key}={value}" for file, keys in self.files.items() for key, value in keys.items()]
        return "; ".join(parts)


def read_wanted(text: str) -> WantedSettings:
    """Read `KEY=VALUE; FILE:KEY=VALUE`.

    Raises:
        ValueError: It is not that, or a key cannot be set while a controller runs; rest of `set must be …`.
    """
    controller: dict[str, str] = {}
    files: dict[str, dict[str, str]] = {}
    for part in (each.strip() for each in text.split(";") if each.strip()):
        name, separator, value = part.partition("=")
        file, colon, key = name.strip().rpartition(":")
        if not separator or not key:
            raise ValueError(f"KEY=VALUE or FILE:KEY=VALUE with ; between; {part!r} is neither")
        into = files.setdefault(file, {}) if colon else controller
        if not colon:
            key = _settable(key)
        if key in into:
            raise ValueError(f"each key once; {key} is there twice")
        into[key] = value.strip()
    if not controller and not files:
        raise ValueError("KEY=VALUE or FILE:KEY=VALUE with ; between; nothing is given")
    return WantedSettings(controller, files)


def _settable(key: str) -> str:
    try:
        setting = find_setting(key)
    except InputError as error:
        raise ValueError(f"settings that there are; {error.what}") from error
    if setting.effect is Effect.FILE:
        raise ValueError(f"settings that change while the controller runs; {setting.key} is read from the file alone")
    return setting.key


@dataclass(frozen=True, slots=True)
class Difference:
    """One key of one node as it is and as it is wanted."""

    file: str
    """Empty for a setting of the controller's."""
    key: str
    now: str
    wanted: str

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.file}: {self.key}" if self.file else self.key

    @property
    def line(self) -> str:
        """In one line, with when it holds."""
        when = "from the node's next start" if self.file else _WHEN[find_setting(self.key).effect]
        return f"{self.place}: {self.now or '—'} → {self.wanted or '—'} ({when})"

    @property
    def restarts(self) -> bool:
        """Whether the node has to be started again for it."""
        return bool(self.file) or find_setting(self.key).effect is Effect.NODE_START


_WHEN = {
    Effect.AT_ONCE: "at once",
    Effect.NODE_START: "from the node's next start",
    Effect.CONTROLLER_START: "from the controller's next start",
    Effect.FILE: "never: it is read from the settings file",
}


async def differences(control: SettingsControl, wanted: WantedSettings) -> tuple[Difference, ...]:
    """What is not as it is wanted on one node.

    Raises:
        InputError: A file lacks a key.
        ControllerDown, NodeError: The controller does not answer, or a file cannot be read.
    """
    found: list[Difference] = []
    if wanted.controller:
        known = {each["key"]: each for each in (await control.config()).get("settings", []) if isinstance(each, dict)}
        for key, value in wanted.controller.items():
            setting = known.get(key)
            if setting is None:
                raise InputError(f"its controller knows no setting {key}", next_step="have the same version everywhere")
            now = setting.get("pending") or setting.get("value", "")
            if not _same(key, str(now), value):
                found.append(Difference("", key, str(now), value))
    for file, keys in wanted.files.items():
        values = await control.node_values(file)
        for key, value in keys.items():
            if key not in values:
                raise InputError(f"{file} has no key {key}", safe="nothing was changed")
            if values[key] != value:
                found.append(Difference(file, key, values[key], value))
    return tuple(found)


def _same(key: str, now: str, wanted: str) -> bool:
    kind = find_setting(key).kind
    try:
        return bool(kind.parse(now) == kind.parse(wanted))
    except ValueError:
        return now == wanted


async def set_wanted(control: SettingsControl, open_: Iterable[Difference], reason: str) -> tuple[SettingChange, ...]:
    """Set what is not as it is wanted. Raises ControllerDown, NodeError; what was set before stays, and is seen."""
    done: list[SettingChange] = []
    by_file: dict[str, dict[str, str]] = {}
    for each in open_:
        by_file.setdefault(each.file, {})[each.key] = each.wanted
    for file, changes in by_file.items():
        done += await (control.node_values_set(file, changes, reason) if file else control.config_set(changes, reason))
    return tuple(done)


# --- the whole of it, before and after ---


async def all_settings(control: SettingsControl) -> dict[str, str]:
    """Every setting of a node: its controller's by key, its files' by `FILE: KEY`. Raises ControllerDown, NodeError."""
    found = {
        str(each["key"]): str(each.get("value", ""))
        for each in (await control.config()).get("settings", [])
        if isinstance(each, dict) and "key" in each
    }
    for file in await control.node_files():
        found |= {f"{file}: {key}": value for key, value in (await control.node_values(file)).items()}
    return found


def changed_between(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[SettingChange, ...]:
    """What differs, in the order of its keys. Pure."""
    return tuple(
        SettingChange(key, before.get(key, ""), after.get(key, ""))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )


def digest_of(settings: Mapping[str, str]) -> str:
    """sha256, 64 hex digits, of these settings."""
    return hashlib.sha256(json.dumps(sorted(settings.items())).encode()).hexdigest()
