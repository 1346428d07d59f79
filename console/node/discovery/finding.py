"""Findings: what was looked at, how it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from console.errors import NodeError
from console.text import untrusted


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

    @staticmethod
    def from_json(document: Mapping[str, object]) -> Finding:
        """The reverse of `to_json`, safe to show. Raises NodeError."""
        level, *texts = (document.get(key) for key in ("level", "topic", "what", "next_step"))
        try:
            return Finding(Level(str(level)), *(str(untrusted(text, 4000)) for text in texts))
        except ValueError as error:
            raise NodeError(f"the controller's answer is not understood ({error})") from error


def worst(findings: tuple[Finding, ...]) -> Level:
    """The gravest level among findings; OK when there are none."""
    order = (Level.OK, Level.WARN, Level.FAIL)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
