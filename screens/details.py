"""What a call needs to be told in words or numbers, before it is reviewed: a reason, a hash and a URL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from console.errors import ConsoleError
from screens.buttons import button
from screens.sized import Dialog
from widgets.drawn import BAD, MUTED


@dataclass(frozen=True, slots=True)
class Detail:
    """One field."""

    name: str
    label: str
    guide: str
    """What is expected, in a few words."""
    most: int = 512
    """Characters."""


class DetailsScreen(Dialog[dict[str, str] | None]):
    """Asks for details. Dismissed with what was typed once `check` has nothing against it, or with None.

    Args:
        title: What it is for.
        body: What it will do.
        details: The fields in order.
        check: Raises ConsoleError for what cannot be used.
        draft: What was typed before; kept up to date.
        then: What the next step shows.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        body: Content,
        details: tuple[Detail, ...],
        check: Callable[[dict[str, str]], object],
        draft: dict[str, str] | None = None,
        *,
        then: str = "what would be signed",
    ) -> None:
        super().__init__()
        self._title = title
        self._body = body
        self._details = details
        self._check = check
        self._draft = {} if draft is None else draft
        self._then = then

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box", can_focus=False) as box:
            box.border_title = Content(self._title)
            yield Static(self._body, markup=False, classes="body")
            for detail in self._details:
                yield Static(
                    Content.assemble(detail.label, (f": {detail.guide}", MUTED)), markup=False, classes="asked"
                )
                yield Input(
                    self._draft.get(detail.name, ""),
                    id=f"detail-{detail.name}",
                    compact=True,
                    select_on_focus=False,
                    max_length=detail.most,
                )
            hint = f"Enter goes on; the next step shows {self._then}. Esc goes back."
            yield Static(Content.styled(hint, MUTED), markup=False, id="result", classes="result")
            with Horizontal(classes="buttons"):
                yield button("Cancel", "cancel")
                yield button("Review…", "review")

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False

    def typed(self) -> dict[str, str]:
        """What stands in the fields."""
        return {detail.name: self.query_one(f"#detail-{detail.name}", Input).value.strip() for detail in self._details}

    @on(Input.Changed)
    def keep(self) -> None:
        """Nothing typed is lost by going back."""
        self._draft.update(self.typed())

    @on(Input.Submitted)
    def next_field(self, event: Input.Submitted) -> None:
        """Enter goes to the next field, from the last one to the review."""
        if event.input.id == f"detail-{self._details[-1].name}":
            self.review()
        else:
            self.focus_next()

    @on(Button.Pressed, "#review")
    def review(self) -> None:
        """Go on, if it can be used."""
        typed = self.typed()
        try:
            self._check(typed)
        except ConsoleError as error:
            self.query_one("#result", Static).update(Content.assemble(("✗ ", BAD), str(error)))
            return
        self.dismiss(typed)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Go back."""
        self.dismiss(None)
