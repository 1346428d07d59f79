"""This machine's node: its state as the one word, and what runs. Notes go to the notice line."""

from __future__ import annotations

from textual.content import Content

from console.model import Crossing, FailureCode, NodeState, NodeStatus, Snapshot
from widgets.drawn import BAD, GOOD, MUTED, STRONG, Drawn, stacked
from widgets.moments import CLOCK_SIGN, UNKNOWN, age_of, count

_BAD_STATES = {
    NodeState.NEEDS_OPERATOR.value,
    NodeState.STOPPED.value,
    Crossing.MISSED_HALT.value,
    "FAILED",
}
_GOOD_STATES = {Crossing.COMMITTED.value, "READY", "ARMED"}


def node_note(node: NodeStatus) -> str:
    """What the controller wants said: its note, the attempt's, or the failure in words."""
    attempt = node.attempt
    if node.note:
        return node.note
    if attempt is None:
        return ""
    if attempt.note:
        return attempt.note
    if attempt.failure_code in FailureCode.__members__.values():
        return FailureCode(attempt.failure_code).words
    return f"failure code {attempt.failure_code}" if attempt.failure_code else ""


class NodePanel(Drawn):
    """State, version, generation, process, height, arming and last exit code."""

    DEFAULT_CSS = """
    NodePanel {
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        padding: 0 1;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def show(self, snapshot: Snapshot | None, now: float) -> None:
        """Draw the node at `now`, Unix seconds."""
        node = snapshot.node if snapshot is not None else None
        if snapshot is None or node is None:
            self.head(Content("This node"))
            words = "not known yet" if snapshot is None else "no controller"
            self.draw(stacked(Content.styled(UNKNOWN, STRONG), Content.styled(words, MUTED)))
            return
        self.head(Content(f"This node: {node.name}"))
        self.draw(stacked(*_lines(node, snapshot.taken_at, now)))


def _lines(node: NodeStatus, taken_at: float, now: float) -> list[Content]:
    style = BAD if node.state in _BAD_STATES else GOOD if node.state in _GOOD_STATES else ""
    age = age_of(node.height_age_s, taken_at, now)
    height = count(node.height)
    return [
        Content.assemble((node.state, f"{STRONG} {style}".strip())),
        _field("runs", node.version or UNKNOWN),
        _field("pid", UNKNOWN if node.pid is None else str(node.pid)),
        _field("height", height if not age.stale else f"{height} {CLOCK_SIGN}"),
        _field("halt at", count(node.halt_height) if node.halt_height else "none"),
        _field("exited", UNKNOWN if node.last_exit_code is None else f"code {node.last_exit_code}"),
        _field("from", node.generation or UNKNOWN),
    ]


def _field(name: str, value: str) -> Content:
    return Content.assemble((f"{name:<8}", MUTED), value)
