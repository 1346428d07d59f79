"""The devnet's folder: whose it is, who works on it, and its removal."""

from __future__ import annotations

import fcntl
import os
import shutil
from types import TracebackType

from console.devnet import record
from console.devnet.layout import Layout
from console.errors import DevnetError, HeldByOther


def require_usable(layout: Layout) -> record.Record | None:
    """Check that a devnet may live in a folder; changes nothing.

    Returns:
        The record of the devnet that lives there, None for a folder that is missing or empty.

    Raises:
        DevnetError: Something else is there, or the devnet was created at another path.
    """
    found = record.load(layout)
    if found is not None:
        if found.folder != str(layout.folder):
            raise DevnetError(
                f"the devnet in {layout.folder} was created in {found.folder} and cannot live elsewhere",
                safe="nothing was changed",
                next_step="move it back",
            )
        return found
    try:
        others = sorted(path.name for path in layout.folder.iterdir() if path != layout.lock)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DevnetError(
            f"cannot use {layout.folder}: {error.strerror or error}", safe="nothing was changed"
        ) from error
    if others:
        raise DevnetError(
            f"{layout.folder} is not empty and holds no devnet (found {others[0]})",
            safe="nothing was changed",
            next_step="give an empty or new folder with --dir",
        )
    return None


def require_devnet(layout: Layout) -> record.Record:
    """The record of the devnet in a folder.

    Raises:
        DevnetError: There is none, or it is not ours.
    """
    found = require_usable(layout) if layout.folder.is_dir() else None
    if found is None:
        raise DevnetError(f"there is no devnet in {layout.folder}", next_step="run `upgrade-console devnet up`")
    return found


def remove(layout: Layout) -> None:
    """Remove the folder of a devnet that is down. The caller holds the lock and has checked that it is ours.

    The record goes last but for the lock, so that an interrupted removal can be repeated.

    Raises:
        DevnetError: Something could not be removed.
    """
    try:
        for path in sorted(layout.folder.iterdir(), key=lambda each: (each == layout.record, each.name)):
            if path == layout.lock:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        layout.lock.unlink()
        layout.folder.rmdir()
    except OSError as error:
        raise DevnetError(
            f"cannot remove {error.filename or layout.folder}: {error.strerror or error}",
            next_step="remove it by hand or run `upgrade-console devnet down --wipe` again",
        ) from error


class FolderLock:
    """Held while `up` or `down` works on a folder. A second one is refused, never kept waiting.

    Raises:
        HeldByOther: Another process works on the folder; names its pid.
        DevnetError: The lock file cannot be opened.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._descriptor = -1

    def __enter__(self) -> FolderLock:
        path = self._layout.lock
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise DevnetError(f"cannot open {path}: {error.strerror or error}") from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
                os.close(descriptor)
                raise HeldByOther(
                    f"another `upgrade-console devnet` is at work in {self._layout.folder}"
                    + (f" (pid {holder})" if holder.isdigit() else ""),
                    safe="nothing was changed",
                    next_step="wait until it has finished",
                ) from None
            # A wipe may have removed the file between open and flock: then the lock on it excludes nobody.
            try:
                current = os.stat(path).st_ino
            except FileNotFoundError:
                current = None
            if current == os.fstat(descriptor).st_ino:
                break
            os.close(descriptor)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.truncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = -1
