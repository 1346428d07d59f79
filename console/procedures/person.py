"""What a run and the person who runs it say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from console.model import Finding
from console.procedures.step import Step
from console.text import UntrustedText


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked."""

    step: Step
    words: str
    """The question."""
    typed: str = ""
    """What has to be typed instead of yes; empty for nothing."""
    whether_done: bool = False
    """Whether it is asked if an action was done that was begun before and cannot tell."""
    evidence: Finding | None = None
    """What was found that it rests on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said."""

    yes: bool
    by: UntrustedText
    """Who."""
    typed: str = ""
    reason: str = ""
    """Of a no, or of leaving it out."""
    leave_out: bool = False
    """Leave an optional step out."""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """What somebody who watches a run is told."""

    kind: str
    """`started`, `gone on`, `begun`, `told`, `ended`, `asked`, `done`, `stopped` or `given up`."""
    run: str
    at: float
    """Unix seconds."""
    step: str = ""
    words: str = ""
    finding: Finding | None = None


class Person(Protocol):
    """Who runs it: the terminal, the screen, or nobody."""

    @property
    def name(self) -> UntrustedText: ...
    async def answer(self, question: Question) -> Answer | None:
        """Ask; None where nobody is there to answer."""
        ...

    def told(self, event: RunEvent) -> None:
        """Show what happened."""
        ...
