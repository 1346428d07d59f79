"""The linear history of the devnet's EVM: one block per height, executed once, kept in SQLite.

A block and the state it makes are one SQLite transaction, so after `kill -9` the ledger stands at a whole block.
Every node sends every block; the first one executes it, the others get the stored answer, and one who sends other
content for a height is told that it is on a fork. One thread uses a ledger.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eth.db.atomic import AtomicDB
from eth.vm.forks.shanghai.state import ShanghaiState
from eth_typing import Address
from eth_utils.crypto import keccak

from console.devnet.evm import execution, migrating, state_db, variants
from console.devnet.evm.blocks import Block, Executed, Fork, Need, Result, StoredLog, StoredTransaction
from console.errors import DevnetError, HeldByOther

SCHEMA = (
    state_db.SCHEMA,
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS blocks (height INTEGER PRIMARY KEY, hash BLOB NOT NULL, time INTEGER NOT NULL,"
    " root BLOB NOT NULL, sent TEXT NOT NULL, results TEXT NOT NULL, gas INTEGER NOT NULL)",
    "CREATE UNIQUE INDEX IF NOT EXISTS blocks_hash ON blocks (hash)",
    "CREATE TABLE IF NOT EXISTS transactions (hash BLOB PRIMARY KEY, height INTEGER NOT NULL,"
    " position INTEGER NOT NULL, raw BLOB NOT NULL, ok INTEGER NOT NULL, gas INTEGER NOT NULL,"
    " cumulative INTEGER NOT NULL, contract BLOB)",
    "CREATE UNIQUE INDEX IF NOT EXISTS transactions_place ON transactions (height, position)",
    "CREATE TABLE IF NOT EXISTS logs (height INTEGER NOT NULL, position INTEGER NOT NULL, tx_position INTEGER NOT NULL,"
    " address BLOB NOT NULL, topic0 BLOB, topic1 BLOB, topic2 BLOB, topic3 BLOB, data BLOB NOT NULL,"
    " PRIMARY KEY (height, position)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS logs_address ON logs (address, height)",
    *variants.SCHEMA,
)
ANCESTORS = 256
"""How many block hashes a contract can ask for."""


class Ledger:
    """The history, on a folder.

    Args:
        genesis: The genesis document (see genesis.py).
        folder: Where the database is; made when it is missing.

    Raises:
        DevnetError: The genesis cannot be applied, or the folder holds the history of another one.
        HeldByOther: Another process uses the folder.
    """

    def __init__(self, genesis: Mapping[str, Any], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder / "evm.lock")
        self.chain_id = int(genesis.get("chain_id", 31337))
        # Transactions are begun by hand and ended by `with`, for state and block belong together.
        self._connection = sqlite3.connect(folder / "evm.sqlite", isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            for statement in SCHEMA:
                self._connection.execute(statement)
            self._db = AtomicDB(state_db.SqliteDB(self._connection))
            self._variants = variants.Variants(self._connection)
            self._begin(genesis, folder)
        except BaseException:
            self.close()
            raise

    @property
    def tip(self) -> int:
        """The height of the last block."""
        row = self._connection.execute("SELECT max(height) FROM blocks").fetchone()
        return int(row[0])

    def close(self) -> None:
        """Close the database and let another process have the folder."""
        self._connection.close()
        os.close(self._lock)

    def execute(
        self,
        height: int,
        block_hash: str,
        time: int,
        sent: Sequence[str],
        carried: str = "",
        before: bytes | None = None,
    ) -> Executed:
        """Execute the next block, or give the stored answer for one that was executed before.

        Args:
            height: Its height, from 1.
            block_hash: 64 hex digits.
            time: Its time in unix seconds.
            sent: Raw transactions, 0x-prefixed hex, in order. Invalid ones are skipped and change nothing.
            carried: The migration before them (see migrating.py); empty for none.
            before: The state root that the block is built on, which decides between migrations of the block before;
                None for the one that is here.

        Raises:
            Fork: Another block is stored for the height, or the block before never came to that root.
            Need: Blocks are missing before it.
            migrating.MigrationFailed: The migration cannot be done; the block is not stored.
        """
        digest = bytes.fromhex(block_hash.removeprefix("0x"))
        texts = [text.lower() for text in sent]
        tip = self.tip
        if height > tip + 1:
            raise Need(tip + 1)
        if height <= tip:
            return self._stored(height, digest, time, texts, carried)
        if before is not None and before != self.root(tip):
            self._become(tip, before)
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            return self._append(height, digest, time, texts, self.root(tip), carried)

    def root(self, height: int) -> bytes:
        """The state root after a height that is stored."""
        root: bytes = self._connection.execute("SELECT root FROM blocks WHERE height = ?", (height,)).fetchone()[0]
        return root

    def state(self, height: int) -> ShanghaiState:
        """The state after a height, as calls at that height see it. Never persist it.

        Raises:
            Need: The height is not stored yet.
        """
        block = self.block(height)
        if block is None:
            raise Need(self.tip + 1)
        return self._open(block.root, height, block.time)

    def block(self, height: int) -> Block | None:
        """The block of a height."""
        return self._one_block("height = ?", height)

    def block_by_hash(self, digest: bytes) -> Block | None:
        """The block of a hash."""
        return self._one_block("hash = ?", digest)

    def transaction(self, digest: bytes) -> StoredTransaction | None:
        """The transaction of a hash, if it is part of a block."""
        rows = self._transactions("hash = ?", digest)
        return rows[0] if rows else None

    def transactions(self, height: int) -> list[StoredTransaction]:
        """The transactions of a block, in order, without those that were skipped."""
        return self._transactions("height = ?", height)

    def decode(self, stored: StoredTransaction) -> execution.Transaction:
        """A stored transaction with its fields."""
        return execution.decode(stored.raw, self.chain_id)

    def logs(
        self,
        first: int,
        last: int,
        addresses: Sequence[bytes] = (),
        topics: Sequence[Sequence[bytes]] = (),
        limit: int = -1,
    ) -> list[StoredLog]:
        """Events of a range of heights, in order.

        Args:
            first: First height.
            last: Last height, included.
            addresses: Any of these contracts; empty for all.
            topics: By position, any of these; an empty list at a position is a wildcard.
            limit: The most to return; negative for all.
        """
        where, arguments = ["height BETWEEN ? AND ?"], list[Any]((first, last))
        for column, wanted in [("address", addresses), *((f"topic{i}", t) for i, t in enumerate(topics))]:
            if wanted:
                where.append(f"{column} IN ({','.join('?' * len(wanted))})")
                arguments.extend(wanted)
        rows = self._connection.execute(
            "SELECT height, position, tx_position, address, topic0, topic1, topic2, topic3, data FROM logs"
            f" WHERE {' AND '.join(where)} ORDER BY height, position LIMIT ?",
            (*arguments, limit),
        )
        return [
            StoredLog(
                row[0], row[1], row[2], execution.Log(row[3], tuple(t for t in row[4:8] if t is not None), row[8])
            )
            for row in rows
        ]

    # -- making blocks

    def _begin(self, genesis: Mapping[str, Any], folder: Path) -> None:
        text = json.dumps(genesis, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).digest()
        row = self._connection.execute("SELECT value FROM meta WHERE key = 'genesis'").fetchone()
        if row is not None:
            if row[0] != digest.hex():
                raise DevnetError(
                    f"the folder {folder} holds the history of another genesis",
                    safe="nothing was changed",
                    next_step="name another folder, or wipe this one",
                )
            return
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            time = int(genesis["time"])
            root = self._allocate(genesis["alloc"], time)
            executed = self._append(0, digest, time, list(genesis["txs"]), root)
            bad = next((i for i, result in enumerate(executed.results) if not result.ok), None)
            if bad is not None:
                raise DevnetError(f"transaction {bad} of the genesis does not succeed", safe="nothing was stored")
            self._connection.execute("INSERT INTO meta VALUES ('genesis', ?)", (digest.hex(),))

    def _allocate(self, balances: Mapping[str, str], time: int) -> bytes:
        state = self._open(execution.EMPTY_ROOT, 0, time)
        for address, balance in balances.items():
            state.set_balance(Address(bytes.fromhex(address.removeprefix("0x"))), int(str(balance), 0))
        state.persist()
        return bytes(state.state_root)

    def _append(
        self, height: int, digest: bytes, time: int, texts: Sequence[str], before: bytes, carried: str = ""
    ) -> Executed:
        root, gas, place, logs = before, 0, 0, 0
        results: list[Result] = []
        # A block without transactions costs one row: its state is the one before.
        state = self._open(before, height, time) if texts or carried else None
        if carried and state is not None:
            migrating.migrate(state, migrating.read_carried(carried), self._code)
            self._variants.note(height, carried)
        for text in texts:
            assert state is not None
            try:
                raw = bytes.fromhex(text.removeprefix("0x"))
            except ValueError:
                results.append(Result(text[:66], ok=False, gas=0))
                continue
            identity = "0x" + keccak(raw).hex()
            try:
                transaction = execution.decode(raw, self.chain_id)
                applied = execution.apply(state, transaction, execution.GAS_LIMIT - gas)
            except execution.TransactionRefused:
                results.append(Result(identity, ok=False, gas=0))
                continue
            gas += applied.gas
            self._connection.execute(
                "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (transaction.hash, height, place, raw, applied.ok, applied.gas, gas, applied.contract),
            )
            for log in applied.logs:
                padded = (*log.topics, None, None, None, None)[:4]
                self._connection.execute(
                    "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (height, logs, place, log.address, *padded, log.data),
                )
                logs += 1
            place += 1
            results.append(Result(identity, applied.ok, applied.gas))
        if state is not None:
            state.persist()
            root = bytes(state.state_root)
        self._connection.execute(
            "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)",
            (height, digest, time, root, json.dumps(list(texts)), _shown(results), gas),
        )
        return Executed(root, tuple(results))

    def _stored(self, height: int, digest: bytes, time: int, texts: list[str], carried: str) -> Executed:
        row = self._connection.execute(
            "SELECT hash, time, sent, root, results FROM blocks WHERE height = ?", (height,)
        ).fetchone()
        if height == 0 or (row[0], row[1], json.loads(row[2])) != (digest, time, texts):
            raise Fork(height, row[0].hex())
        if carried == self._variants.carried(height):
            return _executed(row[3], row[4])
        found = self._variants.find(height, carried)
        if found is not None:
            return _executed(*found)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._remove(height)
            executed = self._append(height, digest, time, texts, self.root(height - 1), carried)
        finally:
            # Tried and taken back: nothing may be built on it yet.
            self._connection.rollback()
        self._variants.add(height, carried, executed.root, _shown(executed.results))
        return executed

    def _become(self, tip: int, root: bytes) -> None:
        """Have the last block be what it comes to with another migration, since the next is built on that."""
        carried = self._variants.with_root(tip, root)
        row = self._connection.execute(
            "SELECT hash, time, sent, root, results FROM blocks WHERE height = ?", (tip,)
        ).fetchone()
        if carried is None:
            raise Fork(tip, row[0].hex())
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._variants.add(tip, self._variants.carried(tip), row[3], row[4])
            self._remove(tip)
            self._append(tip, row[0], row[1], json.loads(row[2]), self.root(tip - 1), carried)

    def _remove(self, height: int) -> None:
        for table in ("logs", "transactions", "migrations", "blocks"):
            self._connection.execute(f"DELETE FROM {table} WHERE height = ?", (height,))

    def _code(self, keccak256: bytes) -> bytes | None:
        try:
            return bytes(self._db[keccak256])
        except KeyError:
            return None

    def _open(self, root: bytes, height: int, time: int) -> ShanghaiState:
        return execution.open_state(
            self._db, root, number=height, time=time, chain_id=self.chain_id, ancestors=self._ancestors(height)
        )

    def _ancestors(self, height: int) -> Iterator[bytes]:
        for below in range(height - 1, max(-1, height - 1 - ANCESTORS), -1):
            block = self.block(below)
            assert block is not None
            yield block.hash

    # -- rows

    def _one_block(self, where: str, value: int | bytes) -> Block | None:
        row = self._connection.execute(
            f"SELECT height, hash, time, root, gas FROM blocks WHERE {where}", (value,)
        ).fetchone()
        return None if row is None else Block(*row)

    def _transactions(self, where: str, value: int | bytes) -> list[StoredTransaction]:
        rows = self._connection.execute(
            "SELECT hash, height, position, raw, ok, gas, cumulative, contract FROM transactions"
            f" WHERE {where} ORDER BY height, position",
            (value,),
        )
        return [StoredTransaction(*row) for row in rows]


def _shown(results: Sequence[Result]) -> str:
    return json.dumps([[result.hash, result.ok, result.gas] for result in results])


def _executed(root: bytes, results: str) -> Executed:
    return Executed(root, tuple(Result(*result) for result in json.loads(results)))


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise HeldByOther(
            f"another EVM process uses {path.parent}", next_step="stop it, or name another folder"
        ) from None
    return descriptor
