"""The nouns of an upgrade: frozen values without I/O."""

from __future__ import annotations

from console.model.fetching import Fetching
from console.model.network import NetworkIdentity, Validator
from console.model.node import (
    Arming,
    Attempt,
    Crossing,
    NodeRun,
    NodeState,
    NodeStatus,
    PlanOrigin,
    Preparation,
    shown_state,
)
from console.model.plan import (
    FailureCode,
    Proposal,
    ProposalStatus,
    Readiness,
    ReleaseKind,
    ValidatorReadiness,
    Verdict,
    plan_without_votes,
)
from console.model.power import MAX_ARMING_TURNS, minimum_lead, more_than_two_thirds, power_may_fail
from console.model.proof import Proof, ProofReading, ProofState, crossing_of, proof_of
from console.model.release import KnownRelease, ReleaseCheck, RoleCount
from console.model.snapshot import ChainView, NodeHeight, Snapshot, Upgrade, upgrade_of

__all__ = [
    "MAX_ARMING_TURNS",
    "Arming",
    "Attempt",
    "ChainView",
    "Crossing",
    "FailureCode",
    "Fetching",
    "KnownRelease",
    "NetworkIdentity",
    "NodeHeight",
    "NodeRun",
    "NodeState",
    "NodeStatus",
    "PlanOrigin",
    "Preparation",
    "Proof",
    "ProofReading",
    "ProofState",
    "Proposal",
    "ProposalStatus",
    "Readiness",
    "ReleaseCheck",
    "ReleaseKind",
    "RoleCount",
    "Snapshot",
    "Upgrade",
    "Validator",
    "ValidatorReadiness",
    "Verdict",
    "crossing_of",
    "minimum_lead",
    "more_than_two_thirds",
    "plan_without_votes",
    "power_may_fail",
    "proof_of",
    "shown_state",
    "upgrade_of",
]
