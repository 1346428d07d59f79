"""A controller at rest: what it costs a machine while nothing is planned, with a block every second."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.devnet import BenchmarkError, devnet

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class AtRest:
    """Per controller of a devnet of four."""

    cpu_percent: tuple[float, ...]
    """Of one core."""
    memory_bytes: tuple[int, ...]
    """Resident, with what is shared."""
    own_bytes: tuple[int, ...]
    """Resident and not shared with the other controllers."""

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"CPU of one core  median {statistics.median(self.cpu_percent):.2f} %, most {max(self.cpu_percent):.2f} %",
            f"memory           {max(self.memory_bytes) / 1e6:.0f} MB, its own {max(self.own_bytes) / 1e6:.0f} MB",
        ]


def measure(seconds: float = SECONDS) -> AtRest:
    """Watch the four controllers for a minute, after they have settled. Raises BenchmarkError."""
    with devnet("1s") as network:
        network.until("block 5", lambda status: (status["height"] or 0) >= 5, 60.0)
        controllers = controllers_of(network.folder)
        if len(controllers) != 4:
            raise BenchmarkError(f"{len(controllers)} controllers are there, not 4")
        before = [_cpu_s(process) for process in controllers]
        began = time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - began
        used = [_cpu_s(process) - then for process, then in zip(controllers, before, strict=True)]
        memory = [process.memory_full_info() for process in controllers]
        return AtRest(
            cpu_percent=tuple(100 * spent / passed for spent in used),
            memory_bytes=tuple(entry.rss for entry in memory),
            own_bytes=tuple(entry.uss for entry in memory),
        )


def controllers_of(folder: Path) -> list[psutil.Process]:
    """The controllers of a devnet."""
    return [process for process in psutil.process_iter() if _is_controller(process, folder)]


def _is_controller(process: psutil.Process, folder: Path) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return "run" in words and "node" in words and str(folder) in words and "--network" in words


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
