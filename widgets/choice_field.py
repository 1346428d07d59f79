"""One of a few choices on one line: Left and Right choose, and what is not chosen stays readable."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from widgets.drawn import MUTED, STRONG, Drawn


class ChoiceField(Drawn, can_focus=True):
    """A field of choices.

    Args:
        choices: Value and label of each.
        value: The one that is chosen at first.
    """

    DEFAULT_CSS = """
    ChoiceField {
        height: 1;
        text-wrap: nowrap;
        &:focus { background: $surface; text-style: underline; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", show=False),
        Binding("right,space", "step(1)", show=False),
    ]

    class Changed(Message):
        """Another one is chosen."""

        def __init__(self, field: ChoiceField) -> None:
            super().__init__()
            self.field = field

        @property
        def control(self) -> ChoiceField:
            """The field, for `@on` with a selector."""
            return self.field

    def __init__(self, choices: tuple[tuple[str, str], ...], value: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._choices = choices
        known = [choice[0] for choice in choices]
        self._at = known.index(value) if value in known else 0

    @property
    def value(self) -> str:
        """The value of the one that is chosen."""
        return self._choices[self._at][0]

    def choose(self, value: str) -> None:
        """Choose by value; one that is not there changes nothing."""
        known = [choice[0] for choice in self._choices]
        if value in known and known.index(value) != self._at:
            self._at = known.index(value)
            self._show()
            self.post_message(self.Changed(self))

    def on_mount(self) -> None:
        self._show()

    def action_step(self, by: int) -> None:
        """The next or the previous choice; it stops at the ends."""
        self.choose(self._choices[max(0, min(len(self._choices) - 1, self._at + by))][0])

    def on_click(self, event: events.Click) -> None:
        """The choice under the mouse."""
        start = 0
        for value, label in self._choices:
            end = start + len(label) + 6
            if start <= event.x < end:
                self.choose(value)
                return
            start = end

    def _show(self) -> None:
        pieces = [
            Content.styled(f"({'•' if place == self._at else ' '}) {label}", STRONG if place == self._at else MUTED)
            for place, (_value, label) in enumerate(self._choices)
        ]
        self.draw(Content("  ").join(pieces))
