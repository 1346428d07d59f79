"""What is in a data folder, and which of it its database never writes again (facts/safety.md §5)."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from console.errors import NodeError
from console.node.data_folders import shown

_TABLE = re.compile(r"\d+\.(?:sst|ldb|blob)", re.ASCII)
"""Files of RocksDB, goleveldb and Pebble that are written once."""
_ROTATED_WAL = re.compile(r"wal\.\d+", re.ASCII)


class Kind(StrEnum):
    """What an entry of a tree is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


class Entry(NamedTuple):
    """One file, folder or symbolic link of a tree; a tuple, since there are a hundred thousand of them."""

    path: str
    """Relative to the root, which is the empty path; bytes that are no UTF-8 are surrogates."""
    kind: Kind
    size: int
    """Bytes; 0 for a folder or a link."""
    allocated: int
    """Bytes on disk: less than `size` in a file with holes."""
    mtime_ns: int
    inode: int
    mode: int
    links: int
    target: str = ""
    """Of a symbolic link."""

    @property
    def identity(self) -> tuple[object, ...]:
        """What changes when somebody writes; folders are compared by what is in them."""
        if self.kind is Kind.FOLDER:
            return (self.path, self.kind)
        return (self.path, self.kind, self.size, self.mtime_ns, self.inode, self.target)


def scan(root: Path, *, skip: str = "", living: bool = False) -> tuple[Entry, ...]:
    """Everything under `root`, folders before what is in them.

    Unix sockets are left out: they hold nothing, and whoever listens makes them anew.

    Args:
        root: A folder.
        skip: Relative path of one file that is left out; empty for none.
        living: Files may vanish meanwhile, since a node is running.

    Raises:
        NodeError: Something is there that no copy could bring back: a pipe, a device, another file system, a
            symbolic link that leads out of the tree.
        OSError: It cannot be read.
    """
    status = os.lstat(root)
    device = status.st_dev
    found = [_entry("", status, root)]
    folders = [""]
    while folders:
        folder = folders.pop()
        for name, status in _within(os.path.join(root, folder), living):
            path = f"{folder}/{name}" if folder else name
            if path == skip or stat.S_ISSOCK(status.st_mode):
                continue
            try:
                entry = _entry(path, status, root)
            except FileNotFoundError:
                if living:
                    continue
                raise
            if entry.kind is Kind.FOLDER:
                if status.st_dev != device:
                    raise _cannot_be_kept(root, path, "is on another file system")
                folders.append(path)
            found.append(entry)
    return tuple(sorted(found, key=lambda entry: entry.path.split("/") if entry.path else []))


def sealed(entries: Sequence[Entry]) -> frozenset[str]:
    """Paths of the files that their database never writes again, so that a link to them is as good as a copy.

    A table counts only when the MANIFEST beside it was written after it: the number of a table that a killed process
    left behind may be given again, and the file truncated in place. Unknown names are not sealed.
    """
    manifests: dict[str, int] = {}
    heads = set()
    for entry in entries:
        folder, _, name = entry.path.rpartition("/")
        if entry.kind is Kind.FILE and name.startswith("MANIFEST-"):
            manifests[folder] = max(manifests.get(folder, 0), entry.mtime_ns)
        elif entry.kind is Kind.FILE and name == "wal":
            heads.add(folder)
    paths = set()
    for entry in entries:
        folder, _, name = entry.path.rpartition("/")
        if entry.kind is not Kind.FILE:
            continue
        table = _TABLE.fullmatch(name) is not None and entry.mtime_ns < manifests.get(folder, 0)
        if table or (_ROTATED_WAL.fullmatch(name) is not None and folder in heads):
            paths.add(entry.path)
    return frozenset(paths)


def _within(folder: str, living: bool) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    yield entry.name, entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    if not living:
                        raise
    except FileNotFoundError:
        if not living:
            raise


def _entry(path: str, status: os.stat_result, root: Path) -> Entry:
    target = ""
    if stat.S_ISREG(status.st_mode):
        kind = Kind.FILE
    elif stat.S_ISDIR(status.st_mode):
        kind = Kind.FOLDER
    elif stat.S_ISLNK(status.st_mode):
        kind, target = Kind.LINK, os.readlink(os.path.join(root, path))
        reached = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if target.startswith("/") or reached == ".." or reached.startswith("../"):
            raise _cannot_be_kept(root, path, f"is a symbolic link out of the folder, to {shown(target)}")
    else:
        raise _cannot_be_kept(root, path, "is neither a file nor a folder")
    is_file = kind is Kind.FILE
    return Entry(
        path=path,
        kind=kind,
        size=status.st_size if is_file else 0,
        allocated=status.st_blocks * 512,
        mtime_ns=status.st_mtime_ns,
        inode=status.st_ino,
        mode=stat.S_IMODE(status.st_mode),
        links=status.st_nlink,
        target=target,
    )


def _cannot_be_kept(root: Path, path: str, why: str) -> NodeError:
    return NodeError(
        f"{shown(os.path.join(root, path))} {why}, so a copy of the data would not be whole",
        safe="nothing was changed",
        next_step="move what it stands for into the data folder, or go on without a rollback point",
    )
