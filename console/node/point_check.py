"""Whether a rollback point is what its manifest says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from console.errors import NodeError
from console.files import sha256_of
from console.node.data_folders import shown
from console.node.point_manifest import KeptTree
from console.node.tree_copy import THREADS, Copied
from console.node.tree_scan import Entry, Kind


def check_entries(name: str, tree: KeptTree, entries: Sequence[Entry]) -> None:
    """Compare names, kinds, sizes and times: a file that was linked and then written in place is found by its time.

    Raises:
        NodeError: They differ; the first difference is named.
    """
    found = {entry.path: entry for entry in entries if entry.path}
    expected = {*tree.folders, *tree.links, *tree.files}
    for path in sorted(expected ^ found.keys()):
        raise damaged(name, tree, path, "is missing" if path in expected else "does not belong to it")
    for path, entry in found.items():
        kept = tree.files.get(path)
        wanted = Kind.FILE if kept is not None else Kind.LINK if path in tree.links else Kind.FOLDER
        if entry.kind is not wanted or entry.target != tree.links.get(path, ""):
            raise damaged(name, tree, path, "is something else than what was kept")
        if kept is not None and entry.size != kept.size:
            raise damaged(name, tree, path, f"has {entry.size} bytes instead of {kept.size}")
        if kept is not None and entry.mtime_ns != kept.mtime_ns:
            raise damaged(name, tree, path, "was written after it was kept")


def check_bytes(name: str, tree: KeptTree, folder: Path) -> None:
    """Compare the sha256 of every file that has one.

    Raises:
        NodeError: One differs.
        OSError: One cannot be read.
    """
    paths = [path for path, kept in tree.files.items() if kept.sha256]
    with ThreadPoolExecutor(THREADS) as pool:
        for path, sha256 in zip(paths, pool.map(lambda path: sha256_of(folder / path), paths), strict=True):
            if sha256 != tree.files[path].sha256:
                raise damaged(name, tree, path, "does not hold the bytes that were kept")


def check_copied(name: str, tree: KeptTree, copied: Mapping[str, Copied]) -> None:
    """Compare the sha256 of what was read while copying a point back.

    Raises:
        NodeError: One differs.
    """
    for path, kept in tree.files.items():
        if kept.sha256 and copied[path].sha256 != kept.sha256:
            raise damaged(name, tree, path, "does not hold the bytes that were kept")


def damaged(name: str, tree: KeptTree, path: str, why: str) -> NodeError:
    """The refusal of a point because of one file."""
    return NodeError(
        f"the rollback point {name!a} is damaged: {shown(f'{tree.place}/{path}')} {why}",
        safe="nothing was restored from it",
        next_step="use another rollback point, or bring the node back by a resync",
    )
