"""Processes by pid and start time, and who holds a lock: what `/proc` says (DESIGN §1)."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def alive(pid: int, started: int) -> bool:
    """Whether the process with that pid and that start time (clock ticks since boot) lives and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return False
    return stat[0] not in (b"Z", b"X") and int(stat[19]) == started


def kill(pid: int, number: int) -> None:
    """Signal a process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


async def gone(pid: int, started: int) -> None:
    """Wait until that process is gone: by pidfd, which cannot mistake a recycled pid once it is open."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        while alive(pid, started):
            await readable(descriptor, 60.0)
    finally:
        os.close(descriptor)


async def readable(descriptor: int, at_most_s: float) -> bool:
    """Wait until a descriptor can be read, or has ended; False when that took longer than `at_most_s` seconds."""
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    loop.add_reader(descriptor, event.set)
    try:
        # Not `wait_for`, which loses a cancellation that comes together with the event (Python 3.11).
        async with asyncio.timeout(at_most_s):
            await event.wait()
        return True
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)


def lock_holders(lock: Path) -> list[int]:
    """Pids of the processes that have that very lock, taken by themselves or inherited; only ours can be seen.

    Who merely opened the file, as anybody who looks does, is not among them.
    """
    try:
        wanted = lock.stat()
    except OSError:
        return []
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _holds(name, wanted)]


def _holds(pid: str, wanted: os.stat_result) -> bool:
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    for number in numbers:
        try:
            found = Path(f"/proc/{pid}/fd/{number}").stat()
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                words = Path(f"/proc/{pid}/fdinfo/{number}").read_text()
                if any(line.startswith("lock:") and "FLOCK" in line for line in words.splitlines()):
                    return True
        except OSError:
            continue
    return False


async def end_all(left: Callable[[], list[int]], grace_s: float) -> None:
    """End processes: SIGTERM once to each, after `grace_s` seconds SIGKILL, until `left` names none."""
    number = signal.SIGTERM
    told: set[int] = set()
    deadline = time.monotonic() + grace_s
    while pids := left():
        if time.monotonic() >= deadline:
            number, told = signal.SIGKILL, set()
        for pid in pids:
            if pid not in told:
                told.add(pid)
                kill(pid, number)
        await asyncio.sleep(0.02)
