"""The node's own settings: TOML files below its home, changed by key, with the way back kept before.

What decides safety is not changed here: the halt height is the controller's, the signer's files are one validator's.
A change holds from the node's next start.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.errors import InputError, NodeError
from console.files import write_durably
from console.node.discovery.files import read_bounded
from console.node.live_settings import Recorder
from console.node.redaction import HIDDEN, redacted
from console.node.toml_values import read_values, shown, wanted_values, with_values
from console.settings_table import SettingChange
from console.text import untrusted

KEPT = "config-before"
"""Folder of what files held before a change, in the controller's state folder, mode 0700."""
MOST_KEPT = 50
_MOST_BYTES = 256 << 10
_DEPTH = 3
_NEVER_INTO = frozenset({"cosmovisor", "data", "wasm", "keyring-file", "keyring-test"})
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}(/[A-Za-z0-9_.-]{1,64}){0,3}\.toml")
_RULED = re.compile(r"(^|\.)(halt[-_](height|time)|priv_validator_[a-z_]+|unsafe[-_]skip[-_]upgrades)$", re.IGNORECASE)
"""Keys on which the rules of arming and of the one signer rest."""
_NOTHING = "nothing was changed"


@dataclass(frozen=True, slots=True)
class _Change:
    """One change as it is kept for its way back."""

    file: str
    before: str
    wrote: str
    """sha256 of what was written."""

    def to_json(self, **more: object) -> bytes:
        """As it is kept."""
        return json.dumps({"file": self.file, "before": self.before, "wrote": self.wrote, **more}).encode()


class NodeFiles:
    """Reads and changes the settings files of one node. Blocking; for a thread.

    Args:
        home: The node's home.
        state_dir: The controller's folder.
        record: Hears of every change before it is made.
        now: Unix seconds.
    """

    def __init__(self, home: Path, state_dir: Path, record: Recorder, now: Callable[[], float] = time.time) -> None:
        self._home = home
        self._kept = state_dir / KEPT
        self._record = record
        self._now = now

    def names(self) -> tuple[str, ...]:
        """Every settings file, relative to the home. Raises NodeError: the home cannot be read."""
        found: list[str] = []
        try:
            for folder, folders, files in os.walk(self._home):
                depth = len(Path(folder).relative_to(self._home).parts)
                folders[:] = sorted(each for each in folders if depth < _DEPTH and each not in _NEVER_INTO)
                found += [
                    str((Path(folder) / each).relative_to(self._home)) for each in files if each.endswith(".toml")
                ]
        except OSError as error:
            raise NodeError(f"{self._home} cannot be read: {error.strerror or error}") from error
        return tuple(sorted(each for each in found if _NAME.fullmatch(each)))

    def values(self, name: str) -> dict[str, str]:
        """Every value of a file by its dotted key, as it is typed; what looks like a secret is hidden.

        Raises:
            InputError: There is no such file.
            NodeError: It cannot be read as TOML.
        """
        found = self._parsed(name, self._text(name))
        return {key: _safe(key, value) for key, value in found.items()}

    def change(self, name: str, changes: Mapping[str, str], *, who: str, reason: str) -> tuple[SettingChange, ...]:
        """Set keys that a file has, all or none; what was there is kept first.

        Args:
            name: The file, as `names` tells it.
            changes: Values as typed, by dotted key.
            who: Who asks, for what is kept.
            reason: Typed by the operator.

        Raises:
            InputError: There is no such file or key, a value is of another kind, or a key is not to be changed here.
            NodeError: The file cannot be read, edited safely or written.
            JournalError: The record could not be kept; nothing was changed.
        """
        for key in changes:
            _refuse_ruled(key)
        text = self._text(name)
        known = self._parsed(name, text)
        wanted = wanted_values(text, changes)
        made = tuple(
            SettingChange(key, _safe(key, known[key]), _safe(key, value))
            for key, value in wanted.items()
            if known[key] != value
        )
        if not made:
            return ()
        after = with_values(text, wanted)
        if after is None:
            raise NodeError(
                f"{name} is written in a way that cannot be edited safely",
                safe=_NOTHING,
                next_step="write these keys on lines of their own, or edit the file by hand",
            )
        self._keep(_Change(name, text, _sha256(after)), who, reason)
        for change in made:
            self._record("node-setting", file=name, key=change.key, old=change.old, new=change.new, reason=reason)
        self._write(name, after)
        return made

    def undo(self, name: str, *, reason: str) -> tuple[SettingChange, ...]:
        """Put back what a file held before its newest change; again, before the one before.

        Raises:
            InputError: Nothing is kept of it.
            NodeError: Somebody else edited it since; it is left as it is, and where its way back is kept is said.
        """
        kept = self._newest(name)
        if kept is None:
            raise InputError(f"nothing is kept of {untrusted(name, 120)}", safe=_NOTHING)
        path, change = kept
        text = self._text(name)
        if _sha256(text) not in {change.wrote, _sha256(change.before)}:
            raise NodeError(
                f"{name} was edited by somebody else since",
                safe="it is left as it is",
                next_step=f"what it held before is in {path}",
            )
        now, before = self._parsed(name, text), self._parsed(name, change.before)
        made = tuple(
            SettingChange(key, _safe(key, now.get(key, "")), _safe(key, value))
            for key, value in before.items()
            if now.get(key) != value
        )
        for each in made:
            self._record("node-setting", file=name, key=each.key, old=each.old, new=each.new, reason=reason)
        self._write(name, change.before)
        path.unlink(missing_ok=True)
        return made

    # --- the files ---

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or ".." in Path(name).parts or name not in self.names():
            raise InputError(
                f"there is no settings file {untrusted(name, 120)!r} below the node's home",
                safe=_NOTHING,
                next_step="`upgrade-console node config file` lists them",
            )
        path = self._home / name
        if path.is_symlink():
            raise NodeError(f"{name} is a symbolic link, and writing would replace the link", safe=_NOTHING)
        return path

    def _text(self, name: str) -> str:
        try:
            return read_bounded(self._path(name), _MOST_BYTES).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise NodeError(f"{name} cannot be read: {error}", safe=_NOTHING) from error

    def _parsed(self, name: str, text: str) -> dict[str, Any]:
        try:
            return read_values(text)
        except ValueError as error:
            raise NodeError(
                f"{name} is not readable as TOML: {untrusted(error)}", safe=_NOTHING, next_step="mend the file"
            ) from error

    def _write(self, name: str, text: str) -> None:
        path = self._path(name)
        try:
            found = path.stat()
            write_durably(path, text.encode(), stat.S_IMODE(found.st_mode))
            if (os.getuid(), os.getgid()) != (found.st_uid, found.st_gid):
                os.chown(path, found.st_uid, found.st_gid)
        except OSError as error:
            raise NodeError(f"cannot write {path}: {error.strerror or error}", next_step="look at the disk") from error

    # --- the way back ---

    def _keep(self, change: _Change, who: str, reason: str) -> None:
        try:
            self._kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            numbers = [int(each.stem) for each in self._kept.glob("*.json") if each.stem.isdecimal()]
            more = {"who": who, "reason": reason, "at": self._now()}
            write_durably(self._kept / f"{max(numbers, default=0) + 1:06}.json", change.to_json(**more))
            for old in sorted(numbers)[: max(0, len(numbers) + 1 - MOST_KEPT)]:
                (self._kept / f"{old:06}.json").unlink(missing_ok=True)
        except OSError as error:
            raise NodeError(
                f"what {change.file} holds cannot be kept in {self._kept}: {error.strerror or error}", safe=_NOTHING
            ) from error

    def _newest(self, name: str) -> tuple[Path, _Change] | None:
        for path in sorted(self._kept.glob("*.json"), reverse=True):
            try:
                document = json.loads(path.read_text("utf-8"))
                change = _Change(str(document["file"]), str(document["before"]), str(document["wrote"]))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise NodeError(f"{path} cannot be read: {error}", safe=_NOTHING) from error
            if change.file == name:
                return path, change
        return None


def _refuse_ruled(key: str) -> None:
    if _RULED.search(key):
        raise InputError(
            f"{key} is not changed here: arming and the one signer rest on it",
            safe=_NOTHING,
            next_step="`upgrade-console node arm` and `disarm` set the halt; a signer is changed with the node stopped",
        )
    if _is_secret(key):
        raise InputError(
            f"{key} may be a secret, which would stand in journals",
            safe=_NOTHING,
            next_step="edit the file on its machine, and restart the node",
        )


def _is_secret(key: str) -> bool:
    return HIDDEN in redacted(f'{key} = "x"')


def _safe(key: str, value: Any) -> str:
    """A value as it is shown: without secrets."""
    text = shown(value)
    return HIDDEN if _is_secret(key) and text else str(untrusted(redacted(text), 1000))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
