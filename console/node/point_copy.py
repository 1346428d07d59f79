"""A data folder into a rollback point and back (facts/safety.md §5)."""

from __future__ import annotations

import os
from pathlib import Path

from console.errors import NodeError
from console.files import sync_folder
from console.node.data_folders import DataFolders, check_can_be_swapped, real, shown
from console.node.point_check import check_copied
from console.node.point_manifest import KeptFile, KeptTree
from console.node.point_space import check_signer_named, free_bytes
from console.node.signer_guard import Hrs, SignerStateError, read_hrs
from console.node.tree_copy import CopyMethod, copy_file, copy_tree, make_folders, probe_method
from console.node.tree_scan import Entry, Kind, scan, sealed
from console.text import size

TREE = "tree"
SIGNER_COPY = "DO-NOT-RESTORE.priv_validator_state.json"
MOST_HOLES = 4 << 30
"""Bytes of holes above which a file is not hashed: reading zeros for minutes while the chain waits proves little."""


def kept_tree(point: Path, data: DataFolders, folder: Path) -> Path:
    """Where the content of a data folder is in the folder of a point."""
    return point / TREE / data.relative(folder)


def keep_folder(data: DataFolders, folder: Path, partial: Path) -> KeptTree:
    """Bring one data folder of a stopped node into a partial point, durably.

    Raises:
        NodeError: It could not be restored later, does not fit, or something still writes there.
        OSError: The disk refused.
    """
    check_can_be_swapped(folder)
    place, skip = real(folder), data.signer_within(folder)
    entries = scan(place, skip=skip)
    check_signer_named(place, entries)
    apart = sealed(entries)
    method = probe_method(place, entries, apart, partial)
    linked = apart if method is CopyMethod.HARDLINK else frozenset()
    files = [entry for entry in entries if entry.kind is Kind.FILE]
    written = sum(entry.allocated for entry in files if entry.path not in linked)
    free = free_bytes(partial)
    if method is not CopyMethod.REFLINK and written > free:
        raise NodeError(
            f"a rollback point needs {size(written)} in {shown(partial.parent)}, and {size(free)} are free",
            safe="nothing was taken, and the data is as it was",
            next_step="free space there",
        )
    hashed = frozenset(
        entry.path for entry in files if entry.path not in apart and entry.size - entry.allocated < MOST_HOLES
    )
    target = kept_tree(partial, data, folder)
    make_folders(target.parent)
    clone = method is CopyMethod.REFLINK
    copied = copy_tree(place, target, entries, clone=clone, linked=linked, hashed=hashed)
    sync_folder(target.parent)
    kept = scan(target)
    _check_unchanged(place, entries, scan(place, skip=skip), kept)
    return KeptTree(
        place=data.relative(folder),
        folders=tuple(entry.path for entry in kept if entry.kind is Kind.FOLDER and entry.path),
        links={entry.path: entry.target for entry in kept if entry.kind is Kind.LINK},
        files={
            entry.path: KeptFile(
                entry.size, entry.mtime_ns, entry.inode, copied[entry.path].how, copied[entry.path].sha256
            )
            for entry in kept
            if entry.kind is Kind.FILE
        },
    )


def keep_signer(data: DataFolders, partial: Path) -> Hrs | None:
    """Keep a copy for people, and say how high it was; a missing one is found before each start. Raises OSError."""
    if data.signer_state is None:
        return None
    try:
        hrs = read_hrs(data.signer_state)
    except SignerStateError:
        return None
    copy_file(os.path.realpath(data.signer_state), str(partial / SIGNER_COPY))
    (partial / SIGNER_COPY).chmod(0o400)
    return hrs


def bring_back(name: str, tree: KeptTree, source: Path, new: Path) -> None:
    """Build a new data folder from the tree of a point, which stays as it is.

    Raises:
        NodeError: The point is damaged.
        OSError: The disk refused.
    """
    entries = scan(source)
    linked = frozenset(path for path, kept in tree.files.items() if kept.how is CopyMethod.HARDLINK)
    method = probe_method(source, entries, linked, new.parent)
    hashed = frozenset(path for path, kept in tree.files.items() if kept.sha256)
    copied = copy_tree(source, new, entries, clone=method is CopyMethod.REFLINK, linked=linked, hashed=hashed)
    check_copied(name, tree, copied)


def _check_unchanged(place: Path, before: tuple[Entry, ...], after: tuple[Entry, ...], kept: tuple[Entry, ...]) -> None:
    """A stopped node writes nothing, so whatever changed has a writer that was not stopped."""
    changed = {entry.identity for entry in before} ^ {entry.identity for entry in after}
    wanted, found = ({entry.path: entry.size for entry in entries} for entries in (before, kept))
    if changed or wanted != found:
        paths = sorted(str(identity[0]) for identity in changed) or sorted(
            path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path)
        )
        raise NodeError(
            f"{shown(place / paths[0])} changed while the rollback point was taken",
            safe="the rollback point is dropped, and the data is as it was",
            next_step="make sure that nothing of the node is running",
        )
