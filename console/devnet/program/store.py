"""The block store: every decided block and the commit that decided it, in SQLite, durable before it is executed."""

from __future__ import annotations

import json
import sqlite3
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from .block import Block, Commit
from .consensus import ValidatorSet
from .errors import MalformedError, NodeError
from .history import KeptValidators

_CACHED = 64


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block and its commit."""

    block: Block
    commit: Commit


class BlockStore:
    """Blocks by height, from 1 without gaps, and who decides them.

    Args:
        path: The database.
        first: The validators of the genesis.
    """

    def __init__(self, path: Path, first: ValidatorSet) -> None:
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS blocks"
                " (height INTEGER PRIMARY KEY, block TEXT NOT NULL, seen_commit TEXT NOT NULL)"
            )
            self.validators = KeptValidators(self._db, first)
            row = self._db.execute("SELECT MAX(height) FROM blocks").fetchone()
        except sqlite3.Error as error:
            raise NodeError(f"the block store {path} cannot be opened: {error}") from None
        self.height: int = row[0] or 0
        self._cache: OrderedDict[int, StoredBlock] = OrderedDict()

    def save(self, stored: StoredBlock) -> None:
        """Stores the next block; it is on the disk when this returns.

        Raises:
            NodeError: The height is not the next one, or the disk refused.
        """
        height = stored.block.header.height
        if height != self.height + 1:
            raise NodeError(f"block {height} cannot follow block {self.height} in the block store")
        row = (height, json.dumps(stored.block.to_json()), json.dumps(stored.commit.to_json()))
        try:
            self._db.execute("INSERT INTO blocks VALUES (?, ?, ?)", row)
        except sqlite3.Error as error:
            raise NodeError(f"the block store refused block {height}: {error}") from None
        self.height = height
        self._remember(height, stored)

    def load(self, height: int) -> StoredBlock | None:
        """The block at `height`, or None."""
        known = self._cache.get(height)
        if known is not None:
            return known
        row = self._db.execute("SELECT block, seen_commit FROM blocks WHERE height = ?", (height,)).fetchone()
        if row is None:
            return None
        try:
            stored = StoredBlock(Block.from_json(json.loads(row[0])), Commit.from_json(json.loads(row[1])))
        except (MalformedError, ValueError) as error:
            raise NodeError(f"block {height} in the block store is damaged: {error}") from None
        self._remember(height, stored)
        return stored

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    def _remember(self, height: int, stored: StoredBlock) -> None:
        self._cache[height] = stored
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
