"""All proposals, and in a few lines the chosen one; Enter opens it in full."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message

from console.model import Proposal
from screens.bindings import bindings_for
from screens.filtered import FilteredScreen, filter_field
from widgets.copyable import Copyable, of_proposal
from widgets.key_line import KeyLine
from widgets.moments import chain_age
from widgets.narrowing import Narrowing
from widgets.proposal_detail import ProposalDetail
from widgets.proposal_table import ProposalTable
from widgets.row_table import RowTable
from widgets.status_line import StatusLine


class ProposalsScreen(FilteredScreen):
    """The list and, below it, what matters most of the proposal under the cursor."""

    MODE = "proposals"
    EXPLANATION = (
        "Every proposal. Up and Down choose one; Enter opens it in full: votes, readiness, linked calls, approvals and "
        "what happened, and there it is voted on. / shows only those that match a name, a state, a part of a hash or a "
        "pattern; ! first shows the others; o changes the order. Height H is a number, or what gives it one: the end "
        "of the vote, or readiness. A ! behind a name: its vote is shorter than usual. "
        "v shows what this node's controller verified of the release that it took up."
    )
    ON_COSMOS = (
        "Every proposal of the chain's governance that schedules or cancels an upgrade. Up and Down choose one; Enter "
        "opens it in full: plan, deposit, tally, what the vote needs, and until when. / shows only those that match a "
        "name, a state or a pattern; ! first shows the others; o changes the order. Yes is the share of those that do "
        "not abstain, Turnout that of all bonded tokens. A ! behind a name: its vote is expedited."
    )
    CSS_PATH = "proposals.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("proposals"))
    AUTO_FOCUS = "#proposals"
    FILTERED = "#proposals"

    class Opened(Message):
        """A proposal is wanted in full."""

        def __init__(self, proposal_id: int) -> None:
            super().__init__()
            self.proposal_id = proposal_id

    def compose(self) -> ComposeResult:
        yield self.status_line()
        with Vertical(id="panes"):
            yield ProposalTable(id="proposals")
            yield ProposalDetail(id="detail")
        yield filter_field("a name, a state, a hash, a pattern; ! first for the others; Enter keeps it, Esc ends it")
        yield KeyLine()

    def draw(self) -> None:
        snapshot = self.snapshot
        self.query_one(StatusLine).show(snapshot, self.now)
        chain = snapshot.chain if snapshot is not None else None
        # An old list is better than an empty one while the chain is silent; it says how old it is.
        if snapshot is not None and chain is not None:
            ago = chain_age(chain, snapshot.taken_at, self.now).read_ago
            self.query_one(ProposalTable).show(chain.proposals, ago, self.now)
        self.draw_detail()

    def apply_filter(self, narrowing: Narrowing) -> None:
        self.query_one(ProposalTable).narrow(narrowing)
        self.draw_detail()

    async def nearest(self) -> tuple[Copyable, ...]:
        entry = self._chosen
        return of_proposal(entry) if entry is not None else ()

    def action_sort(self) -> None:
        """The next order of the list."""
        self.query_one(ProposalTable).next_order()

    def action_open(self) -> None:
        """Show the chosen proposal in full."""
        chosen = self.query_one(ProposalTable).chosen_id
        if chosen is not None:
            self.post_message(self.Opened(chosen))

    @on(RowTable.Selected, "#proposals")
    def chosen_by_mouse_or_enter(self) -> None:
        """The table has Enter and the mouse for itself."""
        self.action_open()

    @on(RowTable.Highlighted, "#proposals")
    def draw_detail(self) -> None:
        """Draw the proposal under the cursor."""
        self.query_one(ProposalDetail).show(self.snapshot, self._chosen, self.now)

    @property
    def _chosen(self) -> Proposal | None:
        chain = self.snapshot.chain if self.snapshot is not None else None
        chosen = self.query_one(ProposalTable).chosen_id
        return next((entry for entry in chain.proposals if entry.id == chosen), None) if chain is not None else None
