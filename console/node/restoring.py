"""New data folders put in place of the live ones by renames that can be redone after a kill (facts/safety.md §3, R2).

What is where is told by inodes, written down before the first rename. New folders that no intent names are leftovers of
a copy that was cut: the live ones are whole then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.files import sync_folder, write_durably
from console.node.data_folders import DataFolders, real, shown
from console.node.faults import FaultPoints
from console.node.signer_guard import Hrs, check_not_lower, read_hrs
from console.node.tree_copy import PROBE, copy_file, make_folders, remove_tree

INTENT = "swap.json"
NEW = ".restore-new"
"""Ends the name of a data folder that is not in place yet."""


@dataclass(frozen=True, slots=True)
class Step:
    """The swap of one data folder, all beside each other."""

    folder: Path
    new: Path
    aside: Path
    old_inode: int | None
    """None when there was no such folder."""
    new_inode: int


@dataclass(frozen=True, slots=True)
class Intent:
    """A swap that has been decided: from here on it only goes forward."""

    steps: tuple[Step, ...]
    signer: Hrs | None
    """Live when it was decided; what is in place at the end is not lower."""

    @property
    def aside(self) -> Path | None:
        """The first data folder's old content; the others' have the same ending."""
        return next((step.aside for step in self.steps if step.old_inode is not None), None)


class DataSwap:
    """Swaps the data folders of one node as one.

    Args:
        data: The data folders.
        folder: Where the intent is kept.
        faults: Fault points before, between and after the renames.
    """

    def __init__(self, data: DataFolders, folder: Path, faults: FaultPoints) -> None:
        self._data = data
        self._file = folder / INTENT
        self._faults = faults

    def new_of(self, folder: Path) -> Path:
        """Where the folder that shall replace a data folder is built."""
        place = real(folder)
        return place.with_name(place.name + NEW)

    def live_signer(self) -> Hrs | None:
        """The live signer state; None with a remote signer.

        Raises:
            SignerStateError: It is missing or unreadable.
        """
        return None if self._data.signer_state is None else read_hrs(self._data.signer_state)

    def swap(self, ending: str, build: Callable[[Path, Path], None]) -> Path | None:
        """Build a new folder for each data folder, carry the live signer state over, and swap.

        Args:
            ending: The old folders are kept as `<folder>.<ending>-<n>`.
            build: Makes the second path, durably, for the data folder at the first.

        Returns:
            The first data folder's old content; None when there was none.

        Raises:
            SignerStateError: The live signer state is missing or unreadable; nothing was changed.
            NodeError: A folder could not be built; the live ones were not touched.
            OSError: The disk refused; `pending()` tells whether the live ones were touched.
        """
        signer = self.live_signer()
        try:
            for folder in self._data.folders:
                new = self.new_of(folder)
                build(folder, new)
                # Again when it is swapped; here so that what can fail does so before anything is decided.
                self._carry(folder, real(folder), new)
                sync_folder(new.parent)
            intent = Intent(tuple(self._steps(ending)), signer)
            self._write(intent)
        except BaseException:
            # An intent may be on disk although writing it failed at its last fsync.
            self._withdraw()
            raise
        self._faults.reach("before-restore-swap")
        try:
            self._go(intent)
        except OSError:
            if all(_inode(step.folder) == step.old_inode for step in intent.steps):
                self._withdraw()
            raise
        return intent.aside

    def pending(self) -> bool:
        """Whether a swap was decided and is not finished."""
        return os.path.lexists(self._file)

    def finish(self) -> None:
        """Finish a swap that was cut, or drop what was built for one that was not decided.

        Raises:
            SignerStateError: The signer state would be lower than it was.
            NodeError: A folder is not what the intent says; nothing is guessed.
            OSError: The disk refused; it can be tried again.
        """
        if not self.pending():
            self._drop_new()
            return
        intent = self._read()
        untouched = all(_inode(step.folder) == step.old_inode for step in intent.steps)
        if untouched and any(_inode(step.new) != step.new_inode for step in intent.steps):
            # It was withdrawn, but a power cut brought the intent back.
            self._withdraw()
        else:
            self._go(intent)

    def _steps(self, ending: str) -> list[Step]:
        places = [real(folder) for folder in self._data.folders]
        number = 1
        while any(os.path.lexists(place.with_name(f"{place.name}.{ending}-{number}")) for place in places):
            number += 1
        steps = []
        for place, folder in zip(places, self._data.folders, strict=True):
            new = self.new_of(folder)
            aside = place.with_name(f"{place.name}.{ending}-{number}")
            steps.append(Step(place, new, aside, _inode(place), new.lstat().st_ino))
        return steps

    def _go(self, intent: Intent) -> None:
        for folder, step in zip(self._data.folders, intent.steps, strict=True):
            self._advance(folder, step)
        if self._data.signer_state is not None:
            check_not_lower(self._data.signer_state, intent.signer)
        self._file.unlink()
        sync_folder(self._file.parent)
        self._faults.reach("after-restore")

    def _advance(self, folder: Path, step: Step) -> None:
        found = _inode(step.folder)
        if found != step.new_inode:
            if found not in (None, step.old_inode):
                raise NodeError(
                    f"{shown(step.folder)} was made anew by somebody while it was being swapped",
                    safe=f"the old content is in {shown(step.aside)} and the new one in {shown(step.new)}",
                    next_step="find out what ran, move that folder away and try again",
                )
            if _inode(step.new) != step.new_inode:
                raise NodeError(
                    f"{shown(step.new)}, which should become the data folder, is gone",
                    safe=f"the old content is in {shown(step.aside if found is None else step.folder)}",
                    next_step="put the data folder back by hand",
                )
            if step.old_inode is not None:
                # Once more, since a node may have signed between a cut and now.
                self._carry(folder, step.aside if found is None else step.folder, step.new)
            if found is not None:
                if os.path.lexists(step.aside):
                    raise NodeError(f"{shown(step.aside)} is in the way of the old data", safe="nothing was lost")
                step.folder.rename(step.aside)
                self._faults.reach("restore-between-renames")
            step.new.rename(step.folder)
        sync_folder(step.folder.parent)

    def _carry(self, folder: Path, old: Path, new: Path) -> None:
        """Bring the live signer state from the old folder to the new one, unless the new one is as high."""
        within = self._data.signer_within(folder)
        if not within:
            return
        source, target = old / within, new / within
        if source.is_symlink():
            if not target.is_symlink():
                make_folders(target.parent)
                target.symlink_to(source.readlink())
                sync_folder(target.parent)
            return
        live = read_hrs(source)
        if target.is_file() and (read_hrs(target) > live or target.read_bytes() == source.read_bytes()):
            return
        make_folders(target.parent)
        beside = target.with_name(f".{target.name}.carried")
        beside.unlink(missing_ok=True)
        copy_file(str(source), str(beside))
        beside.replace(target)
        sync_folder(target.parent)

    def _withdraw(self) -> None:
        """Give a swap up of which no live folder was touched."""
        try:
            self._file.unlink(missing_ok=True)
            sync_folder(self._file.parent)
            self._drop_new()
        except OSError:
            # What is left is finished, withdrawn or dropped by `finish`.
            return

    def _drop_new(self) -> None:
        for folder in self._data.folders:
            new, place = self.new_of(folder), real(folder)
            (new.parent / PROBE).unlink(missing_ok=True)
            if not os.path.lexists(new):
                continue
            if place.exists():
                remove_tree(new)
                continue
            # Nobody decided this, but it may be all that is left of the data.
            number = 1
            while os.path.lexists(kept := place.with_name(f"{place.name}.bad-{number}")):
                number += 1
            new.rename(kept)
            sync_folder(place.parent)

    def _write(self, intent: Intent) -> None:
        document = {
            "signer": None if intent.signer is None else list(intent.signer),
            "steps": [[step.aside.name, step.old_inode, step.new_inode] for step in intent.steps],
        }
        write_durably(self._file, json.dumps(document).encode())

    def _read(self) -> Intent:
        try:
            document = json.loads(self._file.read_bytes())
            steps = []
            for folder, (aside, old_inode, new_inode) in zip(self._data.folders, document["steps"], strict=True):
                place = real(folder)
                if not aside.startswith(f"{place.name}.") or "/" in aside:
                    raise ValueError(aside)
                old = None if old_inode is None else int(old_inode)
                steps.append(Step(place, self.new_of(folder), place.with_name(aside), old, int(new_inode)))
            signer = document["signer"]
            return Intent(tuple(steps), None if signer is None else (int(signer[0]), int(signer[1]), int(signer[2])))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise NodeError(
                f"{shown(self._file)} cannot be read, so how far a swap of the data folders went is not known",
                safe="nothing is guessed from it, and nothing was changed",
                next_step=f"see which of the data folders end in {NEW} or .bad-, put the right ones in place by hand, "
                "and remove that file",
            ) from error


def _inode(path: Path) -> int | None:
    try:
        return path.lstat().st_ino
    except FileNotFoundError:
        return None
