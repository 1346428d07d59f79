"""Who is ready: validator, power, version, ready since, armed, and state or failure in words."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from console import model
from widgets.moments import CLOCK_SIGN, UNKNOWN, chain_age
from widgets.row_table import ORDERED_AT_ONCE, Column, RowTable
from widgets.working import begin

if TYPE_CHECKING:
    from console.model import ChainView, Snapshot, Validator
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


def staked_columns_for(width: int) -> tuple[Column, ...]:
    """The same for a Cosmos chain, where nobody signals, and the chain counts who misses blocks."""
    if width >= _WIDE:
        rest = max(20, width - 20 - 8 - 7 - 10 - 8)
        return (
            ("name", "Validator", 20),
            ("power", "Power", 8),
            ("share", "Share", 7),
            ("version", "Version", 10),
            ("missed", "Missed", 8),
            ("state", "State", rest),
        )
    rest = max(12, width - 13 - 6 - 9 - 7)
    return (
        ("name", "Validator", 13),
        ("power_short", "Power", 6),
        ("version", "Version", 9),
        ("missed", "Missed", 7),
        ("state", "State", rest),
    )


class ReadinessTable(_Table):
    """The readiness table; draws the lines that changed and moves nothing else."""

    RIGHT: ClassVar[frozenset[str]] = frozenset({"power", "power_short", "share", "missed"})

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(cursor=False, id=id)
        self._snapshot: Snapshot | None = None
        self._now = 0.0
        self._validators: tuple[Validator, ...] = ()
        self._ordered: tuple[Validator, ...] = ()
        self._ordering = False

    def columns_for(self, width: int) -> tuple[Column, ...]:
        """See the functions of that name."""
        snapshot = self._snapshot
        cosmos = snapshot is not None and snapshot.network.kind == "cosmos"
        return staked_columns_for(width) if cosmos else columns_for(width)

    def show(self, snapshot: Snapshot | None, now: float) -> None:
        """Draw the rows at `now`, Unix seconds."""
        heading = _heading(snapshot)
        if snapshot is not None and chain_age(snapshot.chain, snapshot.taken_at, now).stale:
            heading = f"{heading} {CLOCK_SIGN}"
        self.head(heading)
        self._snapshot, self._now = snapshot, now
        if snapshot is not None and snapshot.chain is not None:
            self._order_if_needed(self._of(snapshot.chain))
        self._draw_rows()

    def _draw_rows(self) -> None:
        # Imported here: the first frame has no rows.
        from widgets.readiness_rows import ReadinessRows

        snapshot = self._snapshot
        if snapshot is None or snapshot.chain is None:
            self.show_rows(())
        else:
            self.show_rows(ReadinessRows(snapshot, self._ordered, self._now))

    def _of(self, chain: ChainView) -> tuple[Validator, ...]:
        """Who is shown: the active set, and whom the chain has jailed lately."""
        jailed = _jailed(chain)
        if not jailed:
            return chain.validators
        shown = (*chain.validators, *jailed)
        # The same object while nothing changed: an order holds for as long as what is ordered.
        return self._validators if shown == self._validators else shown

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
            while (chain := self._snapshot and self._snapshot.chain) and self._of(chain) is not self._validators:
                validators = self._of(chain)
                self._ordered = await asyncio.to_thread(self._in_order, validators)
                self._validators = validators
                self._draw_rows()
        finally:
            self._ordering = False


def _heading(snapshot: Snapshot | None) -> str:
    if snapshot is None or snapshot.chain is None:
        return f"Ready: {UNKNOWN}"
    upgrade = snapshot.upgrade
    if snapshot.chain.cosmos is not None:
        jailed = len(_jailed(snapshot.chain))
        return f"Validators: {len(snapshot.chain.validators)}{f' active, {jailed} jailed' if jailed else ''}"
    if upgrade is None:
        return f"Validators: {len(snapshot.chain.validators)}"
    of = f"of {upgrade.validator_count} validators"
    if upgrade.proposal.status is model.ProposalStatus.EXECUTED:
        entries = snapshot.chain.readiness.validators if snapshot.chain.readiness is not None else ()
        return f"Crossed: {sum(1 for entry in entries if entry.confirmed_at)} {of}"
    return f"Ready: {upgrade.ready_count} {of}"


def _jailed(chain: ChainView) -> tuple[Validator, ...]:
    """Whom the chain has jailed, and whose stake is not unbonded yet."""
    if chain.cosmos is None:
        return ()
    return tuple(
        each
        for each in chain.cosmos.outside
        if each.stake is not None and each.stake.jailed and each.stake.bond is not model.Bond.UNBONDED
    )
