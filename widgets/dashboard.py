"""The readiness dashboard: ready power against its line, when that schedules the upgrade, and every validator."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from console.actions import action
from console.model import (
    ChainView,
    Proposal,
    ProposalStatus,
    ReleaseKind,
    ScheduleKind,
    Snapshot,
    Validator,
    power_needed,
)
from console.text import percent
from widgets.dashboard_rows import Dashboard, DashboardRow, DashboardRows, Form, InOrder, Wish, in_order, orders_of
from widgets.drawn import BAD, GOOD, MUTED, WARN, stacked
from widgets.moments import chain_age, why_no_chain
from widgets.narrowing import Narrowing
from widgets.panel import SnapshotPanel
from widgets.power_bar import Share, power_bar
from widgets.proposal_words import Clock, readiness_words, schedule_words, waits_for
from widgets.row_table import ORDERED_AT_ONCE, Column, RowTable
from widgets.stake_words import misses_much
from widgets.working import begin


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
            self.draw(Content.styled(why_no_chain(snapshot), MUTED if snapshot is None else WARN))
            return
        if snapshot.chain.cosmos is not None:
            self._draw_staked(snapshot, snapshot.chain)
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

    def _draw_staked(self, snapshot: Snapshot, chain: ChainView) -> None:
        """Of a Cosmos chain: what has to be back at H+1, and who is in trouble."""
        upgrade = snapshot.upgrade
        what = "" if upgrade is None else f" · {upgrade.proposal.name} · {upgrade.proposal.status.words}"
        self.head(Content(f"Active set{what}"))
        there = {node.consensus_address for node in chain.nodes if node.reachable}
        total = sum(each.power for each in chain.validators)
        answers = sum(each.power for each in chain.validators if each.consensus_address in there)
        needed = power_needed(total)
        outside = () if chain.cosmos is None else chain.cosmos.outside
        jailed = sum(1 for each in outside if each.stake is not None and each.stake.jailed)
        missing = sum(1 for each in chain.validators if each.stake is not None and misses_much(each.stake))
        lines = [
            power_bar((Share(answers, "█", GOOD),), needed, total, min(self.size.width, 76)),
            Content(
                f"{answers:,} of {total:,} power answers here; {needed:,} is enough, {total - needed:,} may be missing"
            ),
            Content.assemble(
                f"{len(chain.validators)} active, {len(outside)} outside: ",
                (f"{jailed} jailed", BAD if jailed else MUTED),
                ", ",
                (f"{missing} miss more than a tenth of the window", WARN if missing else MUTED),
            ),
        ]
        if upgrade is not None and upgrade.proposal.has_height:
            lines.append(Content(f"H = {Clock.of(snapshot, self._now).at(upgrade.proposal.target_height)}"))
        age = chain_age(chain, snapshot.taken_at, self._now)
        if age.read_ago:
            lines[1] = Content.styled(f"{age.read_ago}: {lines[1].plain}", WARN)
        self.draw(stacked(*lines))


def outcome_lines(proposal: Proposal, clock: Clock) -> list[str]:
    """When it is scheduled, until when that may be, and when it would be executed."""
    if proposal.has_height:
        left = clock.until(proposal.target_height)
        if proposal.status is not ProposalStatus.SCHEDULED or (left is not None and left <= 0):
            return [_after_height(proposal, left)]
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


def _after_height(proposal: Proposal, left: int | None) -> str:
    if proposal.status is not ProposalStatus.SCHEDULED:
        return f"Its height was {proposal.target_height:,}; it is {proposal.status.words}."
    verdict = f", by the verdict {proposal.verdict.name}" if proposal.frozen_at else ""
    when = "The chain stands before executing" if left == 0 else "The chain went on past"
    return f"{when} H = {proposal.target_height:,}{verdict}; it is scheduled until enough have confirmed."


class DashboardTable(RowTable[DashboardRow]):
    """Every validator; ready ones first until the operator wants another order.

    Many are put in order in a thread: the loop goes on, and the table shows the order before until then.
    """

    RIGHT: ClassVar[frozenset[str]] = frozenset({"power", "share", "weight", "missed", "tokens"})
    # The table's own Enter would hide that of the view from the footer.
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", action("open").label, id="open")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(cursor=True, id=id)
        self._with_addresses = False
        self._wish = Wish()
        self._snapshot: Snapshot | None = None
        self._now = 0.0
        self._form: Form | None = None
        self._shown: InOrder | None = None
        self._ordering = False

    def columns_for(self, width: int) -> tuple[Column, ...]:
        """At 80 columns what decides; wider, what was advertised and whose it is."""
        if self._snapshot is not None and self._snapshot.network.kind == "cosmos":
            return self._staked_columns(width)
        columns: list[Column] = [
            ("name", "Validator", 13),
            ("power", "Power", 8),
            ("share", "Share", 6),
            ("runs", "Runs", 9),
            ("release", "Ready for", 10),
            ("since", "Since", 7),
            ("seen", "Seen ago", 9),
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

    def _staked_columns(self, width: int) -> tuple[Column, ...]:
        """The same for a Cosmos chain; with the consensus address instead where addresses are wanted."""
        columns: list[Column] = [
            ("name", "Validator", 22),
            ("power", "Power", 8),
            ("share", "Share", 7),
            ("runs", "Runs", 10),
            ("missed", "Missed", 8),
            ("seen", "Seen ago", 9),
            ("state", "State", 0),
        ]
        if self._with_addresses:
            columns = [columns[0], columns[1], ("address", "Consensus address", 42), columns[-1]]
        elif width >= 134:
            columns[2:2] = [("tokens", "Tokens", 12)]
            columns[-1:-1] = [("operator", "Operator", 54)]
        rest = max(10, width - sum(column[2] for column in columns))
        return (*columns[:-1], ("state", "State", rest))

    @property
    def dashboard(self) -> Dashboard | None:
        """What the rows are made of: the newest Snapshot, or one before while that is put in order."""
        return self._shown.dashboard if self._shown is not None else None

    @property
    def shown_validator(self) -> Validator | None:
        """The validator under the cursor."""
        return self.dashboard.by_address.get(self.chosen or "") if self.dashboard is not None else None

    @property
    def settled(self) -> bool:
        """Whether the newest Snapshot is shown, in the order and with the filter that are wanted."""
        shown = self._shown
        if shown is None or self._snapshot is None:
            return shown is None and self._snapshot is None
        return shown.dashboard.snapshot is self._snapshot and shown.wish == self._wish

    def show(self, snapshot: Snapshot | None, now: float, form: Form | None = None) -> None:
        """Draw the rows at `now`.

        Args:
            snapshot: Before the chain's first answer there is no row.
            now: Unix seconds.
            form: The spelling of an address; None shows the other columns.
        """
        self._with_addresses = form is not None
        self._snapshot = snapshot if snapshot is not None and snapshot.chain is not None else None
        self._now, self._form = now, form
        self._order_if_needed()
        self._draw_rows()

    def next_order(self) -> None:
        """The next order."""
        self._want(replace(self._wish, order=(self._wish.order + 1) % len(orders_of(self._snapshot)), reverse=False))

    def reverse_order(self) -> None:
        """The same order from its other end."""
        self._want(replace(self._wish, reverse=not self._wish.reverse))

    def order_by(self, field: str) -> None:
        """The order of a column, or its other end when it is that already."""
        places = {order.field: place for place, order in enumerate(orders_of(self._snapshot))}
        # What follows another column has its order.
        same = {"share": "power", "weight": "power", "tokens": "power", "release": "state"}
        field = same.get(field, field)
        place = places.get(field)
        if place == self._wish.order:
            self.reverse_order()
        elif place is not None:
            self._want(replace(self._wish, order=place, reverse=False))

    def narrow(self, narrowing: Narrowing) -> None:
        """Show only what the filter keeps."""
        self._want(replace(self._wish, narrowing=narrowing))

    def _want(self, wish: Wish) -> None:
        self._wish = wish
        self._order_if_needed()
        self._draw_rows()

    def _order_if_needed(self) -> None:
        snapshot = self._snapshot
        if self._ordering or self.settled:
            return
        if snapshot is None or snapshot.chain is None:
            self._shown = None
        elif _many(snapshot.chain) <= ORDERED_AT_ONCE:
            self._shown = in_order(snapshot, self._wish, self._shown)
        else:
            self._ordering = True
            begin(self, self._order_in_thread, name="order")

    async def _order_in_thread(self) -> None:
        try:
            while not self.settled and (snapshot := self._snapshot) is not None:
                self._shown = await asyncio.to_thread(in_order, snapshot, self._wish, self._shown)
                self._draw_rows()
                # Whoever shows one of them beside the table has newer values for it as well.
                self.post_message(self.Highlighted(self))
        finally:
            self._ordering = False

    def _draw_rows(self) -> None:
        shown = self._shown
        if shown is None:
            self.head("Validators")
            self.show_rows(())
            return
        total, ready = len(shown.dashboard.validators), shown.dashboard.ready_count
        wish = shown.wish
        order = f"{orders_of(shown.dashboard.snapshot)[wish.order].words}{', reversed' if wish.reverse else ''}"
        found = wish.narrowing.words(len(shown.validators), total)
        # The filter needs the room; how many are ready stands above the table as well.
        counts = f"Ready: {ready:,} · pending: {total - ready:,}"
        if (cosmos := shown.dashboard.chain.cosmos) is not None:
            counts = f"Active: {total - len(cosmos.outside):,} · outside: {len(cosmos.outside):,}"
        plain = order.split(", ")[0] in {"ready first", "jailed first"}
        self.head(f"{found or counts} · {order if plain else f'by {order}'}")
        self.show_rows(DashboardRows(shown, self._now, self._form))


def _many(chain: ChainView) -> int:
    return len(chain.validators) + (0 if chain.cosmos is None else len(chain.cosmos.outside))
