"""The node's processes as the kernel tells them: who started whom, and what each uses. Blocking; for a thread."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.model import NodeProcess, ProcessTree
from console.node.machine_health import open_file_limit
from console.node.shim import STANDBY
from console.text import untrusted

if TYPE_CHECKING:
    import psutil

MOST_BELOW = 64
"""Descendants that are looked at beside the known ones: a node that forks without end must not take us along."""

_STATES = {"disk-sleep": "disk wait", "idle": "sleeping", "dead": "zombie", "tracing-stop": "stopped"}
_NAME = 40


@dataclass(frozen=True, slots=True)
class KnownProcess:
    """A process whose part in the node is known."""

    pid: int
    name: str
    depth: int
    container: str = ""
    """Name of the container that it lives in; empty for none."""


class ProcessSampler:
    """Looks at the node's processes again and again: CPU is what was used between two samples.

    Args:
        clock: Unix seconds.
        monotonic: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._used: dict[tuple[int, float], tuple[float, float]] = {}
        """CPU seconds, and when they were read, by pid and start time."""

    def sample(self, known: Iterable[KnownProcess], remarks: Iterable[str] = ()) -> ProcessTree:
        """Look once: the known processes in their order, each followed by what else descends from it.

        Args:
            known: Controller, shim, services; a service's own children are found here.
            remarks: What the caller knows to be missing.
        """
        known = tuple(known)
        taken_at, now = self._clock(), self._monotonic()
        used: dict[tuple[int, float], tuple[float, float]] = {}
        found: list[NodeProcess] = []
        told = list(remarks)
        below = 0
        for each in _with_descendants(known):
            below += each not in known
            if each in known or below <= MOST_BELOW:
                found.append(self._look(each, now, used))
        if below > MOST_BELOW:
            told.append(f"{below - MOST_BELOW} more processes are not shown.")
        self._used = used
        told += dict.fromkeys(f"{process.name}: {process.hidden}." for process in found if process.hidden)
        return ProcessTree(taken_at, tuple(found), tuple(told))

    def _look(self, known: KnownProcess, now: float, used: dict[tuple[int, float], tuple[float, float]]) -> NodeProcess:
        import psutil

        name = untrusted(known.name, _NAME)
        try:
            process = psutil.Process(known.pid)
            with process.oneshot():
                created, times = process.create_time(), process.cpu_times()
                spent = times.user + times.system
                mark = (known.pid, created)
                before = self._used.get(mark)
                used[mark] = (spent, now)
                files, hidden = _open_files(process)
                limit = open_file_limit(known.pid)
                return NodeProcess(
                    pid=known.pid,
                    name=name,
                    depth=known.depth,
                    state=_STATES.get(process.status(), str(process.status())),
                    cpu_percent=None if before is None else _share(spent - before[0], now - before[1]),
                    memory_bytes=process.memory_info().rss,
                    open_files=files,
                    file_limit=None if limit == resource.RLIM_INFINITY else limit,
                    threads=process.num_threads(),
                    started_at=created,
                    hidden=hidden,
                )
        except psutil.NoSuchProcess:
            return NodeProcess(known.pid, name, known.depth, "", hidden=_why_gone(known))
        except psutil.AccessDenied:
            # /proc mounted with hidepid shows other users' processes to nobody.
            why = f"process {known.pid} is another user's and this system hides it; look as that user or as root"
            return NodeProcess(known.pid, name, known.depth, "", hidden=why)


def _share(seconds: float, of: float) -> float | None:
    return max(0.0, 100.0 * seconds / of) if of > 0 else None


def _open_files(process: psutil.Process) -> tuple[int | None, str]:
    """Descriptors in use; why they cannot be counted. Raises psutil.NoSuchProcess."""
    import psutil

    try:
        return process.num_fds(), ""
    except psutil.AccessDenied:
        owner = untrusted(process.username(), _NAME)
        return None, f"its descriptors are shown to {owner} and to root only"


def _why_gone(known: KnownProcess) -> str:
    if known.container:
        return (
            f"process {known.pid} of container {untrusted(known.container)} is not on this machine's process table: "
            "only its engine sees it"
        )
    return f"process {known.pid} is gone"


def _with_descendants(known: tuple[KnownProcess, ...]) -> Iterator[KnownProcess]:
    children = _children()
    named = {each.pid for each in known}
    shown: set[int] = set()

    def below(parent: int, depth: int) -> Iterator[KnownProcess]:
        for pid in children.get(parent, ()):
            if pid not in named and pid not in shown:
                shown.add(pid)
                yield KnownProcess(pid, _name_of(pid), depth)
                yield from below(pid, depth + 1)

    for each in known:
        yield each
        yield from below(each.pid, each.depth + 1)


def _children() -> dict[int, list[int]]:
    """Pids of every process by its parent, without ours: one pass over the process table."""
    import psutil

    found: dict[int, list[int]] = {}
    own = os.getpid()
    for process in psutil.process_iter(["ppid"]):
        if process.pid != own and process.info["ppid"] is not None:
            found.setdefault(process.info["ppid"], []).append(process.pid)
    return found


def _name_of(pid: int) -> str:
    import psutil

    try:
        process = psutil.Process(pid)
        words = process.cmdline()
        if STANDBY in words:
            # The interpreter that is kept ready for the next start.
            return "shim, waiting"
        # One of our own modules says more than `python3`.
        return words[words.index("-m") + 1] if "-m" in words[:-1] else process.name()
    except psutil.Error:
        return "?"
