"""The propose form of a registry: a release, contract calls or both; checks as you type."""

from __future__ import annotations

from functools import partial

from textual import on
from textual.content import Content
from textual.widgets import Button, Checkbox, Input

from console.errors import ConsoleError
from console.model import ProposalDraft, RegistryRules
from console.operations.propose_terms import has_calls, has_release
from console.ports.session import Session
from console.text import short_hash
from screens.addresses import prefix_of
from screens.cuts import CutsScreen
from screens.propose_draft import MISSING
from screens.propose_facts import (
    breaking_words,
    deadline_facts,
    height_facts,
    least_facts,
    span_facts,
    suggested_height,
    vote_facts,
)
from screens.propose_form import ProposeForm
from screens.propose_rows import ROWS, Fields, Row
from screens.propose_window import window_hint, window_problem
from widgets.drawn import BAD, GOOD, MUTED, WARN, Drawn, stacked
from widgets.working import begin


class ProposeScreen(ProposeForm):
    """Proposes an upgrade to a registry; `ProposeForm` says the rest."""

    AUTO_FOCUS = "#field-name"
    ROWS = ROWS
    READ = frozenset({"calls", "manifest"})

    def __init__(self, session: Session, typed: Fields, draft: ProposalDraft | None = None) -> None:
        super().__init__(session, typed, draft)
        self._rules: RegistryRules | None = None
        self._reviewed = ""
        """The cut file whose calls were read."""
        self._manifest: Fields = {}
        """What the manifest that was read settles."""

    def on_mount(self) -> None:
        begin(self, self._ask_rules, name="rules")

    async def _ask_rules(self) -> None:
        try:
            self._rules = await self._session.rules()
        except ConsoleError:
            # The chain checks it all again; only what it usually asks for is not said.
            return
        self.check()

    def _votes(self, fields: Fields) -> bool:
        return has_calls(fields) or self._rules is None or self._rules.voting_required

    def shown(self, row: Row, values: Fields) -> bool:
        if row.name in {"voting", "expedited"}:
            return self._votes(values)
        return row.shown(values)

    def said(self, values: Fields) -> Fields:
        """What is typed and chosen where it counts: a row that is not shown says nothing."""
        said = {row.name: values[row.name] for row in ROWS if self.shown(row, values)}
        # It only helps to find the height.
        said.pop("clock", None)
        if said.pop("manifest", None) is not None:
            said |= {name: self._manifest.get(name, "") for name in ("migration", "migration_hash")}
        return said

    async def take_manifest(self, values: Fields) -> None:
        self._manifest = {}
        height = values["height"] if values["schedule"] == "height" else ""
        taken = await self._session.manifest_fields(values["manifest"], values["url"], height)
        self._manifest = {**taken, "path": values["manifest"]}
        for name in ("name", "hash"):
            self.fill(name, taken[name])
        self.query_one("#field-breaking", Checkbox).value = taken["breaking"] == "yes"

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
        path = self.values()["calls"]

        def read(_closed: None) -> None:
            if screen.read:
                self._reviewed = path
            self.check()

        ask = partial(self._session.cut_file_reviews, path)
        screen = CutsScreen(f"Calls of {path}", ask, prefix_of(self.snapshot))
        self.app.push_screen(screen, read)

    def problems_of(self, values: Fields) -> Fields:
        said = self.said(values)
        problems = self._session.check_proposal(said, self.snapshot)
        if has_calls(values) and not problems.get("calls") and self._reviewed != values["calls"]:
            problems["calls"] = "press Read… first: nobody proposes calls unread"
        if problem := self._manifest_problem(values):
            problems["manifest"] = problem
        if "height" in said and (problem := window_problem(values["clock"], self.now)):
            problems["clock"] = problem
        return problems

    def draw_hint(self, row: Row, values: Fields, problem: str) -> None:
        if row.name == "height":
            self._draw_height(row, values, problem)
        else:
            self.query_one(f"#hint-{row.name}", Drawn).draw(self._hint(row, values, problem))

    def _hint(self, row: Row, values: Fields, problem: str) -> Content:
        value = values[row.name]
        if row.name == "clock":
            return window_hint(value, values["height"], self.known)
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

    def _draw_height(self, row: Row, values: Fields, problem: str) -> None:
        value = values["height"]
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
        if words := self.lacking(row, values):
            second = Content.assemble(MISSING, words)
        elif problem:
            second = Content.assemble(("✗ ", BAD), problem)
        elif value:
            second = Content.styled("✓ far enough ahead", GOOD)
        else:
            second = Content.styled(row.guide, MUTED)
        ahead = height_facts(value, self.snapshot, self.now)
        least = least_facts(earliest, voted=self._votes(self.fields()))
        self.query_one("#hint-height", Drawn).draw(stacked(ahead, Content.styled(least, MUTED), second))
