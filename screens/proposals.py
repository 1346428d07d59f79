"""All proposals, and the whole of the chosen one."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Footer

from screens.bindings import bindings_for
from screens.mode import ModeScreen
from widgets.proposal_views import ProposalDetail, ProposalTable
from widgets.status_line import StatusLine


class ProposalsScreen(ModeScreen):
    """The list and, below it, the detail of the proposal under the cursor."""

    MODE = "proposals"
    EXPLANATION = (
        "Every proposal, newest first. Up and Down choose one; its whole hash, address and heights stand below. "
        "A verdict is stored at the freeze: CROSS starts the new binary at H, ABORT the old one again. "
        "v shows what this node's controller verified of the release that it took up."
    )
    CSS_PATH = "proposals.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("proposals"))
    AUTO_FOCUS = "#proposals"

    def compose(self) -> ComposeResult:
        yield StatusLine(self.session.network, read_only=self.session.read_only, id="status")
        with Vertical(id="panes"):
            yield ProposalTable(id="proposals")
            yield ProposalDetail(id="detail")
        yield Footer(show_command_palette=False)

    def draw(self) -> None:
        snapshot = self.snapshot
        self.query_one(StatusLine).show(snapshot, self.now)
        chain = snapshot.chain if snapshot is not None else None
        # An old list is better than an empty one while the chain is silent; the status line tells its age.
        if chain is not None:
            self.query_one(ProposalTable).show(chain.proposals)
        self.draw_detail()

    @on(DataTable.RowHighlighted, "#proposals")
    def draw_detail(self) -> None:
        """Draw the proposal under the cursor."""
        chain = self.snapshot.chain if self.snapshot is not None else None
        chosen = self.query_one(ProposalTable).chosen
        proposals = chain.proposals if chain is not None else ()
        entry = next((proposal for proposal in proposals if proposal.id == chosen), None)
        self.query_one(ProposalDetail).show(self.snapshot, entry)
