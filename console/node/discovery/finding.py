"""Findings: what was looked at, how it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    topic: str
    """Short name of what was looked at: `halt height`, `signer`, `disk`."""
    what: str
    """One sentence; foreign text in it is safe to show."""
    next_step: str = ""
    """What to do; empty when nothing has to be done."""

    def to_json(self) -> dict[str, str]:
        """The finding as JSON values."""
        return {"level": self.level.value, "topic": self.topic, "what": self.what, "next_step": self.next_step}


def worst(findings: tuple[Finding, ...]) -> Level:
    """The gravest level among findings; OK when there are none."""
    order = (Level.OK, Level.WARN, Level.FAIL)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
