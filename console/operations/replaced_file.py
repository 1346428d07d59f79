"""Files of the machine that an upgrade replaces: in one step, and put back the same way from what was kept."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from console.errors import NodeError
from console.files import copy_durably, sha256_of, sync_folder
from console.operations.kept_files import Kept, KeptFile

SPARE_BYTES = 64 << 20
"""Bytes that have to stay free beside a new file."""


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
            copy_durably(new, beside, mode)
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
