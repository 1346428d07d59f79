"""Which face the overview shows: the days before, the crossing itself, or its verification. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from console import model
from widgets.phases import Phase

if TYPE_CHECKING:
    from console.model import Snapshot


class Face(StrEnum):
    """What the overview is about."""

    CALM = "calm"
    CROSSING = "crossing"
    VERIFYING = "verifying"


def face_of(snapshot: Snapshot | None, phase: Phase) -> Face:
    """The face that fits where the upgrade stands.

    Args:
        snapshot: None before the first.
        phase: As the countdown shows it.
    """
    upgrade = snapshot.upgrade if snapshot is not None else None
    if snapshot is None or upgrade is None:
        return Face.CALM
    attempt = snapshot.node.attempt if snapshot.node is not None else None
    own = (
        attempt.crossing
        if attempt is not None and attempt.proposal_id == upgrade.proposal.attempt_id
        else model.Crossing.NONE
    )
    if own.waits_for_operator or phase in {Phase.HALTED, Phase.WAITING_FOR_QUORUM}:
        return Face.CROSSING
    # Our node is under way while the network is past H, or was never stopped.
    if own is not model.Crossing.NONE and not own.ended and own is not model.Crossing.PROBATION:
        return Face.CROSSING
    if phase is Phase.CROSSED or own is model.Crossing.PROBATION:
        return Face.VERIFYING
    executed = upgrade.proposal.status is model.ProposalStatus.EXECUTED and upgrade.blocks_left is not None
    if phase is Phase.COMMITTED and executed and -(upgrade.blocks_left or 0) <= model.VERIFIED_AFTER_BLOCKS:
        return Face.VERIFYING
    return Face.CALM
