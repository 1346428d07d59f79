"""The shim with real processes: exit codes, orphans, the lock, verified bytes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import HeldByOther, NodeError
from console.files import sha256_of
from console.node import shim as program
from console.node.runtime import shim as module
from console.node.runtime.runtime import LiveRun, RunSpec, ServiceSpec
from console.node.runtime.shim import ShimRuntime, alive, run_command


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
    app = ServiceSpec(
        name="app",
        binary=binary,
        sha256=sha256 or sha256_of(binary),
        arguments=("node", "start"),
        environment={"PATH": os.environ["PATH"], "FM_HALT_HEIGHT": "42"},
    )
    return RunSpec(run_id=run_id, services=(app,), home=tmp_path, grace_s=grace_s)


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
async def test_a_companion_is_executed_when_the_apps_port_is_open(runtime: ShimRuntime, tmp_path: Path) -> None:
    with socket.socket() as app:
        app.bind(("127.0.0.1", 0))
        whole = spec(tmp_path, "exec sleep 100")
        companion = replace(
            spec(tmp_path, "echo executed >&2; exec sleep 100", run_id=2).app,
            name="cometbft",
            after_port=app.getsockname()[1],
        )
        live = await runtime.start(replace(whole, services=(whole.app, companion)))
        assert [each.name for each in live.services] == ["app", "cometbft"]
        cmdline = Path(f"/proc/{live.services[1].pid}/cmdline")
        # It is there and recorded, and still the shim's own program.
        assert b"shim.py" in cmdline.read_bytes()
        assert runtime.log_since(live.log_offset) == b""
        app.listen(1)
        await until(lambda: runtime.log_since(live.log_offset) == b"executed\n")
        await until(lambda: b"shim.py" not in cmdline.read_bytes())
    record = await runtime.stop(live)
    assert record is not None
    assert (record.asked, record.unclean) == (True, False)


@pytest.mark.anyio
async def test_a_companion_that_waits_can_be_stopped(runtime: ShimRuntime, tmp_path: Path) -> None:
    whole = spec(tmp_path, "exec sleep 100")
    companion = replace(spec(tmp_path, "exec sleep 100", run_id=2).app, name="cometbft", after_port=1)
    live = await runtime.start(replace(whole, services=(whole.app, companion)))
    record = await runtime.stop(live)
    assert record is not None
    assert (record.asked, record.unclean) == (True, False)
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


@pytest.mark.anyio
async def test_what_cannot_be_recorded_does_not_run(runtime: ShimRuntime, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    # As on a full disk: the record cannot be written.
    (tmp_path / "run" / "node.json.new").symlink_to("/dev/full")
    with pytest.raises(NodeError, match="cannot be recorded"):
        await runtime.start(spec(tmp_path, f"touch {touched}; exec sleep 100"))
    assert not touched.exists()
    assert not runtime.lock_held()


@pytest.mark.anyio
async def test_a_shim_killed_before_its_record_leaves_nothing(runtime: ShimRuntime, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    waiting = tmp_path / "run" / "node.json.new"
    # Opening a pipe for writing waits for a reader, so the shim stands between its fork and its record.
    os.mkfifo(waiting)
    start = asyncio.create_task(runtime.start(spec(tmp_path, f"touch {touched}; exec sleep 100")))
    await until(lambda: len(runtime._shims()) == 2)
    for pid in sorted(runtime._shims())[:1]:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(NodeError, match="without a record"):
        await start
    await until(lambda: not runtime.lock_held())
    assert not touched.exists()


def test_on_a_full_disk_the_exit_record_waits_for_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    record = tmp_path / "exit.1.json"
    beside = tmp_path / "exit.1.json.new"
    beside.symlink_to("/dev/full")
    waits: list[float] = []

    def no_signal(_: object, timeout: float) -> None:
        waits.append(timeout)
        if len(waits) == 2:
            beside.unlink()

    monkeypatch.setattr(signal, "sigtimedwait", no_signal)
    program.keep_record(str(record), {"code": 2, "asked": False})
    assert json.loads(record.read_text()) == {"code": 2, "asked": False}
    assert len(waits) == 2


def test_an_exit_record_that_cannot_be_written_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program.keep_record(str(tmp_path / "gone" / "exit.1.json"), {"code": 2, "asked": False})
    (tmp_path / "exit.1.json.new").symlink_to("/dev/full")
    monkeypatch.setattr(signal, "sigtimedwait", lambda *_: signal.SIGTERM)
    program.keep_record(str(tmp_path / "exit.1.json"), {"code": 2, "asked": False})
    assert not (tmp_path / "exit.1.json").exists()


@pytest.mark.anyio
async def test_a_start_that_takes_too_long_does_not_come_up_later(
    runtime: ShimRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched = tmp_path / "touched"
    with monkeypatch.context() as patch:
        patch.setattr(module, "_START_DEADLINE_S", 0.0)
        with pytest.raises(TimeoutError):
            await runtime.start(spec(tmp_path, f"touch {touched}; exec sleep 100"))
    live = await runtime.start(spec(tmp_path, "exec sleep 100", run_id=2))
    assert runtime._shims()[0] == live.shim_pid
    await runtime.stop(live)
    assert runtime._shims() == []
    assert not touched.exists()


@pytest.mark.anyio
async def test_an_exit_record_that_is_damaged_is_a_lost_one(runtime: ShimRuntime, tmp_path: Path) -> None:
    live = await runtime.start(spec(tmp_path, "exit 2"))
    await runtime.ended(live)
    (tmp_path / "run" / "exit.1.json").write_text("{")
    assert await runtime.ended(live) is None


@pytest.mark.anyio
async def test_the_age_of_a_run_is_not_the_clocks(runtime: ShimRuntime, tmp_path: Path) -> None:
    live = await runtime.start(spec(tmp_path, "exec sleep 100"))
    assert -1.0 < runtime.age_s(live) < 10.0
    await runtime.stop(live)


@pytest.mark.anyio
async def test_a_second_node_is_refused_although_the_lock_was_deleted(runtime: ShimRuntime, tmp_path: Path) -> None:
    live = await runtime.start(spec(tmp_path, "exec sleep 100"))
    (tmp_path / module.LOCK_NAME).unlink()
    with pytest.raises(HeldByOther):
        await runtime.start(spec(tmp_path, "exit 0", run_id=2))
    await runtime.stop(live)


def test_a_command_runs_verified_bytes_only(tmp_path: Path) -> None:
    binary = tmp_path / "node"
    binary.write_text('#!/bin/sh\necho "$1"\n')
    binary.chmod(0o755)
    done = run_command(binary, sha256_of(binary), ("--version",), {"PATH": "/usr/bin:/bin"}, 10.0)
    assert done.stdout == "--version\n"
    with pytest.raises(NodeError, match="sha256"):
        run_command(binary, "0" * 64, ("--version",), {}, 10.0)


def test_a_recycled_pid_is_not_taken_for_the_run() -> None:
    assert not alive(os.getpid(), 1)


def test_a_damaged_record_is_said(runtime: ShimRuntime, tmp_path: Path) -> None:
    (tmp_path / "run" / "node.json").write_text("{")
    with pytest.raises(NodeError, match="not readable"):
        runtime.recorded()
    (tmp_path / "run" / "node.json").unlink()
    recorded: LiveRun | None = runtime.recorded()
    assert recorded is None


@pytest.mark.anyio
async def test_a_record_that_a_power_cut_emptied_names_nobody(runtime: ShimRuntime, tmp_path: Path) -> None:
    live = await runtime.start(spec(tmp_path, "exit 0"))
    await runtime.ended(live)
    (tmp_path / "run" / "node.json").write_bytes(b"")
    (tmp_path / "run" / f"exit.{live.run_id}.json").write_bytes(b"")
    assert runtime.recorded() is None
    assert runtime.exit_record(live.run_id) is None
