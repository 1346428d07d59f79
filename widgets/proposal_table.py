"""All proposals in a table: filtered, in an order of the operator's, columns by width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.actions import action
from console.model import Proposal, ProposalStatus, Verdict
from console.text import percent
from widgets.moments import UNKNOWN, count, power_words
from widgets.narrowing import NOTHING_TYPED, Narrowing
from widgets.proposal_words import height_words
from widgets.row_table import Column, RowTable

_TONES = {
    ProposalStatus.VOTING: "warn",
    ProposalStatus.APPROVED: "good",
    ProposalStatus.SCHEDULED: "good",
    ProposalStatus.REJECTED: "muted",
    ProposalStatus.ABORTED: "bad",
    ProposalStatus.EXPIRED: "muted",
    ProposalStatus.CANCELLED: "muted",
    ProposalStatus.ROLLED_BACK: "bad",
}


_READY = 11
"""Columns of what is ready, with the gap that follows."""


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """What the table shows of one proposal."""

    key: str
    name: str
    status: str
    height: str
    """H, or what gives it."""
    vote: str
    """Share of yes; `—` where nobody votes."""
    ready: str
    armed: str
    verdict: str
    calls: str
    """Linked calls; empty for none."""
    proposed: str
    tone: str


def proposal_row(proposal: Proposal) -> ProposalRow:
    """The row of one proposal."""
    calls_alone = not proposal.release_hash
    return ProposalRow(
        key=str(proposal.id),
        name=f"{proposal.name}{' !' if proposal.expedited else ''}",
        status=proposal.status.words,
        height=height_words(proposal),
        vote=percent(proposal.yes_power, proposal.voting_power),
        ready=UNKNOWN if calls_alone else _ready(proposal),
        armed=UNKNOWN if calls_alone else power_words(proposal.armed_power, 7),
        verdict=UNKNOWN if proposal.verdict is Verdict.NONE else proposal.verdict.name,
        calls=str(proposal.linked_calls or ""),
        proposed=count(proposal.proposed_at),
        tone=_TONES.get(proposal.status, ""),
    )


def _ready(proposal: Proposal) -> str:
    power = f"{proposal.ready_power} of {proposal.total_power}"
    return power if len(power) < _READY else percent(proposal.ready_power, proposal.total_power)


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the list."""

    words: str
    """Follows "by" in the title."""
    key: Callable[[Proposal], tuple[int | str, ...]]


ORDERS = (
    Order("newest", lambda entry: (-entry.id,)),
    Order("state", lambda entry: (not entry.status.open, entry.status.value, -entry.id)),
    # Those without a height come after those with one: theirs is still ahead.
    Order("height", lambda entry: (not entry.has_height, entry.target_height, -entry.id)),
    Order("name", lambda entry: (str(entry.name), -entry.id)),
)


def searched(entry: Proposal) -> str:
    """What a filter looks through: number, name, state, hash, address and URL, each a line."""
    parts = (f"#{entry.id}", entry.name, entry.status.words, entry.release_hash, entry.proposer, entry.release_url)
    marks = ("expedited" if entry.expedited else "", "calls" if entry.linked_calls else "")
    return "\n".join((*parts, *marks))


class ProposalTable(RowTable[ProposalRow]):
    """All proposals; the cursor stays on its proposal when others appear or the order changes."""

    TONED: ClassVar[frozenset[str]] = frozenset({"status"})
    RIGHT: ClassVar[frozenset[str]] = frozenset({"key", "vote", "armed", "calls", "proposed"})
    # The table's own Enter would hide that of the view from the footer.
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", action("open").label, id="open")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(cursor=True, id=id)
        self._order = 0
        self._narrowing = NOTHING_TYPED
        self._proposals: tuple[Proposal, ...] = ()
        self._ago = ""
        self.head("Proposals")

    def columns_for(self, width: int) -> tuple[Column, ...]:
        """At 80 columns what decides; wider, what explains it."""
        columns: list[Column] = [
            ("key", "Id", 5),
            ("name", "Name", 17),
            ("status", "State", 12),
            ("height", "Height H", 14),
            ("vote", "Yes", 6),
            ("ready", "Ready", _READY),
            ("verdict", "Verdict", 8),
        ]
        if width >= 104:
            columns[6:6] = [("armed", "Armed", 8)]
            columns += [("calls", "Calls", 6), ("proposed", "Proposed at", 12)]
        rest = width - sum(column[2] for column in columns)
        columns[1] = ("name", "Name", max(8, min(66, 17 + rest)))
        return tuple(columns)

    @property
    def chosen_id(self) -> int | None:
        """Id of the proposal under the cursor."""
        return None if self.chosen is None else int(self.chosen)

    def show(self, proposals: tuple[Proposal, ...], ago: str = "") -> None:
        """Draw the list as the chain has it.

        Args:
            proposals: Of the chain.
            ago: How long ago it was read, where it may no longer pass as current.
        """
        self._proposals, self._ago = proposals, ago
        order = ORDERS[self._order]
        kept = self._narrowing.kept([searched(entry) for entry in proposals])
        shown = sorted((proposals[place] for place in kept), key=order.key)
        found = self._narrowing.words(len(shown), len(proposals))
        by = "newest first" if self._order == 0 else f"by {order.words}"
        old = f" · {self._ago}" if self._ago else ""
        self.head(f"Proposals, {by}{old}{' · ' if found else ''}{found}")
        self.show_rows(tuple(proposal_row(entry) for entry in shown))

    def next_order(self) -> None:
        """The next order."""
        self._order = (self._order + 1) % len(ORDERS)
        self.show(self._proposals, self._ago)

    def narrow(self, narrowing: Narrowing) -> None:
        """Show only what the filter keeps."""
        self._narrowing = narrowing
        self.show(self._proposals, self._ago)
