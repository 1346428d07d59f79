"""A log of a million lines: how soon its end is there, how long until all is known and searched, and the memory."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from console.log_store import LineFilter, LogStore, Selection

LINES = 1_000_000
_WINDOW = 100
_WANTED = "height=9999"


@dataclass(frozen=True, slots=True)
class LongLog:
    """One log, read from its end."""

    count: int
    """Lines."""
    size_bytes: int
    first_s: float
    """Until the newest lines are there."""
    known_s: float
    """CPU time until every line is known."""
    searched_s: float
    """CPU time until every line was looked at for a text."""
    found: int
    window_s: float
    """To have a screen of lines from the middle, with their text."""
    grown_bytes: int
    """Resident memory that all of it took."""

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"{self.count:,} lines, {self.size_bytes / 1e6:.0f} MB on disk",
            f"the newest lines         {self.first_s * 1000:.0f} ms",
            f"every line known         {self.known_s:.1f} s of CPU, {self.known_s / self.count * 1e6:.1f} us a line",
            f"every line searched      {self.searched_s:.1f} s of CPU, {self.found:,} found",
            f"a screen from the middle {self.window_s * 1000:.1f} ms",
            f"resident memory          +{self.grown_bytes / 1e6:.0f} MB, {self.grown_bytes / self.count:.1f} B a line",
        ]


def write_log(path: Path, lines: int) -> None:
    """Write a log as CometBFT writes it, twenty lines a second."""
    with path.open("w") as stream:
        for number in range(lines):
            second = number // 20
            clock = f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{number % 1000:03d}"
            words = f"executed block module=state height={number} num_valid_txs=0 app_hash={number:064X}"
            stream.write(f"I[2026-10-{1 + second // 86400:02d}|{clock}] {words}\n")


def measure(lines: int = LINES) -> LongLog:
    """Write such a log and read it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node.log"
        write_log(path, lines)
        process = psutil.Process()
        before = process.memory_info().rss
        store, everything = LogStore({"node": path}), Selection(LineFilter())
        began, used = time.perf_counter(), time.process_time()
        store.step(everything)
        first_s = time.perf_counter() - began
        while store.step(everything):
            pass
        known_s = time.process_time() - used
        began = time.perf_counter()
        store.window(everything, lines // 2, _WINDOW)
        window_s = time.perf_counter() - began
        searched = Selection(LineFilter(keeps=lambda text: _WANTED in text), everything)
        used = time.process_time()
        while store.step(searched):
            pass
        searched_s = time.process_time() - used
        grown = process.memory_info().rss - before
        found = store.total(searched)
        store.close()
        return LongLog(lines, path.stat().st_size, first_s, known_s, searched_s, found, window_s, grown)
