"""From the start of the console to its first whole frame, beside an empty Textual application (facts/tui.md C5)."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.devnet import devnet
from benchmarks.terminal import CountingTerminal

TRIES = 5
FRAME_MARKER = "Quit "
"""The last text of the last row: written at the end of a paint of the whole screen."""
DATA_MARKER = "Press p to propose"
"""Stands on the overview once the chain and the registry have answered."""
EMPTY_MARKER = "nothing here"


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """Seconds from execution, one per try."""

    console_s: tuple[float, ...]
    console_data_s: tuple[float, ...]
    """Until the first values of the chain stand on the screen."""
    empty_s: tuple[float, ...]
    """The empty application, started in turns with the console."""
    median_s: float
    """Of the console's first frame."""
    ratio: float
    """Median of the console by median of the empty application."""

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"console, first whole frame   {_times(self.console_s)}",
            f"empty Textual application    {_times(self.empty_s)}",
            f"console / empty              {self.ratio:.2f}",
            f"console, first chain values  {_times(self.console_data_s)}",
        ]


def measure() -> FirstFrame:
    """Start both in turns on a devnet at 1 s, after one start of each that is not counted.

    Raises:
        BenchmarkError: Nothing was drawn.
    """
    empty = (sys.executable, str(Path(__file__).with_name("empty_app.py")), EMPTY_MARKER)
    frames, values, empties = [], [], []
    with devnet("1s") as network:
        for _ in range(TRIES + 1):
            empties.append(_seconds(empty, EMPTY_MARKER)[0])
            frame, data = _seconds(network.console(), FRAME_MARKER, DATA_MARKER)
            frames.append(frame)
            values.append(data)
    median = statistics.median(frames[1:])
    return FirstFrame(
        console_s=tuple(frames[1:]),
        console_data_s=tuple(values[1:]),
        empty_s=tuple(empties[1:]),
        median_s=median,
        ratio=median / statistics.median(empties[1:]),
    )


def _seconds(command: Sequence[str], *markers: str) -> list[float]:
    with CountingTerminal(command) as terminal:
        return [terminal.seconds_to(marker) for marker in markers]


def _times(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.3f} s (from {min(seconds):.3f} to {max(seconds):.3f}, {len(seconds)} starts)"
