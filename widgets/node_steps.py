"""This node's way across, step by step as its controller took them."""

from __future__ import annotations

from textual.content import Content

from console.model import Arming, Attempt, Crossing, Event, NodeStatus, Snapshot, Verdict
from widgets.crossing_list import DONE, NOW_ON, OPEN, reached
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN, stacked
from widgets.moments import CLOCK_SIGN, UNKNOWN, time_of_day
from widgets.panel import Panel

_STEPS = (
    (Crossing.HALTED, "halted"),
    (Crossing.QUIESCED, "stopped"),
    (Crossing.BACKED_UP, "backed up"),
    (Crossing.SWITCHED, "switched"),
    (Crossing.WAITING_FOR_QUORUM, "started"),
    (Crossing.PROBATION, "quorum"),
    (Crossing.COMMITTED, "committed"),
)
_BACK = (
    (Crossing.ROLLBACK, "rolling back"),
    (Crossing.RESTORED, "restored"),
    (Crossing.FLIPPED_BACK, "old binary back"),
)
_STYLES = {DONE: GOOD, NOW_ON: STRONG, OPEN: MUTED, UNKNOWN: MUTED, "✗": BAD, "!": WARN}
_WORDS = {
    Crossing.PARKED: "old binary in place, node stopped: n says what can be done",
    Crossing.MISSED_HALT: "it executed H under old rules and is stopped",
    Crossing.NEEDS_OPERATOR: "nothing is touched until you decide: n",
}


class NodeSteps(Panel):
    """The steps that are taken with their times, the one under way, and those to come; or the way back."""

    def show(self, snapshot: Snapshot | None, seen: tuple[Event, ...]) -> None:
        """Draw the way; `seen` are the events of this session, oldest first."""
        node = snapshot.node if snapshot is not None else None
        if snapshot is None or node is None:
            self.head(Content("This node"))
            self.draw(stacked(Content.styled(UNKNOWN, STRONG), Content.styled("no controller", MUTED)))
            return
        journalled = bool(snapshot.node_problem)
        self.head(Content(f"Journal of {node.name} {CLOCK_SIGN}" if journalled else f"This node: {node.name}"))
        proposal = snapshot.upgrade.proposal if snapshot.upgrade is not None else None
        aborts = proposal is not None and proposal.verdict is Verdict.ABORT
        self.draw(stacked(*step_lines(node, _moments(node.attempt, seen), aborts=aborts)))


def _moments(attempt: Attempt | None, seen: tuple[Event, ...]) -> dict[str, float]:
    """When each state of this attempt was first seen, Unix seconds."""
    moments: dict[str, float] = {}
    for event in seen:
        if attempt is not None and event.kind == "crossing" and event.key[1] == attempt.id and event.moment:
            moments.setdefault(str(event.key[2]), event.moment)
    # A step that was over before anybody looked was taken by the time of the next one that was seen.
    later: float | None = None
    for step, _ in reversed(_STEPS):
        later = moments.get(step.value, later)
        if later is not None:
            moments.setdefault(step.value, later)
    return moments


def step_lines(node: NodeStatus, moments: dict[str, float], *, aborts: bool = False) -> list[Content]:
    """The lines of the panel.

    Args:
        node: Of this machine.
        moments: Unix seconds by the state's word.
        aborts: Whether the network's verdict is ABORT.
    """
    attempt = node.attempt
    if attempt is None:
        return [Content.styled(node.state, STRONG), Content.styled("takes no part", MUTED)]
    crossing = attempt.crossing
    if crossing is Crossing.NONE:
        armed = attempt.arming is Arming.ARMED
        return [
            Content.styled(node.state, STRONG),
            _step(DONE if armed else OPEN, "armed"),
            _step(NOW_ON, "halts at H"),
        ]
    if aborts and crossing in {Crossing.HALTED, Crossing.QUIESCED, Crossing.BACKED_UP}:
        return [
            _step(DONE, "halted", moments.get(Crossing.HALTED.value)),
            _step(NOW_ON, "old binary again"),
            Content.styled("verdict ABORT: nothing is switched", MUTED),
        ]
    if crossing is Crossing.RESUMED_OLD:
        return [
            Content.styled("RESUMED_OLD", f"{STRONG} {WARN}"),
            _step(DONE, "halted", moments.get("HALTED")),
            _step(DONE, "old binary", moments.get("RESUMED_OLD")),
            Content.styled("the old release goes on here", MUTED),
        ]
    if crossing.waits_for_operator:
        return [
            Content.assemble(("✗ ", BAD), (crossing.value, f"{STRONG} {BAD}")),
            Content(_WORDS[crossing]),
        ]
    if crossing in dict(_BACK):
        at = [each for each, _ in _BACK].index(crossing)
        return [
            Content.assemble(("! ", WARN), ("going back", f"{STRONG} {WARN}")),
            *(_step(DONE if place <= at else OPEN, words) for place, (_, words) in enumerate(_BACK)),
        ]
    lines = []
    for step, words in _STEPS:
        sign = reached(crossing, step)
        if step is Crossing.WAITING_FOR_QUORUM and crossing is Crossing.STARTING:
            left = attempt.tries_left
            words = f"starting, {left} left"
        if step is Crossing.BACKED_UP and attempt.without_point:
            words = "no way back kept"
        lines.append(_step(sign, words, moments.get(step.value) if sign == DONE else None))
    return lines


def _step(sign: str, words: str, moment: float | None = None) -> Content:
    style = STRONG if sign == NOW_ON else MUTED if sign == OPEN else ""
    if moment is None:
        return Content.assemble((sign, _STYLES[sign]), " ", (words, style))
    return Content.assemble((sign, _STYLES[sign]), " ", (f"{words:<10}", style), (time_of_day(moment), MUTED))
