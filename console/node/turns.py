"""Whose turn it is to arm: pure functions over what the chain shows (DESIGN §4.6)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

TURN_BLOCKS = 4
"""Blocks that a turn lasts at most; it ends early when everybody of the turn has signalled."""


def arming_order(proposal_id: int, addresses: Sequence[str]) -> tuple[str, ...]:
    """Validators in the order of a hash of proposal and address, so that nobody chooses a place."""

    def place(address: str) -> bytes:
        return hashlib.sha256(f"{proposal_id}:{address.lower()}".encode()).digest()

    return tuple(sorted(addresses, key=place))


def arming_turns(proposal_id: int, powers: Mapping[str, int]) -> tuple[tuple[str, ...], ...]:
    """Group the order into turns: one validator, or neighbours that hold at most 1/10 of the power together."""
    tenth = sum(powers.values())
    turns: list[tuple[str, ...]] = []
    group: list[str] = []
    held = 0
    for address in arming_order(proposal_id, tuple(powers)):
        power = powers[address]
        if group and 10 * (held + power) > tenth:
            turns.append(tuple(group))
            group, held = [], 0
        group.append(address)
        held += power
    if group:
        turns.append(tuple(group))
    return tuple(turns)


def current_turn(
    turns: Sequence[tuple[str, ...]], armed_at: Mapping[str, int], scheduled_at: int, height: int
) -> frozenset[str]:
    """Validators whose turn it is after the block of `height`.

    A turn starts where the one before it ended: at the block that shows its last `signalArmed`, or after
    `TURN_BLOCKS`. Who lets a turn pass gets another one after the last, as often as there are blocks.

    Args:
        turns: From `arming_turns`.
        armed_at: Height of each validator's `signalArmed`; absent or 0 when there is none.
        scheduled_at: Height at which the proposal became Scheduled.
        height: Last executed height.
    """
    start = scheduled_at
    while True:
        waiting = [turn for turn in turns if any(not _armed_by(armed_at, a, height) for a in turn)]
        if not waiting:
            return frozenset()
        for turn in turns:
            signals = [armed_at.get(address, 0) for address in turn]
            if all(0 < signal <= start for signal in signals):
                continue
            end = start + TURN_BLOCKS
            if all(signal > 0 for signal in signals):
                end = min(end, max(signals))
            if height < end:
                return frozenset(turn)
            start = end


def _armed_by(armed_at: Mapping[str, int], address: str, height: int) -> bool:
    return 0 < armed_at.get(address, 0) <= height
