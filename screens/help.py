"""Help: the view in three sentences, every key from the registry, and the field's words; type to narrow it down."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from console.actions import MODE_NAMES, Action, key_names
from console.glossary import GLOSSARY
from screens.sized import Dialog
from widgets.drawn import MUTED, STRONG, WARN, stacked

Page = Literal["keys", "words"]

_KEYS = 10
_LABELS = 11
"""Columns of the keys and of the labels, with the gap that follows."""

MAX_WIDTH = 110
"""Columns of the help where the terminal is wide; longer lines are hard to read."""


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """An action and, when it cannot be done now, why."""

    action: Action
    refusal: str

    @property
    def everywhere(self) -> bool:
        """Whether it is the same in every top-level view."""
        return set(MODE_NAMES) <= set(self.action.modes)

    def holds(self, needle: str) -> bool:
        """Whether the entry has this text, whatever its capitals."""
        told = f"{key_names(self.action)} {self.action.label} {self.action.help} {self.refusal}"
        return needle.casefold() in told.casefold()


class HelpScreen(Dialog[None]):
    """Explains the view below. What is typed narrows keys and words alike.

    Args:
        title: The view's name.
        explanation: What it shows.
        entries: Its actions in order.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "#help-search"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("f1", "dismiss", show=False),
        Binding("tab,shift+tab", "turn", show=False, priority=True),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
    ]

    def __init__(self, title: str, explanation: str, entries: tuple[HelpEntry, ...]) -> None:
        super().__init__()
        self._title = title
        self._explanation = explanation
        self._entries = entries
        self._page: Page = "keys"
        self._drawn_width = 0

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box", id="help-box", can_focus=False) as box:
            box.border_title = Content(f"Help: {self._title}")
            box.border_subtitle = Content("Tab keys/words · type to narrow · Esc closes")
            yield Input(placeholder="type to narrow: a key, an action, a word", id="help-search", compact=True)
            yield Static(Content(""), markup=False, id="help-body", classes="body")

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        if self._width != self._drawn_width:
            self._draw()

    @on(Input.Changed, "#help-search")
    def narrow(self, event: Input.Changed) -> None:
        """Show what holds the typed text; a single `?` closes what `?` opened."""
        if event.value == "?":
            self.dismiss(None)
        else:
            self._draw()

    def _draw(self) -> None:
        """Show what holds the typed text; without one, the page."""
        self._drawn_width = self._width
        needle = self.query_one(Input).value.strip()
        lines = list(found(self._entries, needle, self._width) if needle else self.whole())
        self.query_one("#help-body", Static).update(stacked(*lines))
        self.query_one(VerticalScroll).scroll_home(animate=False)

    @property
    def _width(self) -> int:
        # The border, the padding and the scrollbar.
        return min(self.app.size.width, MAX_WIDTH) - 5

    def action_turn(self) -> None:
        """Show the other page."""
        self._page = "words" if self._page == "keys" else "keys"
        self.query_one(Input).value = ""
        self._draw()

    def action_scroll(self, lines: int) -> None:
        """Move the text."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_close(self) -> None:
        """End the search if there is one, else close the help."""
        field = self.query_one(Input)
        if field.value:
            field.value = ""
        else:
            self.dismiss(None)

    def whole(self) -> Iterator[Content | str]:
        """The page, line by line."""
        if self._page == "words":
            yield from _words("", self._width)
            return
        yield self._explanation
        yield from _section("In this view", [entry for entry in self._entries if not entry.everywhere], self._width)
        yield from _section("Everywhere", [entry for entry in self._entries if entry.everywhere], self._width)
        for reason, names in _refusals(self._entries).items():
            yield Content.assemble(("\nNot now: ", WARN), f"{', '.join(names)}. {reason}")


def found(entries: tuple[HelpEntry, ...], needle: str, width: int) -> Iterator[Content | str]:
    """Every key and every word that has the text, or a line that says there is none."""
    hits = [entry for entry in entries if entry.holds(needle)]
    yield from _section("Keys", hits, width)
    for entry in hits:
        if entry.refusal:
            yield Content.assemble(("Not now: ", WARN), f"{entry.action.label}. {entry.refusal}")
    words = list(_words(needle, width))
    yield from words
    if not hits and len(words) == 0:
        yield Content.styled("\nNo key and no word has this text.", MUTED)


def _section(title: str, entries: list[HelpEntry], width: int) -> Iterator[Content | str]:
    if not entries:
        return
    yield Content.styled(f"\n{title}", STRONG)
    for entry in entries:
        keys, label = f"{key_names(entry.action):<{_KEYS}}", f"{entry.action.label:<{_LABELS}}"
        mark = "not now · " if entry.refusal else ""
        first, *rest = textwrap.wrap(mark + entry.action.help, max(20, width - _KEYS - _LABELS))
        yield Content.assemble((keys, STRONG), label, (mark, WARN), first.removeprefix(mark))
        for line in rest:
            yield " " * (_KEYS + _LABELS) + line


def _words(needle: str, width: int) -> Iterator[Content | str]:
    terms = [term for term in GLOSSARY if term.holds(needle)]
    # What is named so before what only speaks of it.
    terms.sort(key=lambda term: needle.casefold() not in term.word.casefold())
    if terms:
        yield Content.styled("\nWords", STRONG)
    for term in terms:
        first, *rest = textwrap.wrap(f"{term.word}: {term.meaning}", max(20, width), subsequent_indent="  ")
        yield Content.assemble((term.word, STRONG), first.removeprefix(term.word))
        yield from rest


def _refusals(entries: tuple[HelpEntry, ...]) -> dict[str, list[str]]:
    labels: dict[str, list[str]] = {}
    for entry in entries:
        if entry.refusal:
            labels.setdefault(entry.refusal, []).append(entry.action.label)
    return labels
