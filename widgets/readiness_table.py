"""Who is ready: validator, power, version, ready since, armed, and state or failure in words."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import DataTable

from console.model import ProposalStatus, Snapshot
from widgets.moments import CLOCK_SIGN, UNKNOWN, chain_age
from widgets.readiness_rows import Row, readiness_rows

_WIDE = 76
"""Columns from which the share and the seconds are shown as well."""


def columns_for(width: int) -> tuple[tuple[str, str, int], ...]:
    """Columns as (field, heading, width) for a table of `width` columns; widths hold the gap that follows."""
    if width >= _WIDE:
        rest = max(20, width - 14 - 8 - 7 - 9 - 12 - 6)
        return (
            ("name", "Validator", 14),
            ("power", "Power", 8),
            ("share", "Share", 7),
            ("version", "Version", 9),
            ("ready_since", "Ready since", 12),
            ("armed", "Armed", 6),
            ("state", "State", rest),
        )
    rest = max(12, width - 10 - 6 - 8 - 6 - 6)
    return (
        ("name", "Validator", 10),
        ("power", "Power", 6),
        ("version", "Version", 8),
        ("ready", "Ready", 6),
        ("armed", "Armed", 6),
        ("state", "State", rest),
    )


class ReadinessTable(DataTable[Text]):
    """The readiness table; updates single cells by validator address and moves nothing else."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"readiness--good", "readiness--bad", "readiness--warn"}
    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    ReadinessTable {
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        padding: 0 0 0 1;
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        &:focus { border-top: solid $primary; background-tint: $foreground 0%; }
        & > .datatable--header, &:ansi > .datatable--header {
            background: $background;
            color: $text-muted;
            text-style: none;
        }
        & > .datatable--odd-row, & > .datatable--even-row { background: $background; }
        & > .readiness--good { color: $text-success; }
        & > .readiness--bad { color: $text-error; text-style: bold; }
        & > .readiness--warn { color: $text-warning; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, show_cursor=False, cell_padding=0, zebra_stripes=False)
        self._shown: dict[str, Row] = {}
        self._layout: tuple[tuple[str, str, int], ...] = ()
        self._rows: tuple[Row, ...] = ()
        self._heading = ""

    def show(self, snapshot: Snapshot | None, now: float) -> None:
        """Draw the rows at `now`, Unix seconds."""
        heading = _heading(snapshot)
        if snapshot is not None and chain_age(snapshot.chain, snapshot.taken_at, now).stale:
            heading = f"{heading} {CLOCK_SIGN}"
        if heading != self._heading:
            self._heading = heading
            self.border_title = Content(heading)
        self._rows = readiness_rows(snapshot, now)
        self._redraw()

    def on_resize(self, event: events.Resize) -> None:
        self._redraw()

    def redraw_all(self) -> None:
        """Draw every cell again, after the theme changed."""
        self._layout = ()
        self._redraw()

    def _redraw(self) -> None:
        width = self.size.width - 1
        if width <= 0:
            return
        layout = columns_for(width)
        order = [row.address for row in self._rows]
        if layout != self._layout or order != list(self._shown):
            self._rebuild(layout)
            return
        for row in self._rows:
            before = self._shown[row.address]
            if before == row:
                continue
            for field, _heading_text, width in layout:
                if getattr(before, field) != getattr(row, field) or before.tone != row.tone:
                    self.update_cell(row.address, field, self._cell(row, field, width), update_width=False)
            self._shown[row.address] = row

    def _rebuild(self, layout: tuple[tuple[str, str, int], ...]) -> None:
        offset = self.scroll_offset
        self.clear(columns=True)
        self._layout = layout
        for field, heading, width in layout:
            self.add_column(Text(heading), key=field, width=width)
        self._shown = {}
        for row in self._rows:
            self.add_row(*(self._cell(row, field, width) for field, _text, width in layout), key=row.address)
            self._shown[row.address] = row
        self.scroll_to(y=offset.y, animate=False)

    def _cell(self, row: Row, field: str, width: int) -> Text:
        text = Text(getattr(row, field), no_wrap=True, overflow="ellipsis")
        if field == "state" and row.tone:
            text.stylize(self.get_component_rich_style(f"readiness--{row.tone}", partial=True))
        text.truncate(width if field == "state" else width - 1, overflow="ellipsis")
        return text


def _heading(snapshot: Snapshot | None) -> str:
    if snapshot is None or snapshot.chain is None:
        return f"Ready: {UNKNOWN}"
    upgrade = snapshot.upgrade
    if upgrade is None:
        return f"Validators: {len(snapshot.chain.validators)}"
    of = f"of {upgrade.validator_count} validators"
    if upgrade.proposal.status is ProposalStatus.EXECUTED:
        entries = snapshot.chain.readiness.validators if snapshot.chain.readiness is not None else ()
        return f"Crossed: {sum(1 for entry in entries if entry.confirmed_at)} {of}"
    return f"Ready: {upgrade.ready_count} {of}"
