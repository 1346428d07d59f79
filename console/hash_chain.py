"""Rows that hold on to each other: each row's hash covers the row before it, so none can go, change or move unseen.

It has no key: who may write the file may write all of it anew. What was noted elsewhere before (a head, an export)
shows that too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

TAG = "upgrade-console journal 1"
"""What is hashed begins with it, so that a hash of something else is never taken for one of a row."""


@dataclass(frozen=True, slots=True)
class Head:
    """Which row is the newest, and its hash: it stands for every row until then."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def read(cls, text: str) -> Head:
        """From `SEQ:HASH`. Raises ValueError."""
        seq, _, digest = text.partition(":")
        if not seq.isdecimal() or len(seq) > 18 or not re.fullmatch("[0-9a-f]{64}", digest):
            raise ValueError(f"{text[:100]!r} is not a row's number, a colon and 64 hex digits")
        return cls(int(seq), digest)


@dataclass(frozen=True, slots=True)
class ChainedRow:
    """A row of a journal as it is stored; the arguments of `row_hash`, and what it came to."""

    seq: int
    at: float
    attempt: int | None
    kind: str
    detail: str
    hash: str


class ChainCheck:
    """Follow the rows of a journal from the first, and say what is wrong with them.

    Args:
        before: What stands before the first row: `genesis`.
        marks: What was noted elsewhere before, in any order.
    """

    def __init__(self, before: str, marks: Iterable[Head] = ()) -> None:
        self._before = before
        self._marks = {(mark.seq, mark.hash) for mark in marks}
        self._marked = {seq for seq, _ in self._marks}
        self._last = 0
        self._missing = 0
        self._first_missing = 0
        self._changed: list[int] = []
        self._unlike: list[int] = []

    def take(self, row: ChainedRow) -> None:
        """The next row, as they are numbered."""
        if row.seq != self._last + 1:
            self._miss(row.seq)
        elif row_hash(self._before, row.seq, row.at, row.attempt, row.kind, row.detail) != row.hash:
            self._changed.append(row.seq)
        if row.seq in self._marked and (row.seq, row.hash) not in self._marks:
            self._unlike.append(row.seq)
        # One row that is wrong makes one finding: the next one is held against what is written in it.
        self._last, self._before = row.seq, row.hash

    def end(self, used: int = 0) -> list[str]:
        """What is wrong, one clause each; empty when every row is the one that was written.

        Args:
            used: The highest number that was ever given to a row, as far as is known.
        """
        used = max([used, *self._marked])
        if used > self._last:
            self._miss(used + 1)
        wrong = []
        if self._missing:
            wrong.append(f"{self._missing:,} of {used:,} rows are missing, the first is row {self._first_missing}")
        if self._changed:
            wrong.append(f"{_rows(self._changed)} not what was written: the hash does not fit")
        if self._unlike:
            wrong.append(f"{_rows(self._unlike)} not what was noted elsewhere: the rows until there were written anew")
        return wrong

    def _miss(self, found: int) -> None:
        self._first_missing = self._first_missing or self._last + 1
        self._missing += found - self._last - 1


def _rows(seqs: list[int]) -> str:
    named = ", ".join(map(str, seqs[:5])) + (" …" if len(seqs) > 5 else "")
    return f"row {named} is" if len(seqs) == 1 else f"{len(seqs):,} rows ({named}) are"


def genesis(journal: str) -> str:
    """What stands before the first row of a journal: the SHA-256 of its name, 64 hex digits."""
    return _sha256([TAG, journal])


def row_hash(before: str, seq: int, at: float, attempt: int | None, kind: str, detail: str) -> str:
    """SHA-256, 64 hex digits, of a row and of the hash before it, as a JSON array without spaces in ASCII.

    Args:
        before: Hash of the row before, or `genesis`.
        seq: The row's number.
        at: Unix seconds.
        attempt: Number of the attempt; None for none.
        kind: Name of the event.
        detail: JSON text, as it is stored.
    """
    return _sha256([TAG, before, seq, at, attempt, kind, detail])


def line_hash(line: bytes) -> str:
    """SHA-256, 64 hex digits, of a line of a file without its end."""
    return hashlib.sha256(line).hexdigest()


def _sha256(document: list[object]) -> str:
    return hashlib.sha256(json.dumps(document, separators=(",", ":")).encode("ascii")).hexdigest()
