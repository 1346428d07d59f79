"""The propose form: checks as you type, says what the height means, and sends only after a confirm step."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.reactive import var
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, Input, Static

from console.errors import ConsoleError
from console.model import Snapshot
from console.ports import Session
from console.text import duration, untrusted
from screens.confirm import ConfirmScreen, button
from widgets.drawn import BAD, GOOD, MUTED, STRONG, Drawn, stacked
from widgets.moments import CLOCK_SIGN, chain_age, count, wall_clock

FIELDS = ("name", "height", "url", "hash", "breaking")
"""Names that `Session.check_proposal` and `Session.propose` know; `breaking` is `yes` or `no`."""

_LABELS = {"name": "Name", "height": "Height H", "url": "Binary URL", "hash": "sha256"}
_GUIDES = {
    "name": "a to z, 0 to 9, dot, dash, underscore; as in v0.2.0",
    "height": "a block number: the first block that the new binary executes",
    "url": "http or https; every node downloads from here",
    "hash": "64 hex digits; every node refuses bytes with another sum",
}


def height_facts(text: str, snapshot: Snapshot | None, now: float) -> str:
    """What the typed height means: blocks ahead with time and wall clock.

    Args:
        text: As typed.
        snapshot: The newest one; None before the first.
        now: Unix seconds.
    """
    if snapshot is None or snapshot.height is None or snapshot.chain is None:
        return "the chain does not answer: its height is not known"
    chain, height = snapshot.chain, snapshot.height
    if chain_age(chain, snapshot.taken_at, now).stale:
        return f"{CLOCK_SIGN} the chain's height is old: {count(height)}"
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        return f"the chain is at block {count(height)}"
    ahead = int(text) - height
    if ahead <= 0:
        return f"{count(-ahead)} blocks ago: the chain is at block {count(height)}"
    if chain.block_time_s is None:
        return f"{count(ahead)} blocks ahead, time unknown"
    seconds = ahead * chain.block_time_s
    moment = snapshot.taken_at + seconds
    return f"{count(ahead)} blocks ahead ≈ {duration(seconds)}, {wall_clock(moment, now)}"


def least_facts(earliest: int | None) -> str:
    """The first possible height, in words."""
    if earliest is None:
        return "the first possible height is not known"
    return f"the first possible now is {count(earliest)}; it moves with every block"


def suggested_height(earliest: int | None, height: int | None) -> str:
    """A height to start from: the first possible and a quarter of its lead, at least 10 blocks, in round tens.

    Round, so that the suggestion stands still for ten blocks while it is read.
    """
    if earliest is None or height is None:
        return ""
    room = max(10, (earliest - height) // 4)
    return f"such as {-(-(earliest + room) // 10) * 10}"


def breaking_words(value: str) -> str:
    """What `yes` or `no` in the field `breaking` means."""
    return "yes: every node stops at H, ready or not" if value == "yes" else "no: only ready nodes stop at H"


class ProposeScreen(ModalScreen[int | None]):
    """Proposes an upgrade. Dismissed with the proposal's id, or None.

    Args:
        session: Checks and sends.
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

    def __init__(self, session: Session, draft: dict[str, str]) -> None:
        super().__init__()
        self._session = session
        self._draft = draft
        self._touched: set[str] = {name for name in FIELDS if draft.get(name)}
        self._sending = False
        self._sent: int | None = None

    def compose(self) -> ComposeResult:
        yield Static(Content(f"Propose an upgrade on network {self._session.network}"), markup=False, classes="title")
        with Vertical(id="form"):
            for name, label in _LABELS.items():
                with Horizontal(classes="row"):
                    yield Static(Content(label), markup=False)
                    yield Input(self._draft.get(name, ""), id=f"field-{name}", compact=True, select_on_focus=False)
                yield Drawn(id=f"hint-{name}", classes="hint -tall-hint" if name == "height" else "hint")
            with Horizontal(classes="row"):
                yield Static(Content("Breaking"), markup=False)
                breaking = self._draft.get("breaking", "yes") == "yes"
                yield Checkbox(Content("breaking"), breaking, id="field-breaking", compact=True)
            yield Drawn(id="hint-breaking", classes="hint")
            yield Drawn(id="result")
        with Horizontal(classes="buttons"):
            yield button("Check and send…", "submit", disabled=True)
            yield button("Close", "close")

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
        self._check()

    def watch_snapshot(self) -> None:
        if self.is_mounted:
            self._check()

    def watch_now(self) -> None:
        if self.is_mounted:
            self._draw_height("")

    def fields(self) -> dict[str, str]:
        """What is typed, by field name."""
        values = {name: self.query_one(f"#field-{name}", Input).value.strip() for name in _LABELS}
        values["breaking"] = "yes" if self.query_one("#field-breaking", Checkbox).value else "no"
        return values

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Check after each change."""
        self._touched.add((event.input.id or "").removeprefix("field-"))
        self._check()

    @on(Checkbox.Changed)
    def switched(self) -> None:
        """Check after each change."""
        self._check()

    @on(Input.Submitted)
    def next_field(self) -> None:
        """Enter goes on to the next field; it never sends."""
        self.focus_next()

    @on(Button.Pressed, "#submit")
    def ask(self) -> None:
        """Show exactly what would be sent, and ask."""
        if self._check() or self._sending or self._sent is not None:
            return
        fields = self.fields()
        body = confirm_body(fields, self._session, self.snapshot, self.now)

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._sending = True
                self._say(Content("Sending; the answer appears here."))
                self._check()
                self.run_worker(self._send(fields), exit_on_error=True)

        self.app.push_screen(ConfirmScreen("Send this proposal", body, "Send"), answered)

    async def _send(self, fields: dict[str, str]) -> None:
        try:
            proposal_id = await self._session.propose(fields)
        except ConsoleError as error:
            self._say(Content.assemble(("✗ ", BAD), str(error)))
        else:
            self._sent = proposal_id
            self._draft.clear()
            self._say(
                Content.assemble(
                    ("✓ ", GOOD),
                    f"Proposal {proposal_id} ({fields['name']}) is on the chain.",
                    " Close this form and watch the countdown on the overview.",
                )
            )
            for field in self.query(Input):
                field.disabled = True
            self.query_one("#field-breaking", Checkbox).disabled = True
            self.query_one("#close", Button).focus()
        self._sending = False
        self._check()

    @on(Button.Pressed, "#close")
    def action_close(self) -> None:
        """Go back; what was typed is kept for the next time."""
        if self._sending:
            self._say(Content("Still sending: a transaction cannot be called back, its answer appears here."))
            return
        self.dismiss(self._sent)

    def _check(self) -> dict[str, str]:
        fields = self.fields()
        if self._sent is None:
            self._draft.update(fields)
        problems = self._session.check_proposal(fields, self.snapshot)
        for name in ("name", "url", "hash"):
            self._draw_hint(name, fields[name], problems.get(name, ""))
        self._draw_height(problems.get("height", ""))
        words = breaking_words(fields["breaking"])
        if self._sent is not None:
            words = ""
        self.query_one("#hint-breaking", Drawn).draw(Content.styled(problems.get("breaking") or words, MUTED))
        submit = self.query_one("#submit", Button)
        submit.disabled = bool(problems) or self._sending or self._sent is not None
        return problems

    def _draw_hint(self, name: str, value: str, problem: str) -> None:
        if self._sent is not None:
            hint = Content("")
        elif name not in self._touched or (problem and not value):
            hint = Content.styled(_GUIDES[name], MUTED)
        elif problem:
            hint = Content.assemble(("✗ ", BAD), problem)
        else:
            hint = Content.styled("✓ well formed", GOOD)
        self.query_one(f"#hint-{name}", Drawn).draw(hint)

    def _draw_height(self, problem: str) -> None:
        if self._sent is not None:
            # On the chain: what would be wrong with sending it again is not worth a word.
            self.query_one("#hint-height", Drawn).draw(Content(""))
            return
        value = self.fields()["height"]
        earliest = self._session.earliest_height(self.snapshot)
        height = self.snapshot.height if self.snapshot is not None else None
        suggestion = suggested_height(earliest, height)
        field = self.query_one("#field-height", Input)
        if field.placeholder != suggestion:
            field.placeholder = suggestion
        if not problem:
            problem = self._session.check_proposal(self.fields(), self.snapshot).get("height", "")
        if not value and earliest is not None:
            # What would be wrong with a good height too, such as another upgrade, is told before anything is typed.
            problem = self._session.check_proposal({**self.fields(), "height": str(earliest + 1)}, self.snapshot).get(
                "height", ""
            )
        if problem:
            second = Content.assemble(("✗ ", BAD), problem)
        elif value:
            second = Content.styled("✓ far enough ahead", GOOD)
        else:
            second = Content.styled(_GUIDES["height"], MUTED)
        ahead, least = height_facts(value, self.snapshot, self.now), least_facts(earliest)
        self.query_one("#hint-height", Drawn).draw(stacked(ahead, Content.styled(least, MUTED), second))

    def _say(self, content: Content) -> None:
        self.query_one("#result", Drawn).draw(content)


def confirm_body(fields: dict[str, str], session: Session, snapshot: Snapshot | None, now: float) -> Content:
    """Exactly what will be sent, and to which network.

    Typed text is shown as foreign text is: a pasted address may hold what the eye cannot see.
    """
    chain = f" (chain {snapshot.network.chain_id})" if snapshot is not None else ""
    shown = {name: untrusted(value) for name, value in fields.items()}
    rows = (
        ("name", shown["name"]),
        ("height H", f"{shown['height']}, {height_facts(fields['height'], snapshot, now)}"),
        ("url", shown["url"]),
        ("sha256", shown["hash"].removeprefix("sha256:")),
        ("breaking", breaking_words(fields["breaking"])),
    )
    return stacked(
        Content.assemble("To network ", (session.network, STRONG), chain, ":"),
        "",
        *(Content.assemble((f"{name:<9}", MUTED), value) for name, value in rows),
    )
