"""CPU that an idle console takes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.devnet import COMMAND, devnet
from benchmarks.first_frame import DATA_MARKER
from benchmarks.idle_bytes import LARGE, PAUSE
from benchmarks.terminal import COLUMNS, ROWS, CountingTerminal

WINDOW_S = 60.0
RECORDED_S = 20.0
"""Seconds of a session that are recorded and shown again; the end stays on the screen."""
SETTLE_S = 10.0
"""Seconds after the first values: what is imported late and what is read once is over by then."""


@dataclass(frozen=True, slots=True)
class IdleCpu:
    """Percent of one core, user and system, with what the console has started."""

    window_s: float
    ended_percent: float
    """A recording at its end: nothing comes any more."""
    paused_percent: float
    """No new block; chain, nodes and controllers go on answering, and the last block's age is counted in seconds."""
    moving_percent: float
    """A block every second."""
    large_percent: float
    """The same with every panel, the trends and the log's end."""

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"{COLUMNS}x{ROWS}, overview, percent of one core over {self.window_s:g} s each",
            f"a recording at its end  {self.ended_percent:6.2f} %",
            f"no new block            {self.paused_percent:6.2f} %",
            f"a block every second    {self.moving_percent:6.2f} %",
            f"all panels, {LARGE[0]}x{LARGE[1]}      {self.large_percent:6.2f} %",
        ]


def measure(window_s: float = WINDOW_S) -> IdleCpu:
    """Watch a console with the chain moving, one between two blocks, and one that shows how it was.

    Raises:
        BenchmarkError: A console did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="upgrade-console-bench-") as parent:
        recorded = Path(parent) / "session.jsonl"
        with devnet("1s") as network:
            with CountingTerminal((*network.console(), "--record", str(recorded))) as terminal:
                terminal.seconds_to(DATA_MARKER)
                terminal.count(RECORDED_S)
            moving = _used(network.console(), window_s)
            large = _used(network.console(), window_s, size=LARGE)
        ended = _used((*COMMAND, "--replay", str(recorded), "--speed", "100"), window_s, marker="REPLAY")
    with devnet(PAUSE) as network:
        paused = _used(network.console(), window_s)
    return IdleCpu(window_s, ended, paused, moving, large)


def _used(
    command: Sequence[str], window_s: float, *, marker: str = DATA_MARKER, size: tuple[int, int] = (COLUMNS, ROWS)
) -> float:
    columns, rows = size
    with CountingTerminal(command, columns=columns, rows=rows) as terminal:
        terminal.seconds_to(marker)
        terminal.count(SETTLE_S)
        before = terminal.cpu_s()
        terminal.count(window_s)
        return 100 * (terminal.cpu_s() - before) / window_s
