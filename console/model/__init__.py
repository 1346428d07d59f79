"""The nouns of an upgrade: frozen values without I/O.

Each part is imported when one of its nouns is first asked for: the first frame waits for none that it does not show.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.model.agreement import Agreement as Agreement
    from console.model.agreement import AgreementState as AgreementState
    from console.model.around_upgrade import CloseWatch as CloseWatch
    from console.model.around_upgrade import close_watch as close_watch
    from console.model.around_upgrade import close_watch_of as close_watch_of
    from console.model.audit import AuditCheck as AuditCheck
    from console.model.audit import AuditEntry as AuditEntry
    from console.model.audit import AuditKind as AuditKind
    from console.model.audit import AuditReading as AuditReading
    from console.model.ballot import Ballot as Ballot
    from console.model.ballot import Coin as Coin
    from console.model.ballot import Tally as Tally
    from console.model.ballot import VoteRules as VoteRules
    from console.model.chain_message import ChainMessage as ChainMessage
    from console.model.chain_message import DaemonRole as DaemonRole
    from console.model.chain_message import MessageReview as MessageReview
    from console.model.chain_message import Reviewed as Reviewed
    from console.model.chain_message import Said as Said
    from console.model.contracts import NOBODY as NOBODY
    from console.model.contracts import CodeVerdict as CodeVerdict
    from console.model.contracts import CutAction as CutAction
    from console.model.contracts import CutCheck as CutCheck
    from console.model.contracts import CutReview as CutReview
    from console.model.contracts import CutWatch as CutWatch
    from console.model.contracts import DiamondView as DiamondView
    from console.model.contracts import Facet as Facet
    from console.model.contracts import FacetChange as FacetChange
    from console.model.contracts import FacetCut as FacetCut
    from console.model.contracts import LinkedReview as LinkedReview
    from console.model.contracts import Selector as Selector
    from console.model.contracts import Upgradable as Upgradable
    from console.model.coordination import Coordination as Coordination
    from console.model.coordination import Due as Due
    from console.model.coordination import TimelineEntry as TimelineEntry
    from console.model.coordination import coordination_of as coordination_of
    from console.model.cosmos import ApplicationVersion as ApplicationVersion
    from console.model.cosmos import CosmosFacts as CosmosFacts
    from console.model.cosmos import ModuleVersion as ModuleVersion
    from console.model.cosmos import ProposingRules as ProposingRules
    from console.model.course import Course as Course
    from console.model.course import Trend as Trend
    from console.model.cross_subnet import ParentIntent as ParentIntent
    from console.model.cross_subnet import SafeHeights as SafeHeights
    from console.model.cross_subnet import outside as outside
    from console.model.crossing import Back as Back
    from console.model.crossing import RoundVotes as RoundVotes
    from console.model.crossing import at_its_halt as at_its_halt
    from console.model.crossing import missed_its_halt as missed_its_halt
    from console.model.crossing import power_back as power_back
    from console.model.events import Event as Event
    from console.model.events import events_between as events_between
    from console.model.events import remembered as remembered
    from console.model.fetching import Fetching as Fetching
    from console.model.fleet import FleetNode as FleetNode
    from console.model.fleet import OwnConsensus as OwnConsensus
    from console.model.fleet import last_word as last_word
    from console.model.go import GoTerm as GoTerm
    from console.model.go import Reckoning as Reckoning
    from console.model.go import reckon as reckon
    from console.model.governance import Approval as Approval
    from console.model.governance import ApprovalKind as ApprovalKind
    from console.model.governance import CallOutcome as CallOutcome
    from console.model.governance import CallReview as CallReview
    from console.model.governance import Choice as Choice
    from console.model.governance import Governance as Governance
    from console.model.governance import HaltCode as HaltCode
    from console.model.governance import LinkedCall as LinkedCall
    from console.model.governance import RegistryCall as RegistryCall
    from console.model.governance import RegistryRules as RegistryRules
    from console.model.governance import SigningKey as SigningKey
    from console.model.governance import ValidatorVote as ValidatorVote
    from console.model.moment import Moment as Moment
    from console.model.moment import Scene as Scene
    from console.model.network import Bond as Bond
    from console.model.network import NetworkIdentity as NetworkIdentity
    from console.model.network import Stake as Stake
    from console.model.network import Validator as Validator
    from console.model.node import GENESIS as GENESIS
    from console.model.node import NOT_VOTED as NOT_VOTED
    from console.model.node import Arming as Arming
    from console.model.node import Attempt as Attempt
    from console.model.node import Crossing as Crossing
    from console.model.node import NodeRun as NodeRun
    from console.model.node import NodeState as NodeState
    from console.model.node import NodeStatus as NodeStatus
    from console.model.node import PlanOrigin as PlanOrigin
    from console.model.node import Preparation as Preparation
    from console.model.node import shown_state as shown_state
    from console.model.node_command import NodeCommand as NodeCommand
    from console.model.node_command import NodeVerb as NodeVerb
    from console.model.node_inside import LITTLE_BYTES as LITTLE_BYTES
    from console.model.node_inside import DiskUse as DiskUse
    from console.model.node_inside import FolderSize as FolderSize
    from console.model.node_inside import GenerationOnDisk as GenerationOnDisk
    from console.model.node_inside import InsideReading as InsideReading
    from console.model.node_inside import JournalEntry as JournalEntry
    from console.model.node_inside import NodeProcess as NodeProcess
    from console.model.node_inside import NodeStorage as NodeStorage
    from console.model.node_inside import PointOnDisk as PointOnDisk
    from console.model.node_inside import ProcessTree as ProcessTree
    from console.model.plan import FailureCode as FailureCode
    from console.model.plan import MigrationKind as MigrationKind
    from console.model.plan import Proposal as Proposal
    from console.model.plan import ProposalStatus as ProposalStatus
    from console.model.plan import Readiness as Readiness
    from console.model.plan import ReleaseKind as ReleaseKind
    from console.model.plan import ScheduleKind as ScheduleKind
    from console.model.plan import ValidatorReadiness as ValidatorReadiness
    from console.model.plan import Verdict as Verdict
    from console.model.plan import plan_without_votes as plan_without_votes
    from console.model.power import MAX_ARMING_TURNS as MAX_ARMING_TURNS
    from console.model.power import minimum_lead as minimum_lead
    from console.model.power import more_than_two_thirds as more_than_two_thirds
    from console.model.power import power_may_fail as power_may_fail
    from console.model.power import power_needed as power_needed
    from console.model.power import readiness_needed as readiness_needed
    from console.model.power import vote_needed as vote_needed
    from console.model.procedure import Finding as Finding
    from console.model.procedure import Outcome as Outcome
    from console.model.procedure import ProcedureRun as ProcedureRun
    from console.model.procedure import Progress as Progress
    from console.model.procedure import RunState as RunState
    from console.model.procedure import StepKind as StepKind
    from console.model.procedure import StepLine as StepLine
    from console.model.procedure import StepRecord as StepRecord
    from console.model.proof import Proof as Proof
    from console.model.proof import ProofReading as ProofReading
    from console.model.proof import ProofState as ProofState
    from console.model.proof import crossing_of as crossing_of
    from console.model.proof import proof_of as proof_of
    from console.model.proposal_draft import ProposalDraft as ProposalDraft
    from console.model.release import KnownRelease as KnownRelease
    from console.model.release import ReleaseCheck as ReleaseCheck
    from console.model.release import RoleCount as RoleCount
    from console.model.roll import PowerNow as PowerNow
    from console.model.roll import may_take_down as may_take_down
    from console.model.roll import power_down_with as power_down_with
    from console.model.roll import roll_order as roll_order
    from console.model.roll import standing_of as standing_of
    from console.model.snapshot import VERIFIED_AFTER_BLOCKS as VERIFIED_AFTER_BLOCKS
    from console.model.snapshot import ChainView as ChainView
    from console.model.snapshot import NodeHeight as NodeHeight
    from console.model.snapshot import Snapshot as Snapshot
    from console.model.snapshot import Upgrade as Upgrade
    from console.model.snapshot import upgrade_of as upgrade_of
    from console.model.stall import Stalled as Stalled
    from console.model.stall import stalled as stalled
    from console.model.standing import ACCENTS as ACCENTS
    from console.model.standing import UNSAID as UNSAID
    from console.model.standing import Accent as Accent
    from console.model.standing import Stage as Stage
    from console.model.standing import Standing as Standing
    from console.model.success_rule import SuccessMeasure as SuccessMeasure
    from console.model.success_rule import UpgradeSuccess as UpgradeSuccess
    from console.model.success_rule import network_zone as network_zone
    from console.model.success_rule import reached as reached
    from console.model.success_rule import seconds_past as seconds_past
    from console.model.success_rule import upgrade_success as upgrade_success
    from console.model.traffic import Traffic as Traffic
    from console.model.traffic import TrafficSample as TrafficSample
    from console.model.validator_record import Signed as Signed
    from console.model.validator_record import SigningRecord as SigningRecord
    from console.model.validator_record import Stance as Stance
    from console.model.zone import Zone as Zone

_PARTS = {
    "agreement": "Agreement AgreementState",
    "audit": "AuditCheck AuditEntry AuditKind AuditReading",
    "ballot": "Ballot Coin Tally VoteRules",
    "around_upgrade": "CloseWatch close_watch close_watch_of",
    "chain_message": "ChainMessage DaemonRole MessageReview Reviewed Said",
    "contracts": (
        "NOBODY CodeVerdict CutAction CutCheck CutReview CutWatch DiamondView Facet FacetChange FacetCut "
        "LinkedReview Selector Upgradable"
    ),
    "coordination": "Coordination Due TimelineEntry coordination_of",
    "cosmos": "ApplicationVersion CosmosFacts ModuleVersion ProposingRules",
    "course": "Course Trend",
    "cross_subnet": "ParentIntent SafeHeights outside",
    "crossing": "Back RoundVotes at_its_halt missed_its_halt power_back",
    "events": "Event events_between remembered",
    "fetching": "Fetching",
    "fleet": "FleetNode OwnConsensus last_word",
    "go": "GoTerm Reckoning reckon",
    "governance": (
        "Approval ApprovalKind CallOutcome CallReview Choice Governance HaltCode LinkedCall RegistryCall "
        "RegistryRules SigningKey ValidatorVote"
    ),
    "moment": "Moment Scene",
    "network": "Bond NetworkIdentity Stake Validator",
    "node": (
        "GENESIS NOT_VOTED Arming Attempt Crossing NodeRun NodeState NodeStatus PlanOrigin Preparation shown_state"
    ),
    "node_command": "NodeCommand NodeVerb",
    "node_inside": (
        "LITTLE_BYTES DiskUse FolderSize GenerationOnDisk InsideReading JournalEntry NodeProcess "
        "NodeStorage PointOnDisk ProcessTree"
    ),
    "plan": (
        "FailureCode MigrationKind Proposal ProposalStatus Readiness ReleaseKind ScheduleKind "
        "ValidatorReadiness Verdict plan_without_votes"
    ),
    "power": (
        "MAX_ARMING_TURNS minimum_lead more_than_two_thirds power_may_fail power_needed readiness_needed vote_needed"
    ),
    "procedure": "Finding Outcome ProcedureRun Progress RunState StepKind StepLine StepRecord",
    "proposal_draft": "ProposalDraft",
    "proof": "Proof ProofReading ProofState crossing_of proof_of",
    "release": "KnownRelease ReleaseCheck RoleCount",
    "roll": "PowerNow may_take_down power_down_with roll_order standing_of",
    "snapshot": "VERIFIED_AFTER_BLOCKS ChainView NodeHeight Snapshot Upgrade upgrade_of",
    "stall": "Stalled stalled",
    "standing": "ACCENTS UNSAID Accent Stage Standing",
    "success_rule": "SuccessMeasure UpgradeSuccess network_zone reached seconds_past upgrade_success",
    "traffic": "Traffic TrafficSample",
    "validator_record": "Signed SigningRecord Stance",
    "zone": "Zone",
}
"""The nouns of each module."""

_HOMES = {noun: part for part, nouns in _PARTS.items() for noun in nouns.split()}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Kept, so that it is asked for here once.
    found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return found


def __dir__() -> list[str]:
    return sorted(_HOMES)
