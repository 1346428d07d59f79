"""Which folders hold a node's state, and which file in them is never restored (facts/ipc.md §1.11)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.text import untrusted

_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class DataFolders:
    """The state of the application and of CometBFT: kept together or not at all, since neither goes back alone.

    Raises:
        NodeError: A path is not absolute, a folder is not inside the home, or one folder lies within another.
    """

    home: Path
    folders: tuple[Path, ...]
    """Absolute, inside the home; each may be a symbolic link to a folder on another disk."""
    signer_state: Path | None
    """`priv_validator_state.json`, absolute; never restored. None with a remote signer (facts/cosmos.md §6)."""

    def __post_init__(self) -> None:
        signer = () if self.signer_state is None else (self.signer_state,)
        for path in (self.home, *self.folders, *signer):
            if not path.is_absolute() or ".." in path.parts:
                raise NodeError(f"{shown(path)} is not an absolute path", safe="nothing was changed")
        if not self.folders:
            raise NodeError("no data folder is named", safe="nothing was changed")
        for folder in self.folders:
            if folder == self.home or not folder.is_relative_to(self.home):
                raise NodeError(f"the data folder {shown(folder)} is not inside {shown(self.home)}")
        for index, folder in enumerate(self.folders):
            for other in self.folders[index + 1 :]:
                if folder.is_relative_to(other) or other.is_relative_to(folder):
                    raise NodeError(f"the data folders {shown(folder)} and {shown(other)} lie within each other")

    def relative(self, folder: Path) -> str:
        """The folder's path under the home, which is its name in a rollback point."""
        return str(folder.relative_to(self.home))

    def signer_within(self, folder: Path) -> str:
        """Path of the signer state inside `folder`; empty when it is kept elsewhere."""
        if self.signer_state is None:
            return ""
        place = Path(os.path.realpath(self.signer_state.parent)) / self.signer_state.name
        return str(place.relative_to(real(folder))) if place.is_relative_to(real(folder)) else ""


def real(folder: Path) -> Path:
    """Where the folder really is: a swap happens beside it, not beside a link to it."""
    return Path(os.path.realpath(folder))


def check_can_be_swapped(folder: Path) -> None:
    """Refuse a data folder that could not be swapped by a rename later, before anything depends on it.

    Raises:
        NodeError: It is missing, a mount point, or its parent is not writable.
    """
    place = real(folder)
    if not place.is_dir():
        raise NodeError(f"the data folder {shown(folder)} is missing", safe="nothing was changed")
    if place.is_mount() or str(place) in _mount_points():
        raise NodeError(
            f"the data folder {shown(place)} is a mount point, which no rename can swap",
            safe="nothing was changed",
            next_step="mount its disk one folder higher",
        )
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise NodeError(
            f"{shown(place.parent)} is not writable, so the data folder in it could not be swapped",
            safe="nothing was changed",
            next_step="make it writable for the user of the node",
        )


def shown(path: object) -> str:
    """A path for a sentence: file names come from elsewhere, and may hold anything."""
    return untrusted(os.fsencode(str(path)))


def _mount_points() -> frozenset[str]:
    """Where something is mounted, bind mounts of the same file system too; empty where the system does not tell."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return frozenset()
    fields = (line.split(b" ") for line in lines)
    return frozenset(os.fsdecode(_unescaped(field[4])) for field in fields if len(field) > 4)


def _unescaped(value: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), value)
