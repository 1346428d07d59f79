"""Why a chain makes no blocks: the power that does not vote, and whose it is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.model.crossing import VOTER_DIGITS, RoundVotes
from console.model.network import Validator
from console.model.power import more_than_two_thirds, power_needed
from console.text import duration, shortened

LEAST_S = 8.0
"""Seconds without a block after which a chain can stand, however quick its blocks are."""
BLOCK_TIMES = 6
"""Block times after which it can: a round or two may fail."""
_NAMED = 4
_LONGEST_NAME = 16


@dataclass(frozen=True, slots=True)
class Stalled:
    """A chain that stands, because too little power votes."""

    height: int
    """Its last block."""
    for_s: float
    """Seconds since that block."""
    power: int
    """What votes on the next block."""
    total: int
    needed: int
    missing: tuple[Validator, ...]
    """Whose votes are not there, the heaviest first, then by name."""

    @property
    def sentence(self) -> str:
        """What is the matter, to follow "the chain"."""
        names = [
            f"{shortened(str(each.moniker) or each.address, _LONGEST_NAME)} ({each.power})"
            for each in self.missing[:_NAMED]
        ]
        more = f" and {len(self.missing) - _NAMED} more" if len(self.missing) > _NAMED else ""
        return (
            f"stands at block {self.height:,} for {duration(self.for_s)}: {self.power} of {self.total} power votes, "
            f"{self.needed} is needed; missing: {', '.join(names)}{more}"
        )


def can_be_stalled(for_s: float, block_time_s: float | None) -> bool:
    """Whether a chain without a block for so many seconds is worth a look at its votes."""
    return for_s > max(LEAST_S, BLOCK_TIMES * (block_time_s or 0.0))


def stalled(
    height: int, for_s: float, block_time_s: float | None, validators: Sequence[Validator], votes: RoundVotes | None
) -> Stalled | None:
    """Whether the chain stands for lack of power; None where it goes on, and where nobody can tell.

    Args:
        height: Of its last block.
        for_s: Seconds since then.
        block_time_s: Seconds per block; None where it is not known.
        validators: Who decides the next block.
        votes: On that block, as one node has them. Without any, the chain may just have nothing to decide.
    """
    if not can_be_stalled(for_s, block_time_s) or votes is None or votes.height != height + 1 or not votes.present:
        return None
    present = set(votes.present)
    missing = [each for each in validators if each.consensus_address[:VOTER_DIGITS] not in present]
    total = sum(each.power for each in validators)
    power = total - sum(each.power for each in missing)
    if not missing or more_than_two_thirds(power, total):
        return None
    missing.sort(key=lambda each: (-each.power, str(each.moniker), each.address))
    return Stalled(height, for_s, power, total, power_needed(total), tuple(missing))
