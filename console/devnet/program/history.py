"""Who decides which height: the validators of the genesis, and every change since."""

from __future__ import annotations

import json
import sqlite3

from .consensus import Validator, ValidatorSet
from .errors import NodeError


class ValidatorHistory:
    """In memory only, for a replay that leaves the home as it is.

    Args:
        first: The validators of the genesis.
    """

    def __init__(self, first: ValidatorSet) -> None:
        self._changes = [(1, first)]

    def at(self, height: int) -> ValidatorSet:
        """Who decides a height, as far as it is known."""
        return next(members for first, members in reversed(self._changes) if first <= height)

    def set(self, first: int, validators: ValidatorSet) -> None:
        """Has these validators decide the heights from `first` on.

        What was said of later heights is forgotten: their blocks are executed again, perhaps to another end.
        """
        known = [each for each in self._changes if each[0] < first]
        if known[-1][1].members != validators.members:
            known.append((first, validators))
        if known != self._changes:
            self._keep(first, known[-1][1] if known[-1][0] == first else None)
            self._changes = known

    def _keep(self, first: int, change: ValidatorSet | None) -> None:
        """Makes durable that all from `first` on is forgotten, and the change that begins there."""


class KeptValidators(ValidatorHistory):
    """Beside the blocks, in their database.

    Args:
        database: The block store's.
        first: The validators of the genesis.

    Raises:
        NodeError: What is kept is damaged.
    """

    def __init__(self, database: sqlite3.Connection, first: ValidatorSet) -> None:
        super().__init__(first)
        self._database = database
        database.execute("CREATE TABLE IF NOT EXISTS validators (first INTEGER PRIMARY KEY, members TEXT NOT NULL)")
        rows = database.execute("SELECT first, members FROM validators ORDER BY first").fetchall()
        try:
            self._changes += [(height, _set_of(text)) for height, text in rows]
        except (ValueError, TypeError) as error:
            raise NodeError(f"the validators in the block store are damaged: {error}") from None

    def _keep(self, first: int, change: ValidatorSet | None) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("DELETE FROM validators WHERE first >= ?", (first,))
            if change is not None:
                self._database.execute("INSERT INTO validators VALUES (?, ?)", (first, _text(change)))
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise NodeError(f"the block store refused the validators of height {first}: {error}") from None


def _text(validators: ValidatorSet) -> str:
    return json.dumps([[each.address, each.power, each.public_key.hex()] for each in validators.members])


def _set_of(text: str) -> ValidatorSet:
    return ValidatorSet(
        Validator(str(address), int(power), bytes.fromhex(key)) for address, power, key in json.loads(text)
    )
