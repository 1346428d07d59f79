"""What one validator did: which blocks it signed, and what it said of each proposal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from console.model.governance import Choice
from console.model.plan import ProposalStatus, ValidatorReadiness
from console.text import UntrustedText


class Signed(Enum):
    """What a block's commit holds of a validator."""

    BLOCK = "signed"
    """Its vote for the block."""
    NOTHING = "voted for nothing"
    """Its vote for no block: it was there, and had not seen the block in time."""
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class SigningRecord:
    """What commits hold of one validator, as an endpoint shows them: signatures are not verified."""

    blocks: tuple[tuple[int, Signed], ...]
    """(height, what its commit holds), oldest first; heights that the endpoint does not have are left out."""
    source: str
    """Name of the endpoint; empty when none answered."""
    problem: str
    """Why nothing, or no more, is known; empty when all is well."""


@dataclass(frozen=True, slots=True)
class Stance:
    """What one validator said of one proposal, from the registry's views."""

    proposal_id: int
    name: UntrustedText
    status: ProposalStatus
    choice: Choice
    """NONE also where nobody votes."""
    voted_at: int
    """Height; 0 for not."""
    said: ValidatorReadiness | None
    """Ready, armed, failed, confirmed; None where it was no validator of the proposal's readiness."""
