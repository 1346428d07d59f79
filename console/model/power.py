"""Rules of voting power, in integers (DESIGN §3, §4.6, §6)."""

from __future__ import annotations

MAX_ARMING_TURNS = 19
"""Turns never exceed this: two neighbouring groups hold more than 1/10 of the power together (DESIGN §4.6)."""


def more_than_two_thirds(part: int, total: int) -> bool:
    """Tell whether `part` of `total` voting power is strictly more than two thirds."""
    return total > 0 and 3 * part > 2 * total


def power_needed(total: int) -> int:
    """The least power that is more than two thirds of `total`."""
    return 2 * total // 3 + 1


def vote_needed(total: int, *, wasm: bool) -> int:
    """The least power of yes that wins a vote: more than 2/3, or 3/4 for a WASM migration."""
    return -(-3 * total // 4) if wasm else power_needed(total)


def readiness_needed(total: int, bps: int) -> int:
    """The least ready power that gives a proposal its height: `bps` in 1/10000 of `total`, and more than 2/3."""
    return max(power_needed(total), -(-total * bps // 10_000))


def power_may_fail(part: int, total: int) -> int:
    """Voting power of `part` that may still fail while more than two thirds of `total` stays."""
    return max(0, part - power_needed(total))


def minimum_lead(validators: int, freeze_blocks: int) -> int:
    """Blocks that a halt height must lie ahead: freeze + three per arming turn + three (the registry's rule)."""
    return freeze_blocks + 3 * min(validators, MAX_ARMING_TURNS) + 3
