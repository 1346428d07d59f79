"""A real sshd for the ways over SSH."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sshd import NoSshd, Sshd


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """sshd on loopback, and an `ssh` in PATH that finds it under the name `far`."""
    server = Sshd(tmp_path / "sshd")
    try:
        server.start()
        monkeypatch.setenv("PATH", f"{server.bin}:{os.environ['PATH']}")
        yield server
    except NoSshd as error:
        pytest.skip(f"no sshd: {error}")
    finally:
        server.end()
