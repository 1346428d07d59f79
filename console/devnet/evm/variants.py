"""What one block comes to with other migrations than the one that it has here.

All nodes of a devnet share this EVM, and at H some may run a release with a migration and some one without: each is
told what its own release makes of the block. The block after H says on which of them it is built.
"""

from __future__ import annotations

import sqlite3

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS migrations (height INTEGER PRIMARY KEY, carried TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS variants (height INTEGER NOT NULL, carried TEXT NOT NULL, root BLOB NOT NULL,"
    " results TEXT NOT NULL, PRIMARY KEY (height, carried))",
)


class Variants:
    """The two tables, on the ledger's connection; writes belong to whatever transaction is open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def carried(self, height: int) -> str:
        """The migration that a stored block began with; empty for none."""
        row = self._connection.execute("SELECT carried FROM migrations WHERE height = ?", (height,)).fetchone()
        return "" if row is None else str(row[0])

    def note(self, height: int, carried: str) -> None:
        """Say with which migration the block of a height began."""
        self._connection.execute("INSERT INTO migrations VALUES (?, ?)", (height, carried))

    def find(self, height: int, carried: str) -> tuple[bytes, str] | None:
        """Root and results (JSON) of a block with another migration, if it was asked for before."""
        row: tuple[bytes, str] | None = self._connection.execute(
            "SELECT root, results FROM variants WHERE height = ? AND carried = ?", (height, carried)
        ).fetchone()
        return row

    def with_root(self, height: int, root: bytes) -> str | None:
        """The migration with which the block of a height comes to a root."""
        row = self._connection.execute(
            "SELECT carried FROM variants WHERE height = ? AND root = ?", (height, root)
        ).fetchone()
        return None if row is None else str(row[0])

    def add(self, height: int, carried: str, root: bytes, results: str) -> None:
        """Keep what a block comes to with a migration."""
        self._connection.execute(
            "INSERT OR REPLACE INTO variants VALUES (?, ?, ?, ?)", (height, carried, root, results)
        )
