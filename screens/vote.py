"""Yes or no on a proposal; the next step shows what would be signed."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from console.model import Proposal
from screens.buttons import button
from screens.sized import Dialog
from widgets.drawn import BAD, MUTED, STRONG, WARN, stacked
from widgets.proposal_words import vote_words


class VoteScreen(Dialog[bool | None]):
    """Chooses a side. Dismissed with True for yes, False for no, None for neither.

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

    def __init__(self, proposal: Proposal) -> None:
        super().__init__()
        self._proposal = proposal

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = Content(f"Vote on proposal {self._proposal.id}")
            yield Static(vote_body(self._proposal), markup=False, classes="body")
            with Horizontal(classes="buttons"):
                yield button("Cancel", "cancel")
                yield button("Yes…", "yes")
                yield button("No…", "no")

    @on(Button.Pressed, "#yes")
    def choose_yes(self) -> None:
        """Vote yes."""
        self.dismiss(True)

    @on(Button.Pressed, "#no")
    def choose_no(self) -> None:
        """Vote no."""
        self.dismiss(False)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Choose neither."""
        self.dismiss(None)


def vote_body(proposal: Proposal) -> Content:
    """What is voted on, with everything that is unusual about it."""
    warnings = []
    if proposal.expedited:
        warnings.append("EXPEDITED: the vote is open for less than this registry's usual time.")
    if proposal.linked_calls:
        calls = f"{proposal.linked_calls} contract call{'' if proposal.linked_calls == 1 else 's'}"
        warnings.append(f"It has {calls} made: read them with d before you vote.")
    if proposal.init_allowed:
        warnings.append("A cut of it may run an initialiser, with all rights of the diamond.")
    return stacked(
        Content.assemble((proposal.name, STRONG), f" (proposal {proposal.id})"),
        *([Content.styled(proposal.release_hash, STRONG)] if proposal.release_hash else []),
        vote_words(proposal),
        *(Content.assemble(("! ", BAD), (warning, WARN)) for warning in warnings),
        "",
        Content.styled("A vote may be changed while the vote is open. The next step shows what is signed.", MUTED),
    )
