"""The state as a running migration sees it: reads come from outside once, writes stay here."""

from __future__ import annotations

from collections.abc import Callable

from console.node.migration.kinds import WasmMigration
from console.node.migration.outcome import Failure, Write
from console.node.migration.state_keys import MAX_KEY_BYTES, covered

MAX_VALUE_BYTES = 64 * 1024
MAX_CALLS = 200_000
"""Calls of state functions: fuel does not count the host's time (facts/evm.md §6)."""
MAX_KEYS = 20_000
"""Different keys that are read or written."""
MAX_JOURNAL_BYTES = 8 << 20
"""Keys and values held."""


class Refused(Exception):
    """A state function was asked for what it does not do: the run ends. The text is the end of a sentence."""

    def __init__(self, failure: Failure, why: str) -> None:
        super().__init__(why)
        self.failure = failure


class Journal:
    """Reads and writes of one run.

    Args:
        migration: Which keys it grants.
        read: The state before, by key; None for nothing.
    """

    def __init__(self, migration: WasmMigration, read: Callable[[bytes], bytes | None]) -> None:
        self._migration = migration
        self._read = read
        self._before: dict[bytes, bytes | None] = {}
        self._now: dict[bytes, bytes | None] = {}
        self._bytes = 0
        self.calls = 0

    def get(self, key: bytes) -> bytes | None:
        """The value of a key as the run has left it. Raises Refused."""
        self._called(key)
        granted = self._migration
        if granted.readable is not None and not covered((*granted.writable, *granted.readable), key):
            raise Refused(Failure.READ_OUTSIDE, f"it read the key 0x{key.hex()}, which is not in its lists")
        return self._current(key)

    def set(self, key: bytes, value: bytes | None) -> bool:
        """Write a value, or None to remove the key; returns whether there was one. Raises Refused."""
        self._called(key)
        if not covered(self._migration.writable, key):
            raise Refused(Failure.WRITE_OUTSIDE, f"it wrote the key 0x{key.hex()}, which is not in its list")
        if value is not None and not 0 < len(value) <= MAX_VALUE_BYTES:
            raise Refused(Failure.POINTER, f"it wrote a value of {len(value)} bytes, not of 1 to {MAX_VALUE_BYTES}")
        current = self._current(key)
        self._hold(len(value or b"") - len(current or b""))
        self._now[key] = value
        return current is not None

    @property
    def writes(self) -> tuple[Write, ...]:
        """What is different from before, by key."""
        changed = (Write(key, self._before[key], new) for key, new in self._now.items() if self._before[key] != new)
        return tuple(sorted(changed, key=lambda each: each.key))

    def _called(self, key: bytes) -> None:
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise Refused(Failure.HOST_LIMIT, f"it called more than {MAX_CALLS} state functions")
        if not 0 < len(key) <= MAX_KEY_BYTES:
            raise Refused(Failure.POINTER, f"it named a key of {len(key)} bytes, not of 1 to {MAX_KEY_BYTES}")

    def _current(self, key: bytes) -> bytes | None:
        if key not in self._before:
            if len(self._before) == MAX_KEYS:
                raise Refused(Failure.HOST_LIMIT, f"it touched more than {MAX_KEYS} keys")
            value = self._read(key)
            self._hold(len(key) + 2 * len(value or b""))
            self._before[key] = self._now[key] = value
        return self._now[key]

    def _hold(self, more: int) -> None:
        self._bytes += more
        if self._bytes > MAX_JOURNAL_BYTES:
            raise Refused(Failure.HOST_LIMIT, f"it held more than {MAX_JOURNAL_BYTES} bytes of state")
