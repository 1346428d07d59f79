"""Which zone of return a node is in, and whether it may go back from there (DESIGN §4, rules 7 and 9)."""

from __future__ import annotations

from dataclasses import dataclass

from console.model import Attempt, Crossing, PlanOrigin, Zone

__all__ = [
    "Permission",
    "Refusal",
    "Zone",
    "ZoneFacts",
    "may_abort",
    "may_roll_back",
    "nothing_to_roll_back",
    "zone_of",
]


@dataclass(frozen=True, slots=True)
class ZoneFacts:
    """Everything that the zone depends on; each fact is durable or read from the stopped node.

    A reading of the new run is a lower bound only: the node may have gone on after it. So it can prove that H was
    executed, and never that it was not.
    """

    target_height: int
    """H."""
    stored_app_height: int | None
    """Last executed height in the stopped node's database. None when it cannot be read. Where no run has been started
    since the proven halt, the height that the halt was judged by counts as this."""
    new_run_app_height: int | None
    """Highest application height read from any run of the new binary since the switch or since the last restore; None
    when nothing was read."""
    commit_seen: bool
    """Whether a verified commit of H + 1 was ever seen (journalled, never taken back)."""
    complete_point: bool
    """Whether a complete rollback point of this attempt exists whose application height is H − 1."""


@dataclass(frozen=True, slots=True)
class Permission:
    """Going back is allowed."""

    restore: bool
    """Whether the rollback point has to be restored; the live signer state is kept either way."""
    why: str
    """One sentence for the journal and the operator."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Going back is not allowed."""

    why: str
    """One sentence for the operator."""


def zone_of(facts: ZoneFacts) -> Zone:
    """The zone of return; what is not certain counts as the less reversible (DESIGN §4)."""
    if facts.commit_seen:
        return Zone.Z2
    seen = [height for height in (facts.stored_app_height, facts.new_run_app_height) if height is not None]
    if any(height >= facts.target_height for height in seen):
        return Zone.Z1
    # A database below H − 1 is not what the halt left behind: something else happened to it.
    return Zone.Z0 if facts.stored_app_height == facts.target_height - 1 else Zone.UNKNOWN


def may_roll_back(facts: ZoneFacts, *, network_aborts: bool, automatic: bool) -> Permission | Refusal:
    """Whether this node alone may go back to the old binary; a rollback always ends PARKED (DESIGN §4.7).

    Args:
        facts: What is known.
        network_aborts: Whether more than 2/3 of the power agreed to abort this plan, or its verdict is ABORT.
        automatic: Whether nobody asked for it. Without a rollback point only an operator may, because running without
            one switches automatic rollback off (DESIGN §4.9).
    """
    height = facts.target_height
    match zone_of(facts):
        case Zone.Z2:
            return _forward_only(height)
        case Zone.Z1 if not network_aborts:
            return Refusal(
                f"height {height} was executed by the new binary, so this node may only go back if the network aborts"
            )
        case Zone.Z1:
            return _by_restoring(facts, f"height {height} was executed and the network aborts")
        case Zone.Z0 if automatic and not facts.complete_point:
            return Refusal(
                "there is no complete rollback point of this attempt, and without one nothing is rolled back by itself"
            )
        case Zone.Z0:
            return Permission(False, f"height {height} was not executed: the old binary goes back, nothing is restored")
        case Zone.UNKNOWN:
            return _by_restoring(facts, _unknown(facts))


def nothing_to_roll_back(attempt: Attempt | None, *, on_new: bool) -> str:
    """Why no crossing is there that could be rolled back, one sentence without a full stop.

    Args:
        attempt: The newest one.
        on_new: Whether the binary that crossed is in place.
    """
    if attempt is None or not on_new or attempt.crossing is not Crossing.COMMITTED:
        return "the new binary is not in place here, so there is nothing to roll back"
    if attempt.origin is PlanOrigin.OPERATOR:
        return f"generation {attempt.generation} was put in by hand: another swap takes it back, and no rollback does"
    return _forward_only(attempt.target_height).why


def may_abort(facts: ZoneFacts, *, agreed: bool) -> Permission | Refusal:
    """Whether this node may take part in a network-wide abort: the old binary runs again, halt cleared.

    Args:
        facts: What is known.
        agreed: Whether statements of more than 2/3 of the power agree now (console.node.abort).
    """
    height = facts.target_height
    zone = zone_of(facts)
    if zone is Zone.Z2:
        return _forward_only(height)
    if not agreed:
        return Refusal(
            "not more than 2/3 of the power agrees to abort: alone, the old binary would execute "
            f"height {height} under rules that the network does not follow"
        )
    if zone is Zone.Z0:
        return Permission(False, f"height {height} was not executed: nothing is restored")
    return _by_restoring(facts, f"height {height} was executed" if zone is Zone.Z1 else _unknown(facts))


def _by_restoring(facts: ZoneFacts, reason: str) -> Permission | Refusal:
    if not facts.complete_point:
        return Refusal(
            f"{reason}, and there is no complete rollback point of this attempt at height {facts.target_height - 1}"
        )
    return Permission(True, f"{reason}: the rollback point is restored, the live signer state is kept")


def _unknown(facts: ZoneFacts) -> str:
    if facts.stored_app_height is None:
        return "the application's height cannot be read"
    return f"the application is at height {facts.stored_app_height}, below the halt at {facts.target_height - 1}"


def _forward_only(height: int) -> Refusal:
    return Refusal(f"the network committed height {height + 1} on the new rules: there is no way back, only forward")
