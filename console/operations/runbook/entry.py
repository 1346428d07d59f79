"""One word of the runbook."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Where the word is met; the chapters of docs/runbook.md, in their order."""

    STATE = "state"
    PROPOSAL = "proposal"
    CODE = "failure code"
    ALERT = "alert"
    PROBE = "probe"
    DOCTOR = "finding"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Entry:
    """One word.

    Attributes:
        kind: Where it is met.
        word: As it stands on the screen, in the journal or in an alert.
        means: What happened.
        safe: What is not in danger, so that nobody hurries there.
        do: What to do; `nothing` where nothing is to be done.
        case: Which of several cases of the word it is, by what is told with it; empty for the usual one.
    """

    kind: Kind
    word: str
    means: str
    safe: str
    do: str
    case: str = ""

    @property
    def heading(self) -> str:
        """The word with its case: `HALTED, "not proven"`."""
        return f'{self.word}, "{self.case}"' if self.case else self.word
