"""All proposals in a table: filtered, in an order of the operator's, columns by width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.actions import action
from console.model import Proposal, ProposalStatus, Verdict
from console.model.ballot import share_words
from console.text import duration, percent
from widgets.moments import UNKNOWN, count, power_words, wall_clock
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
    ProposalStatus.DEPOSIT: "warn",
    ProposalStatus.FAILED: "bad",
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
    turnout: str = ""
    """Share of the bonded tokens that voted; of x/gov alone."""
    ends: str = ""
    """When its vote, or its time for a deposit, ends."""


def proposal_row(proposal: Proposal, now: float = 0.0) -> ProposalRow:
    """The row of one proposal at `now`, Unix seconds."""
    if proposal.halts_itself:
        return _row_of_the_chain(proposal, now)
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


def _row_of_the_chain(proposal: Proposal, now: float) -> ProposalRow:
    ballot = proposal.ballot
    known = ballot is not None and (ballot.tally.turnout or proposal.status is ProposalStatus.VOTING)
    ends = None
    if ballot is not None and proposal.status in _END_OF:
        ends = ballot.voting_ends_at if proposal.status is ProposalStatus.VOTING else ballot.deposit_ends_at
    return ProposalRow(
        key=str(proposal.id),
        name=f"{proposal.name}{' !' if proposal.expedited else ''}",
        status=proposal.status.words,
        height="cancels" if ballot is not None and ballot.cancels else height_words(proposal),
        vote=share_words(ballot.tally.yes, ballot.tally.decided) if ballot is not None and known else UNKNOWN,
        ready=UNKNOWN,
        armed=UNKNOWN,
        verdict=UNKNOWN,
        calls="",
        proposed=UNKNOWN if ballot is None or ballot.submitted_at is None else wall_clock(ballot.submitted_at, now),
        tone=_TONES.get(proposal.status, ""),
        turnout=share_words(ballot.tally.turnout, ballot.bonded) if ballot is not None and known else UNKNOWN,
        ends=UNKNOWN if ends is None else f"in {duration(ends - now)}" if ends > now else "over",
    )


_END_OF = frozenset({ProposalStatus.VOTING, ProposalStatus.DEPOSIT})


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
    ballot = entry.ballot
    titles = () if ballot is None else (str(ballot.title), str(ballot.summary), "cancels" if ballot.cancels else "")
    marks = ("expedited" if entry.expedited else "", "calls" if entry.linked_calls else "")
    return "\n".join((*parts, *marks, *titles))


class ProposalTable(RowTable[ProposalRow]):
    """All proposals; the cursor stays on its proposal when others appear or the order changes."""

    TONED: ClassVar[frozenset[str]] = frozenset({"status"})
    RIGHT: ClassVar[frozenset[str]] = frozenset({"key", "vote", "armed", "calls", "proposed", "turnout", "ends"})
    # The table's own Enter would hide that of the view from the footer.
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", action("open").label, id="open")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(cursor=True, id=id)
        self._order = 0
        self._narrowing = NOTHING_TYPED
        self._proposals: tuple[Proposal, ...] = ()
        self._ago = ""
        self._now = 0.0
        self.head("Proposals")

    def columns_for(self, width: int) -> tuple[Column, ...]:
        """At 80 columns what decides; wider, what explains it."""
        if any(entry.halts_itself for entry in self._proposals):
            return _columns_of_the_chain(width)
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

    def show(self, proposals: tuple[Proposal, ...], ago: str = "", now: float = 0.0) -> None:
        """Draw the list as the chain has it.

        Args:
            proposals: Of the chain.
            ago: How long ago it was read, where it may no longer pass as current.
            now: Unix seconds.
        """
        self._proposals, self._ago, self._now = proposals, ago, now
        order = ORDERS[self._order]
        kept = self._narrowing.kept([searched(entry) for entry in proposals])
        shown = sorted((proposals[place] for place in kept), key=order.key)
        found = self._narrowing.words(len(shown), len(proposals))
        by = "newest first" if self._order == 0 else f"by {order.words}"
        old = f" · {self._ago}" if self._ago else ""
        self.head(f"Proposals, {by}{old}{' · ' if found else ''}{found}")
        self.show_rows(tuple(proposal_row(entry, now) for entry in shown))

    def next_order(self) -> None:
        """The next order."""
        self._order = (self._order + 1) % len(ORDERS)
        self.show(self._proposals, self._ago, self._now)

    def narrow(self, narrowing: Narrowing) -> None:
        """Show only what the filter keeps."""
        self._narrowing = narrowing
        self.show(self._proposals, self._ago, self._now)


def _columns_of_the_chain(width: int) -> tuple[Column, ...]:
    """The same for x/gov, whose votes end by the clock."""
    columns: list[Column] = [
        ("key", "Id", 7),
        ("name", "Name", 17),
        ("status", "State", 12),
        ("height", "Height H", 14),
        ("vote", "Yes", 7),
        ("turnout", "Turnout", 9),
        ("ends", "Ends", 11),
    ]
    if width >= 110:
        columns.append(("proposed", "Submitted", 24))
    rest = width - sum(column[2] for column in columns)
    columns[1] = ("name", "Name", max(8, min(66, 17 + rest)))
    return tuple(columns)
