"""Files that survive a crash: write beside, fsync, rename, fsync the folder (facts/safety.md §3, power cut table)."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` durable.

    Raises:
        OSError: The folder cannot be opened or synced.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace `path` by `content` so that after a power cut either the old or the new content is there, whole.

    Raises:
        OSError: Nothing was replaced.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def copy_durably(source: Path, target: Path, mode: int) -> None:
    """Copy a file's bytes to one of that mode, and have them on the disk; its folder is not synced.

    Raises:
        OSError: It is not whole, or `target` is a link.
    """
    with source.open("rb") as stream:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            while piece := stream.read(1 << 20):
                output.write(piece)
            output.flush()
            os.fchmod(output.fileno(), mode)
            os.fsync(output.fileno())


def switch_link(link: Path, target: str) -> None:
    """Point the symbolic link at `target` in one step; a reader sees the old or the new one, never none.

    Raises:
        OSError: The link still points where it did.
    """
    beside = link.with_name(f".{link.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(link)
    sync_folder(link.parent)


def sha256_of(path: Path) -> str:
    """sha256 of a regular file's bytes, 64 lower-case hex digits.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
