"""Settings that change while the controller runs: `<state_dir>/settings.toml` over the node's table.

The file holds one table per changed key, with who, when and why. It is replaced durably before a change takes effect,
and the caller's journal hears of the change before that (persist, then act). A file that cannot be understood is left
alone: the network file's settings hold, `problem` says so, and nothing can be set until somebody has mended it.
"""

from __future__ import annotations

import dataclasses
import datetime
import stat
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from console.errors import ConsoleError, InputError, NodeError, SettingsError
from console.files import write_durably
from console.node_settings import NodeSettings
from console.setting_words import nearest, quoted
from console.settings_table import SETTINGS, Effect, Setting, SettingChange, find_setting, parse_value
from console.text import UntrustedText, untrusted

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

FILE_NAME = "settings.toml"
MAX_FILE_BYTES = 64 * 1024
MAX_REASON = 500
"""Characters kept of a reason."""

_NOBODY = UntrustedText("")
_HEAD = "Set by `upgrade-console node config set`, over the node's table in the network's settings file."
_FIELDS = {"value", "who", "at", "reason"}


class Origin(Enum):
    """Where a setting in force comes from; the value is the word for it."""

    DEFAULT = "default"
    FILE = "settings file"
    HERE = "set here"


class Recorder(Protocol):
    """Who keeps what was changed: the journal's `record`. Raises JournalError, and then nothing is changed."""

    def __call__(self, kind: str, **detail: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class LiveSetting:
    """One setting as `config get` shows it; values are texts as `config set` takes them."""

    key: str
    value: str
    """What is in force."""
    origin: Origin
    effect: Effect
    pending: str | None = None
    """What is set but waits for the controller's next start."""
    who: UntrustedText = _NOBODY
    """Who set it here; empty when somebody wrote it into the file by hand."""
    at: float | None = None
    """Unix seconds at which it was set here."""
    reason: UntrustedText = _NOBODY


@dataclass(frozen=True, slots=True)
class _Override:
    value: Any
    who: UntrustedText = _NOBODY
    at: float | None = None
    reason: UntrustedText = _NOBODY


class LiveSettings:
    """The node's settings in force; reads its file when it is made.

    Args:
        base: The node's settings as the network's file says them.
        record: Hears of every change before it takes effect.
        now: Unix seconds.
    """

    def __init__(self, base: NodeSettings, record: Recorder, *, now: Callable[[], float] = time.time) -> None:
        self._base = base
        self._record = record
        self._now = now
        self._path = base.state_dir / FILE_NAME
        self._content = b""
        self._overrides: dict[str, _Override] = {}
        self._problem = ""
        try:
            self._content, self._overrides = self._read()
        except SettingsError as error:
            self._problem = str(error)
        # What needs another start of the controller stays for the life of this object.
        self._held = {key: each for key, each in self._overrides.items() if _waits(key)}
        self._settings = self._merged()

    @property
    def settings(self) -> NodeSettings:
        """The settings in force."""
        return self._settings

    @property
    def problem(self) -> str:
        """Why settings.toml is not obeyed, in one sentence; empty when all is well."""
        return self._problem

    def get(self, name: str) -> LiveSetting:
        """One setting by name or alias. Raises InputError when there is none."""
        return self._shown(find_setting(name))

    def all(self) -> tuple[LiveSetting, ...]:
        """Every setting, in the table's order."""
        return tuple(self._shown(setting) for setting in SETTINGS)

    def set(self, name: str, text: str, *, who: str, reason: str = "") -> SettingChange:
        """Set one setting. Raises as `set_many`."""
        return self.set_many([(name, text)], who=who, reason=reason)[0]

    def set_many(self, changes: Iterable[tuple[str, str]], *, who: str, reason: str = "") -> tuple[SettingChange, ...]:
        """Set some settings, all or none.

        Args:
            changes: Names or aliases, and values as typed.
            who: Who asks, for file and journal.
            reason: Typed by the operator; some values need one (`Setting.needs_reason`).

        Raises:
            InputError: A name or a value is not acceptable, or a reason is missing; nothing was changed.
            SettingsError: settings.toml cannot be understood; nothing was changed.
            JournalError: The record could not be kept; nothing was changed.
            NodeError: The file could not be written; nothing was changed.
        """
        self.refresh()
        wanted: dict[str, _Override] = {}
        kept_reason = untrusted(reason.strip(), MAX_REASON)
        for name, text in changes:
            setting = _settable(name)
            if setting.key in wanted:
                raise InputError(f"{setting.key} is given twice", safe="nothing was changed")
            value = parse_value(setting, text)
            if setting.needs_reason(value) and not kept_reason:
                raise InputError(
                    f"{setting.key} = {setting.kind.show(value)} means to cross without a way back, and needs a reason",
                    safe="nothing was changed",
                    next_step='give it with --reason "…"',
                )
            wanted[setting.key] = _Override(value, untrusted(who), float(int(self._now())), kept_reason)
        return self._change({**self._overrides, **wanted}, tuple(wanted), who, kept_reason)

    def unset(self, name: str, *, who: str, reason: str = "") -> SettingChange:
        """Let the network's file say it again. Raises as `set_many`; InputError when it is not set here."""
        self.refresh()
        setting = _settable(name)
        if setting.key not in self._overrides:
            raise InputError(f"{setting.key} is not set here", safe="nothing was changed")
        left = {key: each for key, each in self._overrides.items() if key != setting.key}
        return self._change(left, (setting.key,), who, untrusted(reason.strip(), MAX_REASON))[0]

    def refresh(self) -> tuple[SettingChange, ...]:
        """Take over what was written into the file by hand, and record it.

        Raises:
            SettingsError: It cannot be understood; what was in force stays in force.
        """
        try:
            content, overrides = self._read()
        except SettingsError as error:
            self._problem = str(error)
            raise
        self._problem = ""
        if content == self._content:
            return ()
        found = self._differences(overrides, sorted(self._overrides.keys() | overrides.keys()))
        for change in found:
            if change.old != change.new:
                self._tell("setting", change, "the file, by hand", "")
        self._content, self._overrides = content, overrides
        self._settings = self._merged()
        return tuple(change for change in found if change.old != change.new)

    def _change(
        self, overrides: dict[str, _Override], keys: tuple[str, ...], who: str, reason: str
    ) -> tuple[SettingChange, ...]:
        content = self._written(overrides, keys)
        if {key: each.value for key, each in self._decoded(content).items()} != {
            key: each.value for key, each in overrides.items()
        }:
            raise SettingsError(f"{self._path} could not be rewritten faithfully", safe="nothing was changed")
        changes = self._differences(overrides, keys)
        for change in changes:
            self._tell("setting", change, who, reason)
        try:
            write_durably(self._path, content)
        except OSError as error:
            for change in changes:
                # The record stands first and must not stay alone; the disk may refuse this one too.
                with suppress(ConsoleError):
                    self._tell("setting-not-kept", change, who, reason)
            raise NodeError(
                f"cannot write {self._path}: {error.strerror or error}", safe="nothing was changed"
            ) from error
        self._content, self._overrides = content, overrides
        self._settings = self._merged()
        return changes

    def _tell(self, kind: str, change: SettingChange, who: str, reason: str) -> None:
        self._record(kind, key=change.key, old=change.old, new=change.new, who=untrusted(who), reason=reason)

    def _differences(self, overrides: Mapping[str, _Override], keys: Iterable[str]) -> tuple[SettingChange, ...]:
        return tuple(SettingChange(key, self._text(key, self._overrides), self._text(key, overrides)) for key in keys)

    def _text(self, key: str, overrides: Mapping[str, _Override]) -> str:
        setting = find_setting(key)
        return setting.kind.show(overrides[key].value) if key in overrides else setting.shown(self._base)

    def _merged(self) -> NodeSettings:
        used = {key: each for key, each in self._overrides.items() if not _waits(key)} | self._held
        return dataclasses.replace(self._base, **{key: each.value for key, each in used.items()})

    def _shown(self, setting: Setting) -> LiveSetting:
        value = setting.shown(self._settings)
        wanted = self._text(setting.key, self._overrides)
        override = self._overrides.get(setting.key)
        written = setting.key in self._base.written
        shown = LiveSetting(
            key=setting.key,
            value=value,
            origin=Origin.FILE if written else Origin.DEFAULT,
            effect=setting.effect,
            pending=wanted if wanted != value else None,
        )
        if override is None:
            return shown
        return dataclasses.replace(shown, origin=Origin.HERE, who=override.who, at=override.at, reason=override.reason)

    def _read(self) -> tuple[bytes, dict[str, _Override]]:
        try:
            status = self._path.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
                raise self._unclear(f"it is not a file of at most {MAX_FILE_BYTES} bytes")
            content = self._path.read_bytes()
        except FileNotFoundError:
            return b"", {}
        except OSError as error:
            raise self._unclear(error.strerror or str(error)) from error
        return content, self._decoded(content)

    def _decoded(self, content: bytes) -> dict[str, _Override]:
        try:
            document = tomllib.loads(content.decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise self._unclear(error) from error
        return {key: self._override(key, table) for key, table in document.items()}

    def _override(self, key: str, table: object) -> _Override:
        setting = next((each for each in SETTINGS if each.key == key), None)
        if setting is None:
            raise self._unclear(f"there is no setting {quoted(key)}{nearest(key, [each.key for each in SETTINGS])}")
        if setting.effect is Effect.FILE:
            raise self._unclear(f"{key} cannot be set there")
        if not isinstance(table, dict) or "value" not in table or not table.keys() <= _FIELDS:
            raise self._unclear(f"[{key}] must be a table of value, who, at and reason")
        who, reason, at = table.get("who", ""), table.get("reason", ""), table.get("at")
        if not isinstance(who, str) or not isinstance(reason, str):
            raise self._unclear(f"who and reason of [{key}] must be texts")
        if at is not None and (not isinstance(at, datetime.datetime) or at.tzinfo is None):
            raise self._unclear(f"at of [{key}] must be a time with its zone")
        try:
            value = setting.kind.decode(table["value"])
        except ValueError as error:
            raise self._unclear(f"{key} must be {error}") from error
        if setting.needs_reason(value) and not reason.strip():
            raise self._unclear(f"{key} = {setting.kind.show(value)} needs a reason")
        seconds = None if at is None else at.timestamp()
        return _Override(value, untrusted(who), seconds, untrusted(reason, MAX_REASON))

    def _unclear(self, why: object) -> SettingsError:
        return SettingsError(
            f"{self._path} cannot be understood: {untrusted(why)}",
            safe="nothing in it is obeyed or changed",
            next_step="mend the file, or move it away",
        )

    def _written(self, overrides: Mapping[str, _Override], keys: Iterable[str]) -> bytes:
        # Only a change needs it; a controller at rest should not carry it.
        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        try:
            return tomlkit.dumps(self._edited(tomlkit.parse(self._content.decode()), overrides, keys)).encode()
        except TOMLKitError as error:
            raise self._unclear(error) from error

    def _edited(self, document: TOMLDocument, overrides: Mapping[str, _Override], keys: Iterable[str]) -> TOMLDocument:
        import tomlkit

        if not self._content:
            document.add(tomlkit.comment(_HEAD))
        for key in keys:
            if key not in overrides:
                document.remove(key)
                continue
            override = overrides[key]
            table = document.get(key)
            if table is None:
                document.add(tomlkit.nl())
                document.add(key, tomlkit.table())
                table = document[key]
            moment = datetime.datetime.fromtimestamp(int(override.at or 0), datetime.UTC)
            fields = {"who": str(override.who), "at": moment, "reason": str(override.reason)}
            table["value"] = find_setting(key).kind.to_toml(override.value)
            for name, value in fields.items():
                table[name] = value
        return document


def _waits(key: str) -> bool:
    return find_setting(key).effect is Effect.CONTROLLER_START


def _settable(name: str) -> Setting:
    setting = find_setting(name)
    if setting.effect is Effect.FILE:
        raise InputError(
            f"{setting.key} cannot be set while the controller runs",
            safe="nothing was changed",
            next_step="stop node and controller outside an upgrade, edit it in the settings file, and start both again",
        )
    return setting
