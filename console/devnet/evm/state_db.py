"""py-evm's key-value store in SQLite: trie nodes and code by hash, of every height.

Nothing is pruned, so the state after any height can be read by its root. Writes belong to whatever transaction the
connection has open: the ledger commits them together with the block that made them.
"""

from __future__ import annotations

import sqlite3

from eth.db.backends.base import BaseDB

SCHEMA = "CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"


class SqliteDB(BaseDB):
    """A py-evm database on a table of an open SQLite connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getitem__(self, key: bytes) -> bytes:
        row = self._connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        value: bytes = row[0]
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))

    def __delitem__(self, key: bytes) -> None:
        if self._connection.execute("DELETE FROM state WHERE key = ?", (key,)).rowcount == 0:
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        return self._connection.execute("SELECT 1 FROM state WHERE key = ?", (key,)).fetchone() is not None
