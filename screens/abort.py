"""The abort of a halted network: our signed word, everybody's lines counted as they come, and going back together."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, Static

from console.errors import ConsoleError
from console.given_file import read_given
from console.operations.node_abort import ABORT_WORDS, Counted, NetworkAbort
from console.ports.session import Session
from console.text import untrusted
from screens.buttons import button
from screens.plan import PlanScreen
from screens.sized import Dialog
from widgets.drawn import BAD, GOOD, MUTED, STRONG, Grown, stacked
from widgets.plan_rows import Plan
from widgets.working import begin

MAX_FILE = 1 << 20
"""Bytes of a file with lines: more than any network's statements."""
_NAME = "abort-statement"
_STEPS = (
    "1. Sign my word: one line, for this plan alone; send it to the others.",
    "2. Paste their lines below, or type a file's name and press Enter.",
    "3. When more than 2/3 agree, each operator takes their own node back.",
)


class LinesField(Input):
    """Takes many lines at once; they are handed over and do not stand in it."""

    class Pasted(Message):
        """Lines were pasted."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.post_message(self.Pasted(event.text))


class AbortScreen(Dialog[None]):
    """Goes through an abort; whatever it is left with is kept by whoever opened it.

    Args:
        session: Whose network and hands these are.
        abort: What would be aborted, and what does it.
        lines: Everybody's lines until now, ours among them; kept up to date.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "#close"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
    ]

    def __init__(self, session: Session, abort: NetworkAbort, lines: list[str]) -> None:
        super().__init__()
        self._session = session
        self._abort = abort
        self._lines = lines
        self._own = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            badge = self._session.standing.badge(self._session.network)
            box.border_title = Content(f"Abort the upgrade on {badge}")
            with VerticalScroll(id="asked", can_focus=False):
                about, needed = self._abort.case.lines[:2]
                steps = (Content.styled(step, MUTED) for step in _STEPS)
                yield Static(stacked(Content.styled(about, STRONG), needed, "", *steps, ""), markup=False)
                yield Grown(id="count")
                yield Grown(id="own")
            yield LinesField(placeholder="lines of the others, or a file's name", id="lines", compact=True)
            yield Static(Content(""), markup=False, id="result", classes="result")
            with Horizontal(classes="buttons"):
                yield button("Close", "close")
                yield button("Sign my word…", "sign")
                yield button("Go back…", "go-back", disabled=True)

    def on_mount(self) -> None:
        self.query_one(LinesField).cursor_blink = False
        # What was said before may not cover the lines or the answers.
        self.app.clear_notifications()
        self._count_soon()

    def _count_soon(self) -> None:
        begin(self, self._count, name="count", group="count", exclusive=True)

    async def _count(self) -> None:
        try:
            counted = await self._abort.count("\n".join(self._lines))
        except ConsoleError as error:
            self._say(Content.assemble(("✗ ", BAD), str(error)))
            return
        self.query_one("#count", Grown).draw(_count_words(counted))
        self.query_one("#go-back", Button).disabled = not counted.found.agreed

    def _say(self, words: Content) -> None:
        self.query_one("#result", Static).update(words)

    @on(LinesField.Pasted)
    def pasted(self, event: LinesField.Pasted) -> None:
        """Count what was pasted beside what is there."""
        self._take(event.text)

    @on(Input.Submitted, "#lines")
    def typed(self, event: Input.Submitted) -> None:
        """Read the file that is named, or take the line that was typed."""
        text = event.value.strip()
        if text.startswith("abort1."):
            event.input.value = ""
            self._take(text)
        elif text:
            begin(self, partial(self._read, text), name="read", group="read", exclusive=True)

    async def _read(self, name: str) -> None:
        try:
            content = await asyncio.to_thread(read_given, Path(name).expanduser(), MAX_FILE, safe="nothing was counted")
        except ConsoleError as error:
            self._say(Content.assemble(("✗ ", BAD), str(error)))
            return
        self.query_one(LinesField).value = ""
        self._take(content.decode("utf-8", "replace"))

    def _take(self, text: str) -> None:
        new = [line.strip() for line in text.splitlines() if line.strip() and line.strip() not in self._lines]
        self._lines += new
        self._say(Content(f"{len(new)} new line{'' if len(new) == 1 else 's'}; {len(self._lines)} in all."))
        self._count_soon()

    @on(Button.Pressed, "#sign")
    def sign(self) -> None:
        """Have our word signed, once somebody said so."""
        plan = Plan(
            title="Sign my word",
            effect=(
                f"Signs that this validator agrees to abort {untrusted(self._abort.case.plan.name, 80)}.",
                "It moves no node and sends nothing: you send the line to the others, who count it.",
            ),
            label="Sign",
            network=self._session.network,
            node=self._abort.node,
            undo="it counts for whoever holds it, for this plan alone",
        )
        self.app.push_screen(PlanScreen(plan, self._sign))

    async def _sign(self, _reason: str) -> str:
        self._own = await self._abort.own_line()
        self.app.copy_to_clipboard(self._own)
        path, _count = await self._session.save_lines(_NAME, (self._own,))
        self.query_one("#own", Grown).draw(
            stacked("", Content.styled("My word, to be sent to the others:", MUTED), self._own)
        )
        self._take(self._own)
        self._say(Content.assemble(("✓ ", GOOD), f"Signed. The line is in {path}, and was sent to the clipboard."))
        return ""

    @on(Button.Pressed, "#go-back")
    def go_back(self) -> None:
        """Take this node back with the network, once its name and a reason are typed."""
        words = ABORT_WORDS.does.format(node=self._abort.node, network=self._session.network)
        plan = Plan(
            title="Go back with the network",
            effect=(f"{words[:1].upper()}{words[1:]}.",),
            label="Go back",
            network=self._session.network,
            node=self._abort.node,
            undo=ABORT_WORDS.undo,
            typed=self._session.network,
            reason=True,
        )
        self.app.push_screen(PlanScreen(plan, self._go_back))

    async def _go_back(self, reason: str) -> str:
        status = await self._abort.go_back("\n".join(self._lines), reason)
        return f"{status.name} is {status.state}."

    @on(Button.Pressed, "#close")
    def action_close(self) -> None:
        """Go back to the view; the lines are kept."""
        self.dismiss(None)

    def action_scroll(self, rows: int) -> None:
        """Move what is told; the focus stays."""
        self.query_one("#asked").scroll_relative(y=rows, animate=False)


def _count_words(counted: Counted) -> Content:
    first, *rest = counted.lines
    sign = ("✓ ", GOOD) if counted.found.agreed else ("· ", MUTED)
    return stacked(Content.assemble(sign, (first, STRONG)), *rest)
