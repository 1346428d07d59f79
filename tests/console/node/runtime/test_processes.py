"""Who holds a lock, and how processes are ended."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from pathlib import Path

import pytest

from console.node.runtime.processes import alive, end_all, gone, lock_holders, readable
from console.node.shim import start_ticks


def test_only_who_has_the_lock_is_a_holder(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert lock_holders(lock) == []
    looks = os.open(lock, os.O_RDWR | os.O_CREAT)
    assert lock_holders(lock) == []
    taken = os.open(lock, os.O_RDWR)
    fcntl.flock(taken, fcntl.LOCK_EX)
    heir = subprocess.Popen(["sleep", "100"], pass_fds=(taken,))
    assert sorted(lock_holders(lock)) == sorted([os.getpid(), heir.pid])
    os.close(taken)
    assert lock_holders(lock) == [heir.pid]
    heir.kill()
    heir.wait()
    assert lock_holders(lock) == []
    os.close(looks)


@pytest.mark.anyio
async def test_who_does_not_listen_is_killed() -> None:
    deaf = subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; echo; while :; do sleep 0.02; done"], stdout=subprocess.PIPE
    )
    assert deaf.stdout is not None
    deaf.stdout.readline()
    await end_all(lambda: [deaf.pid] if deaf.poll() is None else [], 0.1)
    assert deaf.wait() == -signal.SIGKILL
    deaf.stdout.close()


@pytest.mark.anyio
async def test_the_end_of_a_process_is_told_at_once() -> None:
    process = subprocess.Popen(["sleep", "100"])
    started = start_ticks(process.pid)
    assert alive(process.pid, started)
    process.kill()
    await gone(process.pid, started)
    assert not alive(process.pid, started)
    process.wait()
    await gone(process.pid, started)


@pytest.mark.anyio
async def test_a_pipe_that_stays_silent_is_not_waited_for_for_ever() -> None:
    reader, writer = os.pipe()
    assert not await readable(reader, 0.01)
    os.close(writer)
    assert await readable(reader, 10.0)
    os.close(reader)
