"""The shim with real processes: exit codes, orphans, the lock, verified bytes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.errors import HeldByOther, NodeError
from console.files import sha256_of
from console.node.runtime.shim import LiveRun, RunSpec, ShimRuntime, alive


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ShimRuntime]:
    (tmp_path / "run").mkdir()
    runtime = ShimRuntime(tmp_path / "run", tmp_path)
    yield runtime
    live = runtime.recorded()
    if live is not None and runtime.shim_alive(live):
        os.kill(live.shim_pid, signal.SIGTERM)


def spec(tmp_path: Path, script: str, run_id: int = 1, grace_s: float = 5.0, sha256: str = "") -> RunSpec:
    binary = tmp_path / f"node{run_id}"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    return RunSpec(
        run_id=run_id,
        binary=binary,
        sha256=sha256 or sha256_of(binary),
        arguments=("node", "start"),
        environment={"PATH": os.environ["PATH"], "FM_HALT_HEIGHT": "42"},
        home=tmp_path,
        grace_s=grace_s,
    )


async def until(condition: object, deadline_s: float = 10.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


@pytest.mark.anyio
@pytest.mark.parametrize("code", [0, 1, 2, 101])
async def test_the_exit_code_is_kept(runtime: ShimRuntime, tmp_path: Path, code: int) -> None:
    live = await runtime.start(spec(tmp_path, f"echo said $1 $FM_HALT_HEIGHT >&2; exit {code}"))
    record = await runtime.ended(live)
    assert record is not None
    assert (record.code, record.asked, record.unclean) == (code, False, False)
    assert runtime.log_since(live.log_offset) == b"said node 42\n"
    assert not runtime.lock_held()


@pytest.mark.anyio
async def test_a_signal_death_is_minus_the_signal(runtime: ShimRuntime, tmp_path: Path) -> None:
    live = await runtime.start(spec(tmp_path, "exec sleep 100"))
    os.kill(live.child_pid, signal.SIGKILL)
    record = await runtime.ended(live)
    assert record is not None
    assert record.code == -signal.SIGKILL


@pytest.mark.anyio
async def test_a_second_node_is_refused_while_one_lives(runtime: ShimRuntime, tmp_path: Path) -> None:
    live = await runtime.start(spec(tmp_path, "exec sleep 100"))
    with pytest.raises(HeldByOther):
        await runtime.start(spec(tmp_path, "exit 0", run_id=2))
    record = await runtime.stop(live)
    assert record is not None
    assert record.asked


@pytest.mark.anyio
async def test_the_lock_outlives_a_killed_shim(runtime: ShimRuntime, tmp_path: Path) -> None:
    live = await runtime.start(spec(tmp_path, "exec sleep 100"))
    os.kill(live.shim_pid, signal.SIGKILL)
    await until(lambda: not runtime.shim_alive(live))
    assert runtime.lock_held()
    with pytest.raises(HeldByOther):
        await runtime.start(spec(tmp_path, "exit 0", run_id=2))
    assert await runtime.stop(live) is None
    assert not runtime.lock_held()


@pytest.mark.anyio
async def test_orphans_that_left_the_group_are_ended_too(runtime: ShimRuntime, tmp_path: Path) -> None:
    pid_file = tmp_path / "orphan.pid"
    script = f"setsid sh -c 'trap \"\" TERM; echo $$ > {pid_file}; while :; do sleep 0.1; done' & \n"
    script += f"while [ ! -s {pid_file} ]; do sleep 0.01; done; exit 2"
    live = await runtime.start(spec(tmp_path, script, grace_s=0.3))
    record = await runtime.ended(live)
    assert record is not None
    assert record.code == 2
    assert record.unclean
    assert not Path(f"/proc/{pid_file.read_text().strip()}").exists()


@pytest.mark.anyio
async def test_a_node_deaf_to_sigterm_is_killed_after_its_grace(runtime: ShimRuntime, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    live = await runtime.start(
        spec(tmp_path, f"trap '' TERM; touch {ready}; while :; do sleep 0.05; done", grace_s=0.3)
    )
    await until(ready.exists)
    record = await runtime.stop(live)
    assert record is not None
    assert (record.code, record.asked, record.unclean) == (-signal.SIGKILL, True, True)


@pytest.mark.anyio
async def test_other_bytes_are_never_executed(runtime: ShimRuntime, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    with pytest.raises(NodeError, match="sha256"):
        await runtime.start(spec(tmp_path, f"touch {touched}", sha256="0" * 64))
    assert not touched.exists()
    assert not runtime.lock_held()


@pytest.mark.anyio
async def test_the_environment_of_the_process_itself_is_read(runtime: ShimRuntime, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    live = await runtime.start(spec(tmp_path, f"touch {ready}; exec sleep 100"))
    await until(ready.exists)
    assert runtime.environment_of(live)["FM_HALT_HEIGHT"] == "42"
    await runtime.stop(live)
    with pytest.raises(NodeError):
        runtime.environment_of(live)


def test_a_recycled_pid_is_not_taken_for_the_run() -> None:
    assert not alive(os.getpid(), 1)


def test_a_damaged_record_is_said(runtime: ShimRuntime, tmp_path: Path) -> None:
    (tmp_path / "run" / "node.json").write_text("{")
    with pytest.raises(NodeError, match="not readable"):
        runtime.recorded()
    (tmp_path / "run" / "node.json").unlink()
    recorded: LiveRun | None = runtime.recorded()
    assert recorded is None
