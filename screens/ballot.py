"""A vote of x/gov: four sides or a split, beside the tally as it stands; the next step shows what would be signed."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.reactive import var
from textual.widgets import Button

from console.model import Proposal, Snapshot
from console.operations.chain_messages import VOTE_CHOICES
from console.text import shortened
from screens.buttons import button
from screens.sized import Dialog
from widgets.ballot_words import outcome_words, rules_line, shares_line, turnout_line, until_words
from widgets.drawn import MUTED, STRONG, WARN, Grown, stacked

MOST_TITLE = 140
"""Columns of a proposal's title: what every SDK takes by default."""

_LABELS = {"yes": "Yes…", "no": "No…", "abstain": "Abstain…", "no-with-veto": "Veto…"}

SPLIT = "split"
"""Some of the stake for one side and some for another; how much is asked next."""


class BallotScreen(Dialog[str | None]):
    """Chooses a side. Dismissed with one of `VOTE_CHOICES`, `SPLIT`, or None.

    Args:
        proposal: Voted on.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    snapshot: var[Snapshot | None] = var(None)
    """The newest picture, bound by the application: the tally moves while one thinks."""
    now: var[float] = var(0.0)
    """Unix seconds, bound by the application."""

    def __init__(self, proposal: Proposal) -> None:
        super().__init__()
        self._proposal = proposal

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box", can_focus=False) as box:
            box.border_title = Content(f"Vote on proposal {self._proposal.id}")
            yield Grown(classes="body")
            with Horizontal(classes="buttons"):
                yield button("Cancel", "cancel")
                for choice in VOTE_CHOICES:
                    yield button(_LABELS[choice], choice)
                yield button("Split…", SPLIT)

    def on_mount(self) -> None:
        self._draw()

    def watch_snapshot(self) -> None:
        if self.is_mounted:
            self._draw()

    def watch_now(self) -> None:
        if self.is_mounted:
            self._draw()

    def _draw(self) -> None:
        chain = None if self.snapshot is None else self.snapshot.chain
        proposals = () if chain is None else chain.proposals
        found = next((entry for entry in proposals if entry.id == self._proposal.id), self._proposal)
        self.query_one(".body", Grown).draw(ballot_body(found, self.now))

    @on(Button.Pressed)
    def chosen(self, event: Button.Pressed) -> None:
        """Take a side, or none."""
        self.dismiss(event.button.id if event.button.id in (*VOTE_CHOICES, SPLIT) else None)

    def action_cancel(self) -> None:
        """Take none."""
        self.dismiss(None)


def ballot_body(proposal: Proposal, now: float) -> Content:
    """What is voted on, how the vote stands, and what each side means."""
    ballot = proposal.ballot
    if ballot is None:
        return Content("The chain tells nothing of this vote.")
    what = "cancels the scheduled upgrade" if ballot.cancels else f"{proposal.name} at block {proposal.target_height:,}"
    return stacked(
        Content.assemble(
            (shortened(ballot.title or proposal.name, MOST_TITLE), STRONG), f" (proposal {proposal.id}): {what}"
        ),
        *(
            [Content.styled(f"It runs {ballot.messages} messages: read them all first.", WARN)]
            if ballot.messages > 1
            else []
        ),
        "",
        Content(shares_line(ballot)),
        Content(turnout_line(ballot)),
        Content.styled(outcome_words(ballot), MUTED),
        Content.styled(f"It needs {rules_line(ballot)}.", MUTED),
        Content.styled(f"The vote ends {until_words(ballot.voting_ends_at, now)}.", MUTED),
        "",
        Content.styled("A veto is a no that also burns the deposit if enough join. The last vote counts.", MUTED),
    )
