"""The head of the node's view: its state, what goes on, what comes next and when, and what runs."""

from __future__ import annotations

from textual.content import Content

from console.model import NodeStatus, Snapshot
from console.text import duration, short_hash
from widgets.drawn import MUTED, STRONG, WARN, stacked
from widgets.moments import CLOCK_SIGN, UNKNOWN, age_of, chain_age, count
from widgets.node_course import NodeCourse, course_of
from widgets.node_panel import state_style
from widgets.panel import RowsPanel


class NodeNow(RowsPanel):
    """Its state in the rule above, and three rows, whatever happens."""

    DEFAULT_CSS = """
    NodeNow {
        height: 4;
    }
    """

    def show(self, snapshot: Snapshot | None, now: float) -> None:
        """Draw the node at `now`, Unix seconds."""
        node = snapshot.node if snapshot is not None else None
        if snapshot is None or node is None:
            self.head(Content("This node"))
            words = "Not known yet." if snapshot is None else "No node is set up on this machine, or it never ran."
            self.draw(stacked(Content.styled(UNKNOWN, STRONG), Content.styled(words, MUTED)))
            return
        self.head(_title(node, journalled=bool(snapshot.node_problem)))
        self.draw(stacked(*_lines(node, snapshot, now)))


def _title(node: NodeStatus, *, journalled: bool) -> Content:
    if journalled:
        return Content.assemble(
            f"Journal of {node.name}  ", (f"{CLOCK_SIGN} {node.state}", f"{STRONG} {WARN}"), "  no controller answers"
        )
    style = state_style(node)
    state = f"{'! ' if node.alarm else ''}{node.state}"
    paused = ("  automation paused", f"{STRONG} {WARN}") if node.paused else ("", "")
    return Content.assemble(f"This node: {node.name}  ", (state, f"{STRONG} {style}".strip()), paused)


def _lines(node: NodeStatus, snapshot: Snapshot, now: float) -> list[Content]:
    course = course_of(node)
    return [
        Content.assemble(("now   ", MUTED), course.now),
        Content.assemble(("next  ", MUTED), (_next(course, snapshot, now), WARN if course.calls else "")),
        _runs(node, snapshot, now),
    ]


def _next(course: NodeCourse, snapshot: Snapshot, now: float) -> str:
    if course.at is None:
        return course.next
    words = f"{course.next}: block {count(course.at)}"
    height = snapshot.height
    if height is None or course.at <= height or chain_age(snapshot.chain, snapshot.taken_at, now).stale:
        return words
    left = course.at - height
    block_time = snapshot.chain.block_time_s if snapshot.chain is not None else None
    soon = "" if block_time is None else f", ≈ {duration(left * block_time)}"
    return f"{words}, in {count(left)} block{'' if left == 1 else 's'}{soon}"


def _runs(node: NodeStatus, snapshot: Snapshot, now: float) -> Content:
    age = age_of(node.height_age_s, snapshot.taken_at, now)
    height = count(node.height) + (f" {CLOCK_SIGN}" if age.stale and node.height is not None else "")
    armed = f" · {'not armed' if not node.halt_height else f'halts at {count(node.halt_height)}'}"
    if snapshot.network.kind == "cosmos":
        # The chain stops it, armed or not: the line above says where.
        armed = ""
    code = "" if node.last_exit_code is None else f" · exit code {node.last_exit_code}"
    exe = f" · {short_hash(node.exe_sha256)}" if node.exe_sha256 else ""
    # The program's hash last: it may be cut, and stands whole below.
    return Content.assemble(
        ("runs  ", MUTED),
        f"{node.generation or UNKNOWN} · {node.version or 'version unknown'} · height {height}{armed}{code}{exe}",
    )
