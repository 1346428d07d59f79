"""The shim that waits: started before it is needed, and nothing until it is told."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from console.errors import NodeError
from console.files import sha256_of
from console.node import shim as program
from console.node.runtime.shim import ShimRuntime, alive
from tests.console.node import nodes
from tests.console.node.runtime.scripts import WAITS, run_of, service, until


def waiting(runtime: ShimRuntime) -> int:
    pid = runtime._waiting()
    assert pid is not None
    return pid


@pytest.mark.anyio
async def test_a_prepared_start_runs_under_the_shim_that_waited(shims: ShimRuntime, tmp_path: Path) -> None:
    spec = run_of(tmp_path, "exit 3")
    shims.prepare(spec)
    pid = waiting(shims)
    live = await shims.start(spec)
    assert live.shim_pid == pid
    record = await shims.ended(live)
    assert record is not None
    assert (record.code, record.problem) == (3, "")


@pytest.mark.anyio
async def test_a_shim_that_waits_is_no_start_and_holds_nothing(shims: ShimRuntime, tmp_path: Path) -> None:
    shims.prepare(run_of(tmp_path, "exit 0"))
    assert waiting(shims)
    other = ShimRuntime(tmp_path / "run", tmp_path)
    async with asyncio.timeout(5):
        await other.settle()
    assert not other.lock_held()
    assert other._shims() == []


@pytest.mark.anyio
async def test_the_next_one_is_prepared_while_the_node_runs(shims: ShimRuntime, tmp_path: Path) -> None:
    live = await shims.start(run_of(tmp_path, f"trap 'exit 0' TERM; {WAITS}"))
    following = run_of(tmp_path, f"trap 'exit 0' TERM; {WAITS}", run_id=2)
    shims.prepare(following)
    shims.prepare(following)
    pid = waiting(shims)
    await shims.stop(live)
    after = await shims.start(following)
    assert (after.shim_pid, after.run_id) == (pid, 2)
    await shims.stop(after)


@pytest.mark.anyio
async def test_what_changed_since_it_was_prepared_is_not_executed(shims: ShimRuntime, tmp_path: Path) -> None:
    spec = run_of(tmp_path, "exit 0")
    shims.prepare(spec)
    spec.app.binary.write_text('#!/bin/sh\ntouch "$HOME/touched"\n')
    with pytest.raises(NodeError, match="sha256"):
        await shims.start(spec)
    assert not (tmp_path / "touched").exists()


@pytest.mark.anyio
async def test_a_waiting_shim_that_died_costs_time_only(shims: ShimRuntime, tmp_path: Path) -> None:
    spec = run_of(tmp_path, "exit 4")
    shims.prepare(spec)
    pid = waiting(shims)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: shims._waiting() is None)
    live = await shims.start(spec)
    record = await shims.ended(live)
    assert record is not None
    assert (live.shim_pid != pid, record.code) == (True, 4)


@pytest.mark.anyio
async def test_release_ends_the_shim_that_waits(shims: ShimRuntime, tmp_path: Path) -> None:
    shims.prepare(run_of(tmp_path, "exit 0"))
    pid = waiting(shims)
    await shims.release()
    assert not Path(f"/proc/{pid}").exists()
    assert shims._waiting() is None


@pytest.mark.anyio
async def test_it_dies_with_its_controller(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from console.node.runtime.shim import ShimRuntime\n"
        "from tests.console.node.runtime.scripts import run_of\n"
        "folder = Path(sys.argv[1])\n"
        "runtime = ShimRuntime(folder / 'run', folder)\n"
        "runtime.prepare(run_of(folder, 'exit 0'))\n"
        "print(runtime._waiting(), flush=True)\ntime.sleep(100)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[4]
    )
    with process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        started = program.start_ticks(pid)
        process.kill()
    await until(lambda: not alive(pid, started))
    # What it left behind says nothing any more.
    runtime = ShimRuntime(tmp_path / "run", tmp_path)
    await runtime.settle()
    await nodes.end_all(runtime, tmp_path, tmp_path)


@pytest.mark.anyio
async def test_one_that_was_told_to_start_is_a_start(shims: ShimRuntime, tmp_path: Path) -> None:
    """Its controller was killed right after: the next one waits for it."""
    record = tmp_path / "run" / "node.json.new"
    # Opening a pipe for writing waits for a reader, so the shim stands between its fork and its record.
    os.mkfifo(record)
    spec = run_of(tmp_path, f"trap 'exit 0' TERM; {WAITS}")
    shims.prepare(spec)
    pid = waiting(shims)
    start = asyncio.create_task(shims.start(spec))
    await until(lambda: pid in shims._shims())
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    other = ShimRuntime(tmp_path / "run", tmp_path)
    settling = asyncio.create_task(other.settle())
    await until(lambda: len(other._shims()) == 2)
    assert not settling.done()
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(5):
        await settling
    assert other.recorded() is None
    record.unlink()


@pytest.mark.parametrize("change", ["bytes", "other file", "time"])
def test_a_hash_made_ahead_counts_only_for_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(program, "SETTLED_NS", -1)
    path, sha256 = service(tmp_path, "app", "exit 0").binary, ""
    sha256 = sha256_of(path)
    ahead: program.Ahead = {}
    program.hash_ahead(ahead, str(path), sha256)
    descriptor = ahead[str(path), sha256][0]
    assert program.descriptor_of(ahead, str(path), sha256) == descriptor
    if change == "bytes":
        path.write_text("#!/bin/sh\nexit 1\n")
    elif change == "other file":
        beside = tmp_path / "beside"
        beside.write_text("#!/bin/sh\nexit 1\n")
        beside.replace(path)
    else:
        os.utime(path, (1, 1))
        opened = program.descriptor_of(ahead, str(path), sha256)
        assert ahead == {}
        os.close(opened)
        return
    with pytest.raises(OSError, match="sha256"):
        program.descriptor_of(ahead, str(path), sha256)
    assert ahead == {}


def test_a_file_that_changed_just_now_is_not_hashed_ahead(tmp_path: Path) -> None:
    path = service(tmp_path, "app", "exit 0").binary
    ahead: program.Ahead = {}
    program.hash_ahead(ahead, str(path), sha256_of(path))
    program.hash_ahead(ahead, str(tmp_path / "nowhere"), "0" * 64)
    assert ahead == {}
