"""Files of the machine that an upgrade replaces: kept durably first, replaced in one step, put back the same way.

What is kept lies in a folder of ours beside its record, so that another run, on another day, leads back by it.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.files import sha256_of, sync_folder, write_durably

RECORD = "kept.json"
SPARE_BYTES = 64 << 20
"""Bytes that have to stay free beside a new file."""
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file as it was."""

    path: Path
    """Where it was, links resolved."""
    sha256: str
    mode: int
    owner: int
    group: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Files that were kept together."""

    folder: Path
    """Its name is when and what for: it sorts by time."""
    files: Mapping[str, KeptFile]
    """By what they are: `binary`, `config`. A name whose file was not there is not in it."""
    note: str

    @property
    def name(self) -> str:
        return self.folder.name

    def copy(self, what: str) -> Path:
        """The copy of one of the files."""
        return self.folder / what


def check_room(target: Path, size: int) -> None:
    """Refuse before anything is stopped what the disk has no room for, or we no right to.

    Args:
        target: The file that will be replaced.
        size: Bytes of the new one.

    Raises:
        NodeError: There is no room in its folder, or it may not be written.
    """
    folder = target.resolve().parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise NodeError(f"{folder} cannot be looked at: {error.strerror}", safe="nothing was stopped") from error
    if free < size + SPARE_BYTES:
        raise NodeError(
            f"{folder} has {free >> 20} MiB free, and {(size + SPARE_BYTES) >> 20} MiB are needed",
            safe="nothing was stopped or replaced",
            next_step="free disk space, and go on",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NodeError(
            f"{folder} may not be written by this user",
            safe="nothing was stopped or replaced",
            next_step="run this as the user that installs programs there",
        )


def keep_files(folder: Path, files: Mapping[str, Path], note: str) -> Kept:
    """Copy files into a new folder, durably; what is there already from the same call is taken as it is. Blocking.

    Args:
        folder: For the copies and their record; made, mode 0700.
        files: By what they are. One that does not exist is left out.
        note: Why, for whoever reads the record.

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
            about = real.stat()
            copy = folder / what
            _copy(real, copy, 0o600)
            digest = sha256_of(copy)
            if digest != sha256_of(real):
                raise NodeError(f"{real} was changed while it was copied", safe="nothing was replaced")
            found[what] = KeptFile(real, digest, stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid)
        rows = {what: _row(kept) for what, kept in found.items()}
        record = {"format": _FORMAT, "note": note, "files": rows}
        # Last: without it the folder is no backup.
        write_durably(folder / RECORD, json.dumps(record, indent=2).encode())
        sync_folder(folder.parent)
    except OSError as error:
        raise NodeError(
            f"cannot keep a copy in {folder}: {error.strerror or error}",
            safe="nothing was replaced",
            next_step="free disk space, and go on",
        ) from error
    return Kept(folder, found, note)


def read_kept(folder: Path) -> Kept:
    """A folder of kept files, every copy compared with its record; blocking. Raises NodeError."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
        if record["format"] != _FORMAT:
            raise ValueError(f"its format is {record['format']}")
        files = {
            str(what): KeptFile(
                Path(row["path"]), str(row["sha256"]), int(row["mode"]), int(row["owner"]), int(row["group"])
            )
            for what, row in record["files"].items()
        }
        kept = Kept(folder, files, str(record["note"]))
        for what, file in files.items():
            if sha256_of(kept.copy(what)) != file.sha256:
                raise ValueError(f"the copy of {file.path} is not what was kept")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NodeError(f"{folder} is no whole backup: {error}", safe="nothing was put back") from error
    return kept


def all_kept(folder: Path) -> tuple[Kept, ...]:
    """Every whole backup under a folder, newest first. Blocking."""
    found = []
    names = sorted((entry for entry in folder.iterdir() if entry.is_dir()), reverse=True) if folder.is_dir() else []
    for entry in names:
        with suppress(NodeError):
            found.append(read_kept(entry))
    return tuple(found)


def put_back(kept: Kept, what: str) -> bool:
    """Put one kept file back in its place. Blocking.

    Returns:
        Whether something was changed: not where its bytes are there already.

    Raises:
        NodeError: It was not kept, or the disk refused; what is there stays.
    """
    file = kept.files.get(what)
    if file is None:
        raise NodeError(f"{kept.name} keeps no {what}", safe="nothing was put back")
    return replace_file(kept.copy(what), file.path, file.sha256, like=file)


def replace_file(new: Path, target: Path, sha256: str, *, like: KeptFile | None = None, new_mode: int = 0o755) -> bool:
    """Put a copy of a file in another's place in one step: a reader sees the old or the new one, whole. Blocking.

    Args:
        new: The file; it stays.
        target: What is replaced; a link is followed, so that it goes on pointing where it does.
        sha256: What the new bytes must be, and are checked to be after the copy.
        like: Whose mode and owner it gets; None: those of what is there.
        new_mode: Its mode where nothing is there.

    Returns:
        Whether something was changed: not where these bytes are there already.

    Raises:
        NodeError: It is not those bytes, or the disk refused; what was there stays.
    """
    real = target.resolve()
    try:
        there = real.stat() if real.exists() else None
        if (
            there is not None
            and sha256_of(real) == sha256
            and (like is None or stat.S_IMODE(there.st_mode) == like.mode)
        ):
            return False
        mode = like.mode if like is not None else (new_mode if there is None else stat.S_IMODE(there.st_mode))
        owner = (
            (like.owner, like.group) if like is not None else (None if there is None else (there.st_uid, there.st_gid))
        )
        beside = real.with_name(f".{real.name}.{os.getpid()}.new")
        try:
            _copy(new, beside, mode)
            if sha256_of(beside) != sha256:
                raise NodeError(f"{new} is not what was verified", safe=f"{real} was not replaced")
            if owner is not None and owner != (os.geteuid(), os.getegid()):
                _give(beside, owner)
            beside.replace(real)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(real.parent)
    except OSError as error:
        raise NodeError(
            f"cannot replace {real}: {error.strerror or error}",
            safe="what was there stays",
            next_step="mend the disk or the rights, and go on",
        ) from error
    return True


def _give(path: Path, owner: tuple[int, int]) -> None:
    """Root gives a file to whom the old one belonged; nobody else can, and a file in a folder of ours is ours."""
    if os.geteuid() == 0:
        os.chown(path, *owner)


def _copy(source: Path, target: Path, mode: int) -> None:
    with source.open("rb") as stream:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            shutil.copyfileobj(stream, output, 1 << 20)
            output.flush()
            os.fchmod(output.fileno(), mode)
            os.fsync(output.fileno())


def _row(kept: KeptFile) -> dict[str, object]:
    return {
        "path": str(kept.path),
        "sha256": kept.sha256,
        "mode": kept.mode,
        "owner": kept.owner,
        "group": kept.group,
    }
