"""Rollback points: the whole state of a stopped node, kept cheaply beside it (facts/safety.md §5, DESIGN §4).

A point is complete or absent: it is built as `<name>.partial`, synced, described by its manifest and then renamed. The
signer state is never part of what is restored. All here blocks; the controller calls it in a thread.

Files under the folder of the points:

    <name>/manifest.json                            what was kept and how
    <name>/tree/<path under the home>/…             the data folders
    <name>/DO-NOT-RESTORE.priv_validator_state.json the signer state then, for people only
    swap.json                                       a restore that is under way (console.node.restoring)
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.files import sync_folder
from console.node.data_folders import DataFolders, check_can_be_swapped, real, shown
from console.node.faults import FaultPoints
from console.node.kept_aside import KeptAside
from console.node.point_check import check_bytes, check_entries
from console.node.point_copy import bring_back, keep_folder, keep_signer, kept_tree
from console.node.point_manifest import KeptTree, Manifest, is_point_name, is_sha256, read_manifest, write_manifest
from console.node.point_space import SpaceNeed, TrueCost, cost_of_point, space_for_point
from console.node.restoring import DataSwap
from console.node.signer_guard import check_not_lower
from console.node.tree_copy import PROBE, CopyMethod, make_folder_like, make_folders, remove_tree
from console.node.tree_scan import scan
from console.node.writable import refuse_read_only
from console.text import duration, size, untrusted

__all__ = ["CopyMethod", "DataFolders", "RollbackPoint", "RollbackPoints", "SpaceNeed", "TrueCost"]

MARGIN = 2 << 30
"""Bytes that stay free beside a rollback point."""
PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class RollbackPoint:
    """One complete rollback point."""

    name: str
    folder: Path
    sequence: int
    """Counts the points; the clock may jump, this does not."""
    taken_at: int
    """Unix seconds."""
    app_height: int | None
    """Blocks; None when it was not known."""
    generation: str
    """Folder name of the generation that ran until then."""
    exe_sha256: str
    """Of that generation's binary; empty when it was not known."""
    method: CopyMethod
    files: int
    apparent_bytes: int
    """Sum of the files' sizes, shared or not."""

    def age(self, now: float) -> float:
        """Seconds since it was taken, by the wall clock; never negative."""
        return max(0.0, now - self.taken_at)


class RollbackPoints:
    """The rollback points of one node.

    Args:
        data: What they hold.
        folder: Where they are; on the data's own file system they cost least.
        faults: Fault points.
        margin_bytes: Bytes that shall stay free beside a new point.
    """

    def __init__(
        self, data: DataFolders, folder: Path, *, faults: FaultPoints | None = None, margin_bytes: int = MARGIN
    ) -> None:
        place = real(folder)
        for held in map(real, data.folders):
            if place.is_relative_to(held) or held.is_relative_to(place):
                raise NodeError(f"rollback points cannot be in {shown(folder)}: it holds data, or lies in it")
        self._data = data
        self._folder = folder
        self._margin = margin_bytes
        self._faults = faults or FaultPoints("")
        self._swap = DataSwap(data, folder, self._faults)
        self._one = threading.RLock()
        self.kept_aside = KeptAside(data, self._swap.pending)
        """What restores and resyncs have set aside."""

    def space_needed(self, extra_bytes: int = 0) -> SpaceNeed:
        """What a point taken now would need; the node may be running.

        Args:
            extra_bytes: What else will be written there meanwhile (a binary, growth until the halt).

        Raises:
            NodeError: No point can be taken of this data, or the folders cannot be read.
        """
        with self._one, self._told("the space for a rollback point cannot be told"):
            make_folders(self._folder)
            return space_for_point(self._data, self._folder, self._margin, extra_bytes)

    def refuse_read_only_data(self) -> None:
        """Refuse to go on towards a stop of the node that no start could follow. Raises NodeError."""
        refuse_read_only(self._data.folders)

    def take(self, name: str, *, app_height: int | None, generation: str, exe_sha256: str) -> RollbackPoint:
        """Take a point of the stopped node; a complete one of that name is returned, a partial one is redone.

        Args:
            name: A folder's name, unique for the occasion: an attempt's id, not a day.
            app_height: Of the application, in blocks.
            generation: Folder name of the current generation.
            exe_sha256: Of its binary, 64 hex digits, or empty.

        Raises:
            NodeError: It could not be taken, or something still writes; no point of that name is there.
        """
        if not is_point_name(name):
            raise NodeError(f"{untrusted(name)!r} cannot be the name of a rollback point", safe="nothing was taken")
        if exe_sha256 and not is_sha256(exe_sha256):
            raise NodeError(f"{untrusted(exe_sha256)!r} is not a sha256 in lower case", safe="nothing was taken")
        with (
            self._one,
            self._told(f"the rollback point {untrusted(name)!r} could not be taken", "the data is as it was"),
        ):
            self.finish_restore()
            make_folders(self._folder)
            found = self.find(name)
            if found is not None:
                # The rename that completed it may not be durable yet.
                sync_folder(self._folder)
                return found
            partial = self._folder / f"{name}{PARTIAL}"
            # Of whatever name: what a kill left behind is of no use to anybody.
            for left in {partial, *self.partials()}:
                remove_tree(left)
            try:
                partial.mkdir(mode=0o700)
                trees = tuple(keep_folder(self._data, folder, partial) for folder in self._data.folders)
                self._faults.reach("before-point-described")
                manifest = Manifest(
                    name=name,
                    sequence=1 + max((point.sequence for point in self.all()), default=0),
                    taken_at=int(time.time()),
                    app_height=app_height,
                    generation=generation,
                    exe_sha256=exe_sha256,
                    signer=keep_signer(self._data, partial),
                    trees=trees,
                )
                write_manifest(partial, manifest)
                sync_folder(partial)
                self._faults.reach("before-point-complete")
                partial.rename(self._folder / name)
            except BaseException:
                # To free the space. What cannot be removed stays a partial one, which nobody takes for complete.
                _drop(partial)
                raise
            sync_folder(self._folder)
            self._faults.reach("after-point-complete")
            return self._point(manifest)

    def find(self, name: str) -> RollbackPoint | None:
        """The complete point of that name.

        Raises:
            NodeError: It is there, but its manifest is damaged.
        """
        if not is_point_name(name) or not os.path.lexists(self._folder / name):
            return None
        return self._point(read_manifest(self._folder / name))

    def all(self) -> tuple[RollbackPoint, ...]:
        """The complete points whose manifest is whole, newest first."""
        found = []
        for name in self._names():
            try:
                point = self.find(name)
            except NodeError:
                continue
            if point is not None:
                found.append(point)
        return tuple(sorted(found, key=lambda point: (-point.sequence, point.name)))

    def damaged(self) -> tuple[Path, ...]:
        """Folders that look like points but have no whole manifest; nobody removes them but a person."""
        good = {point.name for point in self.all()}
        return tuple(self._folder / name for name in self._names() if is_point_name(name) and name not in good)

    def partials(self) -> tuple[Path, ...]:
        """What a kill left behind; never restored, dropped by `prune` or when the point is taken again."""
        return tuple(self._folder / name for name in self._names() if name.endswith(PARTIAL))

    def cost(self, point: RollbackPoint) -> TrueCost:
        """What the point costs now, which is more than when it was taken.

        Raises:
            NodeError: It cannot be read.
        """
        with self._told(f"the cost of {untrusted(point.name)!r} cannot be told"):
            trees = self._trees(read_manifest(point.folder))
            return cost_of_point((real(folder), self._kept(point, folder), tree) for folder, tree in trees)

    def sentence(self, point: RollbackPoint, now: float) -> str:
        """What a screen says of a point; `now` in unix seconds. Raises NodeError when it cannot be read."""
        at = "an unknown height" if point.app_height is None else f"height {point.app_height}"
        whole = f"{point.files} files of {size(point.apparent_bytes)}"
        if point.method is CopyMethod.COPY:
            what, lost = f"a copy of {whole}", "lost with its disk"
        else:
            what, lost = (
                f"it shares {whole} with the data",
                "lost with the disk or by damage to a shared file",
            )
        return (
            f"rollback point, not a backup: taken at {at}, {duration(point.age(now))} ago; {what} "
            f"and costs {self.cost(point)} of its own now; {lost}"
        )

    def verify(self, point: RollbackPoint, *, full: bool) -> None:
        """Check that the point is what its manifest says.

        Args:
            point: The point.
            full: Also read every file whose sha256 is known; otherwise names, sizes and times are compared.

        Raises:
            NodeError: It is not; the first difference is named.
        """
        with self._told(f"the rollback point {untrusted(point.name)!r} cannot be checked"):
            for folder, tree in self._trees(read_manifest(point.folder)):
                kept = self._kept(point, folder)
                check_entries(point.name, tree, scan(kept))
                if full:
                    check_bytes(point.name, tree, kept)

    def restore(self, point: RollbackPoint) -> Path | None:
        """Put the point's data in place of the live data of the stopped node; the point stays as it is.

        The live signer state is carried over. Once the swap is decided it only goes forward, by `finish_restore`
        after a kill; before that the live data is not touched.

        Returns:
            The first data folder's old content, kept as `<folder>.bad-<n>`; the others' have the same ending.

        Raises:
            SignerStateError: The live signer state is missing, unreadable or lower than when the point was taken.
            NodeError: The point is damaged, or the disk refused; the message says what was touched.
        """
        with self._one, self._told(f"the rollback point {untrusted(point.name)!r} was not restored", self._untouched):
            self.finish_restore()
            self.verify(point, full=False)
            manifest = read_manifest(point.folder)
            trees = dict(self._trees(manifest))
            for folder in trees:
                # A folder that is gone is made anew.
                if real(folder).exists():
                    check_can_be_swapped(folder)
            if self._data.signer_state is not None:
                check_not_lower(self._data.signer_state, manifest.signer)
            return self._swap.swap(
                "bad", lambda folder, new: bring_back(point.name, trees[folder], self._kept(point, folder), new)
            )

    @property
    def restore_pending(self) -> bool:
        """Whether a restore was cut and the data is not whole."""
        return self._swap.pending()

    def finish_restore(self) -> None:
        """Bring a restore that a kill cut to its end; call it before any start of the node. Idempotent.

        Raises:
            SignerStateError: The signer state would be lower than it was.
            NodeError: It cannot be finished; the node must not be started.
        """
        with self._one, self._told("a cut restore could not be finished", self._untouched):
            self._swap.finish()

    def set_aside(self) -> Path:
        """Keep the data as `<folder>.aside-<n>` and begin with empty folders that hold the live signer state.

        For a resync from genesis. Returns the first data folder's old content.

        Raises:
            SignerStateError: The live signer state is missing or unreadable.
            NodeError: There is no data, or the disk refused; the message says what was touched.
        """
        with self._one, self._told("the data was not set aside", self._untouched):
            self.finish_restore()
            make_folders(self._folder)
            present = [folder for folder in self._data.folders if real(folder).exists()]
            for folder in present:
                check_can_be_swapped(folder)
            aside = self._swap.swap("aside", _make_empty) if present else None
            if aside is None:
                raise NodeError("there is no data to set aside", safe="nothing was changed")
            return aside

    def prune(self, keep: int, *, protect: frozenset[str]) -> tuple[str, ...]:
        """Remove all but the newest points, and what a kill left behind.

        A point goes only when a newer one is there that passes the quick check, so the newest good one always stays.

        Args:
            keep: How many of the newest stay, at least one.
            protect: Names that stay whatever their age.

        Returns:
            Names of the removed points.

        Raises:
            NodeError: The disk refused.
        """
        removed: list[str] = []
        with self._one, self._told("old rollback points could not be removed"):
            good = 0
            for point in self.all():
                if good >= max(1, keep) and point.name not in protect:
                    partial = self._folder / f"{point.name}{PARTIAL}"
                    remove_tree(partial)
                    # Half of a removed one must not look complete.
                    point.folder.rename(partial)
                    sync_folder(self._folder)
                    removed.append(point.name)
                elif self._is_good(point):
                    good += 1
            for name in self._names(hidden=True):
                if name.endswith(PARTIAL) or name == PROBE or (name[0] == "." and name.endswith(".new")):
                    remove_tree(self._folder / name)
        return tuple(removed)

    def _trees(self, manifest: Manifest) -> list[tuple[Path, KeptTree]]:
        trees = {tree.place: tree for tree in manifest.trees}
        folders = {self._data.relative(folder): folder for folder in self._data.folders}
        if trees.keys() != folders.keys():
            raise NodeError(
                f"the rollback point {manifest.name!a} holds {shown(', '.join(sorted(trees)))}, "
                f"but the node's data is in {shown(', '.join(sorted(folders)))}",
                safe="nothing was changed",
            )
        return [(folder, trees[place]) for place, folder in folders.items()]

    def _kept(self, point: RollbackPoint, folder: Path) -> Path:
        return kept_tree(point.folder, self._data, folder)

    def _point(self, manifest: Manifest) -> RollbackPoint:
        return RollbackPoint(
            name=manifest.name,
            folder=self._folder / manifest.name,
            sequence=manifest.sequence,
            taken_at=manifest.taken_at,
            app_height=manifest.app_height,
            generation=manifest.generation,
            exe_sha256=manifest.exe_sha256,
            method=manifest.method,
            files=manifest.file_count,
            apparent_bytes=manifest.apparent_bytes,
        )

    def _is_good(self, point: RollbackPoint) -> bool:
        try:
            self.verify(point, full=False)
        except NodeError:
            return False
        return True

    def _names(self, *, hidden: bool = False) -> list[str]:
        try:
            names = sorted(os.listdir(self._folder))
        except FileNotFoundError:
            return []
        return [name for name in names if hidden or (name[0] != "." and (self._folder / name).is_dir())]

    def _untouched(self) -> str:
        if self._swap.pending():
            return "the restore is decided and half done; nothing is lost, and it is finished before the next start"
        return "the live data is as it was"

    @contextmanager
    def _told(self, what: str, safe: Callable[[], str] | str = "nothing was changed") -> Iterator[None]:
        """Turn the disk's refusals into ours."""
        try:
            yield
        except OSError as error:
            where = f" ({shown(error.filename)})" if error.filename is not None else ""
            raise NodeError(
                f"{what}: {(error.strerror or str(error)).lower()}{where}",
                safe=safe if isinstance(safe, str) else safe(),
                next_step="free space or repair the disk, then try again",
            ) from error


def _make_empty(folder: Path, new: Path) -> None:
    make_folder_like(real(folder), new)


def _drop(partial: Path) -> None:
    try:
        remove_tree(partial)
    except OSError:
        return
