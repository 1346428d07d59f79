"""The machine under a node: disk, clock, limits and caches as findings (facts/safety.md §3, facts/ipc.md §1.8)."""

from __future__ import annotations

import ctypes
import os
import resource
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from console.model import LITTLE_BYTES
from console.node.discovery.files import read_bounded
from console.node.discovery.finding import Finding, Level
from console.text import duration, size, untrusted

OPEN_FILES = 65536
"""Descriptors that a node's unit asks for (facts/ipc.md §1.9): databases open thousands of files."""

NO_BYTES = 256 << 20
"""Free bytes below which nothing may be begun."""

_FEW_INODES = 10_000
_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    """The beginning of `struct timex`, with room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("values", ctypes.c_long * 4),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def disk_findings(folders: Sequence[tuple[str, Path]]) -> tuple[Finding, ...]:
    """Whether each folder can be written and has room; folders on one disk share the sentence on room.

    Args:
        folders: (what it is, path).
    """
    found: list[Finding] = []
    seen: set[int] = set()
    for what, path in folders:
        try:
            device, space = os.stat(path).st_dev, os.statvfs(path)
        except (OSError, ValueError) as error:
            found.append(Finding(Level.FAIL, "disk", f"the {what} {path} cannot be looked at: {untrusted(error)}"))
            continue
        if space.f_flag & os.ST_RDONLY:
            found.append(
                Finding(
                    Level.FAIL,
                    "disk",
                    f"the {what} {path} is on a file system that is mounted read-only",
                    "mend the disk",
                )
            )
        elif not os.access(path, os.W_OK | os.X_OK):
            found.append(
                Finding(
                    Level.FAIL,
                    "disk",
                    f"the {what} {path} cannot be written by this user",
                    "run this as the node's user",
                )
            )
        if device in seen:
            continue
        seen.add(device)
        found.append(_room(what, path, space))
    return tuple(found)


def _room(what: str, path: Path, space: os.statvfs_result) -> Finding:
    free = space.f_bavail * space.f_frsize
    words = f"the disk of the {what} {path} has {size(free)} free"
    if free < NO_BYTES:
        return Finding(Level.FAIL, "disk", words, "make room")
    if free < LITTLE_BYTES:
        return Finding(Level.WARN, "disk", f"{words}, which may not do for an upgrade", "make room")
    if space.f_files and space.f_favail < _FEW_INODES:
        return Finding(Level.WARN, "disk", f"{words}, but only room for {space.f_favail} more files", "remove files")
    return Finding(Level.OK, "disk", words)


def clock_findings(now: float, newest: float | None) -> tuple[Finding, ...]:
    """Whether the clock of the day can be right.

    Args:
        now: Unix seconds.
        newest: Unix seconds of the newest entry that this machine wrote; None when there is none.
    """
    found = []
    if newest is not None and newest - now > 1.0:
        found.append(
            Finding(
                Level.WARN,
                "clock",
                f"the clock is {duration(newest - now)} behind the newest entry of the journal: it was set back",
                "look at the time service",
            )
        )
    if _synchronised() is False:
        found.append(
            Finding(
                Level.WARN,
                "clock",
                "the kernel says that the clock is not synchronised; votes with a wrong time are refused by others",
                "turn on a time service (chrony, systemd-timesyncd)",
            )
        )
    return tuple(found) or (Finding(Level.OK, "clock", "nothing speaks against the clock"),)


def _synchronised() -> bool | None:
    """Whether the kernel takes its clock for synchronised; None where it cannot be asked."""
    if sys.platform != "linux":
        return None
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(_Timex()))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state != _TIME_ERROR)


def limit_finding(app_pid: int | None, proc: Path = Path("/proc")) -> Finding:
    """Whether the node may open enough files: the running one, else what would be started from here."""
    limit = open_file_limit(app_pid, proc) if app_pid is not None else None
    who = f"process {app_pid}" if limit is not None else "a process started from here"
    if limit is None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY or limit >= OPEN_FILES:
        return Finding(Level.OK, "limits", f"{who} may open enough files")
    return Finding(
        Level.WARN,
        "limits",
        f"{who} may open {limit} files; databases need thousands",
        f"set LimitNOFILE={OPEN_FILES} in the unit of the controller",
    )


def open_file_limit(pid: int, proc: Path = Path("/proc")) -> int | None:
    """Most descriptors that a process may have; `RLIM_INFINITY` for no limit, None when it cannot be read."""
    try:
        lines = read_bounded(proc / str(pid) / "limits").decode("ascii", "replace").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("Max open files"):
            word = line.split()[3]
            return resource.RLIM_INFINITY if word == "unlimited" else int(word) if word.isdecimal() else None
    return None


def cache_finding(temporary: Path) -> Finding:
    """The CometBFT that ipc-cli once unpacked and reuses, whatever ipc-cli is upgraded to (facts/ipc.md §1.8)."""
    path = temporary / "cometbft"
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return Finding(Level.OK, "cometbft cache", f"there is no {path}: ipc-cli unpacks its own CometBFT")
    except OSError as error:
        return Finding(Level.WARN, "cometbft cache", f"{path} cannot be looked at: {untrusted(error)}")
    shared = status.st_mode & 0o022 or not stat.S_ISREG(status.st_mode)
    if shared or status.st_uid not in {0, os.getuid()}:
        return Finding(
            Level.FAIL,
            "cometbft cache",
            f"{path} is another user's or can be changed by others, and ipc-cli would execute it with your keys",
            f"remove {path}",
        )
    return Finding(
        Level.WARN,
        "cometbft cache",
        f"{path} is there: a new ipc-cli goes on using that CometBFT instead of its own",
        f"remove {path} while the node is down; a unit with PrivateTmp=true has its own copy",
    )
