"""The propose form of a Cosmos chain: a software upgrade, or its cancelling; what is sent is reviewed apart."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import var
from textual.widgets import Button, Checkbox, Input, Static

from console.errors import ConsoleError
from console.model import Snapshot, Traffic
from console.ports.session import Session
from screens.buttons import button
from screens.propose_facts import height_facts
from screens.propose_rows import Fields, Row
from screens.propose_window import Known, height_of_window, window_hint, window_problem
from screens.review import ReviewScreen
from screens.sized import Dialog
from widgets.ballot_words import coins_words
from widgets.drawn import BAD, GOOD, MUTED, WARN, Drawn, Grown, stacked
from widgets.working import begin


def _schedules(fields: Fields) -> bool:
    return fields["cancels"] != "yes"


ROWS = (
    Row("cancels", "What", start="no", switch="cancel the scheduled upgrade"),
    Row("manifest", "Manifest", "its file, where there is one: name and info are taken from it", shown=_schedules),
    Row("name", "Name", "of the plan: the upgrade handler's in the new binary, as v2.0.0", shown=_schedules),
    Row("height", "Height H", "the first block that the new binary executes", shown=_schedules, hint_rows=2),
    Row("clock", "or a window", shown=_schedules),
    Row("info", "Info", "JSON of the binaries with checksums, or the URL of one; may be empty", shown=_schedules),
    Row("title", "Title", "what everybody sees in the list of proposals"),
    Row("summary", "Summary", "why, what changes, what operators have to do"),
    Row("deposit", "Deposit", "an amount with its denom, as 10000000stake"),
    Row("expedited", "Expedited", start="no", switch="a shorter vote, with a higher threshold and deposit"),
)
"""The form from top to bottom."""


def deposit_facts(fields: Fields, snapshot: Snapshot | None) -> str:
    """What opens the vote on this chain; empty where it does not tell."""
    chain = None if snapshot is None else snapshot.chain
    rules = None if chain is None or chain.cosmos is None else chain.cosmos.proposing
    if rules is None:
        return ""
    least = rules.expedited_min_deposit if fields["expedited"] == "yes" else rules.min_deposit
    return f"{coins_words(least)} opens the vote; with less it waits for others" if least else ""


class ProposeUpgradeScreen(Dialog[int | None]):
    """Proposes an upgrade by x/gov. Dismissed with the proposal's number, or None.

    Args:
        session: Checks, reviews and sends.
        draft: What was typed before; kept up to date, emptied when the proposal was sent.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "#field-manifest"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        # With priority, or what is typed ahead on a slow link lands in the field before the Tab took effect.
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]

    snapshot: var[Snapshot | None] = var(None)
    """The newest picture, bound by the application."""
    now: var[float] = var(0.0)
    """Unix seconds, bound by the application."""

    def __init__(self, session: Session, draft: Fields) -> None:
        super().__init__()
        self._session = session
        self._draft = draft
        self._touched: set[str] = {name for name in draft if draft[name]}
        self._taken = ""
        """The manifest whose name and info stand in the form."""
        self._refused: Fields = {}
        """The manifest that could not be used, and why."""
        self._sent: int | None = None
        self._traffic: Traffic | None = None

    def compose(self) -> ComposeResult:
        badge = self._session.standing.badge(self._session.network)
        yield Static(Content(f"Propose an upgrade on {badge}"), markup=False, classes="title")
        with VerticalScroll(id="form", can_focus=False):
            for row in ROWS:
                with Vertical(id=f"row-{row.name}", classes="group"):
                    with Horizontal(classes="row"):
                        yield Static(Content(row.label), markup=False)
                        yield self._field(row)
                        if row.name == "manifest":
                            yield button("Read…", "read-manifest", disabled=True)
                    yield Grown(id=f"hint-{row.name}", classes="hint")
        yield Drawn(id="result")
        with Horizontal(classes="buttons"):
            yield button("Review…", "submit", disabled=True)
            yield button("Close", "close")

    def _field(self, row: Row) -> Input | Checkbox:
        value = self._draft.get(row.name, row.start)
        if row.switch:
            return Checkbox(Content(row.switch), value == "yes", id=f"field-{row.name}", compact=True)
        return Input(value, id=f"field-{row.name}", compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
        self._check()
        begin(self, self._ask_traffic, name="traffic")

    async def _ask_traffic(self) -> None:
        try:
            self._traffic = await self._session.traffic()
        except ConsoleError as error:
            self._traffic = Traffic((), "", str(error))
        self._check()

    def watch_snapshot(self) -> None:
        if self.is_mounted:
            self._check()

    def watch_now(self) -> None:
        if self.is_mounted:
            self._draw_hints(self._problems())

    def _values(self) -> Fields:
        values: Fields = {}
        for row in ROWS:
            field = self.query_one(f"#field-{row.name}")
            if isinstance(field, Checkbox):
                values[row.name] = "yes" if field.value else "no"
            elif isinstance(field, Input):
                values[row.name] = field.value.strip()
        return values

    def fields(self) -> Fields:
        """What is proposed, as `Session.proposal_call` takes it."""
        values = self._values()
        said = {row.name: values[row.name] for row in ROWS if row.shown(values)}
        # They only help to find height, name and info.
        for helping in ("clock", "manifest"):
            said.pop(helping, None)
        return said

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Check after each change."""
        name = (event.input.id or "").removeprefix("field-")
        self._touched.add(name)
        height = height_of_window(event.value.strip(), self._known) if name == "clock" else None
        if height is not None:
            # Once, as it is typed: a height that went on moving could not be agreed on.
            self.query_one("#field-height", Input).value = str(height)
        self._check()

    @on(Checkbox.Changed)
    def switched(self) -> None:
        """Check after each change."""
        self._check()

    @on(Input.Submitted)
    def next_field(self) -> None:
        """Enter goes on to the next field; it never sends."""
        self.focus_next()

    @on(Button.Pressed, "#read-manifest")
    def read_manifest(self) -> None:
        """Take from the manifest what it settles."""
        begin(self, partial(self._take, self._values()["manifest"]), name="manifest", exclusive=True)

    async def _take(self, path: str) -> None:
        try:
            taken = await self._session.manifest_fields(path, "", "")
        except ConsoleError as error:
            self._taken, self._refused = "", {"path": path, "why": str(error)}
        else:
            self._taken, self._refused = path, {}
            for name in ("name", "info"):
                self.query_one(f"#field-{name}", Input).value = taken[name]
        self._check()

    @on(Button.Pressed, "#submit")
    def ask(self) -> None:
        """Show exactly what would be signed."""
        if self._check() or self._sent is not None:
            return
        review = ReviewScreen(self._session, partial(self._session.proposal_call, self.fields()))

        def answered(sent: bool | None) -> None:
            if sent and review.outcome is not None:
                self._done(review.outcome.proposal_id)

        self.app.push_screen(review, answered)

    def _done(self, number: int) -> None:
        self._sent = number
        self._draft.clear()
        words = f"Proposal {number} is on the chain. Close this form; 2, Enter shows it in full."
        self.query_one("#result", Drawn).draw(Content.assemble(("✓ ", GOOD), words))
        for row in ROWS:
            self.query_one(f"#field-{row.name}").disabled = True
        self._check()
        self.query_one("#close", Button).focus()

    @on(Button.Pressed, "#close")
    def action_close(self) -> None:
        """Go back; what was typed is kept for the next time."""
        self.dismiss(self._sent)

    @property
    def _known(self) -> Known:
        return Known(self.snapshot, self._traffic, self._session.maintenance, self.now)

    def _check(self) -> Fields:
        values = self._values()
        if self._sent is None:
            self._draft.update(values)
        for row in ROWS:
            self.query_one(f"#row-{row.name}").display = row.shown(values)
        problems = self._problems()
        self._draw_hints(problems)
        self.query_one("#read-manifest", Button).disabled = not values["manifest"] or self._sent is not None
        self.query_one("#submit", Button).disabled = bool(problems) or self._sent is not None
        return problems

    def _problems(self) -> Fields:
        values = self._values()
        problems = self._session.check_proposal(self.fields(), self.snapshot)
        if values["manifest"] and _schedules(values):
            if self._refused.get("path") == values["manifest"]:
                problems["manifest"] = self._refused["why"]
            elif self._taken != values["manifest"]:
                problems["manifest"] = "press Read…: it settles name and info"
        if _schedules(values) and (problem := window_problem(values["clock"], self.now)):
            problems["clock"] = problem
        return problems

    def _draw_hints(self, problems: Fields) -> None:
        values = self._values()
        for row in ROWS:
            hint = Content("") if self._sent is not None else self._hint(row, values, problems.get(row.name, ""))
            self.query_one(f"#hint-{row.name}", Grown).draw(hint)

    def _hint(self, row: Row, values: Fields, problem: str) -> Content:
        value = values[row.name]
        if row.name == "clock":
            return window_hint(value, values["height"], self._known)
        if row.switch:
            if value != "yes":
                usual = "no: an upgrade is scheduled" if row.name == "cancels" else "no: the usual time"
                return Content.styled(usual, MUTED)
            words = {
                "cancels": "the plan that the chain has scheduled is taken back once this passed",
                "expedited": "EXPEDITED: everybody is told that this vote is shorter than usual",
            }
            return Content.styled(words[row.name], WARN)
        shown = problem and (row.name in self._touched or row.name == "manifest")
        told = Content.assemble(("✗ ", BAD), problem) if shown else None
        if row.name == "deposit" and told is None and (facts := deposit_facts(values, self.snapshot)):
            return Content.styled(facts, MUTED)
        if row.name == "height":
            return stacked(height_facts(value, self.snapshot, self.now), told or Content.styled(row.guide, MUTED))
        if told is not None:
            return told
        if row.name == "manifest" and value:
            return Content.styled("✓ read", GOOD)
        return Content.styled("✓ well formed" if value else row.guide, GOOD if value else MUTED)
