"""What upgrades came to: downtime, share automatic, readiness, edits, late joiners; and the criteria of success.

The criteria are those of the strategy document ("Success Metrics", phases 1 to 3). What neither the chain nor a
journal can tell is said to be unknown, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from console.chain.past import PastUpgrade
from console.model import Crossing, Proposal, ProposalStatus, ReleaseKind, ScheduleKind, Verdict
from console.node.upgrade_history import NodeUpgrade

PHASE_1_DOWNTIME_S = 60.0
PHASE_2_DOWNTIME_S = 30.0
AUTOMATIC_SHARE = 0.95
SELF_COORDINATED_SHARE = 0.90

_REACHED = frozenset({ProposalStatus.EXECUTED, ProposalStatus.EXPIRED, ProposalStatus.ROLLED_BACK})


class Outcome(StrEnum):
    """How an upgrade ended, in one word."""

    CROSSED = "crossed"
    """Confirmed by more than 2/3 of the power."""
    ROLLED_BACK = "rolled back"
    """H was reached, and the network went on with the old release."""
    FAILED = "failed"
    """H was reached with the verdict to cross, and not enough power confirmed in time."""
    STOPPED = "stopped"
    """It was ended before H: the chain went on with the old release, and nobody switched."""
    NOT_SCHEDULED = "not scheduled"
    """It never had a height that held: voted down, cancelled, or out of time."""
    OPEN = "open"


class Grade(StrEnum):
    """What is to be said of a criterion."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    """Nothing happened that it is about, or nobody who is asked can know."""


@dataclass(frozen=True, slots=True)
class Part:
    """One validator's part in one upgrade. None where it is not known: its journal cannot be read from here."""

    address: str
    node: str
    """Name of its node in the settings; empty for one that is not ours."""
    power: int
    ready: bool
    """Before the freeze, and with it before the halt."""
    committed: bool | None
    automatic: bool | None
    late: bool | None
    """It was not there with the new release when H+1 was decided."""
    returned: bool | None
    """It was late, and came back."""
    edits: int | None
    commands: int | None
    rollbacks: int | None
    rollbacks_done: int | None


@dataclass(frozen=True, slots=True)
class UpgradeFigures:
    """What one upgrade came to."""

    id: int
    name: str
    target_height: int
    outcome: Outcome
    self_coordinated: bool
    """Its height came from readiness, not from whoever proposed it."""
    by_validator: bool
    """A validator proposed it, not the admin role."""
    downtime_s: float | None
    """From the first halt until H+1 was decided; None unless it crossed or rolled back."""
    grace_blocks: int
    parts: tuple[Part, ...] = field(repr=False)

    @property
    def ready(self) -> int:
        """How many validators were ready before the halt."""
        return sum(part.ready for part in self.parts)

    def known(self, of: Callable[[Part], bool | int | None]) -> list[int]:
        """The values of one field where they are known."""
        return [int(value) for part in self.parts if (value := of(part)) is not None]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of success, measured."""

    phase: int
    text: str
    grade: Grade
    found: str
    """The figure, in words."""


def upgrade_figures(
    past: PastUpgrade, journals: Mapping[str, Sequence[NodeUpgrade]], nodes: Mapping[str, str]
) -> UpgradeFigures:
    """Put together what chain and journals know of one upgrade.

    Args:
        past: What the chain keeps.
        journals: Node name → its upgrades, of every node whose journal could be read.
        nodes: Lower-case validator address → name of its node in the settings.
    """
    proposal = past.proposal
    own = {name: _of(proposal, upgrades) for name, upgrades in journals.items()}
    crossed = _outcome(proposal) is Outcome.CROSSED
    parts = tuple(
        _part(past, validator.address, validator.power, crossed, nodes.get(validator.address.lower(), ""), own)
        for validator in past.validators
    )
    halts = [each.halted_at for each in own.values() if each is not None and each.halted_at is not None]
    began = min(halts, default=past.halted_at)
    downtime = None if began is None or past.resumed_at is None else max(0.0, past.resumed_at - began)
    return UpgradeFigures(
        id=proposal.id,
        name=str(proposal.name),
        target_height=proposal.target_height,
        outcome=_outcome(proposal),
        self_coordinated=proposal.schedule_kind is ScheduleKind.READINESS,
        by_validator=proposal.proposer.lower() in {each.address.lower() for each in past.validators},
        downtime_s=downtime if proposal.status in _REACHED and proposal.verdict is Verdict.CROSS else None,
        grace_blocks=proposal.grace_blocks,
        parts=parts,
    )


def criteria(upgrades: Sequence[UpgradeFigures]) -> tuple[Criterion, ...]:
    """Grade what the upgrades came to."""
    reached = [each for each in upgrades if each.outcome in (Outcome.CROSSED, Outcome.ROLLED_BACK, Outcome.FAILED)]
    crossed = [each for each in reached if each.outcome is Outcome.CROSSED]
    downtimes = [each.downtime_s for each in crossed if each.downtime_s is not None]
    mean_s = sum(downtimes) / len(downtimes) if downtimes else None
    edits = [value for each in reached for value in each.known(lambda part: part.edits)]
    ready = [(each.ready, len(each.parts)) for each in reached]
    automatic = [value for each in crossed for value in each.known(lambda part: part.automatic)]
    rollbacks = sum(sum(each.known(lambda part: part.rollbacks)) for each in upgrades)
    done = sum(sum(each.known(lambda part: part.rollbacks_done)) for each in upgrades)
    coordinated = sum(each.self_coordinated for each in crossed)
    late = [part for each in crossed for part in each.parts if part.late]
    commands = [value for each in reached for value in each.known(lambda part: part.commands)]
    validators = sum(each.by_validator for each in reached)
    mean = "no crossing with a known downtime" if mean_s is None else f"{mean_s:.1f} s on average"
    return (
        Criterion(1, "100 % of upgrades succeed", *_share(len(crossed), len(reached), 1.0, "upgrades that reached H")),
        Criterion(1, f"average downtime < {PHASE_1_DOWNTIME_S:g} s", _below(mean_s, PHASE_1_DOWNTIME_S), mean),
        Criterion(1, "no manual config edits", *_none(edits, "edits")),
        Criterion(
            1,
            "all validators ready before the halt",
            *_share(sum(one for one, _ in ready), sum(all_ for _, all_ in ready), 1.0, "validators"),
        ),
        Criterion(
            2,
            f"{AUTOMATIC_SHARE:.0%} of validators upgrade automatically",
            *_share(sum(automatic), len(automatic), AUTOMATIC_SHARE, "validators whose journals can be read"),
        ),
        Criterion(2, "rollback tested and working", *_share(done, rollbacks, 1.0, "rollbacks of nodes")),
        Criterion(2, "external operators adopt the process", Grade.UNKNOWN, "no journal knows whose operator it has"),
        Criterion(2, f"average downtime < {PHASE_2_DOWNTIME_S:g} s", _below(mean_s, PHASE_2_DOWNTIME_S), mean),
        Criterion(
            3,
            f"the network coordinates {SELF_COORDINATED_SHARE:.0%} of upgrades itself",
            *_share(coordinated, len(crossed), SELF_COORDINATED_SHARE, "crossings scheduled by readiness"),
        ),
        Criterion(
            3,
            "late validators come back in time",
            *_share(sum(part.returned is True for part in late), len(late), 1.0, "late validators"),
        ),
        Criterion(3, "no manual coordination", *_none(commands, "operator commands")),
        Criterion(
            3,
            "upgrades without the core team",
            *_share(validators, len(reached), 1.0, "upgrades proposed by a validator"),
        ),
    )


def _of(proposal: Proposal, upgrades: Sequence[NodeUpgrade]) -> NodeUpgrade | None:
    # The last one: an attempt that was begun again after a resync has the same proposal.
    mine = (each for each in reversed(upgrades) if each.attempt.proposal_id == proposal.attempt_id)
    return next(mine, None)


def _outcome(proposal: Proposal) -> Outcome:
    match proposal.status:
        case ProposalStatus.EXECUTED:
            return Outcome.CROSSED
        case ProposalStatus.ROLLED_BACK:
            return Outcome.ROLLED_BACK
        case ProposalStatus.EXPIRED if proposal.frozen_at:
            return Outcome.FAILED
        case ProposalStatus.ABORTED:
            return Outcome.STOPPED
        case ProposalStatus.CANCELLED if proposal.scheduled_at:
            return Outcome.STOPPED
        case ProposalStatus.REJECTED | ProposalStatus.CANCELLED | ProposalStatus.EXPIRED:
            return Outcome.NOT_SCHEDULED
    return Outcome.OPEN


def _part(
    past: PastUpgrade,
    address: str,
    power: int,
    crossed: bool,
    node: str,
    journals: Mapping[str, NodeUpgrade | None],
) -> Part:
    said = next(each for each in past.validators if each.address == address)
    readable = node in journals
    mine = journals.get(node)
    late: bool | None = None
    returned: bool | None = None
    if crossed and readable:
        late = _late(mine, past.resumed_at)
        returned = late and mine is not None and mine.committed and _in_time(past.proposal, said.confirmed_at, mine)
    elif crossed and past.signed_after:
        # Without its journal only its signature tells that it was there.
        late = address not in past.signed_after
        returned = late and said.confirmed_at > 0 and _in_time(past.proposal, said.confirmed_at, None)
    return Part(
        address=address,
        node=node,
        power=power,
        ready=said.ready,
        committed=(mine is not None and mine.committed) if readable else None,
        automatic=(mine is not None and mine.automatic) if readable else None,
        late=late,
        returned=returned,
        edits=(0 if mine is None else mine.config_edits + mine.forced) if readable else None,
        commands=(0 if mine is None else len(mine.operator_commands)) if readable else None,
        rollbacks=(0 if mine is None else mine.rollbacks) if readable else None,
        rollbacks_done=(0 if mine is None else mine.rollbacks_done) if readable else None,
    )


def _late(mine: NodeUpgrade | None, resumed_at: float | None) -> bool:
    if mine is None or mine.attempt.crossing is Crossing.MISSED_HALT or mine.started_new_at is None:
        return True
    return resumed_at is not None and mine.started_new_at > resumed_at


def _in_time(proposal: Proposal, confirmed_at: int, mine: NodeUpgrade | None) -> bool:
    """Within the grace period of the release, where it has one."""
    height = confirmed_at or (0 if mine is None else mine.attempt.new_app_height)
    return not proposal.grace_blocks or height <= proposal.target_height + proposal.grace_blocks


def _share(some: int, all_: int, least: float, what: str) -> tuple[Grade, str]:
    if not all_:
        return Grade.UNKNOWN, f"no {what}"
    return (Grade.PASS if some >= least * all_ else Grade.FAIL), f"{some} of {all_} {what}"


def _none(counts: Sequence[int], what: str) -> tuple[Grade, str]:
    if not counts:
        return Grade.UNKNOWN, f"no {what} are known: no upgrade reached H, or no journal can be read"
    return (Grade.FAIL if sum(counts) else Grade.PASS), f"{sum(counts)} {what}"


def _below(value: float | None, most: float) -> Grade:
    if value is None:
        return Grade.UNKNOWN
    return Grade.PASS if value < most else Grade.FAIL


def counts_as_upgrade(proposal: Proposal) -> bool:
    """Whether a proposal is of a release: contract calls alone stop no node."""
    return proposal.release_kind is not ReleaseKind.NONE
