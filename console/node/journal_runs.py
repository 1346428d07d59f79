"""The node's runs, and the heights that were seen of it: what a controller knows of a node that is down."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from dataclasses import dataclass

from console.model import NodeRun
from console.node.journal_events import JournalEvents

_RUNS_LOOKED_AT = 50

AT_REST_S = 10.0
"""Seconds between two durable heights while nothing is planned: each costs the disk a flush."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The last reading of the node's heights."""

    height: int
    """Block store height."""
    app_height: int
    read_at: float
    """Unix seconds."""
    run: int = 0
    """The run that was read; 0 in journals from before readings named it."""


class JournalRuns(JournalEvents):
    """A journal's runs and readings of the node. Opened as `JournalStore`."""

    _seen: Observation | None = None
    """A reading that is newer than the durable one."""
    _observed_at = float("-inf")
    """Monotonic seconds of the last durable reading."""
    _observed_run = -1
    """Its run."""

    def open_run(self, generation: str, halt_height: int, exe_sha256: str) -> NodeRun:
        """Record a run before it is started. Raises JournalError."""
        started_at = time.time()

        def write() -> int:
            cursor = self.db.execute(
                "INSERT INTO run (generation, halt_height, exe_sha256, started_at) VALUES (?, ?, ?, ?)",
                (generation, halt_height, exe_sha256, started_at),
            )
            number = int(cursor.lastrowid or 0)
            self.put_event(None, "run", {"run": number, "generation": generation, "halt_height": halt_height})
            return number

        return NodeRun(self.write(write), generation, halt_height, exe_sha256, started_at, None, None)

    def ask_end(self, run_id: int) -> None:
        """Record that we are about to stop this run, so that its end is not taken for the node's own."""
        self.write(lambda: self.db.execute("UPDATE run SET asked = 1 WHERE id = ?", (run_id,)))

    def end_asked(self, run_id: int) -> bool:
        """Whether `ask_end` was called for the run."""
        rows = self.rows("SELECT asked FROM run WHERE id = ?", (run_id,))
        return bool(rows and rows[0]["asked"])

    def close_run(self, run_id: int, exit_code: int | None) -> None:
        """Record the end of a run. Raises JournalError."""

        def write() -> None:
            self.db.execute(
                "UPDATE run SET ended_at = ?, exit_code = ? WHERE id = ? AND ended_at IS NULL",
                (time.time(), exit_code, run_id),
            )
            self.put_event(None, "run-ended", {"run": run_id, "code": exit_code})

        # Lost in a power cut, the end is judged again as after a kill.
        self.write(write, flushed=False)

    def runs(self, limit: int = 2) -> tuple[NodeRun, ...]:
        """The newest runs, newest first. Raises JournalError."""
        return tuple(_node_run(row) for row in self.rows("SELECT * FROM run ORDER BY id DESC LIMIT ?", (limit,)))

    def run(self, run_id: int) -> NodeRun | None:
        """One run. Raises JournalError."""
        rows = self.rows("SELECT * FROM run WHERE id = ?", (run_id,))
        return _node_run(rows[0]) if rows else None

    # --- what was seen of it ---

    @property
    def signer_mark(self) -> tuple[int, int, int] | None:
        """Highest (height, round, step) that the signer state ever had; None before the first. Raises JournalError."""
        text = self.meta("signer_hrs")
        try:
            if text is None:
                return None
            height, turn, step = json.loads(text)
            return int(height), int(turn), int(step)
        except (ValueError, TypeError) as error:
            raise self.unreadable(f"signer_hrs is {text!r}") from error

    def raise_signer_mark(self, found: tuple[int, int, int]) -> None:
        """Keep a signer state if it is the highest: the mark never falls. Raises JournalError."""
        high = self.signer_mark
        if high is None or found > high:
            self.set_meta("signer_hrs", json.dumps(found))

    def observe(self, height: int, app_height: int, version: str, *, run_id: int = 0, at_rest: bool = False) -> None:
        """Keep the node's heights, so that they are known when it is down. Raises JournalError.

        Args:
            height: Of the newest block, as our node's CometBFT tells it.
            app_height: Last executed height.
            version: What CometBFT says of the application.
            run_id: The run that was read; 0 when that is not known.
            at_rest: Nothing is planned: what is durable of this run may be `AT_REST_S` old.
        """
        first = self.meta("began_at") is None
        seen = Observation(height, app_height, time.time(), run_id)
        lately = self._observed_run == run_id and time.monotonic() - self._observed_at < AT_REST_S
        if at_rest and lately and not first:
            self._seen = seen
            return
        document = json.dumps(dataclasses.asdict(seen))

        def write() -> None:
            if first:
                self.put_meta("began_at", str(app_height))
            self.put_meta("observation", document)
            self.put_meta("version", version)

        self.write(write)
        self._seen, self._observed_at, self._observed_run = None, time.monotonic(), run_id

    @property
    def began_at(self) -> int | None:
        """Height at which this journal saw the application first; None before that. Raises JournalError."""
        text = self.meta("began_at")
        if text is None:
            return None
        if not text.isdecimal():
            raise self.unreadable(f"began_at is {text!r}")
        return int(text)

    def observe_restored(self, app_height: int, block_height: int | None = None) -> None:
        """Keep that older data is in place: the application stands at this height now. Raises JournalError."""
        newest = next((run.id for run in self.runs(1)), 0)
        blocks = app_height if block_height is None else block_height
        self.observe(blocks, app_height, self.meta("version") or "", run_id=newest)

    @property
    def observation(self) -> Observation | None:
        """The last heights that were seen. Raises JournalError."""
        if self._seen is not None:
            return self._seen
        text = self.meta("observation")
        try:
            return None if text is None else Observation(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise self.unreadable(f"the observation is {text!r}") from error

    def run_observed(self) -> NodeRun | None:
        """The run that the last kept heights are of; None when there are none. Raises JournalError."""
        observation = self.observation
        if observation is None:
            return None
        if observation.run:
            return self.run(observation.run)
        # By the clock of the day, which may have been set between the two: only where nothing better was kept.
        return next((run for run in self.runs(_RUNS_LOOKED_AT) if run.started_at <= observation.read_at), None)


def _node_run(row: sqlite3.Row) -> NodeRun:
    return NodeRun(
        row["id"],
        row["generation"],
        row["halt_height"],
        row["exe_sha256"],
        row["started_at"],
        row["ended_at"],
        row["exit_code"],
    )
