"""From the start of the console to its first whole frame, beside an empty Textual application (facts/tui.md C5)."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.devnet import devnet
from benchmarks.ratio import Ratio
from benchmarks.terminal import CountingTerminal

TRIES = 9
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
    cpu_ratio: float
    """The same of the processor's time until then, which another load on the machine hardly changes."""

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"console, first whole frame   {_times(self.console_s)}",
            f"empty Textual application    {_times(self.empty_s)}",
            f"console, first chain values  {_times(self.console_data_s)}",
        ]

    def ratios(self) -> list[Ratio]:
        """Beside the empty application."""
        return [
            Ratio("first frame: ours by an empty Textual application", self.ratio),
            Ratio("the same, of the processor's time until then", self.cpu_ratio),
        ]


def measure(tries: int = TRIES) -> FirstFrame:
    """Start both in turns on a devnet at 1 s, after one start of each that is not counted.

    Raises:
        BenchmarkError: Nothing was drawn.
    """
    empty = (sys.executable, str(Path(__file__).with_name("empty_app.py")), EMPTY_MARKER)
    consoles, empties, values = [], [], []
    with devnet("1s") as network:
        for _ in range(tries + 1):
            with CountingTerminal(empty) as terminal:
                empties.append((terminal.seconds_to(EMPTY_MARKER), terminal.own_cpu_s))
            with CountingTerminal(network.console()) as terminal:
                consoles.append((terminal.seconds_to(FRAME_MARKER), terminal.own_cpu_s))
                values.append(terminal.seconds_to(DATA_MARKER))
    frames, cpu = zip(*consoles[1:], strict=True)
    empty_frames, empty_cpu = zip(*empties[1:], strict=True)
    median = statistics.median(frames)
    return FirstFrame(
        console_s=frames,
        console_data_s=tuple(values[1:]),
        empty_s=empty_frames,
        median_s=median,
        ratio=median / statistics.median(empty_frames),
        cpu_ratio=statistics.median(cpu) / statistics.median(empty_cpu),
    )


def _times(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.3f} s (from {min(seconds):.3f} to {max(seconds):.3f}, {len(seconds)} starts)"
