"""Help: the current screen in three sentences and every key, from the registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from console.actions import Action, key_names
from widgets.drawn import MUTED, STRONG, WARN, stacked


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """An action and, when it cannot be done now, why."""

    action: Action
    refusal: str


class HelpScreen(ModalScreen[None]):
    """Explains the screen below and lists its keys.

    Args:
        title: The screen's name.
        explanation: What it shows.
        entries: Its actions in order.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "#help-box"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,f1", "close", show=False)]

    def __init__(self, title: str, explanation: str, entries: tuple[HelpEntry, ...]) -> None:
        super().__init__()
        self._title = title
        self._explanation = explanation
        self._entries = entries

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box", id="help-box") as box:
            box.border_title = Content(f"Help: {self._title}")
            box.border_subtitle = Content("Esc closes")
            yield Static(self._body(), markup=False, classes="body")

    def _body(self) -> Content:
        lines: list[Content | str] = [self._explanation, ""]
        for entry in self._entries:
            keys = f"{key_names(entry.action):<9}"
            lines.append(Content.assemble((keys, STRONG), f"{entry.action.label:<10}", entry.action.help))
        lines += [Content.assemble(("\nNot now: ", WARN), text) for text in self._refusals()]
        lines += ["", Content.styled("Tab moves between parts of a screen; the mouse is optional.", MUTED)]
        return stacked(*lines)

    def _refusals(self) -> list[str]:
        labels: dict[str, list[str]] = {}
        for entry in self._entries:
            if entry.refusal:
                labels.setdefault(entry.refusal, []).append(entry.action.label)
        return [f"{', '.join(names)}. {reason}" for reason, names in labels.items()]

    def action_close(self) -> None:
        """Close the help."""
        self.dismiss(None)
