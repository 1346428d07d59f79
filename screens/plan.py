"""The plan of an action: says exactly what will be done, to what, and cannot be confirmed by accident."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from console.errors import ConsoleError
from console.hand_lock import HandLock
from screens.buttons import button
from screens.dressed import DressedApp
from screens.quiet import SETTLES_AFTER_S, Quiet
from screens.sized import Dialog
from widgets.drawn import BAD, GOOD, MUTED
from widgets.plan_rows import Plan, plan_content
from widgets.working import begin

ARMS_AFTER_S = 0.6
"""Seconds after the first paint before the dialog can be confirmed: keys typed ahead are over by then."""
QUIET_S = 0.3
"""Seconds without a key before it can be confirmed: a key that is held down repeats faster."""
MAX_REASON = 500
"""Characters of a typed reason that the controller takes."""

Operation = Callable[[str], Awaitable[str]]
"""Carries the action out with the typed reason (empty where none is asked), or raises.

Returns what to say; empty where the screen behind shows what comes of it, and the plan closes by itself."""


class TypedField(Input):
    """Takes a word key by key; what is pasted is not typed."""

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()


class PlanScreen(Dialog[bool]):
    """Shows a plan and asks for its confirmation. Dismissed with True when confirmed and carried out.

    It cannot be confirmed before it could be read and the keyboard was quiet, nor by a key that came in a burst:
    typed ahead, pasted, or held down.

    Args:
        plan: What is asked.
        operation: Carried out on confirmation, here in place; without one the confirmation is the answer.
        unlocks: A lock that the confirmation opens first: an emergency may not wait for a second dialog.
    """

    CSS_PATH = "modal.tcss"
    # The safe button has the focus before the first key can arrive (facts/tui.md §0.3).
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("y", "confirm", "Confirm", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
    ]

    def __init__(self, plan: Plan, operation: Operation | None, *, unlocks: HandLock | None = None) -> None:
        super().__init__()
        self._plan = plan
        self._operation = operation
        self._unlocks = unlocks
        self._armed = False
        self._asked = False
        self._busy = False
        self._succeeded = False
        if plan.reason or plan.typed:
            # What is typed ahead there is text, and gone when the dialog can be confirmed.
            self.AUTO_FOCUS = "#reason" if plan.reason else "#typed"  # type: ignore[misc]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box", can_focus=False) as box:
            badge = self.app.badge if isinstance(self.app, DressedApp) else Content("")
            box.border_title = Content.assemble(self._plan.title, badge)
            with VerticalScroll(id="asked", can_focus=False):
                yield Static(self.body(), markup=False, classes="body")
            yield from self._fields()
            keys = Content.styled("Read it; in a moment it can be confirmed.", MUTED)
            yield Static(keys, markup=False, id="result", classes="result")
            with Horizontal(classes="buttons"):
                yield button("Cancel", "cancel")
                by_key = "" if self._plan.typed or self._plan.reason else " (y)"
                yield button(f"{self._plan.label}{by_key}", "confirm", disabled=True)
                yield from self.more_buttons()

    def body(self) -> Content:
        """What is asked."""
        return plan_content(self._plan)

    def more_buttons(self) -> Iterable[Button]:
        """What else can be done than yes or no; nothing here."""
        return ()

    def _fields(self) -> Iterable[Input]:
        if self._plan.reason:
            yield Input(
                placeholder="why, for the journal",
                id="reason",
                compact=True,
                select_on_focus=False,
                max_length=MAX_REASON,
            )
        if self._plan.typed:
            yield TypedField(placeholder=f"{self._plan.typed}, to say that you mean it", id="typed", compact=True)

    @property
    def verb(self) -> str:
        """What the confirmation does, in lower case."""
        unlocks = self._operation is not None and self._unlocks is not None and self._unlocks.locked
        return f"{'unlock the console and ' if unlocks else ''}{self._plan.label.lower()}"

    def how(self) -> str:
        """How it is confirmed."""
        plan = self._plan
        pieces = [*(["why"] if plan.reason else []), *([plan.typed] if plan.typed else [])]
        if not pieces:
            return f"Press y to {self.verb}, Esc to go back."
        return f"Type {', then '.join(pieces)} and press Enter to {self.verb}; Esc goes back."

    def missing(self) -> str:
        """Why it cannot be confirmed as it stands; empty when it can."""
        plan = self._plan
        if plan.reason and not self._reason:
            return "A reason is needed, for the journal."
        if plan.typed and self.query_one("#typed", TypedField).value != plan.typed:
            return f"Type the {plan.typed_is}, {plan.typed}, exactly: it shows that this is the one you mean."
        return ""

    def on_mount(self) -> None:
        for field in self.query(Input):
            # A cursor that blinks is two redraws a second over a slow link.
            field.cursor_blink = False
        # What was said before may not cover the answers.
        self.app.clear_notifications()
        self.begin()

    def begin(self) -> None:
        """What is asked stands there: let it be read, then let it be confirmed."""
        self.call_after_refresh(self.set_timer, ARMS_AFTER_S, self._when_quiet)

    def _when_quiet(self) -> None:
        left = QUIET_S - self._quiet.since(time.monotonic())
        if left > 0:
            self.set_timer(left, self._when_quiet)
        else:
            self.arm()

    def arm(self) -> None:
        """From now on it can be confirmed."""
        self._armed = True
        for field in self.query(TypedField):
            # What was typed before it could be read counts for nothing.
            field.value = ""
        for each in self.query(Button):
            each.disabled = False
        asked = self.query_one("#asked")
        if asked.max_scroll_y:
            self.query_one(".box").border_subtitle = Content("PgDn shows the rest")
        # Said only now: who reads this may press it.
        self.say(Content.styled(self.how(), MUTED))

    @on(Input.Submitted, "#reason,#typed")
    def typed(self, event: Input.Submitted) -> None:
        """Enter leads to the next field, from the last one to the confirmation."""
        if event.input.id == "reason" and self._plan.typed and self._reason:
            self.query_one("#typed", TypedField).focus()
        else:
            self.action_confirm()

    @on(Button.Pressed, "#confirm")
    def action_confirm(self) -> None:
        """Confirm, once, if it could be read and this key came alone."""
        if not self._armed or self._asked or self._busy or self._succeeded:
            return
        if missing := self.missing():
            self.say(Content.assemble(("✗ ", BAD), missing))
        elif not self._quiet.alone:
            self._burst()
        else:
            self._asked = True
            self.set_timer(SETTLES_AFTER_S, self._confirmed_at(self._quiet.count))

    def _confirmed_at(self, count: int) -> Callable[[], None]:
        def settled() -> None:
            self._asked = False
            if self._quiet.count != count:
                self._burst()
            elif self._armed and not self._busy and not self._succeeded:
                self._begin_work()

        return settled

    def _burst(self) -> None:
        key = "Enter" if self._plan.typed or self._plan.reason else "y"
        self.say(Content.assemble(("✗ ", BAD), f"That key came in a burst. Read it again, then press {key} alone."))

    def _begin_work(self) -> None:
        if self._unlocks is not None:
            self._unlocks.unlock()
        if self._operation is None:
            self.dismiss(True)
            return
        self._busy = True
        for each in self.query(Button):
            each.disabled = True
        self.say(Content("Working; the answer appears here."))
        begin(self, partial(self._carry_out, self._operation))

    async def _carry_out(self, operation: Operation) -> None:
        try:
            sentence = await operation(self._reason)
        except ConsoleError as error:
            self.say(Content.assemble(("✗ ", BAD), str(error)))
            for each in self.query(Button):
                each.disabled = False
        else:
            self._succeeded = True
            if not sentence:
                self._busy = False
                self.dismiss(True)
                return
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

    def action_scroll(self, rows: int) -> None:
        """Move what is asked; the focus stays on the answers."""
        self.query_one("#asked").scroll_relative(y=rows, animate=False)

    @property
    def armed(self) -> bool:
        """Whether it could be read."""
        return self._armed

    @property
    def busy(self) -> bool:
        """Whether it is being carried out."""
        return self._busy or self._asked

    @property
    def _reason(self) -> str:
        return self.query_one("#reason", Input).value.strip() if self._plan.reason else ""

    @property
    def _quiet(self) -> Quiet:
        assert isinstance(self.app, DressedApp)  # nothing else of ours opens dialogs
        return self.app.quiet

    def say(self, content: Content) -> None:
        """Show how it stands."""
        result = self.query_one("#result", Static)
        result.update(content)
        # At 24 rows what is asked may be longer than the dialog; the answer to it is always seen.
        self.call_after_refresh(result.scroll_visible, animate=False)
