"""Late upgraders: what a node that is still on the old release says and does after H (DESIGN §4, issue 3).

The first height that the old release may not execute is H for a breaking release, and H plus the grace period for a
compatible one. Blocks left are the blocks that may still be executed before it.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from console.text import duration

MARKS = (100, 50, 10, 1, 0)
"""Percent of the grace period that is left when something is said, each once: 100 when H has come, 0 when it ends."""


class LateAction(StrEnum):
    """What a node on the old release does now."""

    NONE = "none"
    """H has not come yet."""
    RUN_ON = "run on"
    """The release is compatible and its grace period goes on, or none is known."""
    STOP = "stop"
    """The old release may not execute one more height."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """The judgement at one height."""

    action: LateAction
    blocks_left: int | None
    """Blocks of the grace period that are left; None where no period is known or H has not come."""
    seconds_left: float | None
    """The same in seconds; None where the block time is not known either."""
    sentence: str
    """One sentence that is true now; empty before H."""
    say: int | None
    """The mark for which the sentence is an event now, None when nothing new is to be said."""
    said: frozenset[int]
    """Marks to be kept as said: the given ones and every one that is behind us now."""


def stop_height(target_height: int, grace_blocks: int, *, breaking: bool) -> int:
    """The first height that the old release may not execute, 0 when there is none (a halt height may be set to it).

    Args:
        target_height: H.
        grace_blocks: Blocks of the release's grace period, 0 when none is known.
        breaking: Whether old and new rules differ from H on; then no period lets the old release run.
    """
    if breaking:
        return target_height
    return target_height + grace_blocks if grace_blocks > 0 else 0


def late(
    *,
    target_height: int,
    grace_blocks: int,
    breaking: bool,
    height: int,
    block_time_s: float | None,
    already_said: Set[int],
) -> Lateness:
    """What a node that is still on the old release says and does.

    Args:
        target_height: H.
        grace_blocks: Blocks of the release's grace period, 0 when none is known.
        breaking: Whether the release is breaking.
        height: Last executed height; of the network where this node is stopped already.
        block_time_s: Seconds per block, None when not known.
        already_said: Marks that were said before for this plan (journalled).
    """
    said = frozenset(already_said)
    if height < target_height - 1:
        return Lateness(LateAction.NONE, None, None, "", None, said)
    left = max(0, target_height - 1 + grace_blocks - height) if grace_blocks > 0 else None
    seconds = None if left is None or block_time_s is None else left * block_time_s
    over = breaking or left == 0
    reached = _reached(left, grace_blocks)
    say = min(reached) if min(reached) not in said else None
    return Lateness(
        action=LateAction.STOP if over else LateAction.RUN_ON,
        blocks_left=left,
        seconds_left=seconds,
        sentence=_sentence(target_height, breaking=breaking, height=height, left=left, seconds=seconds),
        say=say,
        said=said | reached,
    )


def _reached(left: int | None, grace_blocks: int) -> frozenset[int]:
    if left is None:
        return frozenset({100})
    return frozenset(mark for mark in MARKS if left * 100 <= mark * grace_blocks)


def _sentence(target: int, *, breaking: bool, height: int, left: int | None, seconds: float | None) -> str:
    if left is None:
        period = "no grace period of it is known"
    elif left == 0:
        period = "its grace period is over"
    else:
        time = "" if seconds is None else f" (about {duration(seconds)})"
        period = f"{left} block{'' if left == 1 else 's'}{time} of its grace period {'is' if left == 1 else 'are'} left"
    if breaking:
        return f"this node does not run the release of height {target}, which is breaking: it stays stopped; {period}"
    end = "must stop now" if left == 0 else "may run on"
    return f"this node still runs the old release after height {max(height, target - 1)} and {end}: {period}"
