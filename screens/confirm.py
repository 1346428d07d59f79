"""The confirm step: says exactly what will be done, to what, and cannot be confirmed by keys typed ahead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from console.errors import ConsoleError
from widgets.drawn import BAD, GOOD, MUTED

ARMS_AFTER_S = 0.6
"""Seconds after the first paint before the dialog can be confirmed: keys typed ahead are over by then."""
MAX_REASON = 500
"""Characters of a typed reason that the controller takes."""


def button(label: str, id: str, *, disabled: bool = False) -> Button:
    """A one-line button whose brackets stay visible without colour."""
    return Button(Content(f"[ {label} ]"), id=id, compact=True, disabled=disabled)


class ConfirmScreen(ModalScreen[bool]):
    """Asks once more. Dismissed with True when confirmed (and the operation, if any, succeeded).

    Args:
        title: What is asked, in a few words.
        body: Exactly what will happen.
        label: The confirming button's words.
        operation: Carried out on confirmation, here in place: returns the sentence to show, or raises ConsoleError.
            Without one the screen is dismissed with the answer.
    """

    CSS_PATH = "modal.tcss"
    # The safe button has the focus before the first key can arrive (facts/tui.md §0.3).
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("y", "confirm", "Confirm", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(
        self, title: str, body: Content, label: str, operation: Callable[[], Awaitable[str]] | None = None
    ) -> None:
        super().__init__()
        self._title = title
        self._body = body
        self._label = label
        self._operation = operation
        self._armed = False
        self._busy = False
        self._succeeded = False

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box", can_focus=False) as box:
            box.border_title = Content(self._title)
            yield Static(self._body, markup=False, classes="body")
            yield from self.fields()
            keys = Content.styled("Read it; in a moment it can be confirmed.", MUTED)
            yield Static(keys, markup=False, id="result", classes="result")
            with Horizontal(classes="buttons"):
                yield button("Cancel", "cancel")
                yield button(self.confirm_words(), "confirm", disabled=True)

    def fields(self) -> Iterable[Widget]:
        """What is asked for besides a yes; nothing here."""
        return ()

    def confirm_words(self) -> str:
        """The confirming button's words."""
        return f"{self._label} (y)"

    def how(self) -> str:
        """How it is confirmed."""
        return f"Press y to {self._label.lower()}, Esc to go back."

    def missing(self) -> str:
        """Why it cannot be confirmed as it stands; empty when it can."""
        return ""

    def on_mount(self) -> None:
        self.call_after_refresh(self.set_timer, ARMS_AFTER_S, self._arm)

    def _arm(self) -> None:
        self._armed = True
        self.query_one("#confirm", Button).disabled = False
        # Said only now: who reads this may press it.
        self._say(Content.styled(self.how(), MUTED))

    @on(Button.Pressed, "#confirm")
    def action_confirm(self) -> None:
        """Confirm, once, and not before the dialog could be read."""
        if not self._armed or self._busy or self._succeeded:
            return
        if missing := self.missing():
            self._say(Content.assemble(("✗ ", BAD), missing))
            return
        if self._operation is None:
            self.dismiss(True)
            return
        self._busy = True
        self._buttons(disabled=True)
        self._say(Content("Working; the answer appears here."))
        self.run_worker(self._carry_out(self._operation), exit_on_error=True)

    async def _carry_out(self, operation: Callable[[], Awaitable[str]]) -> None:
        try:
            sentence = await operation()
        except ConsoleError as error:
            self._say(Content.assemble(("✗ ", BAD), str(error)))
            self._buttons(disabled=False)
        else:
            self._succeeded = True
            self._say(Content.assemble(("✓ ", GOOD), sentence))
            self.query_one("#confirm", Button).display = False
        self._busy = False
        cancel = self.query_one("#cancel", Button)
        cancel.disabled = False
        cancel.label = Content("[ Close ]")
        cancel.focus()

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Go back; while the operation runs there is nothing to go back from."""
        if self._busy:
            self._say(Content("Still working: what was begun cannot be called back, its answer appears here."))
            return
        self.dismiss(self._succeeded)

    def _buttons(self, *, disabled: bool) -> None:
        for each in self.query(Button):
            each.disabled = disabled

    def _say(self, content: Content) -> None:
        self.query_one("#result", Static).update(content)


class ReasonScreen(ConfirmScreen):
    """Asks once more, and why: the reason is typed and goes into the journal.

    Args:
        title: What is asked, in a few words.
        body: Exactly what will happen.
        label: The confirming button's words.
        operation: As of `ConfirmScreen`; gets the reason.
    """

    # Nothing that is typed ahead confirms here: it is text until Enter, and before the dialog is armed nothing is sent.
    AUTO_FOCUS = "#reason"

    def __init__(self, title: str, body: Content, label: str, operation: Callable[[str], Awaitable[str]]) -> None:
        async def with_reason() -> str:
            return await operation(self._reason)

        super().__init__(title, body, label, with_reason)

    @property
    def _reason(self) -> str:
        return self.query_one("#reason", Input).value.strip()

    def fields(self) -> Iterable[Widget]:
        yield Input(placeholder="why", id="reason", compact=True, select_on_focus=False, max_length=MAX_REASON)

    def confirm_words(self) -> str:
        return self._label

    def how(self) -> str:
        return f"Type why, then press Enter to {self._label.lower()}; Esc to go back."

    def missing(self) -> str:
        return "" if self._reason else "A reason is needed, for the journal."

    @on(Input.Submitted, "#reason")
    def reason_typed(self) -> None:
        """Confirm with the reason as it stands."""
        self.action_confirm()
