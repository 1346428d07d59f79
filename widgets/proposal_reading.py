"""What a proposal in full is drawn from, and the lines that every kind of proposal has. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from textual.content import Content

from console.model import Governance, Proposal, Readiness, RegistryRules
from widgets.drawn import MUTED, STRONG
from widgets.proposal_words import Clock, waits_for


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that a proposal in full is drawn from."""

    proposal: Proposal
    clock: Clock
    width: int
    """Columns that the lines may take."""
    names: Mapping[str, str]
    """Validators' names by checksummed address."""
    other_form: Callable[[str], str] | None = None
    """The Filecoin spelling of an address, shown beside it; None shows the Ethereum one alone."""
    readiness: Readiness | None = None
    """Of this proposal."""
    governance: Governance | None = None
    rules: RegistryRules | None = None
    problem: str = ""
    """Why votes, approvals and calls are not known."""


def when_words(reading: Reading) -> str:
    """H with its distance, or what it waits for."""
    proposal = reading.proposal
    if proposal.has_height:
        return reading.clock.at(proposal.target_height)
    if not proposal.status.open:
        return "it never had one"
    return waits_for(proposal)


def head(text: str, beside: str = "", style: str = MUTED) -> Content:
    """The title of a part, with its state beside it."""
    return Content.assemble((text, STRONG), "  " if beside else "", (beside, style))


def field(name: str, value: str, style: str = "") -> Content:
    """A named value."""
    return Content.assemble((f"{name:<10}", MUTED), (value, style))
