"""An emergency hotfix: how severe, what it leaves out, and when it may go in without governance. Pure.

The table and the order are those of the operators' document (`Emergency Hotfixes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from console.text import duration


class Severity(StrEnum):
    """How bad what is fixed is."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"


@dataclass(frozen=True, slots=True)
class Response:
    """What a severity asks for."""

    meaning: str
    within_s: float
    """Seconds from the moment that the issue was identified; 0: at once."""
    coordination: str

    @property
    def words(self) -> str:
        """`within 4h 00m, by validator chat`."""
        return f"{'at once' if not self.within_s else f'within {duration(self.within_s)}'}, by {self.coordination}"


RESPONSES: Mapping[Severity, Response] = {
    Severity.CRITICAL: Response("security", 0.0, "emergency call"),
    Severity.HIGH: Response("consensus bug", 4 * 3600.0, "validator chat"),
    Severity.MEDIUM: Response("functionality", 24 * 3600.0, "the normal process"),
}
"""By severity."""

NORMAL_STEPS: Mapping[str, str] = {
    "governance": "a proposal that the network votes on",
    "test-network": "the release runs on a test network first",
    "checklist": "the checklist of a day and of an hour before",
    "notice": "stakeholders are told in advance",
    "maintenance-window": "a time of low traffic",
    "one-at-a-time": "each node is back before the next one goes",
}
"""What a normal upgrade has and a hotfix may leave out, by name. Verified bytes, the copy and the signer's rules are
none of them: nothing leaves those out."""


def read_severity(text: str) -> str:
    """A severity. Raises ValueError with the rest of `NAME must be …`."""
    try:
        return Severity(text.strip().lower()).value
    except ValueError:
        raise ValueError(" or ".join(each.value for each in Severity)) from None


LEAST_REASON = 4
"""Characters of a reason."""


def read_bypasses(text: str) -> dict[str, str]:
    """What is left out and why: `governance=the chain stands; notice=would tell attackers`.

    Raises:
        ValueError: A step is not known, named twice, or has no reason; the words follow `NAME must be …`.
    """
    found: dict[str, str] = {}
    for piece in filter(None, (part.strip() for part in text.split(";"))):
        step, _, why = (word.strip() for word in piece.partition("="))
        if step not in NORMAL_STEPS:
            raise ValueError(f"STEP=REASON; …, where STEP is {', '.join(NORMAL_STEPS)}")
        if step in found:
            raise ValueError(f"STEP=REASON once for each step; {step} is named twice")
        if len(why) < LEAST_REASON:
            raise ValueError(f"STEP=REASON, with a reason that others understand; {step} has {why!r}")
        found[step] = why
    return found


def lateness(severity: Severity, identified_at: float, now: float) -> str:
    """Empty while the response is in time; else by how much it is late.

    Args:
        severity: What was found.
        identified_at: Unix seconds.
        now: Unix seconds.
    """
    late = now - identified_at - RESPONSES[severity].within_s
    return f"{duration(late)} late" if late > 0 and RESPONSES[severity].within_s else ""


def same_source(one: str, other: str) -> bool:
    """Whether two places are one: the same words, or URLs of the same host."""
    first, second = (" ".join(place.casefold().split()) for place in (one, other))
    host = _host(first)
    return first == second or (bool(host) and host == _host(second))


def _host(place: str) -> str:
    try:
        return urlsplit(place).hostname or ""
    except ValueError:
        return ""


def why_not_twice(checksum: str, source: str, again: str, elsewhere: str) -> str:
    """Why a checksum is not confirmed from two independent places; empty where it is.

    Args:
        checksum: As the first place says it, `sha256:…`.
        source: That place, in the person's words or as a URL.
        again: As the second place says it.
        elsewhere: That place.
    """
    if not source.strip() or not elsewhere.strip():
        return "both places that say the checksum have to be named"
    if same_source(source, elsewhere):
        return f"{source} and {elsewhere} are one place: who controls it controls both"
    if checksum != again:
        return f"{source} says {checksum} and {elsewhere} says {again}: one of them is wrong, or somebody is lying"
    return ""


def why_not_without_governance(*, breaking: bool, chain_stands: bool, planned: bool) -> str:
    """Why a hotfix may not be put in now; empty where it may.

    Args:
        breaking: Whether the fixed version executes blocks in another way.
        chain_stands: Whether the chain makes no blocks for lack of power.
        planned: Whether an upgrade is open on this node.
    """
    if planned:
        return "an upgrade is open on this node: the fix is its release, or it is cancelled first"
    if breaking and not chain_stands:
        return (
            "a breaking fix would leave the chain that goes on under the old rules: it needs a height that the network"
            " has decided, or a chain that stands"
        )
    return ""
