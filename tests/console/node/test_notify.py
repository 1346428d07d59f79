"""What systemd hears from the controller."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.node.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    # The path of a socket has at most 107 bytes.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0upgrade-console-test-{os.getpid()}")
        listener.settimeout(10)
        yield listener


def taken(environment: dict[str, str]) -> Notifier:
    return Notifier.take({"NOTIFY_SOCKET": f"@upgrade-console-test-{os.getpid()}"} | environment)


def test_ready_says_so_with_one_line_of_status(manager: socket.socket) -> None:
    taken({}).ready("adopted\nthe node")
    assert manager.recv(1000) == b"READY=1\nSTATUS=adopted the node"


def test_status_and_stopping_are_told(manager: socket.socket) -> None:
    notifier = taken({})
    notifier.status("waits at H−1")
    assert manager.recv(1000).decode() == "STATUS=waits at H−1"
    notifier.stopping()
    assert manager.recv(1000) == b"STOPPING=1\nSTATUS=the controller ends; the node goes on"


def test_a_socket_in_the_file_system_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        folder = os.open(tmp_path, os.O_RDONLY)
        path = f"/proc/self/fd/{folder}/notify"
        listener.bind(path)
        listener.settimeout(10)
        Notifier.take({"NOTIFY_SOCKET": path}).ready()
        assert listener.recv(1000) == b"READY=1"
        os.close(folder)


@pytest.mark.anyio
async def test_signs_of_life_are_given_as_often_as_wanted(manager: socket.socket) -> None:
    notifier = taken({"WATCHDOG_USEC": "30000", "WATCHDOG_PID": str(os.getpid())})
    assert notifier.watchdog_s == 0.03
    task = asyncio.create_task(notifier.keep_alive())
    for _ in range(3):
        assert await asyncio.to_thread(manager.recv, 1000) == b"WATCHDOG=1"
    task.cancel()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "30000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "30000", "NOTIFY_SOCKET": ""},
        {"WATCHDOG_USEC": "30000", "NOTIFY_SOCKET": "vsock:2:1"},
    ],
)
async def test_no_signs_of_life_are_given_to_who_wants_none(environment: dict[str, str]) -> None:
    notifier = taken(environment)
    assert notifier.watchdog_s is None
    await notifier.keep_alive()


def test_the_node_does_not_inherit_the_right_to_speak() -> None:
    environment = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "PATH": "/bin"}
    Notifier.take(environment)
    assert environment == {"PATH": "/bin"}


def test_a_manager_that_is_gone_is_no_trouble(tmp_path: Path) -> None:
    Notifier.take({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
