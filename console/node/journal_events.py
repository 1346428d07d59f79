"""What happened, as the journal keeps it: events, numbered one by one, never removed, each holding on to the last."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from console.hash_chain import ChainCheck, ChainedRow, Head, genesis, row_hash
from console.model import Attempt
from console.node.journal_schema import CHAINED_SINCE
from console.node.journal_store import JournalStore


class JournalEvents(JournalStore):
    """A journal's events. Opened as `JournalStore`."""

    def record(self, kind: str, attempt: Attempt | None = None, **detail: Any) -> None:
        """Record an event that is no change of state. Raises JournalError."""
        self.write(lambda: self.put_event(None if attempt is None else attempt.id, kind, detail))

    def record_outcome(self, kind: str, attempt: Attempt, **detail: Any) -> None:
        """Record how something ended that is done again after a power cut; flushed with the next change.

        Raises:
            JournalError: It cannot be written.
        """
        self.write(lambda: self.put_event(attempt.id, kind, detail), flushed=False)

    def put_event(self, attempt: int | None, kind: str, detail: dict[str, Any]) -> None:
        """Add an event within a transaction: a change of state and its event are durable together."""
        (end,) = self.db.execute(
            "SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'event') AS used, "
            "(SELECT hash FROM event ORDER BY seq DESC LIMIT 1) AS hash"
        )
        # Numbers go on after those that were ever used, so that rows cut off the end leave a gap.
        seq, before = int(end["used"] or 0) + 1, str(end["hash"] or genesis(self.meta("journal_id") or ""))
        at, text = time.time(), json.dumps(detail, default=str)
        self.db.execute(
            "INSERT INTO event (seq, at, attempt, kind, detail, hash) VALUES (?, ?, ?, ?, ?, ?)",
            (seq, at, attempt, kind, text, row_hash(before, seq, at, attempt, kind, text)),
        )

    def events(self, since: int = 0, limit: int = 500, *, hashes: bool = False) -> list[dict[str, Any]]:
        """Events after a sequence number, oldest first; each with its hash where `hashes` and the journal has them."""
        columns = "seq, at, attempt, kind, detail" + (", hash" if hashes and self.chained else "")
        rows = self.rows(f"SELECT {columns} FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (since, limit))
        return [{**dict(row), "detail": json.loads(row["detail"])} for row in rows]

    def newest_seq(self) -> int:
        """Sequence number of the newest event; 0 when there is none."""
        rows = self.rows("SELECT coalesce(max(seq), 0) AS newest FROM event")
        return int(rows[0]["newest"]) if rows else 0

    def head(self) -> Head | None:
        """The newest row's number and hash, which tell all rows before it; None without one. Raises JournalError."""
        if not self.chained:
            return None
        rows = self.rows("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1")
        return Head(rows[0]["seq"], rows[0]["hash"]) if rows else None

    @property
    def chained(self) -> bool:
        """Whether its rows have hashes: not until a controller of this version has opened it. Raises JournalError."""
        return int(self.meta("schema") or 0) >= CHAINED_SINCE

    def rows_with_hashes(self, since: int = 0, limit: int = 1000) -> list[ChainedRow]:
        """Rows after a number as they are stored, oldest first. Raises JournalError."""
        rows = self.rows(
            "SELECT seq, at, attempt, kind, detail, hash FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (since, limit)
        )
        return [ChainedRow(*row) for row in rows]

    def check_events(self, marks: Iterable[Head] = ()) -> tuple[int, tuple[str, ...]]:
        """How many events there are, and what is wrong with the database, their numbers or their hashes. Reads all.

        Args:
            marks: What was noted of this journal elsewhere before, in any order.

        Raises:
            JournalError: It cannot be read.
        """
        # One look: what a controller adds meanwhile is not half seen.
        self.rows("BEGIN")
        try:
            return self._check_events(marks)
        finally:
            self.rows("ROLLBACK")

    def _check_events(self, marks: Iterable[Head]) -> tuple[int, tuple[str, ...]]:
        wrong = [f"SQLite finds {row[0]}" for row in self.rows("PRAGMA integrity_check(5)") if row[0] != "ok"]
        chain = ChainCheck(genesis(self.meta("journal_id") or ""), marks)
        last, count, at, turned = 0, 0, float("-inf"), 0
        while self.chained and (page := self.rows_with_hashes(last)):
            for row in page:
                chain.take(row)
                turned += row.at < at - 60
                at = row.at
            last, count = page[-1].seq, count + len(page)
        used = self.rows("SELECT seq FROM sqlite_sequence WHERE name = 'event'")
        wrong += chain.end(int(used[0]["seq"]) if used else 0)
        if turned:
            wrong.append(f"{turned} rows are more than a minute older than the row before")
        return count, tuple(wrong)

    def newest_events(self, limit: int) -> list[dict[str, Any]]:
        """The newest events, newest first."""
        rows = self.rows("SELECT seq, at, attempt, kind, detail FROM event ORDER BY seq DESC LIMIT ?", (limit,))
        return [{**dict(row), "detail": json.loads(row["detail"])} for row in rows]

    def events_of(self, attempt: Attempt) -> list[dict[str, Any]]:
        """Sequence number and kind of every event of an attempt, oldest first."""
        rows = self.rows("SELECT seq, kind FROM event WHERE attempt = ? ORDER BY seq", (attempt.id,))
        return [dict(row) for row in rows]

    def newest_by_attempt(self, kind: str) -> dict[int, dict[str, Any]]:
        """Detail of the newest event of a kind, by its attempt's id. Reads every event."""
        rows = self.rows("SELECT attempt, detail FROM event WHERE kind = ? AND attempt NOT NULL ORDER BY seq", (kind,))
        return {row["attempt"]: json.loads(row["detail"]) for row in rows}
