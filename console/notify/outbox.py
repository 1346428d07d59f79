"""What was told and what is still to be told, durably: a row before anything is sent, an outcome after.

A crash between the two has the message sent again: a second one is better than none. It is a file of its own, so that
nothing of it ever touches the journal.
"""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from console.errors import JournalError
from console.monitoring.rules import Severity
from console.notify.message import Message

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 600.0
"""Seconds until a message that was not taken is tried again; twice as long each time."""
GIVEN_UP_S = 86400.0
"""Seconds after which nobody needs it any more."""
_KEPT = 500
"""Messages that are kept after their end."""

WAITING, SENT, GIVEN_UP = "waiting", "sent", "given up"

_TABLES = """
CREATE TABLE IF NOT EXISTS told (key TEXT PRIMARY KEY, at REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS message (
  id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, event TEXT NOT NULL, service TEXT NOT NULL,
  severity TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL, at REAL NOT NULL, state TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL DEFAULT 0, ended_at REAL, problem TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
_BEGUN = "begun"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to one service."""

    id: int
    event: str
    service: str
    message: Message
    at: float
    """When it was seen, Unix seconds."""
    state: str
    tries: int
    problem: str
    """Why the last try failed; empty where none did."""


@dataclass(frozen=True, slots=True)
class News:
    """One occasion with who is told."""

    key: str
    event: str
    message: Message
    services: tuple[str, ...]
    """Empty: it is known, and nobody is told."""


class Outbox:
    """Messages of one controller, or of one `notify watch`. Each call opens the file: calls may come from any thread.

    Args:
        path: `notify.db`; its folder must exist.
        clock: Unix seconds.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        # Two that make the file at once would each find it locked.
        self._turn = threading.Lock()

    def told(self) -> frozenset[str]:
        """Every key that needs no telling any more. Raises JournalError."""
        with self._open() as db:
            return frozenset(str(row[0]) for row in db.execute("SELECT key FROM told"))

    @property
    def begun(self) -> bool:
        """Whether somebody has looked before. Raises JournalError."""
        with self._open() as db:
            return db.execute("SELECT 1 FROM fact WHERE name = ?", (_BEGUN,)).fetchone() is not None

    def take(self, news: Sequence[News], *, begun: bool, gone: Sequence[str] = ()) -> None:
        """Keep what is new, in one durable transaction.

        Args:
            news: What has not been told.
            begun: Whether everything of before is known from now on.
            gone: Keys that may come again.

        Raises:
            JournalError: Nothing was kept.
        """
        now = self._clock()
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            for each in news:
                if not db.execute("INSERT OR IGNORE INTO told VALUES (?, ?)", (each.key, now)).rowcount:
                    continue
                db.executemany(
                    "INSERT INTO message (key, event, service, severity, subject, body, at, state)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [_row(each, service, now) for service in each.services],
                )
            db.executemany("DELETE FROM told WHERE key = ?", [(key,) for key in gone])
            if begun:
                db.execute("INSERT OR IGNORE INTO fact VALUES (?, '1')", (_BEGUN,))
            db.execute("COMMIT")

    def due(self) -> tuple[tuple[Letter, ...], float]:
        """What is to be sent now, oldest first, and seconds until the next is. Raises JournalError."""
        now = self._clock()
        with self._open() as db:
            rows = db.execute("SELECT * FROM message WHERE state = ? ORDER BY id", (WAITING,)).fetchall()
        # A clock that was set back must not hold a message for longer than any pause.
        pauses = [0.0 if row["next_at"] > now + 2 * LONGEST_PAUSE_S else row["next_at"] - now for row in rows]
        due = tuple(_letter(row) for row, pause in zip(rows, pauses, strict=True) if pause <= 0)
        return due, min((pause for pause in pauses if pause > 0), default=math.inf)

    def sent(self, letters: Sequence[Letter]) -> None:
        """They were taken. Raises JournalError."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            for letter in letters:
                db.execute(
                    "UPDATE message SET state = ?, tries = tries + 1, ended_at = ?, problem = '' WHERE id = ?",
                    (SENT, self._clock(), letter.id),
                )
            db.execute(
                "DELETE FROM message WHERE state != ? AND id <= (SELECT coalesce(max(id), 0) FROM message) - ?",
                (WAITING, _KEPT),
            )
            db.execute("COMMIT")

    def failed(self, letters: Sequence[Letter], problem: str) -> None:
        """They were not taken: tried again after a pause, or given up. Raises JournalError."""
        now = self._clock()
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            for letter in letters:
                pause = min(FIRST_PAUSE_S * 2.0 ** min(letter.tries, 16), LONGEST_PAUSE_S)
                state = GIVEN_UP if now - letter.at > GIVEN_UP_S else WAITING
                db.execute(
                    "UPDATE message SET state = ?, tries = tries + 1, next_at = ?, problem = ? WHERE id = ?",
                    (state, now + pause, problem, letter.id),
                )
            db.execute("COMMIT")

    def newest(self, limit: int) -> tuple[Letter, ...]:
        """The newest messages, newest first. Raises JournalError."""
        with self._open() as db:
            rows = db.execute("SELECT * FROM message ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
            return tuple(_letter(row) for row in rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._turn, self._opened() as db:
            yield db

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            db = sqlite3.connect(self._path, isolation_level=None, timeout=10.0)
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA synchronous=FULL")
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'fact'").fetchone():
                db.execute("PRAGMA journal_mode=WAL")
                db.executescript(_TABLES)
            yield db
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        finally:
            # What was not committed is rolled back.
            db.close()

    def _unusable(self, error: sqlite3.Error) -> JournalError:
        return JournalError(
            f"the messages in {self._path} cannot be read or written: {error}",
            safe="nothing else needs them",
            next_step="look at the disk, or move the file away",
        )


def _row(news: News, service: str, now: float) -> tuple[object, ...]:
    message = news.message
    return (news.key, news.event, service, message.severity.value, message.subject, message.body, now, WAITING)


def _letter(row: sqlite3.Row) -> Letter:
    message = Message(Severity(row["severity"]), row["subject"], row["body"])
    return Letter(
        row["id"], row["event"], row["service"], message, row["at"], row["state"], row["tries"], row["problem"]
    )
