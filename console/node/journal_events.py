"""What happened, as the journal keeps it: events, numbered one by one and never removed."""

from __future__ import annotations

import json
import time
from typing import Any

from console.model import Attempt
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
        self.db.execute(
            "INSERT INTO event (at, attempt, kind, detail) VALUES (?, ?, ?, ?)",
            (time.time(), attempt, kind, json.dumps(detail, default=str)),
        )

    def events(self, since: int = 0, limit: int = 500) -> list[dict[str, Any]]:
        """Events after a sequence number, oldest first."""
        rows = self.rows(
            "SELECT seq, at, attempt, kind, detail FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (since, limit)
        )
        return [{**dict(row), "detail": json.loads(row["detail"])} for row in rows]

    def newest_seq(self) -> int:
        """Sequence number of the newest event; 0 when there is none."""
        rows = self.rows("SELECT coalesce(max(seq), 0) AS newest FROM event")
        return int(rows[0]["newest"]) if rows else 0

    def check_events(self) -> tuple[int, tuple[str, ...]]:
        """How many events there are, and what is wrong with the database or their numbers. Reads everything."""
        wrong = [f"SQLite finds {row[0]}" for row in self.rows("PRAGMA integrity_check(5)") if row[0] != "ok"]
        (found,) = self.rows("SELECT count(*) AS rows, coalesce(max(seq), 0) AS newest FROM event")
        if found["rows"] != found["newest"]:
            # Events are never removed, and their numbers count up by one.
            wrong.append(f"{found['newest'] - found['rows']} of {found['newest']} rows are missing")
        turned = self.rows(
            "SELECT count(*) AS turned FROM event AS later JOIN event AS earlier ON earlier.seq = later.seq - 1 "
            "WHERE later.at < earlier.at - 60"
        )
        if turned[0]["turned"]:
            wrong.append(f"{turned[0]['turned']} rows are more than a minute older than the row before")
        return int(found["rows"]), tuple(wrong)

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
