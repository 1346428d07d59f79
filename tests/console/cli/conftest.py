"""The command line in this process, with settings and state of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.cli import main


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    def refused_with(self, *parts: str) -> None:
        """It exited 1, printed nothing on stdout and one sentence with these parts on stderr."""
        assert (self.code, self.out) == (1, ""), self
        assert self.err.startswith("upgrade-console: "), self
        assert self.err.count("\n") == 1, self
        assert self.err.endswith(".\n"), self
        for part in parts:
            assert part in self.err, self


Run = Callable[..., Outcome]
RunAsync = Callable[..., Awaitable[Outcome]]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings and state below the test's folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("UPGRADE_CONSOLE_DEBUG", raising=False)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command."""

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return Outcome(code, told.out, told.err)

    return run


@pytest.fixture
def cli_beside(cli: Run) -> RunAsync:
    """Run one command in a thread, while the test's own loop serves what it asks for."""

    async def run(*arguments: str) -> Outcome:
        return await asyncio.to_thread(cli, *arguments)

    return run
