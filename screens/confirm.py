"""The confirm step: says exactly what will be done, to what, and cannot be confirmed by keys typed ahead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from console.errors import ConsoleError
from widgets.drawn import BAD, GOOD, MUTED

ARMS_AFTER_S = 0.6
"""Seconds after the first paint before the dialog can be confirmed: keys typed ahead are over by then."""
SETTLES_AFTER_S = 0.15
"""Seconds without a key after which a typed name counts: what is pasted as keys comes with its Enter at once."""
MAX_REASON = 500
"""Characters of a typed reason that the controller takes."""


def button(label: str, id: str, *, disabled: bool = False) -> Button:
    """A one-line button whose brackets stay visible without colour."""
    return Button(Content(f"[ {label} ]"), id=id, compact=True, disabled=disabled)


class NameField(Input):
    """Takes a name key by key; what is pasted is not typed."""

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()


class ConfirmScreen(ModalScreen[bool]):
    """Asks once more. Dismissed with True when confirmed (and the operation, if any, succeeded).

    Args:
        title: What is asked, in a few words.
        body: Exactly what will happen.
        label: The confirming button's words.
        operation: Carried out on confirmation, here in place: returns the sentence to show, or raises ConsoleError.
            Without one the screen is dismissed with the answer.
        named: The network's name where it has to be typed, whole, after the dialog could be read.
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
        self,
        title: str,
        body: Content,
        label: str,
        operation: Callable[[], Awaitable[str]] | None = None,
        *,
        named: str = "",
    ) -> None:
        super().__init__()
        self._title = title
        self._body = body
        self._label = label
        self._operation = operation
        self._named = named
        self._settled = False
        self._settling: Timer | None = None
        if named:
            # Nothing that is typed ahead confirms there: it is text, and gone when the dialog can be confirmed.
            self.AUTO_FOCUS = "#named"  # type: ignore[misc]
        self._armed = False
        self._busy = False
        self._succeeded = False

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box", can_focus=False) as box:
            box.border_title = Content(self._title)
            with VerticalScroll(id="asked", can_focus=False):
                yield Static(self._body, markup=False, classes="body")
            yield from self.fields()
            keys = Content.styled("Read it; in a moment it can be confirmed.", MUTED)
            yield Static(keys, markup=False, id="result", classes="result")
            with Horizontal(classes="buttons"):
                yield button("Cancel", "cancel")
                yield button(self.confirm_words(), "confirm", disabled=True)
                yield from self.more_buttons()

    def more_buttons(self) -> Iterable[Button]:
        """What else can be done than yes or no; nothing here."""
        return ()

    def fields(self) -> Iterable[Widget]:
        """What is asked for besides a yes."""
        if self._named:
            yield NameField(placeholder=f"{self._named}, to say that you mean it", id="named", compact=True)

    def confirm_words(self) -> str:
        """The confirming button's words."""
        return self._label if self._named else f"{self._label} (y)"

    def how(self) -> str:
        """How it is confirmed."""
        if self._named:
            return f"Type {self._named} and press Enter to {self._label.lower()}; Esc goes back."
        return f"Press y to {self._label.lower()}, Esc to go back."

    def missing(self) -> str:
        """Why it cannot be confirmed as it stands; empty when it can."""
        if not self._named:
            return ""
        if self.query_one("#named", NameField).value != self._named:
            return f"Type the network's name, {self._named}, exactly: it shows that this is the network you mean."
        return "" if self._settled else "Read it again, then press Enter."

    def on_mount(self) -> None:
        for field in self.query(Input):
            # A cursor that blinks is two redraws a second over a slow link.
            field.cursor_blink = False
        self.begin()

    def begin(self) -> None:
        """What is asked stands there: let it be read, then let it be confirmed."""
        self.call_after_refresh(self.set_timer, ARMS_AFTER_S, self.arm)

    def arm(self) -> None:
        """From now on it can be confirmed."""
        self._armed = True
        for field in self.query(NameField):
            # What was typed before it could be read counts for nothing.
            field.value = ""
        self.query_one("#confirm", Button).disabled = False
        # Said only now: who reads this may press it.
        self.say(Content.styled(self.how(), MUTED))

    @on(Input.Changed, "#named")
    def name_changed(self) -> None:
        """A name counts when the keys have come to rest."""
        self._settled = False
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLES_AFTER_S, self._settle)

    def _settle(self) -> None:
        self._settled = True

    @on(Input.Submitted, "#named")
    def name_typed(self) -> None:
        """Confirm, if it is the name."""
        self.action_confirm()

    @on(Button.Pressed, "#confirm")
    def action_confirm(self) -> None:
        """Confirm, once, and not before the dialog could be read."""
        if not self._armed or self._busy or self._succeeded:
            return
        if missing := self.missing():
            self.say(Content.assemble(("✗ ", BAD), missing))
            return
        if self._operation is None:
            self.dismiss(True)
            return
        self._busy = True
        self._buttons(disabled=True)
        self.say(Content("Working; the answer appears here."))
        self.run_worker(self._carry_out(self._operation), exit_on_error=True)

    async def _carry_out(self, operation: Callable[[], Awaitable[str]]) -> None:
        try:
            sentence = await operation()
        except ConsoleError as error:
            self.say(Content.assemble(("✗ ", BAD), str(error)))
            self._buttons(disabled=False)
        else:
            self._succeeded = True
            self.say(Content.assemble(("✓ ", GOOD), sentence))
            # Nothing is left to be done here but to read what came of it.
            for each in self.query(Button):
                each.display = each.id == "cancel"
        self._busy = False
        cancel = self.query_one("#cancel", Button)
        cancel.disabled = False
        cancel.label = Content("[ Close ]")
        cancel.focus()

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Go back; while the operation runs there is nothing to go back from."""
        if self._busy:
            self.say(Content("Still working: what was begun cannot be called back, its answer appears here."))
            return
        self.dismiss(self._succeeded)

    @property
    def armed(self) -> bool:
        """Whether it could be read."""
        return self._armed

    @property
    def busy(self) -> bool:
        """Whether it is being carried out."""
        return self._busy

    def _buttons(self, *, disabled: bool) -> None:
        for each in self.query(Button):
            each.disabled = disabled

    def say(self, content: Content) -> None:
        """Show how it stands."""
        result = self.query_one("#result", Static)
        result.update(content)
        # At 24 rows what is asked may be longer than the dialog; the answer to it is always seen.
        self.call_after_refresh(result.scroll_visible, animate=False)


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
