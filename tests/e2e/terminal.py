"""A real pseudo-terminal with the console in it: pexpect writes and reads, pyte draws the screen."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence

import pexpect
import pyte
import pytest

from tests.e2e.devnet import COMMAND

MAX_RAW = 1 << 16


class Terminal:
    """One console in a terminal of its own.

    Args:
        arguments: Of `upgrade-console`.
        columns: Of the terminal; `rows` too.
        command: What is run with the arguments: the program of this environment, or of another.
    """

    def __init__(self, *arguments: str, columns: int = 80, rows: int = 24, command: Sequence[str] = COMMAND) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.bytes_read = 0
        self.raw = b""
        """The last bytes that were read, at most MAX_RAW."""
        self.hung_up = False
        """Whether the console closed its end."""
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        environment.pop("COLORTERM", None)
        self.process = pexpect.spawn(
            command[0], [*command[1:], *arguments], dimensions=(rows, columns), env=environment, timeout=5
        )  # without an encoding, so that it reads bytes

    def read(self, seconds: float = 0.1) -> None:
        """Draw what came; returns after `seconds` at the latest."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                data: bytes = self.process.read_nonblocking(65536, timeout=left)  # type: ignore[assignment]
            except pexpect.TIMEOUT:
                return
            except pexpect.EOF:
                self.hung_up = True
                return
            self.bytes_read += len(data)
            self.raw = (self.raw + data)[-MAX_RAW:]
            # pyte does not know every private sequence; it must not stop the test for one.
            with contextlib.suppress(TypeError, ValueError, IndexError):
                self._stream.feed(data)

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def until(self, *words: str, deadline_s: float = 60.0) -> str:
        """Wait until all the words stand on the screen."""
        self.until_that(f"on the screen: {words}", lambda: all(word in self.text for word in words), deadline_s)
        return self.text

    def until_that(self, what: str, condition: Callable[[], bool], deadline_s: float = 60.0) -> None:
        """Wait for a condition, looked at after each piece that is drawn."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end and not self.hung_up:
            self.read()
            if condition():
                return
        ended = ", and the console has ended" if self.hung_up else ""
        pytest.fail(f"never {what}{ended}\n{self.text}")

    def until_not(self, word: str, deadline_s: float = 20.0) -> None:
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            self.read()
            if word not in self.text:
                return
        pytest.fail(f"still on the screen: {word}\n{self.text}")

    def until_raw(self, sequence: bytes, deadline_s: float = 60.0) -> None:
        """Wait until these bytes have come."""
        end = time.monotonic() + deadline_s
        while sequence not in self.raw:
            if time.monotonic() > end:
                pytest.fail(f"never came: {sequence!r}\n{self.raw[-2000:]!r}")
            self.read()

    def resize(self, columns: int, rows: int) -> None:
        """Make the terminal another size."""
        self.screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def press(self, keys: str) -> None:
        self.process.send(keys)

    def type(self, text: str, *, echo: str | None = None) -> None:
        """Type into the focused field and wait for its echo: keys sent in a burst are lost (facts/build.md)."""
        self.press(text)
        self.until((echo or text)[-10:], deadline_s=15)

    def ended(self, deadline_s: float = 20.0) -> int:
        """Wait for the end; the exit code, or minus the signal."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end and self.process.isalive():
            self.read()
        if self.process.isalive():
            pytest.fail(f"the console did not end\n{self.text}")
        self.process.close()
        code = self.process.exitstatus
        return -int(self.process.signalstatus or 0) if code is None else int(code)

    def hang_up(self, deadline_s: float = 60.0) -> int:
        """Close the terminal, as a lost SSH session does, and wait for the end; the exit code, or minus the signal."""
        # Not pexpect's `close`, which sends signals of its own.
        self.process.ptyproc.fileobj.close()  # type: ignore[attr-defined]
        end = time.monotonic() + deadline_s
        while self.process.isalive():
            if time.monotonic() > end:
                pytest.fail("the console outlives its terminal")
            time.sleep(0.1)
        code = self.process.exitstatus
        return -int(self.process.signalstatus or 0) if code is None else int(code)

    def kill(self) -> None:
        self.process.kill(signal.SIGKILL)
        self.process.close()
