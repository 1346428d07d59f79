"""The console opens in a terminal only, brings a devnet up only when it may, and leaves what runs running."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pexpect
import pytest

from console.cli.open import _DevnetStart, terminal_problem
from console.devnet import network
from console.devnet.network import Step
from console.errors import DevnetError
from tests.console.cli.conftest import Run
from tests.console.cli.peers import write_settings
from tests.console.cli.test_main import command, environment

URL = "http://127.0.0.1:1"


def test_without_a_terminal_it_is_one_sentence(cli: Run) -> None:
    write_settings(URL, URL)
    cli("--network", "testnet").refused_with("the console needs a terminal and stdin is none", "upgrade-console status")
    cli("--network", "testnet", "--json").refused_with("prints no JSON")


@pytest.mark.parametrize("closed", ["stdin", "stdout", "stderr"])
def test_each_stream_must_be_a_terminal(tmp_path: Path, closed: str) -> None:
    write_settings(URL, URL)
    ours, theirs = pty.openpty()
    streams: dict[str, int] = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    streams[closed] = subprocess.DEVNULL if closed == "stdin" else subprocess.PIPE
    probe = (
        "from console.cli.open import terminal_problem\n"
        "raise SystemExit(7 if terminal_problem({'TERM': 'xterm'}) else 0)"
    )
    process = subprocess.Popen([sys.executable, "-c", probe], env=environment(tmp_path), **streams)  # type: ignore[call-overload]
    assert process.wait(timeout=20) == 7
    process.communicate()
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("kind", ["dumb", "", "unknown"])
def test_a_terminal_that_cannot_draw_is_told(tmp_path: Path, kind: str) -> None:
    write_settings(URL, URL)
    child = pexpect.spawn(
        sys.executable,
        command("--network", "testnet")[1:],
        env={**environment(tmp_path), "TERM": kind},
        encoding="utf-8",
        timeout=20,
    )
    child.expect("cannot be drawn on a terminal of type")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1


def test_in_a_terminal_it_opens_with_everything_down_and_q_leaves_it(tmp_path: Path) -> None:
    write_settings(URL, URL, node=tmp_path)
    child = pexpect.spawn(
        sys.executable,
        command("--network", "testnet")[1:],
        env={**environment(tmp_path), "TERM": "xterm-256color"},
        encoding="utf-8",
        timeout=30,
        dimensions=(24, 80),
    )
    child.expect("testnet")
    child.expect("Quit")
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_what_was_recorded_is_replayed(tmp_path: Path) -> None:
    write_settings(URL, URL, node=tmp_path)
    file = tmp_path / "day.jsonl"

    def opened(*arguments: str) -> pexpect.spawn[str]:
        return pexpect.spawn(
            sys.executable,
            command(*arguments)[1:],
            env={**environment(tmp_path), "TERM": "xterm-256color"},
            encoding="utf-8",
            timeout=30,
            dimensions=(24, 80),
        )

    child = opened("--network", "testnet", "--record", str(file))
    child.expect("chain does not answer")
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    child = opened("--replay", str(file), "--speed", "30")
    child.expect("REPLAY")
    child.expect("chain does not answer|No endpoint answers|does not answer")
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    child = opened("--network", "testnet", "--record", str(file))
    child.expect("exists, and no recording overwrites a file")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1


def test_a_terminal_problem_is_none_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    try:
        for name in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(sys, name, os.fdopen(os.dup(theirs), "r" if name == "stdin" else "w"))
        assert terminal_problem({"TERM": "xterm"}) == ""
        assert "type dumb" in terminal_problem({"TERM": "dumb"})
    finally:
        monkeypatch.undo()
        os.close(ours)
        os.close(theirs)


def test_a_read_only_console_starts_no_devnet(tmp_path: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        command("--dir", str(tmp_path / "net"), "--read-only")[1:],
        env={**environment(tmp_path), "TERM": "xterm"},
        encoding="utf-8",
        timeout=20,
        dimensions=(24, 200),
    )
    child.expect("a read-only console starts nothing; run `upgrade-console devnet up --background")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    assert not (tmp_path / "net").exists()


class SlowUp:
    """Stands for `network.up`: two steps, the second when told."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.ended = ""
        self.fail = False

    async def __call__(self, _options: object) -> AsyncGenerator[Step, None]:
        self.ended = ""
        try:
            yield Step(0, 2, "starting")
            await self.go_on.wait()
            if self.fail:
                raise DevnetError("a port is taken")
            yield Step(2, 2, "up")
            self.ended = "up"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise


@pytest.fixture
def slow_up(monkeypatch: pytest.MonkeyPatch) -> SlowUp:
    slow = SlowUp()
    monkeypatch.setattr(network, "up", slow)
    return slow


@pytest.mark.anyio
async def test_who_watches_a_devnet_come_up_may_go_away(tmp_path: Path, slow_up: SlowUp) -> None:
    start = _DevnetStart(tmp_path)
    async with aclosing(start.steps()) as steps:
        assert await anext(steps) == (0, 2, "starting")
    slow_up.go_on.set()
    await start.finish()
    assert slow_up.ended == "up"


@pytest.mark.anyio
async def test_a_devnet_that_is_given_up_is_stopped(tmp_path: Path, slow_up: SlowUp) -> None:
    start = _DevnetStart(tmp_path)
    await start.abandon()
    async with aclosing(start.steps()) as steps:
        await anext(steps)
    await start.abandon()
    assert slow_up.ended == "cancelled"


@pytest.mark.anyio
async def test_a_devnet_that_did_not_come_up_can_be_tried_again(tmp_path: Path, slow_up: SlowUp) -> None:
    start = _DevnetStart(tmp_path)
    slow_up.go_on.set()
    slow_up.fail = True
    with pytest.raises(DevnetError, match="a port is taken"):
        async for _ in start.steps():
            pass
    await start.finish()
    slow_up.fail = False
    assert [step async for step in start.steps()] == [(0, 2, "starting"), (2, 2, "up")]
