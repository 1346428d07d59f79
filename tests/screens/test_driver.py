"""The terminal's driver, on real pseudo-terminals: one that takes nothing, or is gone, holds nobody up."""

from __future__ import annotations

import contextlib
import os
import pty as pty_module
import select
import signal
import sys
import textwrap
import threading
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from screens.driver import MAX_WAITING, Output

pytestmark = pytest.mark.timeout(150)

DEADLINE_S = 60.0
FRAME = b"x" * 1000


@dataclass
class Wire:
    """What is drawn on, seen from its other end, and what the output told."""

    reader: int
    writer: int
    gone: threading.Event = field(default_factory=threading.Event)
    caught_up: threading.Event = field(default_factory=threading.Event)

    def output(self) -> Output:
        return Output(self.writer, self.gone.set, self.caught_up.set)

    def fill(self, output: Output) -> None:
        """Draw until no more is taken, and more than may wait."""
        while select.select([], [self.writer], [], 0)[1]:
            output.write(FRAME)
        draw_much(output)

    def read_until(self, done: Callable[[bytes], bool]) -> bytes:
        read = b""
        while not done(read):
            if select.select([self.reader], [], [], 0.05)[0]:
                read += os.read(self.reader, 65536)
        return read


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A pipe: a terminal's room changes by itself."""
    yield from opened(*os.pipe())


@pytest.fixture
def pty() -> Iterator[Wire]:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield from opened(master, slave)


def draw_much(output: Output) -> None:
    for _ in range(2 * MAX_WAITING // len(FRAME)):
        output.write(FRAME)


def opened(reader: int, writer: int) -> Iterator[Wire]:
    yield Wire(reader, writer)
    for fileno in (reader, writer):
        with contextlib.suppress(OSError):
            os.close(fileno)


def test_everything_is_written_in_order(pty: Wire) -> None:
    output = pty.output()
    for number in range(50):
        output.write(b"%d " % number)
    assert output.close(DEADLINE_S)
    assert pty.read_until(lambda read: read.endswith(b"49 ")) == b"".join(b"%d " % number for number in range(50))


def test_a_terminal_that_takes_nothing_holds_nobody_up(wire: Wire) -> None:
    output = wire.output()
    wire.fill(output)
    output.begin_last_words()
    # Longer than what a pipe that is full may still take into its last page.
    last = b"as before".rjust(8192, b".")
    output.write(last)
    assert not output.close(0.01)
    # What was dropped is not written when it takes something again; the last words are, on their own.
    read = wire.read_until(lambda read: read.endswith(b"as before"))
    # A pipe holds 64 KiB.
    assert len(read) < 2 * MAX_WAITING
    assert read.endswith(b"\x1b\\" + last)


def test_what_was_left_out_is_asked_for_again(wire: Wire) -> None:
    output = wire.output()
    wire.fill(output)
    output.write(b"left out")
    assert not wire.caught_up.is_set()
    read = wire.read_until(lambda _: wire.caught_up.is_set())
    output.write(b"anew")
    read += wire.read_until(lambda read: read.endswith(b"anew"))
    assert b"left out" not in read
    assert MAX_WAITING < len(read) < 3 * MAX_WAITING
    assert output.close(DEADLINE_S)


@pytest.mark.parametrize("full", [True, False])
def test_a_terminal_that_is_gone_is_told_and_takes_all(pty: Wire, full: bool) -> None:
    output = pty.output()
    if full:
        draw_much(output)
    os.close(pty.reader)
    output.write(b"the next")
    assert pty.gone.wait(DEADLINE_S)
    draw_much(output)
    output.begin_last_words()
    output.write(b"as before")
    assert output.close(DEADLINE_S)


def test_a_terminal_that_somebody_made_non_blocking(wire: Wire) -> None:
    os.set_blocking(wire.writer, False)
    output = wire.output()
    wire.fill(output)
    read = wire.read_until(lambda read: len(read) > MAX_WAITING)
    assert set(read) == set(FRAME)
    output.begin_last_words()
    output.write(b".")
    wire.read_until(lambda read: read.endswith(b"."))
    assert output.close(DEADLINE_S)


CONSOLE = textwrap.dedent(
    """
    import asyncio, signal, sys
    from pathlib import Path
    from console.app import UpgradeConsoleApp
    from tests import fakes
    from tests.session_fakes import FakeSession

    async def main():
        app = UpgradeConsoleApp(FakeSession(fakes.go()))

        async def draw():
            while not app.snapshot:
                await asyncio.sleep(0.01)
            for _ in range(100):
                app._driver.write("drawn" * 200)
            loop = asyncio.get_running_loop()
            if sys.argv[2] == "hang-up ignored":
                loop.remove_signal_handler(signal.SIGHUP)
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
            Path(sys.argv[1]).touch()

        app.call_later(lambda: app.run_worker(draw()))
        await app.run_async()
        return app.return_code

    sys.exit(asyncio.run(main()))
    """
)


@pytest.mark.parametrize(("how", "code"), [("terminated", 143), ("hang-up ignored", 129)])
def test_a_console_whose_terminal_takes_nothing_still_ends(tmp_path: Path, how: str, code: int) -> None:
    """Nobody reads what it draws: it goes on, and leaves when it is told to, or when its terminal is closed."""
    drawn = tmp_path / "drawn"
    pid, master = pty_module.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-c", CONSOLE, str(drawn), how])
    try:
        end = time.monotonic() + DEADLINE_S
        while not drawn.exists():
            assert time.monotonic() < end, "it waits for its terminal"
            time.sleep(0.05)
        if how == "terminated":
            os.kill(pid, signal.SIGTERM)
        else:
            os.close(master)
            master = -1
        while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
            assert time.monotonic() < end, "it does not end"
            time.sleep(0.05)
    finally:
        if master >= 0:
            os.close(master)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(ended[1]) == code
