"""Gauges: what the controller knows at this moment, as values of the table's metrics. One pure function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.metrics.words import STATES, VERDICTS, ReleaseGroup
from console.model import Arming, Attempt, NodeStatus, Preparation, Proposal, Verdict
from console.node.metrics.counts import JournalCounts
from console.node.next_plan import same_plan
from console.ports.chain import ConsensusReading, PlanReading

Values = dict[str, float]
"""A metric's values by its label's value; an empty one for a metric without a label."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a controller has read and decided, all of it before anybody asked."""

    status: NodeStatus
    plans: PlanReading | None
    """None before the first reading."""
    consensus: ConsensusReading | None
    """None while the node does not answer."""
    highest_peer: int | None
    """Highest height that another endpoint told lately."""
    address: str
    """The validator's, as the registry has it; may be empty."""
    automatic: bool
    contested: bool


def gauges(known: Known, counts: JournalCounts) -> dict[str, Values]:
    """The values of everything that is not counted; what is not known has no value.

    Args:
        known: What the controller knows.
        counts: Where the journal alone remembers it.
    """
    return {**_of_plans(known, counts.plans), **_of_node(known, counts.last_target), **_of_controller(known)}


def open_attempt(status: NodeStatus) -> Attempt | None:
    """The attempt for which automation still has something to do."""
    attempt = status.attempt
    return None if attempt is None or attempt.crossing.ended else attempt


def network_height(known: Known) -> int | None:
    """Highest block that anybody told; None while nobody did."""
    told = (
        known.status.height,
        known.highest_peer,
        None if known.plans is None else known.plans.height,
    )
    return max((height for height in told if height is not None), default=None)


def _of_plans(known: Known, plans: int) -> dict[str, Values]:
    reading = known.plans
    if reading is None:
        # Zeros would be an increase with the first reading, and thereby a new proposal.
        return {}
    attempt = open_attempt(known.status)
    proposal = _current(reading.proposals, attempt)
    readiness = reading.readiness
    rows = () if readiness is None or proposal is None or readiness.proposal_id != proposal.id else readiness.validators
    by_chain = any(entry.halts_itself for entry in reading.proposals) or readiness is None
    members = () if readiness is None else readiness.validators
    own = next((row.advertised_hash for row in members if row.address == known.address), "")
    planned = "" if attempt is None else attempt.release_hash
    return {
        "ipc_upgrade_proposals_total": _one(
            plans if by_chain else max((entry.id for entry in reading.proposals), default=0)
        ),
        "ipc_upgrade_validators": _one(len(rows)),
        "ipc_upgrade_ready_validators": _one(sum(row.ready for row in rows)),
        "ipc_upgrade_total_power": _one(0 if proposal is None else proposal.total_power),
        "ipc_upgrade_needed_power": _one(
            0 if proposal is None or not proposal.total_power else proposal.readiness_needed
        ),
        "ipc_upgrade_ready_power": _one(0 if proposal is None else proposal.ready_power),
        "ipc_upgrade_armed_power": _one(0 if proposal is None else proposal.armed_power),
        "ipc_upgrade_go_power": _one(0 if proposal is None else proposal.go_power),
        "ipc_upgrade_confirmed_power": _one(0 if proposal is None else proposal.confirmed_power),
        "ipc_upgrade_validators_by_release": _counted(
            ReleaseGroup, [_group(row.advertised_hash, planned, own) for row in members]
        ),
    }


def _current(proposals: Iterable[Proposal], attempt: Attempt | None) -> Proposal | None:
    """The proposal of the upgrade in hand, else the newest that is on its way."""
    if attempt is not None:
        return next((entry for entry in proposals if same_plan(entry, attempt)), None)
    return next((entry for entry in proposals if entry.status.open), None)


def _group(advertised: str, planned: str, own: str) -> ReleaseGroup:
    if not advertised:
        return ReleaseGroup.UNKNOWN
    if advertised == planned:
        return ReleaseGroup.PLANNED
    return ReleaseGroup.CURRENT if advertised == own else ReleaseGroup.OTHER


def _of_node(known: Known, last_target: int) -> dict[str, Values]:
    status, consensus = known.status, known.consensus
    attempt, highest = open_attempt(status), network_height(known)
    armed = attempt is not None and (attempt.halts_itself or attempt.arming is Arming.ARMED)
    found = {
        "ipc_upgrade_open": _one(attempt is not None),
        "ipc_upgrade_node_ready": _one(attempt is not None and attempt.preparation is Preparation.READY),
        "ipc_upgrade_node_armed": _one(armed),
        "ipc_upgrade_breaking": _one(attempt is not None and attempt.breaking),
        "ipc_upgrade_target_height": _one(0 if attempt is None else attempt.target_height),
        "ipc_upgrade_last_target_height": _one(last_target),
        "ipc_upgrade_state": _chosen(STATES, status.state),
        "ipc_upgrade_verdict": _chosen(
            VERDICTS.values(), VERDICTS[Verdict.NONE if attempt is None else attempt.verdict]
        ),
        "ipc_node_up": _one(status.pid is not None),
    }
    if status.height is not None and highest is not None:
        found["ipc_node_height"] = _one(status.height)
        found["ipc_node_behind_blocks"] = _one(highest - status.height)
    if highest is not None:
        found["ipc_network_height"] = _one(highest)
    if status.app_height is not None:
        found["ipc_node_app_height"] = _one(status.app_height)
    if status.height_age_s is not None:
        found["ipc_node_height_age_seconds"] = _one(status.height_age_s)
    if consensus is not None:
        found["ipc_consensus_signed_power"] = _one(consensus.signed_power)
        found["ipc_consensus_total_power"] = _one(consensus.total_power)
    return found


def _of_controller(known: Known) -> dict[str, Values]:
    return {
        "ipc_controller_alarm": _one(bool(known.status.alarm)),
        "ipc_controller_paused": _one(bool(known.status.paused) or not known.automatic),
        "ipc_controller_contested": _one(known.contested),
    }


def _one(value: float) -> Values:
    return {"": float(value)}


def _chosen(words: Iterable[str], chosen: str) -> Values:
    return {word: float(word == chosen) for word in words}


def _counted(words: Iterable[str], found: Iterable[str]) -> Values:
    counted: Values = dict.fromkeys(words, 0.0)
    for word in found:
        counted[word] += 1.0
    return counted
