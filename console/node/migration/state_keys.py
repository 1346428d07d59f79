"""Keys of a chain's state, and the patterns by which a manifest grants some of them to a migration.

A key is bytes. On an EVM chain it is the account's 20 bytes and the slot's 32, and the value is the slot's 32 bytes; a
slot that holds zero has no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_KEY_BYTES = 128
ADDRESS_BYTES = 20
SLOT_BYTES = 32
EVM_KEY_BYTES = ADDRESS_BYTES + SLOT_BYTES

_PATTERN = re.compile(rf"0x((?:[0-9a-f]{{2}}){{1,{MAX_KEY_BYTES}}})(\*?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyPattern:
    """One key, or all keys that begin with the same bytes."""

    start: bytes
    """At least one byte: a pattern for everything would be no limit."""
    prefix: bool

    def covers(self, key: bytes) -> bool:
        """Whether a key is granted."""
        return key.startswith(self.start) if self.prefix else key == self.start

    def __str__(self) -> str:
        return f"0x{self.start.hex()}{'*' if self.prefix else ''}"


def parse_pattern(text: str) -> KeyPattern | None:
    """The pattern of `0x…` (one key) or `0x…*` (a prefix), lower-case hex; None for anything else."""
    # The longest pattern first, so that a long string costs nothing.
    found = _PATTERN.fullmatch(text) if len(text) <= 2 * MAX_KEY_BYTES + 3 else None
    return KeyPattern(bytes.fromhex(found[1]), bool(found[2])) if found else None


def covered(patterns: Iterable[KeyPattern], key: bytes) -> bool:
    """Whether any of the patterns grants a key."""
    return any(pattern.covers(key) for pattern in patterns)
