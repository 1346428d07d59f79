"""What was decided and done, as one timeline of several sources."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AuditKind(StrEnum):
    """What an entry is about."""

    STATE = "state"
    """The upgrade went on: a state was entered, a plan taken up."""
    OPERATOR = "operator"
    """A person asked for something or led it on."""
    VERDICT = "verdict"
    SIGNAL = "signal"
    """The controller said something to the chain."""
    SENT = "sent"
    """Something was signed here: transactions with their hashes, messages for others to send."""
    RUN = "run"
    """The node was started or ended."""
    ERROR = "error"
    """Something was refused or failed."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was decided or done; every text is safe to be shown."""

    key: str
    """Tells it from others: `j` and the journal's number, or `s` and the hash."""
    at: float
    """Unix seconds."""
    origin: str
    """`controller` or `console`."""
    kind: AuditKind
    attempt: int | None
    """The controller's number of the upgrade; None where it is about none."""
    words: str
    """One line."""
    detail: tuple[tuple[str, str], ...]
    """Everything that is known, by name."""
    good: bool = True
    """Whether it came out as it was meant to, as far as is known."""

    def to_json(self) -> dict[str, object]:
        """For scripts and files."""
        return {
            "key": self.key,
            "at": self.at,
            "origin": self.origin,
            "kind": self.kind.value,
            "attempt": self.attempt,
            "words": self.words,
            "good": self.good,
            "detail": dict(self.detail),
        }


@dataclass(frozen=True, slots=True)
class AuditReading:
    """The timeline as far as it is kept and can be read."""

    entries: tuple[AuditEntry, ...]
    """Newest last."""
    problems: tuple[str, ...]
    """What cannot be read, one sentence each."""
    forgotten: bool = False
    """Whether the journal holds older rows than are kept here."""


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Whether the sources of the timeline are whole."""

    findings: tuple[str, ...]
    """What was looked at and is well."""
    problems: tuple[str, ...]
