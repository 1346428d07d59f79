"""What a run of a WASM migration came to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Failure(StrEnum):
    """Why a run failed; each has its own sentence in `Run.sentence`."""

    WRONG_HASH = "wrong-hash"
    """The bytes are not those that the manifest names."""
    TOO_LARGE = "too-large"
    """More functions, locals, data … than a migration may have."""
    BAD_MODULE = "bad-module"
    """Not a module that is accepted: damaged, or made for features that are switched off."""
    IMPORT = "import"
    """It asks for something that is not granted."""
    ENTRY_POINT = "entry-point"
    """The entry point is missing or has another type."""
    OUT_OF_FUEL = "out-of-fuel"
    MEMORY = "memory"
    """It needs more memory or a larger table than the manifest grants to start at all."""
    STACK = "stack"
    TRAP = "trap"
    POINTER = "pointer"
    """It gave the state functions an address outside its memory, or lengths that no key or value has."""
    WRITE_OUTSIDE = "write-outside"
    READ_OUTSIDE = "read-outside"
    HOST_LIMIT = "host-limit"
    """More calls, or more written, than any migration may."""
    RETURNED = "returned"
    """The entry point returned something else than 0."""
    WALL_CLOCK = "wall-clock"
    SANDBOX = "sandbox"
    """The child process ended or answered what it may not."""


@dataclass(frozen=True, slots=True)
class Write:
    """One key that the run changes."""

    key: bytes
    old: bytes | None
    """What was there; None for nothing."""
    new: bytes | None
    """What it writes; None when it removes the key."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a run; nothing of it is applied."""

    failure: Failure | None
    sentence: str
    """One sentence, safe to show: what it did, or why it failed."""
    fuel: int = 0
    """Used, in wasmtime's own unit; host calls are charged in it too."""
    memory_pages: int = 0
    """The most linear memory, in pages of 64 KiB; memory never shrinks."""
    calls: int = 0
    """Calls of state functions."""
    writes: tuple[Write, ...] = ()
    """By key; empty when it failed."""

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.failure is None

    @property
    def journal_sha256(self) -> str:
        """64 hex digits over all writes: equal wherever the same module meets the same state."""
        return journal_hash(self.writes)


def journal_hash(writes: Iterable[Write]) -> str:
    """SHA-256 over the writes by key: of key, old and new each its length in four bytes (absent: 2^32-1) and itself."""
    digest = hashlib.sha256()
    for write in sorted(writes, key=lambda each: each.key):
        for part in (write.key, write.old, write.new):
            digest.update((0xFFFFFFFF if part is None else len(part)).to_bytes(4, "big"))
            digest.update(part or b"")
    return digest.hexdigest()
