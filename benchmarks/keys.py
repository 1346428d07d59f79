"""From a key to the first byte of its answer, and from the last key to the end while no endpoint answers."""

from __future__ import annotations

import os
import signal
import statistics
from dataclasses import dataclass

from benchmarks.devnet import devnet
from benchmarks.first_frame import DATA_MARKER
from benchmarks.terminal import CountingTerminal

VIEWS = ("2", "3", "1") * 7
"""The first three open a view for the first time."""
MOVES = ("\x1b[B", "\x1b[A") * 10
"""Down and Up in the table of validators."""
QUITS = 5
ENTER = "\r"


@dataclass(frozen=True, slots=True)
class Keys:
    """Seconds, one per key and one per leaving."""

    view_s: tuple[float, ...]
    """To another view."""
    move_s: tuple[float, ...]
    """To another row."""
    quit_s: tuple[float, ...]
    """From Enter on `Keep it running` to the end of the process; every node of the network is stopped meanwhile."""

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"another row, key to first byte   {_times(self.move_s)}",
            f"another view, key to first byte  {_times(self.view_s)}",
            f"leaving while no RPC answers     {_times(self.quit_s)}",
        ]


def measure() -> Keys:
    """Press keys on a devnet's console, then leave it while its nodes are stopped.

    Raises:
        BenchmarkError: A key was not answered, or the console did not end.
    """
    with devnet("1s") as network:
        with CountingTerminal(network.console()) as terminal:
            terminal.seconds_to(DATA_MARKER)
            views = tuple(terminal.seconds_to_answer(key) for key in VIEWS)
            terminal.seconds_to_answer("3")
            moves = tuple(terminal.seconds_to_answer(key) for key in MOVES)
        pids = tuple(int(node["pid"]) for node in network.status()["nodes"])
        return Keys(views, moves, tuple(_leave(network.console(), pids) for _ in range(QUITS)))


def _leave(command: tuple[str, ...], pids: tuple[int, ...]) -> float:
    with CountingTerminal(command) as terminal:
        terminal.seconds_to(DATA_MARKER)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            # Long enough for requests that nobody answers to be on their way.
            terminal.count(3.0)
            terminal.seconds_to_answer("q")
            terminal.count(0.5)
            return terminal.seconds_to_end(ENTER)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


def _times(seconds: tuple[float, ...]) -> str:
    median, worst = statistics.median(seconds) * 1000, max(seconds) * 1000
    return f"median {median:.0f} ms, worst {worst:.0f} ms ({len(seconds)} times)"
