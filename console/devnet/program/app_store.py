"""What an application under a real CometBFT keeps beside its state: the chain's genesis, its validators, its blocks.

The blocks are kept as the EVM is fed with them, since the consensus that has the others is another process.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .consensus import Validator, ValidatorSet
from .errors import NodeError
from .evm_client import ExecuteBlock
from .history import KeptValidators


@dataclass(frozen=True, slots=True)
class ChainGenesis:
    """What `InitChain` told.

    Attributes:
        chain_id: The chain's name.
        gateway: Address of the contract that names the validators, lower hex without 0x; empty where there is none.
        validators: The first ones.
    """

    chain_id: str
    gateway: str
    validators: tuple[Validator, ...]


class AppStore:
    """`<data>/blocks.db`, durable before the application's state is.

    Args:
        path: The database.

    Raises:
        NodeError: It cannot be opened, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("CREATE TABLE IF NOT EXISTS genesis (document TEXT NOT NULL)")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS blocks"
                " (height INTEGER PRIMARY KEY, hash TEXT NOT NULL, time_s INTEGER NOT NULL, txs TEXT NOT NULL)"
            )
            row = self._db.execute("SELECT document FROM genesis").fetchone()
        except sqlite3.Error as error:
            raise NodeError(f"{path} cannot be opened: {error}") from None
        self.genesis: ChainGenesis | None = None
        self.validators: KeptValidators | None = None
        if row is not None:
            try:
                self._take(_genesis_of(row[0]))
            except (ValueError, TypeError, KeyError) as error:
                raise NodeError(f"the genesis in {path} is damaged: {error}") from None

    def begin(self, genesis: ChainGenesis) -> None:
        """Start a chain: what was kept of another one is forgotten. Raises NodeError."""
        document = json.dumps(
            {
                "chain_id": genesis.chain_id,
                "gateway": genesis.gateway,
                "validators": [[each.address, each.power, each.public_key.hex()] for each in genesis.validators],
            }
        )
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM genesis")
            self._db.execute("DELETE FROM blocks")
            self._db.execute("DROP TABLE IF EXISTS validators")
            self._db.execute("INSERT INTO genesis VALUES (?)", (document,))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise NodeError(f"the application's store refused the genesis: {error}") from None
        self._take(genesis)

    def _take(self, genesis: ChainGenesis) -> None:
        self.genesis = genesis
        self.validators = KeptValidators(self._db, ValidatorSet(genesis.validators))

    def changes(self, height: int, whole: Sequence[Validator]) -> tuple[Validator, ...]:
        """Keep who decides from `height` + 2 on, as block `height` left it; returns the difference to before.

        Args:
            height: Of the executed block.
            whole: The new set; empty where nothing changed.

        Returns:
            Members with a new power, and those who leave with a power of 0.
        """
        assert self.validators is not None
        before = self.validators.at(height + 1)
        following = ValidatorSet(whole) if whole else before
        self.validators.set(height + 2, following)
        changed = [each for each in following.members if before.power(each.address) != each.power]
        gone = [
            Validator(each.address, 0, each.public_key) for each in before.members if following.power(each.address) == 0
        ]
        return (*changed, *gone)

    def save(self, height: int, block_hash: str, time_s: int, txs: Sequence[bytes]) -> None:
        """Keep a block; one that is executed again takes the place of the older one. Raises NodeError."""
        row = (height, block_hash, time_s, json.dumps([tx.hex() for tx in txs]))
        try:
            self._db.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            raise NodeError(f"the application's store refused block {height}: {error}") from None

    def block(self, height: int) -> ExecuteBlock | None:
        """A kept block, for an EVM that lost it."""
        row = self._db.execute("SELECT hash, time_s, txs FROM blocks WHERE height = ?", (height,)).fetchone()
        if row is None:
            return None
        return ExecuteBlock(height, row[0], row[1], tuple(bytes.fromhex(each) for each in json.loads(row[2])))


def _genesis_of(text: str) -> ChainGenesis:
    document = json.loads(text)
    return ChainGenesis(
        str(document["chain_id"]),
        str(document["gateway"]),
        tuple(Validator(str(at), int(power), bytes.fromhex(key)) for at, power, key in document["validators"]),
    )
