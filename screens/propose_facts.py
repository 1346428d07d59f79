"""What the typed values of a proposal mean: blocks and times beside each other, and what follows from them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from console.model import RegistryRules, Snapshot
from console.operations.propose_terms import span_blocks
from console.text import duration
from widgets.moments import CLOCK_SIGN, chain_age, count, wall_clock
from widgets.proposal_words import Clock


def blocks_of(text: str, block_time_s: float | None) -> int | None:
    """Blocks of a typed span, as `console.operations.propose_terms.span_blocks`; None where it cannot be told."""
    try:
        return span_blocks(text, block_time_s)
    except ValueError:
        return None


def span_facts(text: str, snapshot: Snapshot | None, now: float) -> str:
    """A typed span in blocks and in time at the measured block time."""
    clock = Clock.of(snapshot, now)
    blocks = blocks_of(text, clock.block_time_s)
    if blocks is None:
        return "a number of blocks, or a time as 7d or 1h30m"
    if clock.block_time_s is None:
        return f"{count(blocks)} blocks; how long that takes is not known now"
    return f"{clock.span(blocks)} at {clock.block_time_s:.1f}s a block"


def vote_facts(fields: Mapping[str, str], rules: RegistryRules | None, snapshot: Snapshot | None, now: float) -> str:
    """How long the vote would be open, and what the registry asks for."""
    words = span_facts(fields.get("voting", ""), snapshot, now)
    if rules is None:
        return words
    clock = Clock.of(snapshot, now)
    blocks = blocks_of(fields.get("voting", ""), clock.block_time_s)
    least = rules.min_expedited_blocks if fields.get("expedited") == "yes" else rules.min_voting_blocks
    if blocks is not None and blocks < least:
        return f"{words}; this registry wants at least {clock.span(least)}"
    return words


def deadline_facts(text: str, snapshot: Snapshot | None, now: float) -> str:
    """Which block a typed deadline is: a span from now."""
    clock = Clock.of(snapshot, now)
    blocks = blocks_of(text, clock.block_time_s)
    if blocks is None or clock.height is None:
        return "how long it may wait for readiness: blocks, or a time as 14d"
    return f"block {clock.at(clock.height + blocks)}"


def height_facts(text: str, snapshot: Snapshot | None, now: float) -> str:
    """What the typed height means: blocks ahead with time and wall clock.

    Args:
        text: As typed.
        snapshot: The newest one; None before the first.
        now: Unix seconds.
    """
    if snapshot is None or snapshot.height is None or snapshot.chain is None:
        return "the chain does not answer: its height is not known"
    chain, height = snapshot.chain, snapshot.height
    if chain_age(chain, snapshot.taken_at, now).stale:
        return f"{CLOCK_SIGN} the chain's height is old: {count(height)}"
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        return f"the chain is at block {count(height)}"
    ahead = int(text) - height
    if ahead <= 0:
        return f"{count(-ahead)} blocks ago: the chain is at block {count(height)}"
    if chain.block_time_s is None:
        return f"{count(ahead)} blocks ahead, time unknown"
    seconds = ahead * chain.block_time_s
    moment = snapshot.taken_at + seconds
    return f"{count(ahead)} blocks ahead ≈ {duration(seconds)}, {wall_clock(moment, now)}"


def least_facts(earliest: int | None, *, voted: bool) -> str:
    """The first possible height, in words; `voted` where a vote comes before it."""
    if earliest is None:
        return "the first possible height is not known"
    moves = " with its vote; it moves on" if voted else "; it moves with every block"
    return f"the first possible now is {count(earliest)}{moves}"


def suggested_height(earliest: int | None, height: int | None) -> str:
    """A height to start from: the first possible and a quarter of its lead, at least 10 blocks, in round tens.

    Round, so that the suggestion stands still for ten blocks while it is read.
    """
    if earliest is None or height is None:
        return ""
    room = max(10, (earliest - height) // 4)
    return f"such as {-(-(earliest + room) // 10) * 10}"


def breaking_words(value: str) -> str:
    """What `yes` or `no` in the field `breaking` means."""
    return "yes: every node stops at H, ready or not" if value == "yes" else "no: only ready nodes stop at H"
