"""Files kept aside, with a record by which they are known again: before a replacement, or as a copy to go back to.

Each set has a folder of its own: the copies below `files`, and the record beside them, written last.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.files import copy_durably, sha256_of, sync_folder, write_durably

RECORD = "kept.json"
COPIES = "files"
_FORMAT = 2


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file as it was."""

    path: Path
    """Where it was, links resolved."""
    sha256: str
    bytes: int
    mode: int
    owner: int
    group: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Files that were kept together."""

    folder: Path
    """Its name is when and what for: it sorts by time."""
    files: Mapping[str, KeptFile]
    """By what they are: `binary`, `config/app.toml`. A name whose file was not there is not in it."""
    note: str
    at: float
    """When, in Unix seconds."""
    left_out: tuple[str, ...] = ()
    """What was not kept, with why."""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def bytes(self) -> int:
        """Of all of its files."""
        return sum(file.bytes for file in self.files.values())

    def copy(self, what: str) -> Path:
        """The copy of one of the files."""
        return self.folder / COPIES / what

    def damage(self, what: str) -> str:
        """What is wrong with one of the copies; empty where it is what was kept. Blocking."""
        try:
            if sha256_of(self.copy(what)) == self.files[what].sha256:
                return ""
        except OSError as error:
            return f"the copy of {what} cannot be read: {error.strerror}"
        return f"the copy of {what} is not what was kept"


def keep_files(
    folder: Path, files: Mapping[str, Path], note: str, now: float, *, left_out: tuple[str, ...] = ()
) -> Kept:
    """Copy files into a new folder, durably; what is there already from the same call is taken as it is. Blocking.

    Args:
        folder: For the copies and their record; made, mode 0700.
        files: By what they are: a name, or a path below the folder of copies. One that does not exist is left out.
        note: Why, for whoever reads the record.
        now: Unix seconds.
        left_out: What is not kept, with why, for the record.

    Raises:
        NodeError: One cannot be read or copied; nothing counts as kept.
    """
    with suppress(NodeError):
        return read_kept(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found: dict[str, KeptFile] = {}
        for what, path in files.items():
            real = path.resolve()
            if not real.exists():
                continue
            copy = folder / COPIES / what
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = real.stat()
            copy_durably(real, copy, 0o600)
            digest = sha256_of(copy)
            if digest != sha256_of(real):
                raise NodeError(f"{real} was changed while it was copied", safe="nothing was replaced")
            mode = stat.S_IMODE(about.st_mode)
            found[what] = KeptFile(real, digest, copy.stat().st_size, mode, about.st_uid, about.st_gid)
        kept = Kept(folder, found, note, now, left_out)
        for path in {folder / COPIES, *(kept.copy(what).parent for what in found)}:
            if path.is_dir():
                sync_folder(path)
        # Last: without it the folder is no backup.
        write_durably(folder / RECORD, json.dumps(_document(kept), indent=2).encode())
        sync_folder(folder.parent)
    except OSError as error:
        raise NodeError(
            f"cannot keep a copy in {folder}: {error.filename or ''} {error.strerror or error}",
            safe="nothing was replaced",
            next_step="make room, or look at the permissions, and go on",
        ) from error
    return kept


def read_record(folder: Path) -> Kept:
    """What a record says, whatever became of the copies; blocking. Raises NodeError: it cannot be read."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
        if record["format"] != _FORMAT:
            raise ValueError(f"its format is {record['format']}")
        files = {
            str(what): KeptFile(
                Path(row["path"]),
                str(row["sha256"]),
                int(row["bytes"]),
                int(row["mode"]),
                int(row["owner"]),
                int(row["group"]),
            )
            for what, row in record["files"].items()
        }
        return Kept(folder, files, str(record["note"]), float(record["at"]), tuple(map(str, record["left_out"])))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NodeError(
            f"{folder} is no whole backup: {error}", safe="nothing was put back", next_step="make another one"
        ) from error


def read_kept(folder: Path) -> Kept:
    """A folder of kept files, every copy compared with its record; blocking. Raises NodeError."""
    kept = read_record(folder)
    for what in kept.files:
        if wrong := kept.damage(what):
            raise NodeError(f"{folder} is no whole backup: {wrong}", safe="nothing was put back")
    return kept


def all_kept(folder: Path) -> tuple[Kept, ...]:
    """Every whole backup under a folder, newest first. Blocking."""
    found = []
    for entry in kept_folders(folder):
        with suppress(NodeError):
            found.append(read_kept(entry))
    return tuple(found)


def kept_folders(folder: Path) -> tuple[Path, ...]:
    """Folders that have a record, newest first; others are half made. Blocking.

    Raises:
        NodeError: It cannot be looked at.
    """
    try:
        names = sorted(os.listdir(folder), reverse=True)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise NodeError(f"cannot look into {folder}: {error.strerror}") from error
    return tuple(folder / name for name in names if (folder / name / RECORD).is_file())


def _document(kept: Kept) -> dict[str, object]:
    return {
        "format": _FORMAT,
        "note": kept.note,
        "at": kept.at,
        "files": {
            what: {
                "path": str(file.path),
                "sha256": file.sha256,
                "bytes": file.bytes,
                "mode": file.mode,
                "owner": file.owner,
                "group": file.group,
            }
            for what, file in kept.files.items()
        },
        "left_out": list(kept.left_out),
    }
