"""Every validator: who is ready, who is pending, when that schedules the upgrade; and one of them in full."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from console.errors import ConsoleError
from console.model import SigningRecord, Validator
from console.ports.session import Session
from screens.addresses import filecoin_form, prefix_of
from screens.bindings import bindings_for
from screens.filtered import FilteredScreen, filter_field
from widgets.copyable import Copyable, of_validator
from widgets.dashboard import DashboardTable, ReadinessPanel
from widgets.key_line import KeyLine
from widgets.narrowing import Narrowing
from widgets.row_table import RowTable
from widgets.status_line import StatusLine
from widgets.validator_detail import Record, ValidatorDetail
from widgets.working import begin

_NOT_KEPT = "what was read of it then is not kept; the present has it"
OF_THE_PAST = Record(SigningRecord((), "", _NOT_KEPT), None, _NOT_KEPT)
"""Beside a Snapshot of the past: what is read now would not be of then."""


class ValidatorsScreen(FilteredScreen):
    """Ready power against its line, a row per validator, and beside or instead of them the chosen one in full."""

    MODE = "validators"
    EXPLANATION = (
        "The bar shows the power that has the release verified and staged; ┃ is the line at which the upgrade gets its "
        "height, or may cross. Runs is what a validator's node answers, in brackets what its key advertised; Ready for "
        "is the release that it has signalled. Seen ago: when its node answered, or its key said something. "
        "Enter shows one validator in full. / shows only those that match a name, an address, a version, a state or a "
        "pattern; ! first shows the others. o goes to the next order, O turns it round; a click on a heading does both."
    )
    ON_COSMOS = (
        "The active set by power, and below it who is outside: jailed, unbonding or unbonded. Missed counts the "
        "blocks of the chain's window that a validator did not sign; when it misses too many it is jailed and its "
        "power is gone. Runs is what its node answers, where it is one of our endpoints. Enter shows one validator in "
        "full. / shows only those that match a name, an address, a version, a state or a pattern; ! first shows the "
        "others. o goes to the next order, O turns it round; a click on a heading does both."
    )
    CSS_PATH = "validators.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("validators"))
    AUTO_FOCUS = "#dashboard"
    FILTERED = "#dashboard"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        # Beside the table only where both are whole.
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (132, "-wide")]
        # 0: none; 1: as Ethereum writes it; 2: as Filecoin does.
        self._addresses = 0
        self._records: dict[str, Record] = {}
        self._read_for: tuple[object, ...] = ()
        """Validator and height for which a record was read last."""

    def compose(self) -> ComposeResult:
        yield self.status_line()
        with Horizontal(id="halves"):
            with Vertical(id="all"):
                yield ReadinessPanel(id="panel")
                yield DashboardTable(id="dashboard")
            yield ValidatorDetail(id="detail")
        yield filter_field("a name, an address, a state, a pattern; ! first for the others; Esc ends it")
        yield KeyLine()

    def draw(self) -> None:
        self.query_one(StatusLine).show(self.snapshot, self.now)
        self.query_one(ReadinessPanel).show(self.snapshot, self.now)
        form = (None, str, self._filecoin)[self._addresses]
        self.query_one(DashboardTable).show(self.snapshot, self.now, form)
        self.draw_detail()

    def apply_filter(self, narrowing: Narrowing) -> None:
        self.query_one(DashboardTable).narrow(narrowing)

    async def nearest(self) -> tuple[Copyable, ...]:
        chosen = self.query_one(DashboardTable).chosen
        validators = self.snapshot.chain.validators if self.snapshot is not None and self.snapshot.chain else ()
        return next((of_validator(entry) for entry in validators if entry.address == chosen), ())

    def action_addresses(self) -> None:
        """Addresses instead of the other columns: as Ethereum writes them, as Filecoin does, and back."""
        self._addresses = (self._addresses + 1) % 3
        self.draw()

    def action_sort(self) -> None:
        """The next order."""
        self.query_one(DashboardTable).next_order()

    def action_reverse(self) -> None:
        """The same order from its other end."""
        self.query_one(DashboardTable).reverse_order()

    def action_open(self) -> None:
        """Show the chosen validator in full where it is not beside the table already."""
        if self.has_class("-narrow") and self.query_one(DashboardTable).shown_validator is not None:
            self.add_class("-open")
            self.query_one(ValidatorDetail).focus()
            self.draw_detail()

    def action_back(self) -> None:
        """Close what is open, else as in every view with a filter."""
        if self.has_class("-open"):
            self.remove_class("-open")
            self.query_one(DashboardTable).focus()
        else:
            super().action_back()

    @on(RowTable.Selected, "#dashboard")
    def chosen_by_mouse_or_enter(self) -> None:
        """The table has Enter and the mouse for itself."""
        self.action_open()

    @on(RowTable.HeaderClicked, "#dashboard")
    def order_by_heading(self, event: RowTable.HeaderClicked) -> None:
        """The order of that column."""
        self.query_one(DashboardTable).order_by(event.field)

    @on(RowTable.Highlighted, "#dashboard")
    def draw_detail(self) -> None:
        """Draw the validator under the cursor, where it is in sight, and read what is not known of it."""
        if not (self.has_class("-open") or self.has_class("-wide")):
            return
        detail, table = self.query_one(ValidatorDetail), self.query_one(DashboardTable)
        dashboard, validator = table.dashboard, table.shown_validator
        if dashboard is None or validator is None:
            detail.show_none("No validator is chosen.")
            return
        if self.past is not None:
            detail.show(dashboard, validator, self.now, self._filecoin, OF_THE_PAST)
            return
        record = self._records.get(validator.address, Record())
        detail.show(dashboard, validator, self.now, self._filecoin, record)
        self._read_if_needed(validator)

    def _filecoin(self, address: str) -> str:
        return filecoin_form(address, prefix_of(self.snapshot))

    def _read_if_needed(self, validator: Validator) -> None:
        height = self.snapshot.height if self.snapshot is not None else None
        wanted = validator.address, height
        if wanted == self._read_for:
            return
        if any(worker.name == "record" and not worker.is_finished for worker in self.workers):
            # What is under way ends with another look.
            return
        self._read_for = wanted
        begin(self, partial(self._read, validator), name="record")

    async def _read(self, validator: Validator) -> None:
        before = self._records.get(validator.address, Record())
        signing, stances, problem = before.signing, before.stances, ""
        try:
            signing = await self.session.signing(validator.consensus_address)
            stances = await self.session.stances(validator.address)
        except ConsoleError as error:
            # What was read before stays; it is not said to be new.
            problem = f"not known: {error}"
        self._records[validator.address] = Record(signing or SigningRecord((), "", problem), stances, problem)
        # In its own turn: the worker has to be over before the next one may start.
        self.call_later(self.draw_detail)
