"""Fixtures of the devnet's tests: a place of its own for every test, and no process left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.devnet.processes import MARKER


def marked_below(folder: Path) -> list[int]:
    """Living processes that carry the mark of a devnet below `folder`."""
    wanted = f"{MARKER}={folder}".encode()
    found = []
    for name in os.listdir("/proc"):
        try:
            environment = Path(f"/proc/{name}/environ").read_bytes() if name.isdigit() else b""
        except OSError:
            continue
        if any(entry.startswith(wanted) for entry in environment.split(b"\0")):
            found.append(int(name))
    return found


@pytest.fixture
def anyio_backend() -> str:
    """The devnet is written on asyncio."""
    return "asyncio"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with its own XDG state folder; fails the test when a process of a devnet in it survives."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    yield tmp_path
    survivors = marked_below(tmp_path)
    for pid in survivors:
        os.kill(pid, 9)
    assert not survivors, f"processes of a devnet survived the test: {survivors}"
