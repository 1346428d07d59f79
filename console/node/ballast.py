"""Room that is given back when the disk is full, so that a rollback can still be written (facts/safety.md §3)."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from console.files import sync_folder

BALLAST_BYTES = 64 << 20
ROOM_FACTOR = 4
"""The ballast is made only where more than this many times its size is free: it must never be what fills the disk."""

_CHUNK = bytes(1 << 20)
_T = TypeVar("_T")


class Ballast:
    """A file of real blocks on the file system of the controller's state.

    Args:
        folder: The state folder.
        size: Bytes.
    """

    def __init__(self, folder: Path, size: int = BALLAST_BYTES) -> None:
        self.path = folder / "ballast"
        self.size = size

    @property
    def present(self) -> bool:
        """Whether it is there with all its blocks; a sparse file would give nothing back."""
        try:
            status = self.path.lstat()
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and min(status.st_size, status.st_blocks * 512) >= self.size

    def ensure(self) -> bool:
        """Make it when there is room; call it again whenever there may be.

        Returns:
            Whether it is there now. A disk without room, and one that refuses, is no error.
        """
        if self.present:
            return True
        beside = self.path.with_name(f".{self.path.name}.new")
        try:
            self.path.unlink(missing_ok=True)
            beside.unlink(missing_ok=True)
            space = os.statvfs(self.path.parent)
            if space.f_bavail * space.f_frsize <= self.size * ROOM_FACTOR:
                return False
            self._fill(beside)
            beside.replace(self.path)
            sync_folder(self.path.parent)
        except OSError:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
        return self.present

    def drop(self) -> bool:
        """Give the room back.

        Returns:
            Whether there was any to give.
        """
        held = self.present
        try:
            self.path.unlink(missing_ok=True)
        except OSError:
            return False
        # The room is free without it; a disk in trouble must not keep a rollback from being written.
        with suppress(OSError):
            sync_folder(self.path.parent)
        return held

    def _fill(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            allocate = getattr(os, "posix_fallocate", None)
            if allocate is not None:
                allocate(descriptor, 0, self.size)
            else:
                # macOS has no such call.
                left = self.size
                while left > 0:
                    left -= os.write(descriptor, _CHUNK[:left])
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is a full disk or a spent quota, from the system or from SQLite."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            return True
        error = error.__cause__
    return False
