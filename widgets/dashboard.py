"""The readiness dashboard: ready power against its line, when that schedules the upgrade, and every validator."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from console.actions import action
from console.model import Proposal, ProposalStatus, ReleaseKind, ScheduleKind, Validator
from console.text import percent
from widgets.dashboard_rows import ORDERS, Dashboard, DashboardRow, DashboardRows, Form, ordered
from widgets.drawn import GOOD, MUTED, WARN, stacked
from widgets.moments import UNKNOWN, chain_age
from widgets.narrowing import NOTHING_TYPED, Narrowing
from widgets.panel import SnapshotPanel
from widgets.power_bar import Share, power_bar
from widgets.proposal_words import Clock, readiness_words, schedule_words, waits_for
from widgets.row_table import Column, RowTable
from widgets.working import begin

ORDERED_AT_ONCE = 500
"""Validators that are put in order without a thread: some milliseconds."""


class ReadinessPanel(SnapshotPanel):
    """Ready power as a bar, and what follows from it."""

    DEFAULT_CSS = """
    ReadinessPanel {
        height: 7;
    }
    """

    def _redraw(self) -> None:
        snapshot = self._snapshot
        upgrade = snapshot.upgrade if snapshot is not None else None
        if snapshot is None or snapshot.chain is None:
            self.head(Content("Readiness"))
            self.draw(Content.styled(f"{UNKNOWN} not known yet", MUTED))
            return
        if upgrade is None:
            self.head(Content("Readiness"))
            self.draw(Content.styled("Nothing is proposed, so there is nothing to be ready for.", MUTED))
            return
        proposal = upgrade.proposal
        expedited = ", EXPEDITED" if proposal.expedited else ""
        self.head(Content(f"{proposal.name} · proposal {proposal.id} · {proposal.status.words}{expedited}"))
        if proposal.release_kind is ReleaseKind.NONE:
            self.draw(Content.styled("Contract calls alone: no node has to be ready for them.", MUTED))
            return
        needed, total = proposal.readiness_needed, proposal.total_power
        enough = total > 0 and proposal.ready_power >= needed
        heads = f"{upgrade.ready_count} of {upgrade.validator_count} validators"
        share = percent(proposal.ready_power, total)
        clock = Clock.of(snapshot, self._now)
        lines = [
            power_bar((Share(proposal.ready_power, "█", GOOD),), needed, total, min(self.size.width, 76)),
            Content.assemble(
                ("✓ " if enough else "· ", GOOD if enough else MUTED), f"{readiness_words(proposal)}; {share}, {heads}"
            ),
            *(Content(line) for line in outcome_lines(proposal, clock)),
        ]
        age = chain_age(snapshot.chain, snapshot.taken_at, self._now)
        if age.read_ago:
            lines[1] = Content.styled(f"{age.read_ago}: {lines[1].plain}", WARN)
        self.draw(stacked(*lines))


def outcome_lines(proposal: Proposal, clock: Clock) -> list[str]:
    """When it is scheduled, until when that may be, and when it would be executed."""
    if proposal.has_height:
        left = clock.until(proposal.target_height)
        if proposal.status is not ProposalStatus.SCHEDULED or (left is not None and left <= 0):
            return [f"Its height was {proposal.target_height:,}; it is {proposal.status.words}."]
        return [
            f"Scheduled: executed at H = {clock.at(proposal.target_height)}.",
            f"Frozen at {clock.at(proposal.freeze_height)}.",
        ]
    if not proposal.status.open:
        return [f"It is {proposal.status.words}."]
    if proposal.schedule_kind is not ScheduleKind.READINESS:
        return [f"It {waits_for(proposal)}."]
    lines = [schedule_words(proposal), f"Deadline: block {clock.at(proposal.readiness_deadline)}."]
    if clock.height is not None:
        lines.append(f"Scheduled in the next block, H would be {clock.at(clock.height + 1 + proposal.delay)}.")
    return lines


class DashboardTable(RowTable[DashboardRow]):
    """Every validator; ready ones first until the operator wants another order.

    Many are put in order in a thread: the loop goes on, and the table shows the order before until then.
    """

    RIGHT: ClassVar[frozenset[str]] = frozenset({"power", "share", "weight"})
    # The table's own Enter would hide that of the view from the footer.
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", action("open").label, id="open")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(cursor=True, id=id)
        self._with_addresses = False
        self._order = 0
        self._reversed = False
        self._narrowing = NOTHING_TYPED
        self._dashboard: Dashboard | None = None
        self._now = 0.0
        self._form: Form | None = None
        self._ordered: tuple[Validator, ...] = ()
        self._places: dict[str, int] = {}
        self._ordered_for: tuple[object, ...] = ()
        self._ordering = False

    def columns_for(self, width: int) -> tuple[Column, ...]:
        """At 80 columns what decides; wider, what was advertised and whose it is."""
        columns: list[Column] = [
            ("name", "Validator", 13),
            ("power", "Power", 8),
            ("share", "Share", 7),
            ("runs", "Runs", 9),
            ("release", "Ready for", 10),
            ("since", "Since", 8),
            ("seen", "Last seen", 10),
            ("state", "State", 0),
        ]
        if self._with_addresses:
            columns = [columns[0], columns[1], ("address", "Address", 47)]
            return (*columns, ("state", "State", max(10, width - sum(column[2] for column in columns))))
        if width >= 100:
            columns[3:3] = [("weight", "Weight", 8)]
            columns[0] = ("name", "Validator", 20)
        if width >= 134:
            columns[5:5] = [("advertised", "Advertised", 36)]
        rest = max(12, width - sum(column[2] for column in columns))
        return (*columns[:-1], ("state", "State", rest))

    @property
    def shown_validator(self) -> Validator | None:
        """The validator under the cursor."""
        return self._dashboard.by_address.get(self.chosen or "") if self._dashboard is not None else None

    @property
    def settled(self) -> bool:
        """Whether what is shown is in the order and filter that are wanted."""
        return self._ordered_for == self._what_is_wanted()

    def show(self, dashboard: Dashboard | None, now: float, form: Form | None = None) -> None:
        """Draw the rows at `now`.

        Args:
            dashboard: None before the chain's first answer.
            now: Unix seconds.
            form: The spelling of an address; None shows the other columns.
        """
        self._with_addresses = form is not None
        self._dashboard, self._now, self._form = dashboard, now, form
        self._order_if_needed()
        self._draw_rows()

    def next_order(self) -> None:
        """The next order."""
        self._order = (self._order + 1) % len(ORDERS)
        self._reversed = False
        self._order_if_needed()

    def reverse_order(self) -> None:
        """The same order from its other end."""
        self._reversed = not self._reversed
        self._order_if_needed()

    def order_by(self, field: str) -> None:
        """The order of a column, or its other end when it is that already."""
        places = {order.field: place for place, order in enumerate(ORDERS)} | {"share": 1, "weight": 1, "release": 0}
        place = places.get(field)
        if place == self._order:
            self.reverse_order()
        elif place is not None:
            self._order, self._reversed = place, False
            self._order_if_needed()

    def narrow(self, narrowing: Narrowing) -> None:
        """Show only what the filter keeps."""
        self._narrowing = narrowing
        self._order_if_needed()

    def _what_is_wanted(self) -> tuple[object, ...]:
        if self._dashboard is None:
            return ()
        return *self._dashboard.what_orders, self._order, self._reversed, self._narrowing

    def _order_if_needed(self) -> None:
        if self._ordering or self.settled:
            return
        dashboard = self._dashboard
        if dashboard is None:
            self._take((), ())
        elif len(dashboard.chain.validators) <= ORDERED_AT_ONCE:
            wanted = self._what_is_wanted()
            self._take(self._in_order(dashboard), wanted)
        else:
            self._ordering = True
            begin(self, self._order_in_thread, name="order")

    def _in_order(self, dashboard: Dashboard) -> tuple[Validator, ...]:
        return ordered(dashboard, ORDERS[self._order], self._narrowing, reverse=self._reversed)

    async def _order_in_thread(self) -> None:
        try:
            while (dashboard := self._dashboard) is not None and not self.settled:
                wanted = self._what_is_wanted()
                self._take(await asyncio.to_thread(self._in_order, dashboard), wanted)
        finally:
            self._ordering = False

    def _take(self, validators: tuple[Validator, ...], wanted: tuple[object, ...]) -> None:
        self._ordered, self._ordered_for = validators, wanted
        self._places = {validator.address: place for place, validator in enumerate(validators)}
        self._draw_rows()

    def _draw_rows(self) -> None:
        dashboard = self._dashboard
        if dashboard is None:
            self.head("Validators")
            self.show_rows(())
            return
        total = len(dashboard.chain.validators)
        order = f"{ORDERS[self._order].words}{', reversed' if self._reversed else ''}"
        found = self._narrowing.words(len(self._ordered), total)
        # The filter needs the room; how many are ready stands above the table as well.
        counts = f"Ready: {dashboard.ready_count:,} · pending: {total - dashboard.ready_count:,}"
        self.head(f"{found or counts} · {order if not self._order else f'by {order}'}")
        self.show_rows(DashboardRows(dashboard, self._ordered, self._places, self._now, self._form))
