"""Plans of upgrades as the UpgradeRegistry holds them (DESIGN §6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from console.model.power import more_than_two_thirds
from console.text import UntrustedText


class ReleaseKind(IntEnum):
    """What the release hash is the sha256 of."""

    RAW = 0
    MANIFEST = 1


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

    @property
    def freeze_height(self) -> int:
        """First height at which signals are too late and `freeze` may be called: H − F."""
        return self.target_height - self.freeze_blocks

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
