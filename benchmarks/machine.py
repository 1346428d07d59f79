"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine, and how busy it was before the first measurement."""

    date: str
    """UTC."""
    cpu: str
    cores: int
    """Processors that this process may use."""
    kernel: str
    python: str
    load: float
    """Mean number of runnable processes over the last minute."""

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"{self.date} UTC, load {self.load:.2f} at the start",
            f"{self.cpu}, {self.cores} cores, {self.kernel}, Python {self.python}",
        ]


def describe() -> Machine:
    """Describe the machine as it is now."""
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return Machine(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        cpu=_cpu_model(),
        cores=usable,
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load=os.getloadavg()[0],
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
