"""The consensus log (CometBFT's `cs.wal`): the events of the current height, so that a restart restores the lock.

Lines reach the kernel at once, so they survive kill -9; they are synced to the disk before each own vote.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from .files import LineLog


class ConsensusLog:
    """One file, emptied at each new height."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / "wal"
        self._log: LineLog | None = None

    def read(self, height: int) -> list[dict[str, object]]:
        """The logged events of `height`; empty when the log is of another height. A torn last line is dropped."""
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        events: list[dict[str, object]] = []
        for line in lines[:-1]:
            try:
                event = json.loads(line)
            except ValueError:
                break
            if not isinstance(event, dict):
                break
            events.append(event)
        if not events or events[0].get("height") != height:
            return []
        return events[1:]

    def begin(self, height: int) -> None:
        """Starts the log of a new height."""
        if self._log is None:
            self._log = LineLog(self._path)
        os.truncate(self._path, 0)
        self._log.append(json.dumps({"height": height}))

    def resume(self) -> None:
        """Goes on with the log that was read; a torn last line is cut off."""
        content = self._path.read_bytes()
        os.truncate(self._path, content.rfind(b"\n") + 1)
        self._log = LineLog(self._path)

    def append(self, event: dict[str, object]) -> None:
        """Adds one event."""
        if self._log is not None:
            self._log.append(json.dumps(event, separators=(",", ":")))

    def sync(self) -> None:
        """Waits until everything is on the disk."""
        if self._log is not None:
            self._log.sync()
