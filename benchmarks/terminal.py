"""A pseudo-terminal of 80x24 that counts and times what a program writes into it.

Nothing is drawn: a slow reader would hold the program up, because the kernel buffers 4 KiB only.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from types import TracebackType

import pexpect
import psutil

from benchmarks.devnet import BenchmarkError

COLUMNS, ROWS = 80, 24
_READ_BYTES = 65536


class CountingTerminal:
    """One program in a terminal of its own, ended with SIGTERM at the end of the `with` block.

    Args:
        command: The program and its arguments.
        truecolor: Whether the terminal says that it has all colours.
        columns: Its width.
        rows: Its height.
    """

    def __init__(
        self, command: Sequence[str], *, truecolor: bool = False, columns: int = COLUMNS, rows: int = ROWS
    ) -> None:
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        # sshd forwards no COLORTERM, so 256 colours are what most operators see (facts/tui.md C3).
        environment.pop("COLORTERM", None)
        if truecolor:
            environment["COLORTERM"] = "truecolor"
        self._written = b""
        self.started = time.perf_counter()
        """Seconds of the performance counter just before the program was executed."""
        self._process = pexpect.spawn(
            command[0], list(command[1:]), dimensions=(rows, columns), env=environment, timeout=5
        )

        # pexpect would wait before each key.
        self._process.delaybeforesend = None

    def __enter__(self) -> CountingTerminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill(signal.SIGTERM)
        end = time.monotonic() + 10
        while self._process.isalive() and time.monotonic() < end:
            self._read(0.1)
        self._process.close(force=True)

    def seconds_to(self, marker: str, deadline_s: float = 60.0) -> float:
        """Seconds from the start of the program until a text was written whole.

        Args:
            marker: Text that is written in one style, so that no escape sequence stands in it.
            deadline_s: Seconds after which this gives up.

        Raises:
            BenchmarkError: It was not written in time.
        """
        wanted = marker.encode()
        end = time.monotonic() + deadline_s
        while wanted not in self._written:
            if time.monotonic() > end or not self._process.isalive():
                raise BenchmarkError(f"never written to the terminal: {marker}")
            self._read(0.1)
        return time.perf_counter() - self.started

    @property
    def own_cpu_s(self) -> float:
        """Seconds of processor time that the program took so far, in all its threads (Linux)."""
        # The kernel's clock of another process; see clock_getcpuclockid(3).
        pid = self._process.pid
        assert pid is not None
        return time.clock_gettime((~pid << 3) | 2)

    def count(self, seconds: float) -> int:
        """Bytes that come within some seconds."""
        before = len(self._written)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(left)
        return len(self._written) - before

    def cpu_s(self) -> float:
        """Seconds of CPU, user and system, that the program and what it has started have taken."""
        program = psutil.Process(self._process.pid)
        spent = [program.cpu_times(), *(child.cpu_times() for child in program.children(recursive=True))]
        return float(sum(times.user + times.system for times in spent))

    def press(self, keys: str) -> None:
        """Send keys, and go on at once."""
        self._process.send(keys)

    def seconds_to_answer(self, keys: str) -> float:
        """Seconds from keys that are pressed until the first byte comes back. Raises BenchmarkError: none came."""
        self.count(0.3)
        before, started = len(self._written), time.perf_counter()
        self._process.send(keys)
        end = time.monotonic() + 5
        while len(self._written) == before:
            if time.monotonic() > end:
                raise BenchmarkError("a key was not answered")
            self._read(0.5)
        return time.perf_counter() - started

    def seconds_to_end(self, keys: str) -> float:
        """Seconds from keys that are pressed until the program has ended. Raises BenchmarkError: it did not."""
        started = time.perf_counter()
        self._process.send(keys)
        while self._process.isalive():
            if time.perf_counter() - started > 30:
                raise BenchmarkError("the console did not end")
            self._read(0.005)
        return time.perf_counter() - started

    def _read(self, seconds: float) -> None:
        try:
            data: bytes = self._process.read_nonblocking(_READ_BYTES, timeout=seconds)  # type: ignore[assignment]
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self._written += data
