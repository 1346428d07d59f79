"""Daemons: detached, found again, stopped, and never mistaken for a stranger with their number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from console.devnet import processes
from console.devnet.process_identity import ProcessIdentity, identify, is_alive
from console.devnet.processes import MARKER
from console.errors import DevnetError

SLEEPER = "import signal; print('ready', flush=True); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


def eventually(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def spawned(place: Path, code: str, extra: dict[str, str] | None = None) -> ProcessIdentity:
    """A daemon that has begun to run its code."""
    log = place / "daemon.log"
    identity = processes.spawn(
        [sys.executable, "-c", code],
        folder=place,
        log=log,
        environment=processes.daemon_environment(place, extra),
    )
    eventually(lambda: b"ready" in log.read_bytes())
    return identity


@pytest.mark.anyio
async def test_a_daemon_is_detached_marked_and_stopped(place: Path) -> None:
    identity = spawned(place, SLEEPER)
    assert os.getsid(identity.pid) == identity.pid
    assert processes.marked(place) == [identity]
    assert processes.marked(place / "elsewhere") == []
    links = {os.readlink(f"/proc/{identity.pid}/fd/{number}") for number in (0, 1, 2)}
    assert links == {"/dev/null", str(place / "daemon.log")}
    assert set(os.listdir(f"/proc/{identity.pid}/fd")) == {"0", "1", "2"}
    assert await processes.stop([identity], grace_s=5) == []
    assert not is_alive(identity)


@pytest.mark.anyio
async def test_one_that_does_not_listen_is_killed(place: Path) -> None:
    identity = spawned(place, STUBBORN)
    assert await processes.stop([identity], grace_s=0.1) == []
    assert not is_alive(identity)


@pytest.mark.anyio
async def test_a_recycled_pid_is_not_touched(place: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE)
    try:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == b"ready\n"
        now = identify(stranger.pid)
        assert now is not None
        before = replace(now, started=now.started - 1)
        other_boot = replace(now, boot="another boot")
        for recorded in (before, other_boot):
            assert not is_alive(recorded)
            assert not processes.send(recorded, signal.SIGKILL)
        assert await processes.stop([before, other_boot], grace_s=0.1) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.communicate()


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    identity = identify(child.pid)
    assert identity is not None
    eventually(lambda: Path(f"/proc/{child.pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z")
    assert not is_alive(identity)
    assert identify(child.pid) is None
    child.wait()


def test_an_identity_survives_json() -> None:
    identity = identify(os.getpid())
    assert identity is not None
    assert ProcessIdentity.from_json(identity.to_json()) == identity
    assert ProcessIdentity.from_json({"pid": 1}) is None
    assert ProcessIdentity.from_json({"pid": "1", "started": 1, "boot": ""}) is None


def test_the_operators_halt_height_reaches_no_daemon(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FM_HALT_HEIGHT", "7")
    environment = processes.daemon_environment(place, {"UPGRADE_CONSOLE_FAULT": "halted:1"})
    assert "FM_HALT_HEIGHT" not in environment
    assert environment[MARKER] == str(place)
    assert environment["UPGRADE_CONSOLE_FAULT"] == "halted:1"


def test_daemons_find_the_source_tree(place: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", "import console; print(console.__file__)"],
        cwd=place,
        env=processes.daemon_environment(place),
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == str(Path(processes.__file__).parents[1] / "__init__.py")


def test_a_program_that_is_missing_is_one_sentence(place: Path) -> None:
    with pytest.raises(DevnetError, match="cannot start /nowhere/program: No such file or directory"):
        processes.spawn(["/nowhere/program"], folder=place, log=place / "log", environment={})
