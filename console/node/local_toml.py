"""The halt height through `local.toml`, where the environment is not ours (DESIGN §4.5, facts/ipc.md §1.4).

A step of two: `plan_edit` says what will be written and holds what was there; the caller journals its undo record,
then writes. `restore` puts exactly the old bytes back, and refuses when somebody else has edited the file meanwhile.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.errors import NodeError
from console.files import sync_folder, write_durably
from console.node.discovery.files import read_bounded
from console.text import untrusted

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

NAME = "local.toml"
KEY = "halt_height"

_MOST = (1 << 63) - 1
_NEW_MODE = 0o644


@dataclass(frozen=True, slots=True)
class UndoRecord:
    """What `restore` needs; journalled before the file is written."""

    path: Path
    before: bytes | None
    """The file's bytes; None when it was absent."""
    mode: int
    """Permission bits of the file, or those of the new one."""
    after_sha256: str
    """Of the bytes that are written: other ones found later are somebody else's edit."""

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {
            "path": str(self.path),
            "before": None if self.before is None else base64.b64encode(self.before).decode(),
            "mode": self.mode,
            "after_sha256": self.after_sha256,
        }

    @classmethod
    def from_json(cls, document: object) -> UndoRecord:
        """The record from its JSON values.

        Raises:
            NodeError: They are not a record; nothing is guessed.
        """
        try:
            if not isinstance(document, dict):
                raise TypeError("it is no object")
            before = document["before"]
            return cls(
                path=Path(document["path"]),
                before=None if before is None else base64.b64decode(before, validate=True),
                mode=int(document["mode"]),
                after_sha256=str(document["after_sha256"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NodeError(
                f"the record of the edit of {NAME} cannot be read: {untrusted(error)}",
                safe="the file was not touched",
                next_step=f"look at {NAME} and set {KEY} by hand",
            ) from error


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit that is ready to be written."""

    undo: UndoRecord
    content: bytes

    def write(self) -> None:
        """Write it durably, atomically; again after a kill is the same.

        Raises:
            NodeError: The file changed since the edit was planned, or the disk refused.
        """
        found, _ = _read(self.undo.path)
        if found == self.content:
            return
        if found != self.undo.before:
            raise _edited(self.undo.path, "it was not written")
        _replace(self.undo.path, self.content, self.undo.mode)


def plan_edit(folder: Path, height: int) -> Edit:
    """Say how to set the halt height in `local.toml`, everything else in it kept to the byte.

    Args:
        folder: Fendermint's settings folder.
        height: H in blocks, 0 for never.

    Raises:
        NodeError: The height is none, or the file cannot be read or understood; nothing was changed.
    """
    if not 0 <= height <= _MOST:
        raise NodeError(f"{height} is not a block height", safe="nothing was changed")
    path = folder / NAME
    before, mode = _read(path)
    content = _with_height(path, before or b"", height)
    return Edit(UndoRecord(path, before, mode, hashlib.sha256(content).hexdigest()), content)


def restore(undo: UndoRecord) -> None:
    """Put back what was there before the edit; again after a kill is the same.

    Raises:
        NodeError: Somebody else edited the file meanwhile, or the disk refused; nothing was changed.
    """
    found, _ = _read(undo.path)
    if found == undo.before:
        return
    if found is None or hashlib.sha256(found).hexdigest() != undo.after_sha256:
        raise _edited(undo.path, "it was left as it is")
    if undo.before is not None:
        _replace(undo.path, undo.before, undo.mode)
        return
    try:
        undo.path.unlink(missing_ok=True)
        sync_folder(undo.path.parent)
    except OSError as error:
        raise NodeError(f"cannot remove {undo.path}: {error}") from error


def _read(path: Path) -> tuple[bytes | None, int]:
    """The file's bytes and permission bits; None and those of a new file when it is absent. Raises NodeError."""
    try:
        if path.is_symlink():
            raise OSError("it is a symbolic link, and writing would replace the link")
        content = read_bounded(path)
        return content, stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return None, _NEW_MODE
    except OSError as error:
        raise NodeError(
            f"{path} cannot be read: {error}", safe="nothing was changed", next_step="mend the file"
        ) from error


def _with_height(path: Path, before: bytes, height: int) -> bytes:
    try:
        text = before.decode("utf-8")
        wanted = {**tomllib.loads(text), KEY: height}
    except (ValueError, RecursionError) as error:
        raise NodeError(
            f"{path} is not readable as TOML: {untrusted(error)}", safe="nothing was changed", next_step="mend the file"
        ) from error
    edited = _replaced(text, height) if KEY in tomllib.loads(text) else f"{KEY} = {height}\n{text}"
    # The node must read what we meant, and everything else as before.
    if edited is None or tomllib.loads(edited) != wanted:
        raise NodeError(
            f"{KEY} in {path} is written in a way that cannot be edited safely",
            safe="nothing was changed",
            next_step=f"write it as `{KEY} = 0` on a line of its own",
        )
    return edited.encode()


def _replaced(text: str, height: int) -> str | None:
    """The text with another height in its place; None when tomlkit does not keep the rest to the byte."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document: TOMLDocument = tomlkit.parse(text)
        if tomlkit.dumps(document) != text:
            return None
        document[KEY] = height
        return tomlkit.dumps(document)
    except (TOMLKitError, ValueError, RecursionError):
        return None


def _replace(path: Path, content: bytes, mode: int) -> None:
    try:
        write_durably(path, content, mode)
        if stat.S_IMODE(os.stat(path).st_mode) != mode:
            os.chmod(path, mode)
    except OSError as error:
        raise NodeError(f"cannot write {path}: {error}", next_step="look at the disk") from error


def _edited(path: Path, safe: str) -> NodeError:
    return NodeError(
        f"{path} was edited by somebody else since {KEY} was set",
        safe=safe,
        next_step=f"look at it and set {KEY} by hand: the value of the armed height halts every start",
    )
