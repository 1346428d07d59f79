"""What a check asks of a node's controller, and how findings of the machine's own looks are taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from console.model import Finding, KnownRelease, NodeStatus, Outcome
from console.model.procedure import found
from console.node.discovery.finding import Finding as Seen
from console.node.discovery.finding import Level

_OUTCOMES = {Level.OK: Outcome.PASS, Level.WARN: Outcome.WARN, Level.FAIL: Outcome.FAIL}
_RANK = (Outcome.SKIP, Outcome.PASS, Outcome.WARN, Outcome.FAIL)


class NodeTeller(Protocol):
    """The questions of `console.node.client.NodeClient` that checks ask; all raise ControllerDown and NodeError."""

    async def status(self) -> NodeStatus: ...
    async def generations(self) -> list[dict[str, Any]]: ...
    async def points(self) -> list[dict[str, Any]]: ...
    async def verify(self, what: Literal["all", "generations", "points"] = "all") -> list[dict[str, Any]]: ...
    async def release(self, name: str = "") -> KnownRelease: ...
    async def log_tail(self, source: str, lines: int) -> list[str]: ...


def worst(findings: Sequence[Finding]) -> Outcome:
    """The gravest outcome; SKIP of none."""
    return max((finding.outcome for finding in findings), key=_RANK.index, default=Outcome.SKIP)


def together(findings: Sequence[Finding], well: str) -> Finding:
    """Several findings as one: the gravest speaks, every sentence is evidence.

    Args:
        findings: At least one.
        well: The sentence where all is as it should be.
    """
    outcome = worst(findings)
    first = next(each for each in findings if each.outcome is outcome)
    bad = outcome in {Outcome.WARN, Outcome.FAIL}
    sentence = first.sentence if bad else well
    lines = [f"{each.outcome.value}: {each.sentence}" for each in findings if each.sentence != sentence]
    lines += [line for each in findings for line in each.evidence]
    return found(outcome, sentence, *lines, go_on=first.go_on if bad else "")


def taken(seen: Sequence[Seen], well: str) -> Finding:
    """Findings of a look at the machine (`doctor`) as one.

    Args:
        seen: At least one.
        well: As in `together`.
    """
    return together([found(_OUTCOMES[each.level], each.what, go_on=each.next_step) for each in seen], well)
