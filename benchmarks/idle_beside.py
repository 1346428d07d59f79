"""What an idle console takes and writes, beside `top` and `htop` at the same moment, each drawing once a second."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.devnet import devnet
from benchmarks.first_frame import DATA_MARKER
from benchmarks.ratio import Ratio
from benchmarks.terminal import COLUMNS, ROWS, CountingTerminal

WINDOW_S = 60.0
SETTLE_S = 8.0
"""Seconds after the first values: what is imported late and what is read once is over by then."""
PROGRAMS = {"top": ("top", "-d", "1"), "htop": ("htop", "-d", "10")}
"""They look at every process of the machine, the console at one network."""
_TURN_S = 0.02


@dataclass(frozen=True, slots=True)
class Idle:
    """One program within the window."""

    name: str
    cpu_percent: float
    """Of one core, user and system, with what it has started."""
    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class IdleBeside:
    """All that were there, the console first."""

    window_s: float
    programs: tuple[Idle, ...]
    missing: tuple[str, ...]
    """Not installed."""

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"{COLUMNS}x{ROWS}, all at once over {self.window_s:g} s; the console: overview, a block every second",
            *(f"{each.name:<8} {each.cpu_percent:6.2f} % {each.bytes_per_s:7.0f} bytes/s" for each in self.programs),
            *(f"{name} is not installed: not measured" for name in self.missing),
        ]

    def ratios(self) -> list[Ratio]:
        """The console by each of the others."""
        ours, *others = self.programs
        found = []
        for other in others:
            # Less than a tick of the kernel's clock is no measurement.
            if other.cpu_percent:
                found.append(Ratio(f"idle CPU: ours by {other.name}", ours.cpu_percent / other.cpu_percent))
            found.append(
                Ratio(f"idle bytes to the terminal: ours by {other.name}", ours.bytes_per_s / other.bytes_per_s)
            )
        return found


def measure(window_s: float = WINDOW_S) -> IdleBeside:
    """Watch them side by side. Raises BenchmarkError: one of them drew nothing."""
    found = {name: command for name, command in PROGRAMS.items() if shutil.which(command[0])}
    with devnet("1s") as network, ExitStack() as stack:
        console = stack.enter_context(CountingTerminal(network.console()))
        terminals = {"console": console}
        for name, command in found.items():
            terminals[name] = stack.enter_context(CountingTerminal(command))
        for terminal in terminals.values():
            terminal.seconds_to(DATA_MARKER if terminal is console else "PID")
        shown = list(terminals.values())
        _watch(shown, SETTLE_S)
        before = [terminal.cpu_s() for terminal in shown]
        began = time.monotonic()
        written = _watch(shown, window_s)
        passed = time.monotonic() - began
        used = [terminal.cpu_s() - then for terminal, then in zip(shown, before, strict=True)]
        programs = [
            Idle(name, 100 * cpu / passed, count / passed)
            for name, cpu, count in zip(terminals, used, written, strict=True)
        ]
    return IdleBeside(window_s, tuple(programs), tuple(name for name in PROGRAMS if name not in found))


def _watch(terminals: Sequence[CountingTerminal], seconds: float) -> list[int]:
    """Bytes of each; all are read all the time, since a full terminal holds its program up."""
    written = [0] * len(terminals)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for index, terminal in enumerate(terminals):
            written[index] += terminal.count(_TURN_S)
    return written
