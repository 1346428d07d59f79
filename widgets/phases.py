"""The stations of an upgrade, and what the countdown shows of one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """The stations of an upgrade as the whole network sees them."""

    CONNECTING = "connecting"
    NO_CHAIN = "no chain"
    NOTHING_PENDING = "nothing pending"
    NOT_SCHEDULED = "not scheduled"
    VOTING = "voting"
    WAITING = "waiting"
    COUNTING = "counting"
    FROZEN = "frozen"
    HALTED = "halted"
    WAITING_FOR_QUORUM = "waiting for quorum"
    CROSSED = "crossed"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the countdown shows."""

    phase: Phase
    title: str
    number: str
    """For the large glyphs."""
    caption: tuple[str, str]
    when: str
    """Time left and wall clock, or what stands in their place."""
    sentence: str
    """What will happen, or what happens now."""
    tone: str = ""
    """`error`, `warning`, `success` or empty; the words say the same."""


CONNECTING = Outlook(
    Phase.CONNECTING,
    "Connecting",
    "—",
    ("", ""),
    "",
    "Waiting for the first answer of chain and controller.",
)
"""Before the first answer."""
