"""Votes, approvals and linked calls of a proposal, as contracts/IUpgradeRegistry.sol has them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from console.text import UntrustedText


class Choice(IntEnum):
    """A validator's vote; numbers are the contract's."""

    NONE = 0
    YES = 1
    NO = 2
    ABSTAIN = 256
    """Of x/gov alone, beyond the contract's numbers, as those that follow."""
    VETO = 257
    SPLIT = 258
    """Of its weight some for one, some for another."""

    @property
    def words(self) -> str:
        """The vote as one reads it; `—` for none."""
        return "—" if self is Choice.NONE else self.name.lower()


class ApprovalKind(IntEnum):
    """What is approved outside a vote; numbers are the contract's."""

    HALT = 0
    REPLACE = 1
    ROLLBACK = 2


class HaltCode(IntEnum):
    """Why the council stops an upgrade; a closed list, the registry's `uint16`."""

    OTHER = 1
    BAD_RELEASE = 2
    SECURITY = 3
    NOT_READY = 4
    CHAIN_TROUBLE = 5

    @property
    def words(self) -> str:
        """The code in an operator's words."""
        return {
            HaltCode.OTHER: "another reason",
            HaltCode.BAD_RELEASE: "the release is faulty",
            HaltCode.SECURITY: "a security problem",
            HaltCode.NOT_READY: "the network is not ready",
            HaltCode.CHAIN_TROUBLE: "the chain has trouble of its own",
        }[self]


@dataclass(frozen=True, slots=True)
class ValidatorVote:
    """One validator's vote, on the copy of powers that the proposal is bound to."""

    address: str
    """Checksummed."""
    power: int
    choice: Choice
    voted_at: int
    """Height; 0 when it has not voted."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval that still counts."""

    approver: str
    """Checksummed address of a council member or a validator."""
    power: int
    """1 for a council member."""
    approved_at: int
    code: int
    """Of a halt: a `HaltCode`, or a number that this version does not know; else 0."""
    text: UntrustedText
    """The signer's own words; of a replacement the new URL."""
    subject: str
    """Of a replacement: the new release hash in hex digits; else empty."""


@dataclass(frozen=True, slots=True)
class LinkedCall:
    """A call that the registry makes for a proposal."""

    target: str
    """Checksummed."""
    data: bytes
    codes_hash: str
    """64 hex digits: keccak over the code hashes of every facet, then the initialiser's, at proposal time."""


@dataclass(frozen=True, slots=True)
class Governance:
    """Everything about one proposal that its row does not say: one reading."""

    proposal_id: int
    height: int
    """Committed height that it was read at."""
    votes: tuple[ValidatorVote, ...]
    halts: tuple[Approval, ...]
    replacements: tuple[Approval, ...]
    rollbacks: tuple[Approval, ...]
    calls: tuple[LinkedCall, ...]
    undo: tuple[LinkedCall, ...]


@dataclass(frozen=True, slots=True)
class RegistryRules:
    """What a registry was deployed with, and what votes changed since (`settings()`)."""

    power_source: str
    configuration_number: int
    admin: str
    """May propose without being a validator; the zero address for none."""
    min_proposer_power: int
    """The least power of a validator that may propose."""
    voting_required: bool
    """Whether a release needs a vote; linked calls always do."""
    min_voting_blocks: int
    min_expedited_blocks: int
    freeze_blocks: int
    execution_window: int
    minimum_lead: int
    successor: str
    """The registry that follows this one; the zero address for none."""
    council: tuple[str, ...]
    council_threshold: int
    targets: tuple[str, ...]
    """Diamonds that linked cuts may go to."""
    proposal_count: int
    scheduled_id: int


class SigningKey(StrEnum):
    """Whose key signs a call: names in the settings."""

    PROPOSER = "proposer_key"
    VOTER = "voter_key"
    """A validator's own key: votes, replaces, rolls back, delegates."""
    OPERATOR = "operator_key"
    """The low-value key of a node: readiness, arming, confirmation, and what anyone may call."""
    COUNCIL = "council_key"


@dataclass(frozen=True, slots=True)
class RegistryCall:
    """A call of the registry before it is signed: the same for the console, the command line and an export."""

    function: str
    args: tuple[object, ...]
    key: SigningKey
    proposal_id: int
    """0 for a call about no proposal, and for a new one."""
    effect: str
    """One sentence: what it does when it is in a block."""
    undo: str = ""
    """One sentence: what taking it back costs, or that there is no way back."""


@dataclass(frozen=True, slots=True)
class CallReview:
    """What would be signed, read from the chain: shown before anything is."""

    call: RegistryCall
    described: str
    """The function with its arguments by name."""
    target: str
    chain_id: int
    sender: str
    nonce: int
    gas: int
    """The most gas it may use."""
    cost_wei: int
    """The most it may cost: gas times fee."""
    data: str
    """Call data, 0x hex."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """A call that is in a block."""

    transaction: str
    """Its hash, 0x hex."""
    height: int
    gas_used: int
    proposal_id: int
