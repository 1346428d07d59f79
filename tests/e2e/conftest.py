"""Devnets of the end-to-end tests: always wiped, and nothing of them survives."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.devnet import Devnet


def survivors(folder: Path) -> list[psutil.Process]:
    """Living processes that belong to the devnet in a folder, by the marker in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("UPGRADE_CONSOLE_DEVNET", "") == str(folder):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


@pytest.fixture
def devnet(tmp_path: Path) -> Iterator[Devnet]:
    if sys.platform != "linux":
        pytest.skip("the devnet needs Linux")
    devnet = Devnet(tmp_path / "net")
    yield devnet
    if devnet.folder.exists():
        devnet.wipe()
    left = survivors(devnet.folder)
    for process in left:
        process.kill()
    assert not left, f"these survived `devnet down`: {left}"
