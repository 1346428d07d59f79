"""What a rollback point needs before it is taken, and what it costs afterwards (facts/safety.md §5)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.node.data_folders import DataFolders, check_can_be_swapped, real, shown
from console.node.point_manifest import KeptFile, KeptTree
from console.node.tree_copy import CopyMethod, probe_method
from console.node.tree_scan import Entry, Kind, scan, sealed
from console.node.writable import refuse_read_only
from console.text import size

SIGNER_NAME = "priv_validator_state.json"


@dataclass(frozen=True, slots=True)
class SpaceNeed:
    """What a rollback point would need, and what is there; of two file systems the tighter one."""

    needed_bytes: int
    free_bytes: int
    sentence: str

    @property
    def enough(self) -> bool:
        """Whether it fits."""
        return self.free_bytes >= self.needed_bytes


@dataclass(frozen=True, slots=True)
class TrueCost:
    """Bytes on disk that removing a rollback point would free now; it grows as the node replaces shared files."""

    own_bytes: int
    exact: bool
    """False with shared blocks, where `own_bytes` is the most that it can be."""

    def __str__(self) -> str:
        return size(self.own_bytes) if self.exact else f"at most {size(self.own_bytes)}"


def space_for_point(data: DataFolders, folder: Path, margin: int, extra_bytes: int) -> SpaceNeed:
    """What a point of `data` in `folder` needs: what is copied, a tenth more, the margin and the extra bytes.

    Raises:
        NodeError: No point can be taken of this data, or the disk lets nobody write it or `folder`.
        OSError: It cannot be read, or `folder` not be written.
    """
    refuse_read_only((folder, *data.folders))
    copied = shared = 0
    needs = []
    elsewhere = False
    for held in data.folders:
        check_can_be_swapped(held)
        place = real(held)
        entries = scan(place, skip=data.signer_within(held), living=True)
        check_signer_named(place, entries)
        apart = sealed(entries)
        method = probe_method(place, entries, apart, folder)
        cheap = apart if method is not CopyMethod.COPY else frozenset()
        files = [entry for entry in entries if entry.kind is Kind.FILE]
        here = sum(entry.allocated for entry in files if entry.path not in cheap)
        copied += here
        shared += sum(entry.size for entry in files if entry.path in cheap)
        if method is CopyMethod.COPY and os.lstat(place).st_dev != os.lstat(folder).st_dev:
            elsewhere = True
            # There, the way back needs as much: the old data stays until the new is whole.
            needs.append(_need_of_return(place, here))
    needed = copied + copied // 10 + margin + extra_bytes
    free = free_bytes(folder)
    how = f"{size(copied)} copied, {size(shared)} shared with the data, {size(margin)} kept free"
    if elsewhere:
        how += ", and nothing can be shared with data on another file system"
    sentence = f"a rollback point needs {size(needed)} in {shown(folder)} ({how}); {size(free)} are free"
    needs.append(SpaceNeed(needed, free, sentence))
    return min(needs, key=lambda need: need.free_bytes - need.needed_bytes)


def check_signer_named(place: Path, entries: Iterable[Entry]) -> None:
    """Refuse data with a signer state that would be restored because nobody named it.

    Raises:
        NodeError: There is one.
    """
    for entry in entries:
        if entry.path.rpartition("/")[2] == SIGNER_NAME:
            raise NodeError(
                f"{shown(place / entry.path)} is a signer state that the settings do not name",
                safe="nothing was taken, because a rollback must not bring it back",
                next_step="name it in the settings, or move it out of the data folder",
            )


def cost_of_point(trees: Iterable[tuple[Path, Path, KeptTree]]) -> TrueCost:
    """What a point costs now.

    Args:
        trees: The live folder, the kept one, and what the manifest says of it.

    Raises:
        NodeError: The point holds what no point holds.
        OSError: It cannot be read.
    """
    own, exact = 0, True
    for live, kept_folder, tree in trees:
        for entry in scan(kept_folder):
            kept = tree.files.get(entry.path)
            if kept is not None and kept.how is CopyMethod.REFLINK:
                exact = False
                own += 0 if _is_as_kept(live / entry.path, kept) else entry.allocated
            elif entry.kind is not Kind.FILE or entry.links == 1:
                own += entry.allocated
    return TrueCost(own, exact)


def free_bytes(folder: Path) -> int:
    """Bytes that this user may still write there. Raises OSError."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def _need_of_return(place: Path, held: int) -> SpaceNeed:
    needed, free = held + held // 10, free_bytes(place)
    sentence = (
        f"to restore a rollback point from another file system, {shown(place.parent)} needs {size(needed)} beside "
        f"the data; {size(free)} are free"
    )
    return SpaceNeed(needed, free, sentence)


def _is_as_kept(live: Path, kept: KeptFile) -> bool:
    try:
        status = os.lstat(live)
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (kept.size, kept.mtime_ns)
