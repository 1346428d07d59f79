"""The chosen proposal in a few lines below the list."""

from __future__ import annotations

from textual.content import Content

from console.model import Proposal, Snapshot
from widgets.drawn import MUTED, WARN, stacked
from widgets.moments import why_no_chain
from widgets.panel import Panel
from widgets.proposal_reading import Reading
from widgets.proposal_report import summary_lines
from widgets.proposal_words import Clock


class ProposalDetail(Panel):
    """What matters most of one proposal: nothing of hash and address is shortened."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._proposal: Proposal | None = None
        self._snapshot: Snapshot | None = None
        self._now = 0.0

    def show(self, snapshot: Snapshot | None, proposal: Proposal | None, now: float) -> None:
        """Draw this proposal at `now` (Unix seconds), or say why there is none."""
        self._snapshot, self._proposal, self._now = snapshot, proposal, now
        self._redraw()

    def _redraw(self) -> None:
        proposal, snapshot = self._proposal, self._snapshot
        if proposal is None:
            self.head(Content("Chosen"))
            silent = snapshot is not None and snapshot.chain is None
            self.draw(Content.styled(_why_none(snapshot), WARN if silent else MUTED))
            return
        self.head(Content(f"Proposal {proposal.id}: {proposal.name}"))
        reading = Reading(proposal, Clock.of(snapshot, self._now), self.size.width, {})
        self.draw(stacked(*summary_lines(reading)))


def _why_none(snapshot: Snapshot | None) -> str:
    if snapshot is None or snapshot.chain is None:
        return why_no_chain(snapshot)
    if snapshot.chain.proposals:
        return "No proposal matches the filter. Esc shows all again."
    if snapshot.network.kind == "cosmos":
        return "The chain's newest proposals hold none that is about an upgrade."
    return "There is no proposal yet. Press p to propose an upgrade."
