"""Every node of the network that the settings name, here and over SSH, each by its own controller's word."""

from __future__ import annotations

from contextlib import aclosing
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.worker import Worker

from console.errors import ConsoleError
from console.model import FleetNode
from console.ports.session import Session
from screens.bindings import bindings_for
from screens.mode import ModeScreen
from widgets.copyable import Copyable, of_fleet_node
from widgets.drawn import MUTED, Drawn
from widgets.fleet_table import FleetTable, fleet_detail, fleet_rows, fleet_title
from widgets.key_line import KeyLine
from widgets.notice_line import NoticeLine
from widgets.row_table import RowTable
from widgets.status_line import StatusLine
from widgets.working import begin


class FleetScreen(ModeScreen):
    """Asks the controllers only while it is shown.

    Args:
        session: Asks.
    """

    MODE = "fleet"
    EXPLANATION = (
        "Every node of this network in the settings, here and over SSH: its controller's word for its state, what runs,"
        " height, peers, whether its signature is in the last commit, when it was heard of, and how old its newest"
        " rollback point is. ✗ does not answer; what it said last stays. ! calls its operator; the sentence is below"
        " the table. The nodes are asked while this view is shown, each over one connection."
        " `upgrade-console run rolling` takes a release over all of them."
    )
    CSS_PATH = "fleet.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("fleet"))
    AUTO_FOCUS = "#fleet"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._fleet: tuple[FleetNode, ...] = ()
        self._problem = ""
        self._heard = False
        self._asking: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        yield self.status_line()
        yield FleetTable(cursor=True, id="fleet")
        yield Drawn(id="detail")
        yield NoticeLine(id="notice")
        yield KeyLine()

    # --- asking ---

    def on_screen_resume(self) -> None:
        """Ask on; nobody is asked while something else is shown."""
        self._asking = begin(self, self._ask, group="fleet", exclusive=True)

    def on_screen_suspend(self) -> None:
        """Let the controllers be."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self) -> None:
        try:
            async with aclosing(self.answering.fleet()) as told:
                async for nodes in told:
                    self._fleet, self._problem, self._heard = nodes, "", True
                    if not self.query(StatusLine):
                        # The console is being left: what would be drawn on is gone already.
                        return
                    self.redraw()
        except ConsoleError as error:
            self._fleet, self._problem = (), str(error)
            self.redraw()

    def turned(self) -> None:
        """Of the past nothing is known; back in the present everybody is asked again."""
        self._fleet, self._heard = (), False
        if self.is_current:
            self.on_screen_resume()

    # --- drawing ---

    def draw(self) -> None:
        self.query_one(StatusLine).show(self.snapshot, self.now)
        self.query_one(NoticeLine).show(self.snapshot)
        table = self.query_one(FleetTable)
        table.show_rows(fleet_rows(self._fleet, self.now))
        table.head(fleet_title(self._fleet) if self._fleet else "Fleet")
        self.draw_detail()

    @on(RowTable.Highlighted, "#fleet")
    def draw_detail(self) -> None:
        """Say all that is known of the node under the cursor."""
        node = self._chosen
        if node is not None:
            content = fleet_detail(node, self.now)
        elif self._problem:
            content = Content(self._problem)
        else:
            words = "No node of this network is in the settings." if self._heard else "The controllers are being asked."
            content = Content.styled(words, MUTED)
        self.query_one("#detail", Drawn).draw(content)

    async def nearest(self) -> tuple[Copyable, ...]:
        node = self._chosen
        return () if node is None else of_fleet_node(node)

    @property
    def _chosen(self) -> FleetNode | None:
        chosen = self.query_one(FleetTable).chosen
        return next((node for node in self._fleet if node.name == chosen), None)
