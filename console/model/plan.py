"""Plans of upgrades as the UpgradeRegistry holds them (DESIGN §6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from console.model.ballot import Ballot
from console.model.power import more_than_two_thirds, readiness_needed, vote_needed
from console.text import UntrustedText

_NO_TEXT = UntrustedText("")


class ReleaseKind(IntEnum):
    """What the release hash is the sha256 of."""

    RAW = 0
    MANIFEST = 1
    NONE = 2
    """Contract calls alone: no node stops, and there is no height."""


class ScheduleKind(IntEnum):
    """How the target height comes about; numbers are the contract's."""

    FIXED = 0
    AFTER_VOTE = 1
    READINESS = 2


class MigrationKind(IntEnum):
    """What the release does to the state at H; numbers are the contract's."""

    NONE = 0
    COMPILED = 1
    STANDARD = 2
    WASM = 3


class ProposalStatus(IntEnum):
    """Life of a proposal; numbers are the contract's."""

    NONE = 0
    VOTING = 1
    APPROVED = 2
    REJECTED = 3
    SCHEDULED = 4
    EXECUTED = 5
    ABORTED = 6
    EXPIRED = 7
    CANCELLED = 8
    ROLLED_BACK = 9
    DEPOSIT = 256
    """Of x/gov alone, beyond the contract's numbers: the vote opens when enough is deposited."""
    FAILED = 257
    """Of x/gov alone: the vote passed, and what it would run could not be run."""

    @property
    def words(self) -> str:
        """The status as one reads it: `rolled back`."""
        return "in deposit" if self is ProposalStatus.DEPOSIT else self.name.lower().replace("_", " ")

    @property
    def open(self) -> bool:
        """Whether something of it is still to come."""
        return self in _OPEN


_OPEN = frozenset({ProposalStatus.VOTING, ProposalStatus.APPROVED, ProposalStatus.SCHEDULED, ProposalStatus.DEPOSIT})


class Verdict(IntEnum):
    """What armed nodes do after the halt; numbers are the contract's."""

    NONE = 0
    CROSS = 1
    ABORT = 2


class FailureCode(IntEnum):
    """Why a validator could not prepare; a closed list, the registry's `uint16`."""

    DOWNLOAD_FAILED = 1
    HASH_MISMATCH = 2
    DISK_SPACE = 3
    PREFLIGHT_FAILED = 4
    UNSUPPORTED_RELEASE = 5
    INTERNAL = 6
    NOT_TRUSTED = 7

    @property
    def words(self) -> str:
        """The code in an operator's words."""
        return {
            FailureCode.DOWNLOAD_FAILED: "download failed",
            FailureCode.HASH_MISMATCH: "hash does not match",
            FailureCode.DISK_SPACE: "not enough disk",
            FailureCode.PREFLIGHT_FAILED: "preflight failed",
            FailureCode.UNSUPPORTED_RELEASE: "release kind not supported",
            FailureCode.INTERNAL: "internal error",
            FailureCode.NOT_TRUSTED: "release not trusted",
        }[self]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One upgrade proposal."""

    id: int
    name: UntrustedText
    release_kind: ReleaseKind
    release_hash: str
    """64 lower-case hex digits, without prefix: sha256 of the binary (raw) or of the manifest."""
    release_url: UntrustedText
    target_height: int
    """H: the first height that the new binary executes."""
    breaking: bool
    proposer: str
    proposed_at: int
    """Height of the block that holds the proposal."""
    scheduled_at: int
    """Height at which it became Scheduled; arming turns count from here."""
    status: ProposalStatus
    verdict: Verdict
    frozen_at: int
    """Height of the freeze; 0 before it, and when nobody froze in time."""
    freeze_blocks: int
    """F: blocks before H at which the plan freezes."""
    ready_power: int
    armed_power: int
    go_power: int
    """Power that is both ready and armed."""
    confirmed_power: int
    total_power: int
    halts_itself: bool = False
    """The chain itself arms and decides, as x/upgrade does: no signals, no freeze, no verdict to wait for."""
    grace_blocks: int = 0
    """Blocks after H for which the release says that the old one may go on; 0 where it says none."""
    schedule_kind: ScheduleKind = ScheduleKind.FIXED
    delay: int = 0
    """Blocks from the end of the vote, or from enough readiness, to H; 0 for a fixed height."""
    readiness_bps: int = 0
    """Share of power, in 1/10000, that schedules a proposal of kind READINESS."""
    readiness_deadline: int = 0
    """Last block in which a proposal of kind READINESS may be scheduled."""
    voting_ends_at: int = 0
    """Last block in which votes count; 0 where no vote is needed."""
    expedited: bool = False
    """Voted on in less than the registry's usual time."""
    approved_at: int = 0
    ended_at: int = 0
    """Height at which its end was stored; 0 while it goes on, or where only time ended it."""
    yes_power: int = 0
    no_power: int = 0
    voting_power: int = 0
    """Total of the copy of powers that votes are counted on."""
    execution_window: int = 0
    """Blocks after H, or after the approval of calls alone, until it is expired."""
    migration_kind: MigrationKind = MigrationKind.NONE
    migration_hash: str = ""
    """64 hex digits, or empty."""
    release_round: int = 0
    """How often the release was replaced."""
    linked_calls: int = 0
    linked_hash: str = ""
    """64 hex digits: keccak of the calls and their undo; empty without calls."""
    contracts_first: bool = False
    init_allowed: bool = False
    """A linked cut may run an initialiser: code with all the diamond's rights."""
    contracts_at: int = 0
    """Height at which the linked calls were made."""
    undone_at: int = 0
    halt_approvals: int = 0
    """Members of the council that want to stop it."""
    replace_power: int = 0
    """The most power that agrees on one replacement of the release."""
    rollback_power: int = 0
    ballot: Ballot | None = None
    """What x/gov says of it; None for a registry's, and for a plan whose proposal is not known."""

    @property
    def attempt_id(self) -> int:
        """What a controller knows it by: where the chain itself stops its nodes, the height of the plan."""
        return self.target_height if self.halts_itself else self.id

    @property
    def has_height(self) -> bool:
        """Whether H is known: a proposal that waits for its vote or for readiness has none."""
        return self.target_height > 0

    @property
    def freeze_height(self) -> int:
        """First height at which signals are too late and `freeze` may be called: H − F. Only with `has_height`."""
        return self.target_height - self.freeze_blocks

    @property
    def vote_needed(self) -> int:
        """The least power of yes that wins its vote; 0 where no copy of powers is bound to it."""
        return (
            vote_needed(self.voting_power, wasm=self.migration_kind is MigrationKind.WASM) if self.voting_power else 0
        )

    @property
    def readiness_needed(self) -> int:
        """The least ready power that schedules a proposal of kind READINESS, and crosses any other."""
        return readiness_needed(self.total_power, self.readiness_bps)

    @property
    def go(self) -> bool:
        """Whether the power that is ready and armed would cross."""
        return more_than_two_thirds(self.go_power, self.total_power)


def plan_without_votes(
    number: int,
    name: UntrustedText,
    target_height: int,
    *,
    release_hash: str,
    release_url: UntrustedText,
    breaking: bool,
    status: ProposalStatus = ProposalStatus.SCHEDULED,
    halts_itself: bool = False,
) -> Proposal:
    """A plan that no registry holds, as a chain's own or a swap by hand: nobody votes, signals or freezes.

    Args:
        number: What tells it from others; of a chain's plan its height.
        name: Of the plan.
        target_height: H in blocks.
        release_hash: 64 hex digits, empty where nobody names one.
        release_url: Where the release is, or the chain's words about it.
        breaking: Whether old and new rules differ from H on.
        status: A cancelled one has the verdict ABORT, any other CROSS.
        halts_itself: Whether the chain stops its nodes.
    """
    return Proposal(
        id=number,
        name=name,
        release_kind=ReleaseKind.RAW,
        release_hash=release_hash,
        release_url=release_url,
        target_height=target_height,
        breaking=breaking,
        proposer="",
        proposed_at=0,
        scheduled_at=0,
        status=status,
        verdict=Verdict.ABORT if status is ProposalStatus.CANCELLED else Verdict.CROSS,
        frozen_at=0,
        freeze_blocks=0,
        ready_power=0,
        armed_power=0,
        go_power=0,
        confirmed_power=0,
        total_power=0,
        halts_itself=halts_itself,
    )


@dataclass(frozen=True, slots=True)
class ValidatorReadiness:
    """What one validator has said about one proposal. Heights are 0 where nothing was said."""

    address: str
    power: int
    """Weight in the registry's power source."""
    operator: str
    """Delegated operator address, or the zero address."""
    ready_at: int
    ready_time: int
    """Unix seconds of the block of `ready_at`; 0 when not ready."""
    armed_at: int
    failure_code: int
    """0 for none, else a `FailureCode` (or a number this version does not know)."""
    failed_at: int
    confirmed_at: int
    exe_hash: str
    """64 hex digits of the confirmed executable, or empty."""
    app_hash: str
    version: UntrustedText = _NO_TEXT
    """Advertised by the validator: its release's name; empty when it never advertised."""
    protocol: int = 0
    advertised_hash: str = ""
    """64 hex digits, or empty."""
    advertised_at: int = 0
    advertised_time: int = 0
    """Unix seconds of the block of `advertised_at`."""

    @property
    def ready(self) -> bool:
        """Verified, staged and preflight passed."""
        return self.ready_at > 0

    @property
    def armed(self) -> bool:
        """The running process has loaded H."""
        return self.armed_at > 0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Everybody's readiness for one proposal, in the registry's order."""

    proposal_id: int
    validators: tuple[ValidatorReadiness, ...]

    def of(self, address: str) -> ValidatorReadiness | None:
        """The entry of one validator by checksummed address, or None."""
        return next((entry for entry in self.validators if entry.address == address), None)
