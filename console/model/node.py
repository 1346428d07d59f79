"""The local node and its upgrade attempt (DESIGN §4): the words of the state machine and their values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from console.model.fetching import Fetching
from console.model.plan import Verdict
from console.model.proof import Proof
from console.text import UntrustedText


class Preparation(StrEnum):
    """Getting the new release ready; a failure is retried without harm."""

    PLANNED = "PLANNED"
    FETCHING = "FETCHING"
    VERIFIED = "VERIFIED"
    STAGED = "STAGED"
    READY = "READY"
    FAILED = "FAILED"


class Arming(StrEnum):
    """Making the running process load H."""

    WAITING_TURN = "WAITING_TURN"
    ARMED = "ARMED"
    DISARMED = "DISARMED"


class Crossing(StrEnum):
    """From the halt to the new binary, or back to the old one."""

    NONE = ""
    HALTED = "HALTED"
    QUIESCED = "QUIESCED"
    BACKED_UP = "BACKED_UP"
    SWITCHED = "SWITCHED"
    STARTING = "STARTING"
    WAITING_FOR_QUORUM = "WAITING_FOR_QUORUM"
    PROBATION = "PROBATION"
    COMMITTED = "COMMITTED"
    RESUMED_OLD = "RESUMED_OLD"
    ROLLBACK = "ROLLBACK"
    RESTORED = "RESTORED"
    FLIPPED_BACK = "FLIPPED_BACK"
    PARKED = "PARKED"
    MISSED_HALT = "MISSED_HALT"
    NEEDS_OPERATOR = "NEEDS_OPERATOR"

    @property
    def ended(self) -> bool:
        """Whether automation has nothing more to do for this attempt."""
        return self in {
            Crossing.COMMITTED,
            Crossing.RESUMED_OLD,
            Crossing.PARKED,
            Crossing.MISSED_HALT,
            Crossing.NEEDS_OPERATOR,
        }

    @property
    def waits_for_operator(self) -> bool:
        """Whether only the operator leads on from here: nothing is started and no plan is taken up."""
        return self in {Crossing.PARKED, Crossing.MISSED_HALT, Crossing.NEEDS_OPERATOR}


class PlanOrigin(StrEnum):
    """Who made the plan."""

    REGISTRY = "registry"
    """Controllers arm, the registry's verdict decides."""
    CHAIN = "chain"
    """The chain stops every node at the plan's height by itself (x/upgrade)."""
    OPERATOR = "operator"
    """A swap by hand, of this node alone."""


class NodeState(StrEnum):
    """The one word shown for a node besides the words above."""

    IDLE = "IDLE"
    STOPPED = "STOPPED"
    """The node ended by itself outside an upgrade and stays down."""
    STOPPED_BY_OPERATOR = "STOPPED_BY_OPERATOR"
    NEEDS_OPERATOR = "NEEDS_OPERATOR"


GENESIS = "genesis"
"""Folder of the generation that ran before any upgrade."""
NOT_VOTED = -1
"""Instead of a `MigrationKind`: the plan says nothing of a migration."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One node's way through one plan, as journalled.

    The plan's parameters are frozen with PLANNED. Two things come later: the height of an approved plan when it is
    scheduled, and another release when the validators replace it.
    """

    id: int
    proposal_id: int
    name: UntrustedText
    """The plan's name: also the folder of the generation."""
    target_height: int
    """H; 0 while the plan is approved and not scheduled: it is prepared, and nothing is armed."""
    freeze_blocks: int
    scheduled_at: int
    release_kind: int
    release_hash: str
    release_url: str
    breaking: bool
    preparation: Preparation
    arming: Arming
    crossing: Crossing
    verdict: Verdict
    failure_code: int
    """0 or a `FailureCode`."""
    tries_left: int
    """Starts of the new binary that remain."""
    note: str
    """One sentence on why the attempt is where it is; empty when the state says it."""
    origin: PlanOrigin = PlanOrigin.REGISTRY
    generation: str = ""
    """Folder of the generation that crosses: the plan's own, or what the operator chose for the same H."""
    generation_hash: str = ""
    """sha256 of its binary; empty until it is known (a chain's plan without a checksum)."""
    left: str = ""
    """Generation that ran before the switch: where a rollback flips back to."""
    rollback_point: str = ""
    """Name of the complete rollback point of this crossing; empty for none."""
    arming_point: str = ""
    """Name of the rollback point that was taken at the arming restart; empty for none."""
    without_point: str = ""
    """Why this crossing has no rollback point: the operator's choice; it switches automatic rollback off."""
    new_app_height: int = 0
    """Highest height that the new binary was seen to have executed; 0 for none."""
    verdict_by_hand: bool = False
    """Whether the operator said CROSS without the chain's word; the chain's own verdict still counts."""
    beyond_return: bool = False
    """A verified commit for H+1 was seen (zone Z2): nothing leads back."""
    grace_blocks: int = 0
    """Blocks after H for which the old release may go on; 0 for none known."""
    migration_kind: int = NOT_VOTED
    """A `MigrationKind` that was voted on; `NOT_VOTED` where no registry says one."""
    migration_hash: str = ""
    """64 hex digits of that migration; empty for none."""
    proven: str = ""
    """How another network proved the release; empty while it did not. What was proven stays proven."""
    unproven: str = ""
    """Why the operator takes the release without that proof; empty when nobody does."""

    @property
    def has_height(self) -> bool:
        """Whether the plan has its height: before that nothing of arming, halt and verdict has a meaning."""
        return self.target_height > 0

    @property
    def freeze_height(self) -> int:
        """H − F. Only with `has_height`."""
        return self.target_height - self.freeze_blocks

    @property
    def halts_itself(self) -> bool:
        """Whether nobody arms and no verdict is waited for."""
        return self.origin is not PlanOrigin.REGISTRY


@dataclass(frozen=True, slots=True)
class NodeRun:
    """One run of the node under its shim."""

    id: int
    generation: str
    """`genesis` or the plan's folder name."""
    halt_height: int
    """H that this run was started with, 0 when not armed (DESIGN §4.5: arming belongs to the run)."""
    exe_sha256: str
    """sha256 of the descriptor that the shim executed, 64 hex digits; empty until known."""
    started_at: float
    """Unix seconds."""
    ended_at: float | None
    exit_code: int | None
    """None while running or when the code was lost; negative is minus the signal."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What the controller says of its node: the answer of `status` on its socket."""

    name: str
    state: str
    """`shown_state` of the attempt and the process."""
    generation: str
    version: UntrustedText
    """What the running binary says of itself (`--version`), or empty."""
    pid: int | None
    """Process id of the node (not of the shim) while it runs."""
    height: int | None
    """Last committed height: the node's CometBFT height when it answers, else the journalled one."""
    app_height: int | None
    """Last height that the application executed."""
    height_age_s: float | None
    """Seconds since `height` was read from the node."""
    halt_height: int
    """H of the current run, 0 when not armed."""
    last_exit_code: int | None
    """Exit code of the run before the present one; of the last run when none runs."""
    exe_sha256: str
    attempt: Attempt | None
    controller_pid: int
    note: str
    """One sentence for the operator; empty when nothing needs saying."""
    paused: str = ""
    """Why automation is paused; empty when it is not."""
    alarm: str = ""
    """Why the operator is called; empty when nobody is."""
    fetching: Fetching | None = None
    """The download that goes on; None while none does."""
    proof: Proof | None = None
    """How far the open plan's release is proven on another network; None where that is not demanded."""


def shown_state(attempt: Attempt | None, *, running: bool, stopped_by_operator: bool, needs_operator: bool) -> str:
    """The one word for a node: the crossing if there is one, else ARMED, else the preparation, else IDLE.

    An operator's stop outranks all, because no automation leaves it (DESIGN §4).
    """
    if stopped_by_operator:
        return NodeState.STOPPED_BY_OPERATOR.value
    if needs_operator:
        return NodeState.NEEDS_OPERATOR.value
    if attempt is not None and attempt.crossing is not Crossing.NONE:
        if attempt.crossing in {Crossing.COMMITTED, Crossing.RESUMED_OLD} and not running:
            return NodeState.STOPPED.value
        return attempt.crossing.value
    if not running:
        return NodeState.STOPPED.value
    if attempt is not None:
        if attempt.arming is Arming.ARMED:
            return Arming.ARMED.value
        return attempt.preparation.value
    return NodeState.IDLE.value
