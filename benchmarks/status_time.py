"""Wall time of `upgrade-console status --json`, which scripts and prompts call."""

from __future__ import annotations

import statistics
import subprocess
import time
from dataclasses import dataclass

from benchmarks.devnet import COMMAND, devnet

TRIES = 7


@dataclass(frozen=True, slots=True)
class StatusTime:
    """Seconds of the whole process, one per try."""

    status_s: tuple[float, ...]
    version_s: tuple[float, ...]
    """`--version`: interpreter and argument parser alone."""
    median_s: float

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"status --json  {self.median_s:.3f} s (from {min(self.status_s):.3f} to {max(self.status_s):.3f},"
            f" {len(self.status_s)} calls)",
            f"--version      {statistics.median(self.version_s):.3f} s",
        ]


def measure() -> StatusTime:
    """Call both in turns on a devnet at 1 s, after one call of each that is not counted.

    Raises:
        BenchmarkError: The devnet did not come up.
        subprocess.CalledProcessError: A call failed.
    """
    with devnet("1s") as network:
        folder = str(network.folder)
        network.until("block 3", lambda status: (status["height"] or 0) >= 3, 30.0)
        pairs = [
            (_seconds("status", "--json", "--network", "devnet", "--dir", folder), _seconds("--version"))
            for _ in range(TRIES + 1)
        ][1:]
    times = tuple(status for status, _ in pairs)
    return StatusTime(times, tuple(version for _, version in pairs), statistics.median(times))


def _seconds(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([*COMMAND, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
    return time.perf_counter() - started
