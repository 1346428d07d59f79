"""Every validator: who is ready, who is pending, and when that schedules the upgrade."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Footer

from console.ports import Session
from screens.addresses import filecoin_form, prefix_of
from screens.bindings import bindings_for
from screens.mode import ModeScreen
from widgets.copyable import Copyable, of_validator
from widgets.dashboard import DashboardTable, ReadinessPanel
from widgets.status_line import StatusLine


class ValidatorsScreen(ModeScreen):
    """Ready power against its line, and a row per validator."""

    MODE = "validators"
    EXPLANATION = (
        "The bar shows the power that has the release verified and staged; ┃ is the line at which the upgrade gets its "
        "height, or may cross. Runs is what a validator's node answers, in brackets what its key advertised; Ready for "
        "is the release that it has signalled. Last seen: when its node answered, or its key said something."
    )
    CSS_PATH = "validators.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("validators"))
    AUTO_FOCUS = "#dashboard"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        # 0: none; 1: as Ethereum writes it; 2: as Filecoin does.
        self._addresses = 0

    def compose(self) -> ComposeResult:
        yield self.status_line()
        yield ReadinessPanel(id="panel")
        yield DashboardTable(id="dashboard")
        yield Footer(show_command_palette=False)

    def draw(self) -> None:
        self.query_one(StatusLine).show(self.snapshot, self.now)
        self.query_one(ReadinessPanel).show(self.snapshot, self.now)
        form = (None, str, partial(filecoin_form, prefix=prefix_of(self.snapshot)))[self._addresses]
        self.query_one(DashboardTable).show(self.snapshot, self.now, form)

    def nearest(self) -> tuple[Copyable, ...]:
        chosen = self.query_one(DashboardTable).chosen
        validators = self.snapshot.chain.validators if self.snapshot is not None and self.snapshot.chain else ()
        return next((of_validator(entry) for entry in validators if entry.address == chosen), ())

    def action_addresses(self) -> None:
        """Addresses instead of the other columns: as Ethereum writes them, as Filecoin does, and back."""
        self._addresses = (self._addresses + 1) % 3
        self.draw()
