"""A checked proposal, ready to be sent: contracts/IUpgradeRegistry.sol `ProposalInput` and its calls."""

from __future__ import annotations

from dataclasses import dataclass

from console.model import MigrationKind, ReleaseKind, ScheduleKind


@dataclass(frozen=True, slots=True)
class Terms:
    """How it is decided, and when and how it happens."""

    schedule_kind: ScheduleKind = ScheduleKind.FIXED
    delay: int = 0
    """Blocks from the vote's end, or from enough readiness, to H; 0 for a fixed height."""
    readiness_bps: int = 0
    """Share of power in 1/10000 that schedules; 0 unless by readiness."""
    readiness_deadline: int = 0
    """Last block in which it may be scheduled; 0 unless by readiness."""
    voting_blocks: int = 0
    """Blocks that the vote is open; 0 where none is needed."""
    expedited: bool = False
    execution_window: int = 0
    """Blocks; 0 for the registry's own."""
    grace_blocks: int = 0
    migration_kind: MigrationKind = MigrationKind.NONE
    migration_hash: str = ""
    """64 hex digits, or empty."""


@dataclass(frozen=True, slots=True)
class ProposeRequest:
    """A release, its height or calls, and the terms."""

    name: str
    height: int
    """H for a fixed height; 0 otherwise."""
    url: str
    """Empty for a proposal of calls alone."""
    release_hash: str
    """64 lower-case hex digits; empty for a proposal of calls alone."""
    kind: ReleaseKind = ReleaseKind.RAW
    breaking: bool = True
    terms: Terms = Terms()
    contracts_first: bool = False
    init_allowed: bool = False
    calls: tuple[tuple[str, bytes], ...] = ()
    """(target address, call data) of each linked call."""
    undo: tuple[tuple[str, bytes], ...] = ()
