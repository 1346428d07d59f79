"""What stands above and below a view that does not show the present: which moment it is, and the keys to move on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from textual.content import Content

from console.actions import Action, key_names
from console.text import duration
from widgets.drawn import BAD, MUTED, STRONG, Drawn
from widgets.moments import count

if TYPE_CHECKING:
    from console.model import InsideReading, Snapshot


@dataclass(frozen=True, slots=True)
class Past:
    """The moment that is shown instead of the present."""

    time: float
    """Unix seconds."""
    place: int
    """How many moments there are up to it."""
    total: int
    held: bool
    """Whether it stands still."""
    speed: float
    """Seconds of then in a second of now, while it runs."""
    replay: bool
    """Whether it is of a recording; else of this session, which goes on meanwhile."""
    ago_s: float | None = None
    """Seconds before the present; None in a replay."""
    alarm: str = ""
    """Why the operator is called at present; empty when nobody is."""
    inside: InsideReading | None = None
    """The node from inside, as it was seen before that moment; None where nobody looked."""

    @property
    def word(self) -> str:
        """The one word for it."""
        return "REPLAY" if self.replay else "PAST"


_WIDEST = 400
"""Columns."""


def speed_words(speed: float) -> str:
    """`×10`; whole where it is."""
    return f"×{speed:g}"


def travel_words(past: Past, snapshot: Snapshot | None) -> str:
    """The line above a view, without its word."""
    moment = datetime.fromtimestamp(past.time).astimezone()
    words = [f"{moment:%Y-%m-%d %H:%M:%S %Z}"]
    if past.ago_s is not None:
        words.append(f"{duration(past.ago_s)} ago")
    words.append("held" if past.held else f"running {speed_words(past.speed)}")
    words.append(f"{past.place:,} of {past.total:,}")
    if snapshot is not None:
        words.append(f"{snapshot.network.name} at {count(snapshot.height)}")
    return " · ".join(words)


class TravelLine(Drawn):
    """Instead of the status line: the word, the moment, and how it runs, all reversed."""

    DEFAULT_CSS = """
    TravelLine {
        height: 1;
        display: none;
        color: $text-warning;
        background: $background;
        text-style: reverse;
        text-wrap: nowrap;
        text-overflow: clip;
    }
    """

    def show(self, past: Past, snapshot: Snapshot | None) -> None:
        """Draw the moment."""
        parts = [(f" {past.word} ", STRONG)]
        if past.alarm:
            parts.append((f" ! NOW: {past.alarm} ", f"{STRONG} {BAD}"))
        # Reversed to the edge of any terminal: nothing else on the screen looks like it.
        self.draw(Content.assemble(*parts, f" {travel_words(past, snapshot)}", " " * _WIDEST))


class TravelKeys(Drawn):
    """Instead of the footer: the keys that move through time, and those that always work."""

    DEFAULT_CSS = """
    TravelKeys {
        dock: bottom;
        height: 1;
        padding: 0 1;
        display: none;
        background: $surface;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def show(self, keys: Iterable[tuple[tuple[Action, ...], str]]) -> None:
        """Draw keys, each group with its word."""
        pieces = [
            Content.assemble((" ".join(key_names(entry).split(" ")[0] for entry in group), STRONG), " ", (word, MUTED))
            for group, word in keys
        ]
        self.draw(Content("  ").join(pieces))
