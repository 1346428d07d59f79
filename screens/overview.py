"""The overview: countdown, GO or NO-GO, readiness, this node, and the last events, whole at 80x24."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from screens.bindings import bindings_for
from screens.mode import ModeScreen
from widgets.countdown import Countdown
from widgets.event_tail import EventTail
from widgets.face import Face, face_of
from widgets.go_panel import GoPanel
from widgets.key_line import KeyLine
from widgets.log_tail import LogTail
from widgets.node_panel import NodePanel
from widgets.notice_line import NoticeLine
from widgets.readiness_table import ReadinessTable
from widgets.status_line import StatusLine
from widgets.trend_lines import TrendLines

if TYPE_CHECKING:
    from console.model import Snapshot
    from console.ports.session import Session


class OverviewScreen(ModeScreen):
    """What an operator keeps open through an upgrade."""

    MODE = "overview"
    EXPLANATION = (
        "The large number counts the blocks until H, the first block that the new binary executes. "
        "GO needs more than two thirds of the voting power ready and armed. Ready: the release is downloaded, verified "
        "and staged. Armed: the running node has loaded H and will stop there. A clock sign ◷ marks what is old. "
        "During the crossing it shows who is back at H+1 by power, and afterwards what proves it."
    )
    ON_COSMOS = (
        "The large number counts the blocks until H, the first block that the new binary executes; while a proposal "
        "is voted on, the time that is left for it. The chain itself stops every node at H, and goes on when more "
        "than two thirds of the power runs the new binary. GO: the plan is scheduled, the power is known, and where "
        "this machine has a node, its binary is verified and staged. Missed: blocks that a validator did not sign, of "
        "the chain's own window. A clock sign ◷ marks what is old. During the crossing it shows who is back at H+1 by "
        "power."
    )
    CSS_PATH = "overview.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("overview"))
    AUTO_FOCUS = ""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._face = Face.CALM

    def compose(self) -> ComposeResult:
        yield self.status_line()
        with Horizontal(id="top"):
            yield Countdown(id="countdown")
            yield GoPanel(id="go")
        with Horizontal(id="middle"):
            yield ReadinessTable(id="readiness")
            yield NodePanel(id="node")
        yield NoticeLine(id="notice")
        with Horizontal(id="lower"):
            yield EventTail(id="events")
            yield TrendLines(id="trends")
        yield LogTail(id="log")
        yield KeyLine()

    def draw(self) -> None:
        snapshot, now = self.snapshot, self.now
        self.query_one(StatusLine).show(snapshot, now)
        view = self.query_one(Countdown).show(snapshot, now)
        self._turn(face_of(snapshot, view.phase))
        if self._face is Face.CROSSING:
            self._draw_crossing(snapshot, now)
        else:
            self.query_one(ReadinessTable).show(snapshot, now)
        if self._face is Face.CALM:
            self.query_one(GoPanel).show(snapshot, now)
            self.query_one(NodePanel).show(snapshot, now)
        else:
            self._draw_steps(snapshot, now)
        self.query_one(NoticeLine).show(snapshot)
        self.query_one(EventTail).show(self.course.events)
        by_gov = snapshot is not None and snapshot.network.kind == "cosmos"
        self.query_one(TrendLines).show(self.course, by_gov=by_gov)

    def _turn(self, face: Face) -> None:
        """Show other panels in the same places; nothing here has the focus, so nobody loses it."""
        if face is not self._face:
            self._face = face
            if face is not Face.CALM:
                self._add_panels(face)
            for each in Face:
                self.set_class(each is face and face is not Face.CALM, f"-{each.value}")

    # The panels of the crossing are imported and made when there is one: the first frame does not wait for them.

    def _add_panels(self, face: Face) -> None:
        from widgets.crossing_list import CrossingList
        from widgets.node_steps import NodeSteps
        from widgets.quorum_panel import QuorumPanel
        from widgets.verification import VerificationPanel

        top, middle = self.query_one("#top"), self.query_one("#middle")
        if face is Face.CROSSING and not self.query(QuorumPanel):
            top.mount(QuorumPanel(id="quorum"))
            middle.mount(CrossingList(id="crossing"), after="#readiness")
        if face is Face.VERIFYING and not self.query(VerificationPanel):
            top.mount(VerificationPanel(id="verification"))
        if not self.query(NodeSteps):
            middle.mount(NodeSteps(id="steps"))

    def _draw_crossing(self, snapshot: Snapshot | None, now: float) -> None:
        from widgets.crossing_list import CrossingList
        from widgets.quorum_panel import QuorumPanel

        self.query_one(QuorumPanel).show(snapshot, now)
        crossing = self.query_one(CrossingList)
        crossing.own_address = self.session.own_address
        crossing.show(snapshot, now)

    def _draw_steps(self, snapshot: Snapshot | None, now: float) -> None:
        from widgets.node_steps import NodeSteps
        from widgets.verification import VerificationPanel

        if self._face is Face.VERIFYING:
            self.query_one(VerificationPanel).show(snapshot, now)
        self.query_one(NodeSteps).show(snapshot, self.course.events)

    def draw_log(self) -> None:
        self.query_one(LogTail).show(self.log_lines)
