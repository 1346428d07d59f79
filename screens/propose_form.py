"""The frame of a propose form: rows of fields, each with what it means below it; what is sent is reviewed apart."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Static

from console.errors import ConsoleError
from console.model import Snapshot, Traffic
from console.ports.session import Session
from screens.addresses import prefix_of
from screens.buttons import button
from screens.propose_rows import Fields, Row
from screens.propose_window import Known, height_of_window
from screens.review import ReviewScreen
from screens.sized import Dialog
from widgets.choice_field import ChoiceField
from widgets.drawn import GOOD, Drawn, Grown
from widgets.working import begin


class ProposeForm(Dialog[int | None]):
    """Proposes an upgrade. Dismissed with the proposal's number, or None.

    Which rows there are, what is wrong with them and what stands below them is each chain's own.

    Args:
        session: Checks, reviews and sends.
        draft: What was typed before; kept up to date, emptied when the proposal was sent.
    """

    CSS_PATH = "modal.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        # With priority, or what is typed ahead on a slow link lands in the field before the Tab took effect.
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]
    ROWS: ClassVar[tuple[Row, ...]] = ()
    """The form from top to bottom."""
    READ: ClassVar[frozenset[str]] = frozenset()
    """Rows whose file is read by a button beside it."""

    snapshot: var[Snapshot | None] = var(None)
    """The newest picture, bound by the application."""
    now: var[float] = var(0.0)
    """Unix seconds, bound by the application."""

    def __init__(self, session: Session, draft: Fields) -> None:
        super().__init__()
        self._session = session
        self._draft = draft
        self._touched: set[str] = {name for name in draft if draft[name]}
        self._refused: Fields = {}
        """The manifest that could not be used, and why; said until another one is named or it is read again."""
        self._sent: int | None = None
        self._traffic: Traffic | None = None

    # What each chain's form says itself

    def problems_of(self, values: Fields) -> Fields:
        """What is wrong, a sentence by the field's name: by the session's check, and what was not read yet."""
        raise NotImplementedError

    def draw_hint(self, row: Row, values: Fields, problem: str) -> None:
        """Draw what stands below a row."""
        raise NotImplementedError

    def shown(self, row: Row, values: Fields) -> bool:
        """Whether a row counts with these values."""
        return row.shown(values)

    def said(self, values: Fields) -> Fields:
        """What is proposed with these values, as `Session.proposal_call` takes it."""
        raise NotImplementedError

    async def take_manifest(self, values: Fields) -> None:
        """Have the manifest that is named read, and take from it what it settles. Raises ConsoleError."""
        raise NotImplementedError

    # The frame

    def compose(self) -> ComposeResult:
        badge = self._session.standing.badge(self._session.network)
        yield Static(Content(f"Propose an upgrade on {badge}"), markup=False, classes="title")
        with VerticalScroll(id="form", can_focus=False):
            for row in self.ROWS:
                with Vertical(id=f"row-{row.name}", classes="group"):
                    with Horizontal(classes="row"):
                        yield Static(Content(row.label), markup=False)
                        yield self._field(row)
                        if row.name in self.READ:
                            yield button("Read…", f"read-{row.name}", disabled=True)
                    if row.hint_rows == 1:
                        yield Grown(id=f"hint-{row.name}", classes="hint")
                    elif row.hint_rows:
                        yield Drawn(id=f"hint-{row.name}", classes="hint -tall-hint")
        yield Drawn(id="result")
        with Horizontal(classes="buttons"):
            yield button("Review…", "submit", disabled=True)
            yield button("Close", "close")

    def _field(self, row: Row) -> Input | Checkbox | ChoiceField:
        value = self._draft.get(row.name, row.start)
        if row.choices:
            return ChoiceField(row.choices, value, id=f"field-{row.name}")
        if row.switch:
            return Checkbox(Content(row.switch), value == "yes", id=f"field-{row.name}", compact=True)
        return Input(value, id=f"field-{row.name}", compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
        self.check()
        begin(self, self._ask_traffic, name="traffic")

    async def _ask_traffic(self) -> None:
        try:
            self._traffic = await self._session.traffic()
        except ConsoleError as error:
            self._traffic = Traffic((), "", str(error))
        self.check()

    def watch_snapshot(self) -> None:
        if self.is_mounted:
            self.check()

    def watch_now(self) -> None:
        if self.is_mounted:
            values = self.values()
            self._draw_hints(values, self.problems_of(values))

    def values(self) -> Fields:
        """What stands in every field, shown or not."""
        values: Fields = {}
        for row in self.ROWS:
            field = self.query_one(f"#field-{row.name}")
            if isinstance(field, Checkbox):
                values[row.name] = "yes" if field.value else "no"
            elif isinstance(field, ChoiceField):
                values[row.name] = field.value
            elif isinstance(field, Input):
                values[row.name] = field.value.strip()
        return values

    def fields(self) -> Fields:
        """What is proposed, as `Session.proposal_call` takes it."""
        return self.said(self.values())

    def fill(self, name: str, value: str) -> None:
        """Write into a field what was settled elsewhere."""
        self.query_one(f"#field-{name}", Input).value = value

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """What a field's value means stands below it: both are in sight."""
        self._show_group(event.widget)

    def on_resize(self) -> None:
        """What is being filled in stays in sight."""
        if self.focused is not None:
            self.call_after_refresh(self._show_group, self.focused)

    def _show_group(self, field: Widget) -> None:
        for parent in field.ancestors:
            if isinstance(parent, Vertical) and parent.has_class("group"):
                parent.scroll_visible(animate=False)
                return

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Check after each change."""
        name = (event.input.id or "").removeprefix("field-")
        self._touched.add(name)
        height = height_of_window(event.value.strip(), self.known) if name == "clock" else None
        if height is not None:
            # Once, as it is typed: a height that went on moving could not be agreed on.
            self.fill("height", str(height))
        self.check()

    @on(Checkbox.Changed)
    @on(ChoiceField.Changed)
    def switched(self) -> None:
        """Check after each change."""
        self.check()

    @on(Input.Submitted)
    def next_field(self) -> None:
        """Enter goes on to the next field; it never sends."""
        self.focus_next()

    @on(Button.Pressed, "#read-manifest")
    def read_manifest(self) -> None:
        """Take from the manifest what it settles."""
        begin(self, partial(self._take_manifest, self.values()), name="manifest", exclusive=True)

    async def _take_manifest(self, values: Fields) -> None:
        self._refused = {}
        try:
            await self.take_manifest(values)
        except ConsoleError as error:
            self._refused = {"path": values["manifest"], "why": str(error)}
        self.check()

    @on(Button.Pressed, "#submit")
    def ask(self) -> None:
        """Show exactly what would be signed."""
        if self.check() or self._sent is not None:
            return
        make = partial(self._session.proposal_call, self.fields())
        review = ReviewScreen(self._session, make, prefix=prefix_of(self.snapshot))

        def answered(sent: bool | None) -> None:
            if sent and review.outcome is not None:
                self._done(review.outcome.proposal_id)

        self.app.push_screen(review, answered)

    def _done(self, number: int) -> None:
        name = self.values()["name"]
        about = f" ({name})" if name else ""
        self._sent = number
        self._draft.clear()
        words = f"Proposal {number}{about} is on the chain. Close this form; 2, Enter shows it in full."
        self.query_one("#result", Drawn).draw(Content.assemble(("✓ ", GOOD), words))
        for row in self.ROWS:
            self.query_one(f"#field-{row.name}").disabled = True
        self.check()
        self.query_one("#close", Button).focus()

    @on(Button.Pressed, "#close")
    def action_close(self) -> None:
        """Go back; what was typed is kept for the next time."""
        self.dismiss(self._sent)

    @property
    def known(self) -> Known:
        """What a typed window is held against."""
        return Known(self.snapshot, self._traffic, self._session.maintenance, self.now)

    def check(self) -> Fields:
        """Check what is typed, and draw what follows; the problems by field."""
        values = self.values()
        if self._sent is None:
            self._draft.update(values)
        for row in self.ROWS:
            self.query_one(f"#row-{row.name}").display = self.shown(row, values)
        problems = self.problems_of(values)
        self._draw_hints(values, problems)
        for name in self.READ:
            self.query_one(f"#read-{name}", Button).disabled = not values[name] or self._sent is not None
        self.query_one("#submit", Button).disabled = bool(problems) or self._sent is not None
        return problems

    def _draw_hints(self, values: Fields, problems: Fields) -> None:
        for row in self.ROWS:
            if row.hint_rows and self._sent is None:
                self.draw_hint(row, values, problems.get(row.name, ""))
            elif row.hint_rows:
                # On the chain: what would be wrong with sending it again is not worth a word.
                self.query_one(f"#hint-{row.name}", Drawn).draw(Content(""))
