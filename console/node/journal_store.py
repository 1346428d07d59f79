"""The database under the journal: what is durable, what a full disk does, and what is said when it fails.

SQLite with WAL and `synchronous=FULL`: the only common setting of those measured that keeps the last commit in a power
cut (facts/safety.md §3). One connection, used from one thread.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from console.errors import JournalError
from console.hash_chain import genesis, row_hash
from console.node.faults import FaultPoints
from console.node.journal_schema import FROM_SCHEMA_1, FROM_SCHEMA_2, SCHEMA, TABLES

T = TypeVar("T")


class JournalStore:
    """The database under a journal: durable transactions, honest errors, small facts.

    Args:
        path: `journal.db`; its folder must exist.
        read_only: Open for reading only, as console and command line do when no controller runs.
        faults: Fault points around each change of an attempt.
        make_room: Called on a full disk; whether there is room now.

    Raises:
        JournalError: It cannot be opened, is damaged, or comes from a newer version.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        faults: FaultPoints | None = None,
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        self.faults = faults or FaultPoints("")
        self._make_room = make_room
        self._path = path
        self._read_only = read_only
        self._facts: dict[str, str] | None = None
        try:
            mode = "ro" if read_only else "rwc"
            self.db = sqlite3.connect(f"file:{path}?mode={mode}", uri=True, isolation_level=None)
            self.db.row_factory = sqlite3.Row
            if not read_only:
                self.db.execute("PRAGMA journal_mode=WAL")
                self.db.execute("PRAGMA synchronous=FULL")
            self._open_schema()
        except (sqlite3.Error, ValueError) as error:
            raise JournalError(
                f"the journal {path} cannot be read: {error}",
                safe="nothing was changed and nothing is guessed from it",
                next_step="look at the disk, then restore or move the journal away by hand",
            ) from error

    def _open_schema(self) -> None:
        known = self.rows("SELECT name FROM sqlite_master WHERE name = 'meta'")
        found = self.meta("schema") if known else None
        if found is not None and int(found) > SCHEMA:
            raise JournalError(
                f"the journal {self._path} was written by a newer version (schema {found}, this one knows {SCHEMA})",
                safe="nothing was changed",
                next_step="use the newer upgrade-console",
            )
        if self._read_only:
            return
        if found is not None and int(found) < SCHEMA:
            self.write(lambda: self._migrate(int(found)))
        self.db.executescript(TABLES)
        if found is None:
            self.write(self._begin)

    def _begin(self) -> None:
        self.put_meta("journal_id", secrets.token_hex(16))
        self.put_meta("schema", str(SCHEMA))

    def _migrate(self, found: int) -> None:
        if found < 2:
            for statement in FROM_SCHEMA_1.split(";"):
                self.db.execute(statement)
        known = self.rows("SELECT name FROM sqlite_master WHERE name = 'event'")
        if known:
            self.db.execute(FROM_SCHEMA_2)
        self._begin()
        if known:
            self._chain_old_events()

    def _chain_old_events(self) -> None:
        """Give each event of before its hash: from now on none of them changes unseen."""
        last, before = 0, genesis(self.meta("journal_id") or "")
        page = "SELECT seq, at, attempt, kind, detail FROM event WHERE seq > ? ORDER BY seq LIMIT 1000"
        while rows := self.rows(page, (last,)):
            for row in rows:
                before, last = row_hash(before, *row), row["seq"]
                self.db.execute("UPDATE event SET hash = ? WHERE seq = ?", (before, last))
        self.put_meta("chained_late", str(last))

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def make_room(self) -> bool:
        """Give up what is kept for a full disk; whether there was something."""
        return self._make_room()

    def write(self, steps: Callable[[], T], *, flushed: bool = True) -> T:
        """One durable transaction. On a full disk it is tried once more with the ballast's room (facts/safety.md §3).

        Args:
            steps: What is written.
            flushed: False leaves it to the next flushed one, which makes all before it durable with itself: a power cut
                until then takes it back, a kill does not.

        Raises:
            JournalError: Nothing was written.
        """
        if not flushed:
            self.db.execute("PRAGMA synchronous=NORMAL")
            try:
                return self.write(steps)
            finally:
                self.db.execute("PRAGMA synchronous=FULL")
        try:
            return self._transaction(steps)
        except sqlite3.Error as error:
            if not (_is_full(error) and self._make_room()):
                raise self._unwritable(error) from error
        try:
            return self._transaction(steps)
        except sqlite3.Error as error:
            raise self._unwritable(error) from error

    def _transaction(self, steps: Callable[[], T]) -> T:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            result = steps()
            self.db.execute("COMMIT")
            return result
        except BaseException:
            self._facts = None
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    def _unwritable(self, error: sqlite3.Error) -> JournalError:
        return JournalError(
            f"the journal {self._path} cannot be written: {error}",
            safe="the step that needed it was not taken",
            next_step="free disk space or mend the disk",
        )

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[sqlite3.Row]:
        """Read. A fact that cannot be read is never taken for one that is not there. Raises JournalError."""
        try:
            return self.db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            if self._read_only and "no such table" in str(error):
                # A reader may come before the controller has made its tables.
                return []
            raise self.unreadable(error) from error

    def unreadable(self, why: object) -> JournalError:
        return JournalError(
            f"the journal {self._path} cannot be read: {why}",
            safe="nothing is guessed from it",
            next_step="look at the disk, then restore or move the journal away by hand",
        )

    # --- small facts ---

    def meta(self, key: str) -> str | None:
        """A fact by name, or None. Raises JournalError.

        Who writes is alone (its lock says so) and keeps them all: a step asks for a dozen, and is made at every look.
        """
        if self._read_only:
            rows = self.rows("SELECT value FROM meta WHERE key = ?", (key,))
            return str(rows[0]["value"]) if rows else None
        if self._facts is None:
            self._facts = {str(row["key"]): str(row["value"]) for row in self.rows("SELECT key, value FROM meta")}
        return self._facts.get(key)

    def set_meta(self, key: str, value: str) -> None:
        """Set a fact, durably. Raises JournalError."""
        self.write(lambda: self.put_meta(key, value))

    def put_meta(self, key: str, value: str) -> None:
        self.db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value", (key, value)
        )
        if self._facts is not None:
            self._facts[key] = value


def _is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
