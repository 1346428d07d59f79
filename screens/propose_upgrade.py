"""The propose form of a Cosmos chain: a software upgrade, or its cancelling; what is sent is reviewed apart."""

from __future__ import annotations

from textual.content import Content

from console.model import ProposalDraft, Snapshot
from console.ports.session import Session
from screens.propose_facts import height_facts
from screens.propose_form import ProposeForm
from screens.propose_rows import Fields, Row
from screens.propose_window import window_hint, window_problem
from widgets.ballot_words import coins_words
from widgets.drawn import BAD, GOOD, MUTED, WARN, Drawn, stacked


def _schedules(fields: Fields) -> bool:
    return fields["cancels"] != "yes"


ROWS = (
    Row("cancels", "What", start="no", switch="cancel the scheduled upgrade"),
    Row("manifest", "Manifest", "its file, where there is one: name and info are taken from it", shown=_schedules),
    Row("name", "Name", "of the plan: the upgrade handler's in the new binary, as v2.0.0", shown=_schedules),
    Row("height", "Height H", "the first block that the new binary executes", shown=_schedules),
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


class ProposeUpgradeScreen(ProposeForm):
    """Proposes an upgrade by x/gov; `ProposeForm` says the rest."""

    AUTO_FOCUS = "#field-manifest"
    ROWS = ROWS
    READ = frozenset({"manifest"})

    def __init__(self, session: Session, typed: Fields, draft: ProposalDraft | None = None) -> None:
        super().__init__(session, typed, draft)
        self._taken = ""
        """The manifest whose name and info stand in the form."""

    def said(self, values: Fields) -> Fields:
        said = {row.name: values[row.name] for row in ROWS if row.shown(values)}
        # They only help to find height, name and info.
        for helping in ("clock", "manifest"):
            said.pop(helping, None)
        return said

    async def take_manifest(self, values: Fields) -> None:
        self._taken = ""
        taken = await self._session.manifest_fields(values["manifest"], "", "")
        self._taken = values["manifest"]
        for name in ("name", "info"):
            self.fill(name, taken[name])

    def problems_of(self, values: Fields) -> Fields:
        problems = self._session.check_proposal(self.said(values), self.snapshot)
        if values["manifest"] and _schedules(values):
            if self._refused.get("path") == values["manifest"]:
                problems["manifest"] = self._refused["why"]
            elif self._taken != values["manifest"]:
                problems["manifest"] = "press Read…: it settles name and info"
        if _schedules(values) and (problem := window_problem(values["clock"], self.now)):
            problems["clock"] = problem
        return problems

    def draw_hint(self, row: Row, values: Fields, problem: str) -> None:
        self.query_one(f"#hint-{row.name}", Drawn).draw(self._hint(row, values, problem))

    def _hint(self, row: Row, values: Fields, problem: str) -> Content:
        value = values[row.name]
        if row.name == "clock":
            return window_hint(value, values["height"], self.known)
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
