"""Bytes per second that an idle console writes to its terminal (facts/tui.md C3)."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.devnet import BenchmarkError, devnet
from benchmarks.first_frame import DATA_MARKER
from benchmarks.terminal import COLUMNS, ROWS, CountingTerminal

WINDOW_S = 20.0
LARGE = (160, 48)
SETTLE_S = 5.0
"""Seconds after the first values: log and ages come to rest."""
PAUSE = "45s"
"""A block time longer than settling and window: the chain answers, and only the age of its last block changes."""


@dataclass(frozen=True, slots=True)
class IdleBytes:
    """Means over the window."""

    window_s: float
    moving_bytes_per_s: float
    """A block every second."""
    moving_blocks: int
    """Blocks within the window."""
    truecolor_bytes_per_s: float
    """The same on a terminal of all colours, which takes longer sequences."""
    large_bytes_per_s: float
    """The same on 160x48, where every panel, the trends and the log's end are on the screen."""
    paused_bytes_per_s: float
    """No new block; chain, nodes and controllers go on answering, and the last block's age is counted in seconds."""

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"{COLUMNS}x{ROWS}, overview, over {self.window_s:g} s each",
            f"a block every second  {self.moving_bytes_per_s:7.0f} bytes/s ({self.moving_blocks} blocks)",
            f"the same, truecolor   {self.truecolor_bytes_per_s:7.0f} bytes/s",
            f"all panels, {LARGE[0]}x{LARGE[1]}    {self.large_bytes_per_s:7.0f} bytes/s",
            f"no new block          {self.paused_bytes_per_s:7.0f} bytes/s",
        ]


def measure() -> IdleBytes:
    """Watch a console with the chain moving, and one between two blocks.

    Raises:
        BenchmarkError: The chain stood still where it should move, or moved where it should not.
    """
    moving, moving_blocks = _watched("1s")
    coloured, _ = _watched("1s", truecolor=True)
    large, _ = _watched("1s", truecolor=True, size=LARGE)
    paused, paused_blocks = _watched(PAUSE)
    if moving_blocks < WINDOW_S / 2 or paused_blocks:
        raise BenchmarkError(f"{moving_blocks} blocks came while moving and {paused_blocks} while paused")
    means = (written / WINDOW_S for written in (coloured, large, paused))
    return IdleBytes(WINDOW_S, moving / WINDOW_S, moving_blocks, *means)


def _watched(block_time: str, *, truecolor: bool = False, size: tuple[int, int] = (COLUMNS, ROWS)) -> tuple[int, int]:
    """Bytes and blocks within the window."""
    columns, rows = size
    with (
        devnet(block_time) as network,
        CountingTerminal(network.console(), truecolor=truecolor, columns=columns, rows=rows) as terminal,
    ):
        terminal.seconds_to(DATA_MARKER)
        terminal.count(SETTLE_S)
        before = int(network.status()["height"])
        written = terminal.count(WINDOW_S)
        return written, int(network.status()["height"]) - before
