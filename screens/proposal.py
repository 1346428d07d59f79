"""A proposal in full, and everything that can be done with it: each by a key, each reviewed before it is sent."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.message import Message

from console.actions import Action, action
from console.errors import ConsoleError
from console.model import Governance, Proposal, RegistryRules
from console.ports.session import Session
from screens.addresses import filecoin_form, prefix_of
from screens.bindings import bindings_for
from screens.mode import ModeScreen
from screens.proposal_verbs import VERBS, verb_refusal
from widgets.copyable import Copyable, of_proposal
from widgets.drawn import Grown, stacked
from widgets.key_line import KeyLine
from widgets.moments import chain_age
from widgets.proposal_reading import Reading
from widgets.proposal_report import left_lines, report_lines, right_lines
from widgets.proposal_words import Clock
from widgets.status_line import StatusLine
from widgets.working import begin


class ProposalScreen(ModeScreen):
    """One proposal: Up, Down and Page keys scroll; keys of the footer act on it; Escape goes back to the list.

    Args:
        session: Asks for votes and approvals, and sends.
        proposal_id: Which one.
    """

    MODE = "proposal"
    EXPLANATION = (
        "Everything about one proposal. The bars show power, not heads; ┃ is the line that has to be reached: more "
        "than 2/3, for a WASM migration 3/4, for readiness what the proposal says. "
        "Each key opens a review of exactly what would be signed; nothing is sent from here. "
        "The footer shows what can be done now; any other key says why not."
    )
    ON_COSMOS = (
        "Everything about one proposal of the chain's governance. The bars show tokens; ┃ is the line that has to be "
        "reached: quorum among all bonded tokens, the threshold among those that do not abstain, and the veto that "
        "must not be passed. The chain counts them itself when the vote ends; what stands here is its tally so far. "
        "The footer shows what can be done now; any other key says why not."
    )
    CSS_PATH = "proposal.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("proposal"))
    AUTO_FOCUS = "#report"
    # A hash takes 64 columns: two columns of text need a wide terminal.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (140, "-wide")]  # noqa: RUF012 (declared by Textual)

    def __init__(self, session: Session, proposal_id: int) -> None:
        super().__init__(session)
        self.proposal_id = proposal_id
        self._proposal: Proposal | None = None
        self._governance: Governance | None = None
        self._rules: RegistryRules | None = None
        self._problem = ""
        self._both_forms = False

    def compose(self) -> ComposeResult:
        yield self.status_line()
        with VerticalScroll(id="report") as report:
            report.border_title = Content(f"Proposal {self.proposal_id}")
            with Container(id="columns"):
                yield Grown(id="left")
                yield Grown(id="right")
        yield KeyLine()

    @property
    def proposal(self) -> Proposal | None:
        """The proposal as read last; None when the chain does not have it."""
        return self._proposal

    @property
    def governance(self) -> Governance | None:
        """Votes, approvals and calls as read last."""
        return self._governance

    def draw(self) -> None:
        self.query_one(StatusLine).show(self.snapshot, self.now)
        chain = self.snapshot.chain if self.snapshot is not None else None
        if chain is not None:
            found = next((entry for entry in chain.proposals if entry.id == self.proposal_id), None)
            if found is not None and found != self._proposal:
                self._proposal = found
                begin(self, self._ask, name="governance", exclusive=True)
                self.refresh_bindings()
        self._draw_report()

    async def _ask(self) -> None:
        """Ask for what the row does not say: the row changes with each vote and approval."""
        try:
            by_gov = self._proposal is not None and self._proposal.halts_itself
            if self._rules is None and not by_gov:
                self._rules = await self.session.rules()
            self._governance = await self.answering.governance(self.proposal_id)
            self._problem = ""
        except ConsoleError as error:
            self._governance = None if self.past is not None else self._governance
            self._problem = str(error).rstrip(".")
        if self.is_mounted:
            self._draw_report()
            self.refresh_bindings()

    def turned(self) -> None:
        self._proposal = self._governance = None
        self.redraw()

    def _draw_report(self) -> None:
        proposal = self._proposal
        left, right = self.query_one("#left", Grown), self.query_one("#right", Grown)
        if proposal is None:
            left.draw(Content("The chain does not answer." if self.snapshot is None else "The chain does not show it."))
            return
        self.query_one("#report").border_title = Content(
            f"Proposal {proposal.id}: {proposal.name} · {proposal.status.words}{self._age()}"
        )
        reading = self._reading(proposal, left.size.width or self.size.width - 4)
        wide = self.has_class("-wide")
        left.draw(stacked(*(left_lines(reading) if wide else report_lines(reading))))
        right.draw(stacked(*(right_lines(reading) if wide else ())))

    def _age(self) -> str:
        """How old what is shown is; empty while it may pass as current."""
        if self.snapshot is None:
            return ""
        ago = chain_age(self.snapshot.chain, self.snapshot.taken_at, self.now).read_ago
        return f" · {ago}" if ago else ""

    def _reading(self, proposal: Proposal, width: int) -> Reading:
        chain = self.snapshot.chain if self.snapshot is not None else None
        readiness = chain.readiness if chain is not None else None
        return Reading(
            proposal,
            Clock.of(self.snapshot, self.now),
            width,
            {} if chain is None else {each.address: str(each.moniker) for each in chain.validators},
            partial(filecoin_form, prefix=prefix_of(self.snapshot)) if self._both_forms else None,
            readiness if readiness is not None and readiness.proposal_id == proposal.id else None,
            self._governance,
            self._rules,
            self._problem,
        )

    async def nearest(self) -> tuple[Copyable, ...]:
        return of_proposal(self._proposal) if self._proposal is not None else ()

    # What can be done

    class Wanted(Message):
        """Something is to be done with the proposal: a verb of `VERBS`, or `show_calls`."""

        def __init__(self, verb: str, proposal: Proposal) -> None:
            super().__init__()
            self.verb = verb
            self.proposal = proposal

    def _want(self, verb: str) -> None:
        if self._proposal is not None:
            self.post_message(self.Wanted(verb, self._proposal))

    def refusal_of(self, entry: Action) -> str:
        if (reason := super().refusal_of(entry)) or entry.id not in {*VERBS, "show_calls"}:
            return reason
        if self._proposal is None:
            return "The chain does not show this proposal."
        if entry.id == "show_calls":
            return "" if self._proposal.linked_calls else "No contract call is linked to this proposal."
        height = self.snapshot.height if self.snapshot is not None else None
        return verb_refusal(entry.id, self._proposal, height)

    def check_action(self, action_name: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer shows what can be done now; what only read-only bars stays visible."""
        if action_name not in {*VERBS, "show_calls"}:
            return True
        entry = action(action_name)
        if not self.session.hands.free and entry.changes:
            return None if self._proposal is not None and not self._state_refusal(entry) else False
        return not self.refusal_of(entry)

    def _state_refusal(self, entry: Action) -> str:
        height = self.snapshot.height if self.snapshot is not None else None
        return "" if self._proposal is None else verb_refusal(entry.id, self._proposal, height)

    def action_vote(self) -> None:
        """Vote on it."""
        self._want("vote")

    def action_deposit(self) -> None:
        """Add to its deposit."""
        self._want("deposit")

    def action_finalize(self) -> None:
        """Store how its vote ended."""
        self._want("finalize")

    def action_schedule(self) -> None:
        """Give it its height."""
        self._want("schedule")

    def action_execute(self) -> None:
        """Have its calls made."""
        self._want("execute")

    def action_undo(self) -> None:
        """Take its calls back."""
        self._want("undo")

    def action_replace(self) -> None:
        """Agree on other bytes."""
        self._want("replace")

    def action_rollback(self) -> None:
        """Agree to roll it back."""
        self._want("rollback")

    def action_cancel(self) -> None:
        """Withdraw it."""
        self._want("cancel")

    def action_expire(self) -> None:
        """Store that it ran out of time."""
        self._want("expire")

    def action_show_calls(self) -> None:
        """Show what its calls change."""
        self._want("show_calls")

    def action_addresses(self) -> None:
        """Show each address in both forms, or in one again."""
        self._both_forms = not self._both_forms
        self._draw_report()

    def action_back(self) -> None:
        """Back to the list."""
        self.dismiss()
