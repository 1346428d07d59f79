"""What can be done with the node, a row each with its key; what cannot be done now is muted and says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from widgets.row_table import Column, RowTable


@dataclass(frozen=True, slots=True)
class VerbRow:
    """One command."""

    key: str
    """Id of its action."""
    letter: str
    label: str
    words: str
    """What it does, or why it cannot be done now."""
    tone: str


class VerbTable(RowTable[VerbRow]):
    """Up and Down choose one."""

    TONED: ClassVar[frozenset[str]] = frozenset({"letter", "label", "words"})

    def columns_for(self, width: int) -> tuple[Column, ...]:
        return (
            ("letter", "key", 5),
            ("label", "action", 11),
            ("words", "what it does, or why not now", max(20, width - 16)),
        )
