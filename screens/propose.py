"""The propose form: a release, contract calls or both; checks as you type; what is sent is reviewed apart."""

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
from console.model import RegistryRules, Snapshot, Traffic
from console.operations.propose_terms import has_calls, has_release
from console.ports.session import Session
from console.text import short_hash
from screens.addresses import prefix_of
from screens.buttons import button
from screens.cuts import CutsScreen
from screens.propose_facts import (
    breaking_words,
    deadline_facts,
    height_facts,
    least_facts,
    span_facts,
    suggested_height,
    vote_facts,
)
from screens.propose_rows import ROWS, Fields, Row
from screens.propose_window import Known, height_of_window, window_hint, window_problem
from screens.review import ReviewScreen
from screens.sized import Dialog
from widgets.choice_field import ChoiceField
from widgets.drawn import BAD, GOOD, MUTED, WARN, Drawn, Grown, stacked
from widgets.working import begin


class ProposeScreen(Dialog[int | None]):
    """Proposes an upgrade. Dismissed with the proposal's id, or None.

    Args:
        session: Checks, reviews and sends.
        draft: What was typed before; kept up to date, emptied when the proposal was sent.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "#field-name"
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
        self._rules: RegistryRules | None = None
        self._reviewed = ""
        """The cut file whose calls were read."""
        self._manifest: Fields = {}
        """What the manifest that was read settles."""
        self._refused: Fields = {}
        """The manifest that could not be used, and why; said until another one is named or it is read again."""
        self._sent: int | None = None
        self._traffic: Traffic | None = None

    def compose(self) -> ComposeResult:
        yield Static(
            Content(f"Propose an upgrade on {self._session.standing.badge(self._session.network)}"),
            markup=False,
            classes="title",
        )
        with VerticalScroll(id="form", can_focus=False):
            for row in ROWS:
                with Vertical(id=f"row-{row.name}", classes="group"):
                    with Horizontal(classes="row"):
                        yield Static(Content(row.label), markup=False)
                        yield self._field(row)
                        if row.name in {"calls", "manifest"}:
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
        self._check()
        begin(self, self._ask_rules, name="rules")
        begin(self, self._ask_traffic, name="traffic")

    async def _ask_rules(self) -> None:
        try:
            self._rules = await self._session.rules()
        except ConsoleError:
            # The chain checks it all again; only what it usually asks for is not said.
            return
        self._check()

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
            values = self._fields()
            self._draw_hints(values, self._problems(values))

    def _fields(self) -> Fields:
        values: Fields = {}
        for row in ROWS:
            field = self.query_one(f"#field-{row.name}")
            if isinstance(field, Checkbox):
                values[row.name] = "yes" if field.value else "no"
            elif isinstance(field, ChoiceField):
                values[row.name] = field.value
            elif isinstance(field, Input):
                values[row.name] = field.value.strip()
        return values

    def _votes(self, fields: Fields) -> bool:
        return has_calls(fields) or self._rules is None or self._rules.voting_required

    def _shown(self, row: Row, fields: Fields) -> bool:
        if row.name in {"voting", "expedited"}:
            return self._votes(fields)
        return row.shown(fields)

    def fields(self) -> Fields:
        """What is typed and chosen where it counts: a row that is not shown says nothing."""
        values = self._fields()
        said = {row.name: values[row.name] for row in ROWS if self._shown(row, values)}
        # It only helps to find the height.
        said.pop("clock", None)
        if said.pop("manifest", None) is not None:
            said |= {name: self._manifest.get(name, "") for name in ("migration", "migration_hash")}
        return said

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
        height = height_of_window(event.value.strip(), self._known) if name == "clock" else None
        if height is not None:
            # Once, as it is typed: a height that went on moving could not be agreed on.
            self.query_one("#field-height", Input).value = str(height)
        self._check()

    @on(Checkbox.Changed)
    @on(ChoiceField.Changed)
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
        begin(self, partial(self._take_manifest, self._fields()), name="manifest", exclusive=True)

    async def _take_manifest(self, values: Fields) -> None:
        height = values["height"] if values["schedule"] == "height" else ""
        try:
            taken = await self._session.manifest_fields(values["manifest"], values["url"], height)
        except ConsoleError as error:
            self._manifest = {}
            self._refused = {"path": values["manifest"], "why": str(error)}
            self._check()
            return
        self._refused = {}
        self._manifest = {**taken, "path": values["manifest"]}
        for name in ("name", "hash"):
            self.query_one(f"#field-{name}", Input).value = taken[name]
        self.query_one("#field-breaking", Checkbox).value = taken["breaking"] == "yes"
        self._check()

    def _manifest_problem(self, values: Fields) -> str:
        if not has_release(values) or values["kind"] != "manifest":
            return ""
        if not values["manifest"]:
            return "name its file: nobody proposes a migration by heart"
        if self._refused.get("path") == values["manifest"]:
            return self._refused["why"]
        taken = self._manifest
        fresh = taken.get("path") == values["manifest"] and taken.get("hash") == values["hash"].removeprefix("sha256:")
        return (
            "" if fresh and taken.get("name") == values["name"] else "press Read…: it settles name, hash and migration"
        )

    @on(Button.Pressed, "#read-calls")
    def read_cuts(self) -> None:
        """Show what the calls of the cut file change; nobody proposes them unread."""
        path = self._fields()["calls"]

        def read(_closed: None) -> None:
            if screen.read:
                self._reviewed = path
            self._check()

        ask = partial(self._session.cut_file_reviews, path)
        screen = CutsScreen(f"Calls of {path}", ask, prefix_of(self.snapshot))
        self.app.push_screen(screen, read)

    @on(Button.Pressed, "#submit")
    def ask(self) -> None:
        """Show exactly what would be signed."""
        if self._check() or self._sent is not None:
            return
        make = partial(self._session.proposal_call, self.fields())
        review = ReviewScreen(self._session, make, prefix=prefix_of(self.snapshot))

        def answered(sent: bool | None) -> None:
            if sent and review.outcome is not None:
                self._done(review.outcome.proposal_id)

        self.app.push_screen(review, answered)

    def _done(self, proposal_id: int) -> None:
        name = self._fields()["name"]
        self._sent = proposal_id
        self._draft.clear()
        words = f"Proposal {proposal_id} ({name}) is on the chain. Close this form; 2, Enter shows it in full."
        self.query_one("#result", Drawn).draw(Content.assemble(("✓ ", GOOD), words))
        for row in ROWS:
            self.query_one(f"#field-{row.name}").disabled = True
        self._check()
        self.query_one("#close", Button).focus()

    @on(Button.Pressed, "#close")
    def action_close(self) -> None:
        """Go back; what was typed is kept for the next time."""
        self.dismiss(self._sent)

    def _check(self) -> Fields:
        values = self._fields()
        if self._sent is None:
            self._draft.update(values)
        for row in ROWS:
            self.query_one(f"#row-{row.name}").display = self._shown(row, values)
        problems = self._problems(values)
        self._draw_hints(values, problems)
        for name in ("calls", "manifest"):
            self.query_one(f"#read-{name}", Button).disabled = not values[name] or self._sent is not None
        self.query_one("#submit", Button).disabled = bool(problems) or self._sent is not None
        return problems

    def _problems(self, values: Fields) -> Fields:
        """What is wrong by the session's check, and what was not read yet."""
        problems = self._session.check_proposal(self.fields(), self.snapshot)
        if has_calls(values) and not problems.get("calls") and self._reviewed != values["calls"]:
            problems["calls"] = "press Read… first: nobody proposes calls unread"
        if problem := self._manifest_problem(values):
            problems["manifest"] = problem
        if "height" in self.fields() and (problem := window_problem(values["clock"], self.now)):
            problems["clock"] = problem
        return problems

    @property
    def _known(self) -> Known:
        return Known(self.snapshot, self._traffic, self._session.maintenance, self.now)

    def _draw_hints(self, values: Fields, problems: Fields) -> None:
        for row in ROWS:
            if row.name == "height":
                self._draw_height(values["height"], problems.get("height", ""))
            elif row.hint_rows:
                hint = Content("") if self._sent is not None else self._hint(row, values, problems.get(row.name, ""))
                self.query_one(f"#hint-{row.name}", Drawn).draw(hint)

    def _hint(self, row: Row, values: Fields, problem: str) -> Content:
        value = values[row.name]
        if row.name == "clock":
            return window_hint(value, values["height"], self._known)
        if row.name == "breaking":
            return Content.styled(problem or breaking_words(value), MUTED)
        if (
            problem
            and (value or row.name in self._touched)
            and row.name in self._touched | {"calls", "manifest", "voting"}
        ):
            return Content.assemble(("✗ ", BAD), problem)
        facts = self._facts(row.name, values)
        if facts is not None:
            return facts
        if not value or row.name not in self._touched:
            return Content.styled(row.guide, MUTED)
        return Content.styled("✓ well formed", GOOD)

    def _facts(self, name: str, values: Fields) -> Content | None:
        if name == "voting":
            return Content.styled(vote_facts(values, self._rules, self.snapshot, self.now), MUTED)
        if name == "delay":
            return Content.styled(span_facts(values[name], self.snapshot, self.now), MUTED)
        if name == "deadline":
            return Content.styled(deadline_facts(values[name], self.snapshot, self.now), MUTED)
        if name == "expedited":
            words = "EXPEDITED: everybody is told that this vote is shorter than usual"
            return Content.styled(words, WARN) if values[name] == "yes" else Content.styled("no: the usual time", MUTED)
        if name == "init":
            words = "an initialiser is code with all rights of the diamond: everybody is warned"
            return Content.styled(words, WARN) if values[name] == "yes" else Content.styled("no: none runs", MUTED)
        if name == "kind":
            manifest = values[name] == "manifest"
            words = "every node holds name, bytes and migration against it" if manifest else "it changes no state"
            return Content.styled(words, MUTED)
        if name == "manifest" and self._manifest and not self._manifest_problem(values):
            migration = self._manifest.get("migration", "none")
            return Content.styled(
                f"✓ read; migration: {migration} {short_hash(self._manifest.get('migration_hash', ''))}", GOOD
            )
        if name == "calls" and values["calls"] and self._reviewed == values["calls"]:
            return Content.styled("✓ read", GOOD)
        return None

    def _draw_height(self, value: str, problem: str) -> None:
        hint = self.query_one("#hint-height", Drawn)
        if self._sent is not None:
            # On the chain: what would be wrong with sending it again is not worth a word.
            hint.draw(Content(""))
            return
        earliest = self._session.earliest_height(self.fields(), self.snapshot)
        height = self.snapshot.height if self.snapshot is not None else None
        suggestion = suggested_height(earliest, height)
        field = self.query_one("#field-height", Input)
        if field.placeholder != suggestion:
            field.placeholder = suggestion
        if not value and earliest is not None:
            # What would be wrong with a good height too, such as another upgrade, is told before anything is typed.
            tried = {**self.fields(), "height": str(earliest + 1)}
            problem = self._session.check_proposal(tried, self.snapshot).get("height", "")
        if problem:
            second = Content.assemble(("✗ ", BAD), problem)
        elif value:
            second = Content.styled("✓ far enough ahead", GOOD)
        else:
            second = Content.styled(next(row.guide for row in ROWS if row.name == "height"), MUTED)
        ahead = height_facts(value, self.snapshot, self.now)
        least = least_facts(earliest, voted=self._votes(self.fields()))
        hint.draw(stacked(ahead, Content.styled(least, MUTED), second))
