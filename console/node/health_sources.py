"""What health is read from beside the RPC: memory, disk, the parent's finality. None is what cannot be read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from console.errors import ChainError

FINALITY_METRIC = "ipc_topdown_parent_finality_committed_height"
"""Of Fendermint's Prometheus endpoint; not there until the first event after a start (facts/ipc.md §7)."""

_SAMPLE = re.compile(rf"^{FINALITY_METRIC}(?:\{{[^}}]*\}})?\s+([0-9.eE+]{{1,32}})(?:\s|$)", re.MULTILINE | re.ASCII)
_DEADLINE_S = 2.0
_MAX_METRICS = 4 << 20
_NO_LIMIT = 1 << 60
"""Bytes above which a limit is none: the first version of cgroups writes a huge number for that."""


def memory_of(pids: Iterable[int]) -> int | None:
    """Resident bytes of these processes and all below them; None when none of them lives."""
    import psutil

    found: dict[int, int] = {}
    for pid in pids:
        try:
            process = psutil.Process(pid)
            for each in (process, *process.children(recursive=True)):
                found[each.pid] = each.memory_info().rss
        except psutil.Error:
            continue
    return sum(found.values()) if found else None


def memory_limit(pid: int, *, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that a process may use: the lowest limit of its cgroups, else the machine's memory."""
    import psutil

    limits = [limit for limit in _cgroup_limits(pid, proc, cgroups) if limit < _NO_LIMIT]
    return min([*limits, psutil.virtual_memory().total])


def _cgroup_limits(pid: int, proc: Path, cgroups: Path) -> list[int]:
    try:
        lines = (proc / str(pid) / "cgroup").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    found: list[int] = []
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            root, name = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = cgroups / "memory", "memory.limit_in_bytes"
        else:
            continue
        folder = root / path.strip().lstrip("/")
        while folder.is_relative_to(root):
            # A limit further up holds for everything below it.
            try:
                text = (folder / name).read_text("ascii", "replace").strip()
                found += [int(text)] if text.isdecimal() else []
            except OSError:
                pass
            folder = folder.parent
    return found


def free_bytes(folders: Iterable[Path]) -> int | None:
    """Free bytes of the fullest file system among these folders; None when none can be looked at."""
    found = []
    for folder in folders:
        try:
            space = os.statvfs(folder)
        except OSError:
            continue
        found.append(space.f_bavail * space.f_frsize)
    return min(found, default=None)


def parse_parent_finality(text: str) -> int:
    """The committed height in Prometheus' text; 0 where the metric is not there yet."""
    heights = []
    for match in _SAMPLE.finditer(text):
        try:
            heights.append(int(float(match.group(1))))
        except (ValueError, OverflowError):
            continue
    return max(heights, default=0)


async def parent_finality(url: str) -> int | None:
    """Height of the parent chain that the subnet committed, by the node's own metrics; None when they cannot be read.

    Args:
        url: Of the node's Prometheus endpoint.
    """
    # A node without such a metric, or at rest, needs no client for it.
    from console.http import Http

    http = Http(max_bytes=_MAX_METRICS)
    try:
        answer = await http.exchange(
            "GET", url, "the node's metrics", deadline_s=_DEADLINE_S, headers={"Accept": "*/*"}
        )
    except ChainError:
        return None
    finally:
        await http.close()
    if answer.status != 200:
        return None
    return parse_parent_finality(answer.content.decode("utf-8", "replace"))
