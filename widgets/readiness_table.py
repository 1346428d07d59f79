"""Who is ready: validator, power, version, ready since, armed, and state or failure in words."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from console import model
from widgets.moments import CLOCK_SIGN, UNKNOWN, chain_age
from widgets.row_table import ORDERED_AT_ONCE, Column, RowTable
from widgets.working import begin

if TYPE_CHECKING:
    from console.model import Snapshot, Validator
    from widgets.readiness_rows import Row

    _Table = RowTable[Row]
else:
    _Table = RowTable

_WIDE = 76
"""Columns from which the share and the seconds are shown as well."""


def columns_for(width: int) -> tuple[Column, ...]:
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
        ("power_short", "Power", 6),
        ("version", "Version", 8),
        ("ready", "Ready", 6),
        ("armed", "Armed", 6),
        ("state", "State", rest),
    )


class ReadinessTable(_Table):
    """The readiness table; draws the lines that changed and moves nothing else."""

    RIGHT: ClassVar[frozenset[str]] = frozenset({"power", "power_short", "share"})

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(cursor=False, id=id)
        self._snapshot: Snapshot | None = None
        self._now = 0.0
        self._validators: tuple[Validator, ...] = ()
        self._ordered: tuple[Validator, ...] = ()
        self._ordering = False

    def columns_for(self, width: int) -> tuple[Column, ...]:
        """See the function of that name."""
        return columns_for(width)

    def show(self, snapshot: Snapshot | None, now: float) -> None:
        """Draw the rows at `now`, Unix seconds."""
        heading = _heading(snapshot)
        if snapshot is not None and chain_age(snapshot.chain, snapshot.taken_at, now).stale:
            heading = f"{heading} {CLOCK_SIGN}"
        self.head(heading)
        self._snapshot, self._now = snapshot, now
        if snapshot is not None and snapshot.chain is not None:
            self._order_if_needed(snapshot.chain.validators)
        self._draw_rows()

    def _draw_rows(self) -> None:
        # Imported here: the first frame has no rows.
        from widgets.readiness_rows import ReadinessRows

        snapshot = self._snapshot
        if snapshot is None or snapshot.chain is None:
            self.show_rows(())
        else:
            self.show_rows(ReadinessRows(snapshot, self._ordered, self._now))

    def _order_if_needed(self, validators: tuple[Validator, ...]) -> None:
        if validators is self._validators or self._ordering:
            return
        if len(validators) > ORDERED_AT_ONCE:
            self._ordering = True
            begin(self, self._order_in_thread, name="order")
        else:
            self._ordered, self._validators = self._in_order(validators), validators

    def _in_order(self, validators: tuple[Validator, ...]) -> tuple[Validator, ...]:
        from widgets.readiness_rows import in_order

        return self._ordered if validators == self._validators else in_order(validators)

    async def _order_in_thread(self) -> None:
        try:
            while (chain := self._snapshot and self._snapshot.chain) and chain.validators is not self._validators:
                self._ordered = await asyncio.to_thread(self._in_order, chain.validators)
                self._validators = chain.validators
                self._draw_rows()
        finally:
            self._ordering = False


def _heading(snapshot: Snapshot | None) -> str:
    if snapshot is None or snapshot.chain is None:
        return f"Ready: {UNKNOWN}"
    upgrade = snapshot.upgrade
    if upgrade is None:
        return f"Validators: {len(snapshot.chain.validators)}"
    of = f"of {upgrade.validator_count} validators"
    if upgrade.proposal.status is model.ProposalStatus.EXECUTED:
        entries = snapshot.chain.readiness.validators if snapshot.chain.readiness is not None else ()
        return f"Crossed: {sum(1 for entry in entries if entry.confirmed_at)} {of}"
    return f"Ready: {upgrade.ready_count} {of}"
