"""Data that a restore or a resync set aside: what lies there, what it costs, and when it may go (facts/safety.md §5).

A swap of the data folders keeps the old ones as `<folder>.bad-<n>` (restore) or `<folder>.aside-<n>` (resync), with one
ending for all folders. Nothing restores them; they are for people, until an upgrade that came after them is far behind.
All here blocks; the controller calls it in a thread.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.files import sync_folder
from console.node.data_folders import DataFolders, real, shown
from console.node.point_space import TrueCost
from console.node.signer_guard import SignerStateError, read_hrs
from console.node.tree_copy import remove_tree
from console.node.tree_scan import Kind, scan

_ENDING = re.compile(r"(?:bad|aside)-[1-9][0-9]{0,8}", re.ASCII)
_GOING = ".going"
"""Ends the name of one that is being removed: half of it must not look whole."""


@dataclass(frozen=True, slots=True)
class Aside:
    """The data folders of one swap, as they were before it."""

    name: str
    """`bad-<n>` or `aside-<n>`."""
    folders: tuple[tuple[Path, Path], ...]
    """(data folder of the settings, what was set aside of it) of each that is there."""
    inode: int
    """Of the first: names are used again."""

    @property
    def key(self) -> str:
        """Tells it from another of the same name."""
        return f"{self.name}:{self.inode}"


class KeptAside:
    """What swaps of one node's data folders have set aside.

    Args:
        data: The data folders.
        pending: Whether a swap is half done.
    """

    def __init__(self, data: DataFolders, pending: Callable[[], bool]) -> None:
        self._data = data
        self._pending = pending

    def all(self) -> tuple[Aside, ...]:
        """Everything that was set aside, by name; nothing is read but the names.

        Raises:
            NodeError: The folder of the data cannot be read.
        """
        found: dict[str, list[tuple[Path, Path]]] = {}
        for folder in self._data.folders:
            place = real(folder)
            for name in _names(place.parent):
                ending = name.removeprefix(f"{place.name}.")
                if ending != name and _ENDING.fullmatch(ending):
                    found.setdefault(ending, []).append((folder, place.with_name(name)))
        asides = []
        for ending, folders in found.items():
            try:
                asides.append(Aside(ending, tuple(folders), folders[0][1].lstat().st_ino))
            except FileNotFoundError:
                # Removed by somebody meanwhile.
                continue
        return tuple(sorted(asides, key=lambda aside: (aside.name.partition("-")[0], int(aside.name.split("-")[1]))))

    def cost(self, aside: Aside, *, shares_blocks: bool) -> TrueCost:
        """What removing it would free; files that a rollback point has too cost nothing here.

        Args:
            aside: Which one.
            shares_blocks: Whether the file system shares blocks: then it is the most that it can be.

        Raises:
            NodeError: It cannot be read.
        """
        try:
            entries = [entry for _, kept in aside.folders for entry in scan(kept)]
        except OSError as error:
            raise NodeError(f"the cost of {aside.name} cannot be told: {(error.strerror or '').lower()}") from error
        own = sum(entry.allocated for entry in entries if entry.kind is not Kind.FILE or entry.links == 1)
        return TrueCost(own, exact=not shares_blocks)

    def refuse_last_copy(self, aside: Aside) -> None:
        """Refuse to remove what may be the only copy of something.

        Raises:
            NodeError: A swap is half done, live data is missing, or the signer state in it is not below the live one
                or cannot be read.
        """
        if self._pending():
            raise NodeError("a swap of the data folders is half done", safe=f"{aside.name} was not removed")
        for folder in self._data.folders:
            if not real(folder).is_dir():
                raise NodeError(f"the data folder {shown(folder)} is missing", safe=f"{aside.name} was not removed")
        if self._data.signer_state is None:
            return
        for folder, kept in aside.folders:
            within = self._data.signer_within(folder)
            if not within or not os.path.lexists(kept / within):
                continue
            try:
                newest = read_hrs(kept / within) <= read_hrs(self._data.signer_state)
            except SignerStateError as error:
                raise NodeError(f"a signer state cannot be read: {error}", safe=f"{aside.name} is kept") from error
            if not newest:
                raise NodeError(
                    f"the signer state in {shown(kept)} is higher than the live one", safe=f"{aside.name} is kept"
                )

    def remove(self, aside: Aside) -> None:
        """Remove it, unless it may be the only copy of something; after a kill, again.

        Raises:
            NodeError: It is kept, or the disk refused.
        """
        self.refuse_last_copy(aside)
        try:
            # The first one last: by it the rest is known again after a kill.
            for _, kept in reversed(aside.folders):
                going = kept.with_name(kept.name + _GOING)
                remove_tree(going)
                kept.rename(going)
                sync_folder(kept.parent)
        except OSError as error:
            raise NodeError(f"{aside.name} cannot be removed: {(error.strerror or str(error)).lower()}") from error
        self.finish()

    def finish(self) -> None:
        """Remove what a kill left of a removal. Raises NodeError: the disk refused."""
        for folder in self._data.folders:
            place = real(folder)
            for name in _names(place.parent):
                ending = name.removeprefix(f"{place.name}.").removesuffix(_GOING)
                if name == f"{place.name}.{ending}{_GOING}" and _ENDING.fullmatch(ending):
                    try:
                        remove_tree(place.with_name(name))
                    except OSError as error:
                        why = (error.strerror or str(error)).lower()
                        raise NodeError(f"{shown(place.with_name(name))} cannot be removed: {why}") from error


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise NodeError(f"{shown(folder)} cannot be read: {(error.strerror or '').lower()}") from error
