"""`init`: Cosmovisor's layout in a node's home, made from the binaries that run there now (facts/cosmos.md §1.2, §1.3).

Durable, repeatable, and nothing that exists is overwritten. Unlike Cosmovisor's, a missing `current` beside upgrades is
not taken for genesis: nobody knows which release the data is of.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.files import sha256_of, switch_link, sync_folder
from console.model import GENESIS
from console.node.discovery.files import names_in

_FOLDER_MODE = 0o750
_BINARY_BITS = 0o755


@dataclass(frozen=True, slots=True)
class LaidOut:
    """One binary of the genesis generation."""

    daemon: str
    path: Path
    sha256: str
    """Of the file that is there now, 64 hex digits."""
    made: bool
    """False when it was there before."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What `make_layout` left behind."""

    binaries: tuple[LaidOut, ...]
    current: str
    """What `current` points at: `genesis` or `upgrades/<name>`."""
    current_made: bool


def make_layout(home: Path, binaries: Mapping[str, Path]) -> Layout:
    """Make `cosmovisor/genesis/bin/<daemon>` and `current` where they are missing.

    Args:
        home: The node's home.
        binaries: By the daemon's name, each one to copy; `/proc/<pid>/exe` serves for the one that runs.

    Raises:
        NodeError: A binary there is another one, or `current` cannot be trusted; what exists was left alone.
    """
    root = home / "cosmovisor"
    folder = root / GENESIS / "bin"
    try:
        _check_current(root)
        _make_folders(home, folder)
        laid = tuple(_lay(folder, daemon, source) for daemon, source in binaries.items())
        made = not os.path.lexists(root / "current")
        if made:
            switch_link(root / "current", GENESIS)
        return Layout(laid, os.readlink(root / "current"), made)
    except OSError as error:
        raise NodeError(
            f"cannot make the layout in {root}: {error}",
            safe="nothing that existed was changed",
            next_step="look at the disk and at who owns the folder",
        ) from error


def running_binary(pid: int, proc: Path = Path("/proc")) -> Path:
    """What a process executes, even after its file was replaced or removed.

    Raises:
        NodeError: The process is gone or is another user's.
    """
    path = proc / str(pid) / "exe"
    try:
        os.readlink(path)
    except OSError as error:
        raise NodeError(f"cannot see what process {pid} executes: {error}", next_step="name the binary") from error
    return path


def _check_current(root: Path) -> None:
    current = root / "current"
    if os.path.lexists(current):
        if not current.is_symlink() or not (current / "bin").is_dir():
            raise NodeError(
                f"{current} is not a link to a generation",
                safe="it was left as it is, and genesis is not taken in its place",
                next_step="point it at the generation that the data is of, relative to its folder",
            )
    elif names_in(root / "upgrades"):
        raise NodeError(
            f"{current} is missing although there are upgrades in {root / 'upgrades'}",
            safe="nothing was changed, because the data may be of a later release than genesis",
            next_step="point it at the generation that the data is of, relative to its folder",
        )


def _make_folders(home: Path, folder: Path) -> None:
    missing = [path for path in (folder, *folder.parents) if home in path.parents and not path.is_dir()]
    for path in reversed(missing):
        path.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        sync_folder(path.parent)


def _lay(folder: Path, daemon: str, source: Path) -> LaidOut:
    if not daemon or "/" in daemon or daemon.startswith("."):
        raise NodeError(f"{daemon!r} cannot be the name of a binary", safe="nothing was changed")
    target = folder / daemon
    if not source.is_file():
        raise NodeError(f"there is no file {source}", safe="nothing that existed was changed")
    wanted = sha256_of(source)
    if os.path.lexists(target):
        found = sha256_of(target)
        if found != wanted:
            raise NodeError(
                f"{target} exists and is another binary (sha256 {found}) than {source} (sha256 {wanted})",
                safe="it was not overwritten",
                next_step="remove it if it is the wrong one, or name it instead",
            )
        made = False
    else:
        _copy(source, target, wanted)
        made = True
    mode = stat.S_IMODE(target.stat().st_mode)
    if mode & 0o111 != 0o111:
        target.chmod(mode | 0o111)
    return LaidOut(daemon, target, wanted, made)


def _copy(source: Path, target: Path, wanted: str) -> None:
    """Copy, then publish by a name that did not exist: a kill leaves no half binary, and no race overwrites one."""
    beside = target.with_name(f".{target.name}.new")
    beside.unlink(missing_ok=True)
    try:
        shutil.copyfile(source, beside)
        beside.chmod((stat.S_IMODE(source.stat().st_mode) | 0o111) & _BINARY_BITS)
        descriptor = os.open(beside, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if sha256_of(beside) != wanted:
            raise NodeError(f"{source} changed while it was copied", safe="it was not published")
        os.link(beside, target)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(target.parent)
