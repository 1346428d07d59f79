"""What would be signed, in full, before anything is: sign it, or write it to a file for somebody else to sign."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Button, Static

from console.errors import ConsoleError
from console.model import CallOutcome, CallReview, ChainMessage, MessageReview, RegistryCall, Reviewed, Said
from console.ports.session import Session
from screens.addresses import filecoin_form
from screens.buttons import button
from screens.message_review import message_content
from screens.plan import PlanScreen
from widgets.drawn import BAD, GOOD, MUTED, STRONG, stacked
from widgets.plan_rows import Plan, PlanCheck, check_rows, warning_rows
from widgets.working import begin

SHOWN_DATA = 68
"""Bytes of call data that are shown: the function and its first two arguments; an export holds all of them."""


class ReviewScreen(PlanScreen):
    """One call of a registry, or one message of a Cosmos chain: have the chain try it, show all, then sign or export.

    Dismissed with True when it is in a block.

    Args:
        session: Reviews, signs and exports.
        make: Makes the call, at once or after looking around, or raises ConsoleError: then there is nothing to sign.
        dangerous: Whether the network's name has to be typed.
        emergency: Whether the confirmation unlocks a locked console.
        prefix: `f` or `t`: of the other spelling of an address.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "export", "Export", show=False),
        Binding("a", "addresses", "Addresses", show=False),
    ]

    def __init__(
        self,
        session: Session,
        make: Callable[[], Said | Awaitable[Said]],
        *,
        dangerous: bool = False,
        emergency: bool = False,
        prefix: str = "t",
    ) -> None:
        plan = Plan(
            title="Review and sign",
            effect=(Content.styled("The chain is asked what it would do and cost.", MUTED),),
            label="Sign and send",
            network=session.network,
            typed=session.network if dangerous else "",
        )
        super().__init__(plan, self._send, unlocks=session.hands if emergency else None)
        self._session = session
        self._make = make
        self._prefix = prefix
        self._both_forms = False
        self._review: Reviewed | None = None
        self._outcome: CallOutcome | None = None

    def more_buttons(self) -> Iterable[Button]:
        yield button("Export instead (x)", "export", disabled=True)

    @property
    def outcome(self) -> CallOutcome | None:
        """What came of it; None while it is not in a block."""
        return self._outcome

    def how(self) -> str:
        if self._plan.typed:
            return f"Type {self._plan.typed} and press Enter to {self.verb}; Tab reaches Export; Esc goes back."
        return "y signs and sends, x writes it to a file for another signer, a shows addresses in both forms, Esc back."

    def begin(self) -> None:
        """Ask the chain first: there is nothing to read before it answered."""
        begin(self, self._ask, name="review")

    async def _ask(self) -> None:
        try:
            made = self._make()
            said = made if isinstance(made, RegistryCall | ChainMessage) else await made
            self._review = await self._session.review(said)
        except ConsoleError as error:
            self.query_one(".body", Static).update(Content("Nothing was signed."))
            self.say(Content.assemble(("✗ ", BAD), str(error)))
            return
        self._draw()
        super().begin()

    def _draw(self) -> None:
        if self._review is None:
            return
        if isinstance(self._review, MessageReview):
            self.query_one(".body", Static).update(message_content(self._review, self._session.network))
            return
        form = self._prefix if self._both_forms else ""
        self.query_one(".body", Static).update(review_content(self._review, self._session.network, form))

    async def _send(self, _reason: str) -> str:
        assert self._review is not None  # it can be confirmed only after it was shown
        self._outcome = outcome = await self._session.send(self._review)
        said = self._review.message if isinstance(self._review, MessageReview) else self._review.call
        about = f", as proposal {outcome.proposal_id}" if outcome.proposal_id and not said.proposal_id else ""
        return f"In block {outcome.height:,}{about}: {outcome.transaction}"

    def action_addresses(self) -> None:
        """Show addresses in both forms, or in one again."""
        self._both_forms = not self._both_forms
        self._draw()

    @on(Button.Pressed, "#export")
    def action_export(self) -> None:
        """Write it to a file: for a multisig, a hardware wallet or another machine."""
        if self.armed and not self.busy and self._review is not None and self._outcome is None:
            begin(self, partial(self._export, self._review), name="export")

    async def _export(self, review: Reviewed) -> None:
        try:
            path = await self._session.export(review)
        except ConsoleError as error:
            self.say(Content.assemble(("✗ ", BAD), str(error)))
        else:
            self.say(Content.assemble(("✓ ", GOOD), f"Written, unsigned, to {path}. Nothing was sent."))


def review_content(review: CallReview, network: str, prefix: str = "") -> Content:
    """Everything that would be signed, in words and in bytes.

    Args:
        review: Read from the chain.
        network: The network's name in the settings.
        prefix: Given, addresses stand there in their Filecoin spelling as well.
    """
    size = (len(review.data) - 2) // 2
    shown = review.data[: 2 + 2 * SHOWN_DATA]
    rows = [
        ("function", review.described),
        ("target", review.target),
        *([("", filecoin_form(review.target, prefix))] if prefix else []),
        ("network", f"{network}, chain id {review.chain_id}"),
        ("signed by", f"{review.sender} ({review.call.key.value})"),
        *([("", filecoin_form(review.sender, prefix))] if prefix else []),
        ("nonce", str(review.nonce)),
        ("gas", f"at most {review.gas:,}"),
        ("cost", f"at most {coins(review.cost_wei)} of the chain's coin"),
        ("to undo", review.call.undo or "—"),
        ("data", f"{size} bytes: {shown}{'…' if len(shown) < len(review.data) else ''}"),
    ]
    return stacked(
        Content.styled(review.call.effect, STRONG),
        "",
        *(Content.assemble((f"{name:<11}", MUTED), value) for name, value in rows),
        *check_rows(PlanCheck("the chain, asked just now, would carry it out", passed=True), "checks"),
        *(line for warning in review.warnings for line in warning_rows(warning)),
    )


def coins(wei: int) -> str:
    """An amount of the chain's coin, exactly: `0.00036`."""
    return f"{(Decimal(wei) / Decimal(10**18)).normalize():f}"
