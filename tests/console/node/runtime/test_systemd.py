"""Transient units: under a real manager where one can be started, and by the exact command line everywhere."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from console.errors import HeldByOther, NodeError
from console.files import sha256_of
from console.node import shim as shim_program
from console.node.runtime.runtime import RunSpec, ServiceSpec
from console.node.runtime.systemd import Manager, SystemdRuntime, unit_name
from tests.console.node.runtime.real_systemd import RealManager


def spec(folder: Path, script: str, run_id: int = 1, grace_s: float = 5.0, sha256: str = "") -> RunSpec:
    binary = folder / f"node{run_id}"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    app = ServiceSpec(
        name="app",
        binary=binary,
        sha256=sha256 or sha256_of(binary),
        arguments=("node", "start"),
        environment={"PATH": os.environ["PATH"], "FM_HALT_HEIGHT": "42", "UPGRADE_CONSOLE_DEVNET": "a b"},
    )
    return RunSpec(run_id=run_id, services=(app,), home=folder, grace_s=grace_s)


async def until(condition: Callable[[], bool], deadline_s: float = 20.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def runtime(real_manager: RealManager, tmp_path: Path) -> AsyncIterator[SystemdRuntime]:
    (tmp_path / "run").mkdir()
    manager = Manager(user=True, environment=real_manager.environment)
    runtime = SystemdRuntime(tmp_path / "run", tmp_path, node="val 1", manager=manager)
    yield runtime
    await manager.run("systemctl", "stop", "--", runtime.unit)
    await until(lambda: not runtime.lock_held())


@pytest.mark.anyio
@pytest.mark.parametrize("code", [0, 2, 101])
async def test_the_exit_code_is_kept(runtime: SystemdRuntime, tmp_path: Path, code: int) -> None:
    live = await runtime.start(spec(tmp_path, f"echo said $1 $FM_HALT_HEIGHT >&2; exit {code}"))
    record = await runtime.ended(live)
    assert record is not None
    assert (record.code, record.asked, record.unclean) == (code, False, False)
    assert runtime.log_since(live.log_offset) == b"said node 42\n"
    again = await runtime.start(spec(tmp_path, "exit 2", run_id=2))
    ended = await runtime.ended(again)
    assert ended is not None
    assert ended.code == 2


@pytest.mark.anyio
async def test_the_node_is_in_a_unit_of_its_own_and_its_environment_is_not(
    runtime: SystemdRuntime, real_manager: RealManager, tmp_path: Path
) -> None:
    live = await runtime.start(spec(tmp_path, "exec sleep 100"))
    state = await runtime._manager.state(runtime.unit)
    assert (state.load, state.active, state.main_pid) == ("loaded", "active", live.shim_pid)
    assert runtime.unit in Path(f"/proc/{live.child_pid}/cgroup").read_text()
    shown = real_manager.run("show", runtime.unit).stdout
    for line in ("KillMode=control-group", "SendSIGKILL=yes", "TimeoutStopUSec=20s", "Restart=no", "Type=exec"):
        assert line in shown.splitlines()
    assert "RestartPreventExitStatus=2" in shown
    assert "FM_HALT_HEIGHT" not in shown
    assert runtime.environment_of(live)["FM_HALT_HEIGHT"] == "42"
    record = await runtime.stop(live)
    assert record is not None
    assert record.asked


@pytest.mark.anyio
async def test_a_second_node_is_refused_while_one_lives(runtime: SystemdRuntime, tmp_path: Path) -> None:
    live = await runtime.start(spec(tmp_path, "exec sleep 100"))
    with pytest.raises(HeldByOther):
        await runtime.start(spec(tmp_path, "exit 0", run_id=2))
    # Even without the lock's file the manager knows.
    (tmp_path / "upgrade-console.lock").unlink()
    (tmp_path / "run" / "node.json").unlink()
    with pytest.raises(HeldByOther, match="is active"):
        await runtime.start(spec(tmp_path, "exit 0", run_id=3))
    await runtime.stop(live)


@pytest.mark.anyio
async def test_a_node_that_ignores_sigterm_is_killed_by_the_shim_and_recorded(
    runtime: SystemdRuntime, tmp_path: Path
) -> None:
    live = await runtime.start(spec(tmp_path, "trap '' TERM; echo deaf; while :; do sleep 0.05; done", grace_s=0.5))
    await until(lambda: b"deaf" in runtime.log_since(live.log_offset))
    record = await runtime.stop(live)
    assert record is not None
    assert (record.code, record.asked, record.unclean) == (-signal.SIGKILL, True, True)


@pytest.mark.anyio
async def test_stopping_the_unit_by_hand_leaves_the_record(
    runtime: SystemdRuntime, real_manager: RealManager, tmp_path: Path
) -> None:
    live = await runtime.start(spec(tmp_path, "exec sleep 100"))
    await asyncio.to_thread(real_manager.run, "stop", runtime.unit)
    record = await runtime.ended(live)
    assert record is not None
    assert record.code == -signal.SIGTERM
    assert not runtime.lock_held()


@pytest.mark.anyio
async def test_what_a_killed_shim_leaves_behind_is_ended_by_the_manager(
    runtime: SystemdRuntime, tmp_path: Path
) -> None:
    live = await runtime.start(spec(tmp_path, "setsid sleep 100 & exec sleep 100"))
    os.kill(live.shim_pid, signal.SIGKILL)
    assert await runtime.ended(live) is None
    assert not runtime.node_alive(live)
    assert not runtime.lock_held()
    # Its unit has failed, which does not stand in the way of the next run.
    again = await runtime.start(spec(tmp_path, "exit 2", run_id=2))
    record = await runtime.ended(again)
    assert record is not None
    assert record.code == 2


@pytest.mark.anyio
async def test_unverified_bytes_are_not_run(runtime: SystemdRuntime, tmp_path: Path) -> None:
    with pytest.raises(NodeError, match=r"not started: .*sha256"):
        await runtime.start(spec(tmp_path, "touch ran", sha256="ab" * 32))
    assert not (tmp_path / "ran").exists()
    assert not runtime.lock_held()


@pytest.mark.anyio
async def test_a_start_that_a_killed_controller_left_is_awaited(
    runtime: SystemdRuntime, real_manager: RealManager, tmp_path: Path
) -> None:
    run = spec(tmp_path, "exec sleep 100")
    runtime._write_spec(run)
    await runtime._manager.run("systemd-run", "--no-block", *runtime.arguments(run))
    manager = Manager(user=True, environment=real_manager.environment)
    controller = SystemdRuntime(tmp_path / "run", tmp_path, node="val 1", manager=manager)
    await controller.settle()
    live = controller.recorded()
    assert live is not None
    assert controller.node_alive(live)
    await controller.stop(live)


@pytest.mark.anyio
async def test_there_is_no_unit_before_the_first_run(runtime: SystemdRuntime) -> None:
    state = await runtime._manager.state(runtime.unit)
    assert (state.load, state.active, state.over) == ("not-found", "inactive", True)
    await runtime.settle()


RECORDER = """#!{python} -IS
import json, os, subprocess, sys
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
with open("{folder}/calls", "a") as stream:
    stream.write(json.dumps([name, *words]) + "\\n")
if name == "systemd-run" and os.path.exists("{folder}/refuses"):
    sys.exit(open("{folder}/refuses").read())
pid = 0
if name == "systemd-run":
    at = words.index("--")
    command = words[at + 1:]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    open("{folder}/main", "w").write(str(run.pid))
if "show" in words:
    if os.path.exists("{folder}/main"):
        pid = int(open("{folder}/main").read())
    active = "active" if os.path.exists(f"/proc/{{pid}}/fd") and pid else "inactive"
    print(f"LoadState=loaded\\nActiveState={{active}}\\nSubState=any\\nResult=success\\nMainPID={{pid}}")
"""


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """`systemd-run` and `systemctl` that write down how they were called; what is to be run is run, without a unit."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("systemd-run", "systemctl"):
        program = folder / name
        program.write_text(RECORDER.format(python=sys.executable, folder=tmp_path))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "run").mkdir()
    return folder


def calls(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "calls").read_text().splitlines()]


@pytest.mark.anyio
@pytest.mark.parametrize("user", [True, False])
async def test_the_command_line_is_exactly_this(recorder: Path, tmp_path: Path, user: bool) -> None:
    manager = Manager(user=user, environment={"PATH": str(recorder)})
    runtime = SystemdRuntime(tmp_path / "run", tmp_path, node="v", manager=manager, run_as="ipc", properties=("A=b",))
    live = await runtime.start(spec(tmp_path, "exec sleep 100", grace_s=60))
    try:
        scope = [*(["--user"] if user else []), "--no-ask-password"]
        show = ["systemctl", *scope, "show", "--property", "LoadState,ActiveState,SubState,Result,MainPID"]
        assert calls(tmp_path)[:3] == [
            [*show, "--", runtime.unit],
            ["systemctl", *scope, "reset-failed", "--", runtime.unit],
            [
                *("systemd-run", *scope, "--quiet", f"--unit={runtime.unit}", "--description=Node of upgrade-console"),
                *("--property=Type=exec", "--property=KillMode=control-group", "--property=SendSIGKILL=yes"),
                *("--property=TimeoutStopSec=75", "--property=Restart=no", "--property=RestartPreventExitStatus=2"),
                *("--property=StandardInput=null", "--property=StandardOutput=null"),
                *("--property=StandardError=journal", "--property=A=b", "--uid=ipc"),
                *("--setenv=UPGRADE_CONSOLE_DEVNET=a b", "--"),
                *(sys.executable, "-I", "-S", shim_program.__file__, str(tmp_path / "run" / "start.json")),
            ],
        ]
    finally:
        record = await runtime.stop(live)
    assert record is not None
    assert record.asked


@pytest.mark.anyio
async def test_the_words_of_a_refusing_manager_are_passed_on_harmless(recorder: Path, tmp_path: Path) -> None:
    (tmp_path / "refuses").write_text("Failed to start \x1b[31mtransient unit: Access denied")
    manager = Manager(user=False, environment={"PATH": str(recorder)})
    runtime = SystemdRuntime(tmp_path / "run", tmp_path, node="v", manager=manager)
    with pytest.raises(NodeError, match="Access denied") as caught:
        await runtime.start(spec(tmp_path, "exec sleep 100"))
    assert "\x1b" not in str(caught.value)
    assert not runtime.lock_held()


@pytest.mark.anyio
async def test_a_manager_that_hangs_is_given_up_on(
    recorder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (recorder / "systemctl").write_text("#!/bin/sh\nexec /bin/sleep 100\n")
    monkeypatch.setattr("console.node.runtime.systemd.COMMAND_S", 0.2)
    manager = Manager(user=False, environment={"PATH": str(recorder)})
    with pytest.raises(NodeError, match="timed out"):
        await manager.state("x.service")


@pytest.mark.anyio
async def test_a_machine_without_systemd_says_so(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="not installed"):
        await Manager(user=False, environment={"PATH": str(tmp_path)}).state("x.service")


def test_a_unit_is_named_after_the_node_and_its_home(tmp_path: Path) -> None:
    name = unit_name("val-1 %i/../é", tmp_path)
    assert name.startswith("upgrade-console-val_1_i_")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
    assert name != unit_name("val-1 %i/../é", tmp_path / "other")
