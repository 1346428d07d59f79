"""This machine's node: its state as the one word, and what runs. Notes go to the notice line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from console import model
from console.text import with_short_hashes
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN, stacked
from widgets.moments import CLOCK_SIGN, UNKNOWN, age_of, count
from widgets.panel import RowsPanel

if TYPE_CHECKING:
    from console.model import NodeStatus, Snapshot


def state_style(node: NodeStatus) -> str:
    """The colour of a node's state; none for what is neither good nor bad."""
    states, crossings = model.NodeState, model.Crossing
    if node.alarm or node.state in {states.NEEDS_OPERATOR, states.STOPPED, crossings.MISSED_HALT, "FAILED"}:
        return BAD
    return GOOD if node.state in {crossings.COMMITTED, "READY", "ARMED"} else ""


def node_note(node: NodeStatus) -> str:
    """What the controller wants said: its note, the attempt's, or the failure in words; hashes by their ends."""
    from widgets.readiness_rows import failure_words

    attempt = node.attempt
    # A failure is only news while the crossing has not begun: afterwards the note tells something newer.
    preparing = attempt is not None and attempt.crossing is model.Crossing.NONE
    failure = failure_words(attempt.failure_code) if attempt is not None and preparing else ""
    of_attempt = attempt.note if attempt is not None else ""
    if node.fetching is not None and preparing and node.note in {"", of_attempt}:
        # The next try is newer than what the last one failed for.
        return node.fetching.sentence
    if failure and node.note in {"", of_attempt}:
        return with_short_hashes(": ".join(part for part in (failure, of_attempt) if part))
    return with_short_hashes(node.note or of_attempt)


def node_alarm(node: NodeStatus) -> str:
    """Why the operator is called, hashes by their ends; empty when nobody is."""
    return with_short_hashes(node.alarm)


class NodePanel(RowsPanel):
    """State, whether automation is paused, generation, version, process, height, halt and last exit code."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[Content] = []

    def show(self, snapshot: Snapshot | None, now: float) -> None:
        """Draw the node at `now`, Unix seconds."""
        node = snapshot.node if snapshot is not None else None
        if snapshot is None or node is None:
            self.head(Content("This node"))
            words = "not known yet" if snapshot is None else "no controller"
            self._lines = [Content.styled(UNKNOWN, STRONG), Content.styled(words, MUTED)]
            self._redraw()
            return
        journalled = bool(snapshot.node_problem)
        self.head(Content(f"Journal of {node.name} {CLOCK_SIGN}" if journalled else f"This node: {node.name}"))
        lines = _lines(node, snapshot, now, journalled=journalled)
        self._lines = lines
        self._redraw()

    def _redraw(self) -> None:
        # Where there is no room for all, the last ones are left out whole.
        self.draw(stacked(*self._lines[: self.content_size.height or None]))


def _lines(node: NodeStatus, snapshot: Snapshot, now: float, *, journalled: bool) -> list[Content]:
    state = f"{CLOCK_SIGN} {node.state}" if journalled else node.state
    # A journal's word may be old: it is never shown in the colour of what is.
    style = WARN if journalled else state_style(node)
    age = age_of(node.height_age_s, snapshot.taken_at, now)
    # Ten columns at 80: a great height gives up its commas for the clock sign.
    height = count(node.height) if not age.stale or (node.height or 0) < 10_000_000 else str(node.height)
    # Nothing but its sentence on the notice line is more pressing; where the panel is full the exit code gives way.
    called = "! " if node.alarm else ""
    paused = [Content.assemble(("automation ", MUTED), ("paused", f"{STRONG} {WARN}"))] if node.paused else []
    return [
        Content.assemble((f"{called}{state}", f"{STRONG} {style}".strip())),
        *paused,
        _field("generation", node.generation or UNKNOWN),
        _field("version", node.version or UNKNOWN),
        _field("pid", "none" if node.pid is None else str(node.pid)),
        _field("height", height if not age.stale else f"{height} {CLOCK_SIGN}"),
        _halt(node, snapshot),
        _last(node),
    ]


def _last(node: NodeStatus) -> Content:
    """The last exit code; while a release is on its way, or is to be proven, how far that is.

    The rest is on the notice line.
    """
    if node.fetching is not None:
        return _field("fetching", node.fetching.share)
    proof = node.proof
    if proof is not None and not proof.given and node.attempt is not None and not node.attempt.crossing.ended:
        return _field("proof in" if proof.left_s is not None else "proof", proof.short)
    return _field("exit code", UNKNOWN if node.last_exit_code is None else str(node.last_exit_code))


def _halt(node: NodeStatus, snapshot: Snapshot) -> Content:
    attempt = node.attempt
    if snapshot.network.kind == "cosmos" and (attempt is None or attempt.crossing is model.Crossing.NONE):
        # The chain stops it, armed or not.
        return _field("halts at", UNKNOWN if attempt is None else count(attempt.target_height))
    if node.halt_height:
        return _field("halts at", count(node.halt_height))
    never = {model.Crossing.NONE, model.Crossing.MISSED_HALT, model.Crossing.NEEDS_OPERATOR}
    if attempt is not None and attempt.crossing not in never:
        # The halt itself may last for less than a second; that it happened stays readable.
        return _field("halted at", count(attempt.target_height))
    return _field("halts at", "not armed")


def _field(name: str, value: str) -> Content:
    return Content.assemble((f"{name:<11}", MUTED), value)
