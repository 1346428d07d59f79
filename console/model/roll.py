"""A roll: nodes are changed one at a time, and the network never misses a third of its power for it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from console.model.fleet import OwnConsensus
from console.model.node import Crossing, NodeStatus, PlanOrigin


@dataclass(frozen=True, slots=True)
class PowerNow:
    """Who takes part in consensus, by the newest commits."""

    height: int
    """Of the newest block."""
    powers: Mapping[str, int]
    """Voting power of each validator of the set, by consensus address."""
    silent: frozenset[str]
    """Validators of the set under none of the newest commits: down, for whatever reason."""
    source: str
    """The endpoint that told it."""
    decided_at: float
    """Unix seconds of the newest whole commit's block."""

    @property
    def total(self) -> int:
        """Voting power of the set."""
        return sum(self.powers.values())


def roll_order(powers: Mapping[str, int]) -> tuple[str, ...]:
    """Nodes by their names, the smallest voting power first; those of equal power by name."""
    return tuple(sorted(powers, key=lambda name: (powers[name], name)))


def power_down_with(powers: Mapping[str, int], down: Collection[str], taking: str) -> int:
    """Voting power that is down when `taking` is as well; whoever is not in the set has none."""
    return sum(powers.get(each, 0) for each in {*down, taking})


def may_take_down(powers: Mapping[str, int], down: Collection[str], taking: str) -> bool:
    """Whether strictly less than a third of the voting power is down when one more validator is.

    Args:
        powers: Voting power of every validator of the set.
        down: Who is down now, for whatever reason.
        taking: Who is to be taken down; a node that is no validator costs nothing by itself.
    """
    return 3 * power_down_with(powers, down, taking) < sum(powers.values())


class Standing(Enum):
    """How far a node that was changed is on its way back."""

    WAITING = "waiting"
    BACK = "back"
    FAILED = "failed"


_LOST = frozenset(
    {
        Crossing.PARKED,
        Crossing.NEEDS_OPERATOR,
        Crossing.MISSED_HALT,
        Crossing.ROLLBACK,
        Crossing.RESTORED,
        Crossing.FLIPPED_BACK,
        Crossing.RESUMED_OLD,
    }
)
"""Where a swap by hand does not lead to the new binary any more."""


def standing_of(
    status: NodeStatus, seen: OwnConsensus | None, now: PowerNow, *, key: str, since: int, power: int
) -> tuple[Standing, str]:
    """Whether a node is back in consensus, and the sentence that says why or why not.

    Args:
        status: What its controller says.
        seen: Its own part in consensus; None while it does not answer.
        now: Who takes part, by the network's word.
        key: Its consensus address; empty where it is not known.
        since: Height at which it was taken down: commits before say nothing.
        power: Its voting power at the start of the roll.
    """
    attempt = status.attempt
    by_hand = attempt is not None and attempt.origin is PlanOrigin.OPERATOR and attempt.target_height >= since
    if attempt is not None and by_hand and attempt.crossing in _LOST:
        return Standing.FAILED, f"it is {attempt.crossing.value}: {attempt.note or 'the new binary did not come up'}"
    if status.alarm:
        return Standing.FAILED, f"its controller calls the operator: {status.alarm}"
    if attempt is not None and by_hand and attempt.crossing is not Crossing.COMMITTED:
        return (
            Standing.WAITING,
            f"{attempt.crossing.value or attempt.preparation.value}: {attempt.note or 'on its way'}",
        )
    if status.pid is None:
        return Standing.WAITING, "it does not run yet"
    if seen is None:
        return Standing.WAITING, "it does not answer yet"
    if seen.catching_up:
        return Standing.WAITING, f"it catches up, at height {seen.height:,}"
    if seen.height < now.height - _BEHIND:
        return Standing.WAITING, f"it is at height {seen.height:,}, the network at {now.height:,}"
    if not seen.peers and len(now.powers) > 1:
        return Standing.WAITING, "it has no peers yet"
    if power and key not in now.powers and seen.power == 0:
        return Standing.FAILED, "its validator is not in the set any more: it was jailed, or left"
    if now.height < since + _BLOCKS:
        return Standing.WAITING, f"the network is at height {now.height:,}, {since + _BLOCKS:,} are needed to tell"
    if key in now.powers and (key in now.silent or not seen.signed):
        return Standing.WAITING, f"its signature is not under the newest commits, up to height {now.height:,}"
    return Standing.BACK, f"it is at height {seen.height:,} with {seen.peers} peers" + (
        " and signs" if key in now.powers else ""
    )


_BEHIND = 10
"""Blocks that a node may be behind the newest: its controller reads it every few seconds."""
_BLOCKS = 4
"""Blocks after the node was taken down from which on the newest commits are all of afterwards."""
