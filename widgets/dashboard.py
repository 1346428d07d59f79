"""The readiness dashboard: ready power against its line, when that schedules the upgrade, and every validator."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.content import Content

from console.model import Proposal, ProposalStatus, ReleaseKind, ScheduleKind, Snapshot
from console.text import duration, percent
from widgets.dashboard_rows import DashboardRow, dashboard_rows
from widgets.drawn import GOOD, MUTED, WARN, Drawn, stacked
from widgets.moments import CLOCK_SIGN, UNKNOWN, chain_age
from widgets.power_bar import Share, power_bar
from widgets.proposal_words import Clock, readiness_words, schedule_words, waits_for
from widgets.row_table import Column, RowTable


class ReadinessPanel(Drawn):
    """Ready power as a bar, and what follows from it."""

    DEFAULT_CSS = """
    ReadinessPanel {
        height: 7;
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        padding: 0 1;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._snapshot: Snapshot | None = None
        self._now = 0.0

    def show(self, snapshot: Snapshot | None, now: float) -> None:
        """Draw the readiness at `now`, Unix seconds."""
        self._snapshot, self._now = snapshot, now
        self._redraw()

    def on_resize(self, event: events.Resize) -> None:
        self._redraw()

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
        if age.stale and age.seconds is not None:
            lines[1] = Content.styled(f"{CLOCK_SIGN} read {duration(age.seconds)} ago: {lines[1].plain}", WARN)
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
    """Every validator: ready ones first."""

    RIGHT: ClassVar[frozenset[str]] = frozenset({"power", "share"})

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(cursor=False, id=id)
        self._with_addresses = False

    def columns_for(self, width: int) -> tuple[Column, ...]:
        """At 80 columns what decides; wider, what was advertised and whose it is."""
        columns: list[Column] = [
            ("name", "Validator", 13),
            ("power", "Power", 7),
            ("share", "Share", 6),
            ("runs", "Runs", 9),
            ("release", "Ready for", 10),
            ("since", "Since", 8),
            ("seen", "Last seen", 10),
            ("state", "State", 0),
        ]
        if self._with_addresses:
            columns = [columns[0], columns[1], ("address", "Address", 47)]
            return (*columns, ("state", "State", max(10, width - sum(column[2] for column in columns))))
        if width >= 120:
            columns[4:4] = [("advertised", "Advertised", 36)]
        rest = max(12, width - sum(column[2] for column in columns))
        return (*columns[:-1], ("state", "State", rest))

    def show(self, snapshot: Snapshot | None, now: float, form: Callable[[str], str] | None = None) -> None:
        """Draw the rows at `now` (Unix seconds); with `form`, each address in that spelling.

        Args:
            snapshot: None before the first reading.
            now: Unix seconds.
            form: The spelling of an address; None shows the other columns.
        """
        self._with_addresses = form is not None
        rows = dashboard_rows(snapshot, now, form)
        ready = sum(1 for row in rows if row.name.startswith("✓"))
        self.head(f"Ready: {ready} · pending: {len(rows) - ready}" if rows else "Validators")
        self.show_rows(rows)
