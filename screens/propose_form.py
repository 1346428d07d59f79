"""The frame of a propose form: rows of fields, each with what it means below it; what is sent is reviewed apart."""

from __future__ import annotations

import asyncio
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
from console.model import ProposalDraft, Snapshot, Traffic
from console.operations.proposal_draft import proposed_as
from console.ports.session import Session
from console.procedures.prepared import newest_draft
from console.text import utc
from screens.addresses import prefix_of
from screens.buttons import button
from screens.propose_draft import MISSING, asked, chain_of, draft_words, question_rows
from screens.propose_rows import Fields, Row
from screens.propose_window import Known, height_of_window
from screens.review import ReviewScreen
from screens.sized import Dialog
from widgets.choice_field import ChoiceField
from widgets.drawn import GOOD, WARN, Drawn, Grown
from widgets.tick_box import TickBox
from widgets.working import begin


class ProposeForm(Dialog[int | None]):
    """Proposes an upgrade. Dismissed with the proposal's number, or None.

    Which rows there are, what is wrong with them and what stands below them is each chain's own.

    Args:
        session: Checks, reviews and sends.
        typed: What was typed before; kept up to date, emptied when the proposal was sent.
        draft: What it was filled in from: what that lacks is marked, and bars the way until people have said it.
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

    def __init__(self, session: Session, typed: Fields, draft: ProposalDraft | None = None) -> None:
        super().__init__()
        self._session = session
        self._typed = typed
        self._draft = draft
        self.rows = (*question_rows(draft), *self.ROWS)
        """The questions of the draft, and the form."""
        self._touched: set[str] = {name for name in typed if typed[name]}
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
        what = "an upgrade" if self._draft is None else "a revert upgrade"
        yield Static(Content(f"Propose {what} on {badge}"), markup=False, classes="title")
        with VerticalScroll(id="form", can_focus=False):
            if self._draft is not None:
                yield Static(draft_words(self._draft), markup=False, id="draft-words")
            for row in self.rows:
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
            if self._draft is None:
                yield button("Take the draft…", "take-draft")

    def _field(self, row: Row) -> Input | TickBox | ChoiceField:
        value = self._typed.get(row.name, row.start)
        if row.choices:
            return ChoiceField(row.choices, value, id=f"field-{row.name}")
        if row.switch:
            return TickBox(Content(row.switch), value == "yes", id=f"field-{row.name}", compact=True)
        return Input(value, id=f"field-{row.name}", compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
        problems = self.check()
        begin(self, self._ask_traffic, name="traffic")
        if self._draft is None:
            self.query_one("#take-draft").display = False
            begin(self, self._look_for_a_draft, name="draft")
        elif wanting := next((row.name for row in self.rows if row.name in problems), ""):
            self.query_one(f"#field-{wanting}").focus()

    async def _look_for_a_draft(self) -> None:
        try:
            draft = await asyncio.to_thread(newest_draft, await self._session.procedures(), chain_of(self.snapshot))
        except ConsoleError:
            # Whoever asks for it by its key is told why it cannot be used.
            return
        if draft is not None and self._sent is None:
            words = f"A draft that takes {draft.takes_back} back lies ready, of {utc(draft.written_at)}."
            self.query_one("#result", Drawn).draw(Content(words))
            self.query_one("#take-draft").display = True

    @on(Button.Pressed, "#take-draft")
    def take_draft(self) -> None:
        """Go on with the draft in place of this form; what was typed here is kept."""
        self.dismiss(None)
        self.app.call_later(self.app.run_action, "propose_draft")

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
            self._draw_hints(values, self._problems(values))

    def values(self) -> Fields:
        """What stands in every field, shown or not."""
        values: Fields = {}
        for row in self.rows:
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
        self._typed.clear()
        words = f"Proposal {number}{about} is on the chain. Close this form; 2, Enter shows it in full."
        self.query_one("#result", Drawn).draw(Content.assemble(("✓ ", GOOD), words))
        for row in self.rows:
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
            self._typed.update(values)
        for row in self.rows:
            self.query_one(f"#row-{row.name}").display = self.shown(row, values)
        problems = self._problems(values)
        self._draw_hints(values, problems)
        if self._draft is not None and self._sent is None:
            self.query_one("#result", Drawn).draw(self._still_missing(problems))
        for name in self.READ:
            self.query_one(f"#read-{name}", Button).disabled = not values[name] or self._sent is not None
        self.query_one("#submit", Button).disabled = bool(problems) or self._sent is not None
        return problems

    def _problems(self, values: Fields) -> Fields:
        """What is wrong, and what the draft lacks of what counts."""
        problems = self.problems_of(values)
        draft = self._draft
        if draft is None:
            return problems
        number = proposed_as(draft, chain_of(self.snapshot))
        if number and values["name"] == draft.fields.get("name"):
            problems["name"] = f"proposal {number} has this name already: look at that one and vote on it"
        wanting = {**draft.unfilled(values), **{asked(name): words for name, words in draft.questions.items()}}
        for row in self.rows:
            if row.name in wanting and self.shown(row, values) and values[row.name] in {"", "no"}:
                problems[row.name] = wanting[row.name]
        return problems

    def _still_missing(self, problems: Fields) -> Content:
        """What bars the way from a draft to its review, by the rows' labels."""
        labels = [row.label for row in self.rows if row.name in problems]
        if not labels:
            return Content.assemble(("✓ ", GOOD), "Complete. Review… shows what would be signed; it sends nothing yet.")
        return Content.assemble(("! ", WARN), f"Not complete yet: {', '.join(dict.fromkeys(labels))}")

    def lacking(self, row: Row, values: Fields) -> str:
        """What the draft lacks in this row, in words; empty for nothing."""
        return "" if self._draft is None else self._draft.unfilled(values).get(row.name, "")

    def _draw_hints(self, values: Fields, problems: Fields) -> None:
        for row in self.rows:
            hint = self.query_one(f"#hint-{row.name}", Drawn) if row.hint_rows else None
            if hint is None:
                continue
            if self._sent is not None:
                # On the chain: what would be wrong with sending it again is not worth a word.
                hint.draw(Content(""))
            elif row.name.startswith(asked("")):
                sign = ("✓ settled: ", GOOD) if values[row.name] == "yes" else MISSING
                hint.draw(Content.assemble(sign, row.guide))
            elif (words := self.lacking(row, values)) and row.hint_rows == 1:
                hint.draw(Content.assemble(MISSING, words))
            else:
                self.draw_hint(row, values, problems.get(row.name, ""))
