"""Who is how far through the crossing: our node by its controller's steps, others by what their nodes answer."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from console.model import ChainView, Crossing, NodeHeight, NodeStatus, Proposal, Snapshot, missed_its_halt, power_back
from console.model.crossing import VOTER_DIGITS
from console.text import duration, shortened
from widgets.drawn import BAD, GOOD, MUTED, WARN, stacked
from widgets.moments import CLOCK_SIGN, UNKNOWN, age_of, count, power_words
from widgets.panel import RowsPanel
from widgets.readiness_rows import DOWN_AFTER_S

DONE, OPEN, NOW_ON = "✓", "·", "▸"
"""A step that is taken, one that is not, and the one under way; `—` is one that a node does not tell."""

_WAY = (
    Crossing.HALTED,
    Crossing.QUIESCED,
    Crossing.BACKED_UP,
    Crossing.SWITCHED,
    Crossing.STARTING,
    Crossing.WAITING_FOR_QUORUM,
    Crossing.PROBATION,
    Crossing.COMMITTED,
)


@dataclass(frozen=True, slots=True)
class CrossingRow:
    """One validator."""

    name: str
    power: int
    halted: str
    backed_up: str
    switched: str
    started: str
    state: str
    tone: str


def crossing_rows(snapshot: Snapshot, now: float, own_address: str = "") -> tuple[CrossingRow, ...]:
    """Rows: who is not back first, by power.

    Args:
        snapshot: With a chain and an upgrade.
        now: Unix seconds.
        own_address: Of this session's validator; empty for none.
    """
    chain, upgrade = snapshot.chain, snapshot.upgrade
    if chain is None or upgrade is None:
        return ()
    proposal = upgrade.proposal
    by_consensus = {node.consensus_address: node for node in chain.nodes}
    missing = power_back(chain, proposal.target_height, proposal).missing
    gone = {validator.address for validator in missing}
    there = sorted((each for each in chain.validators if each.address not in gone), key=lambda each: -each.power)
    rows = []
    for validator in (*missing, *there):
        node = by_consensus.get(validator.consensus_address)
        name = str(validator.moniker) or shortened(validator.address, 12)
        own = snapshot.node if own_address and validator.address == own_address else None
        if own is not None and _of(own, proposal) is not Crossing.NONE and not snapshot.node_problem:
            rows.append(_own_row(name, validator.power, own, _of(own, proposal)))
            continue
        missed = missed_its_halt(chain, proposal, validator.address)
        voted = _voted(chain, proposal, validator.consensus_address)
        rows.append(_row(name, validator.power, node, proposal, snapshot, now, missed=missed, voted=voted))
    return tuple(rows)


def _of(node: NodeStatus, proposal: Proposal) -> Crossing:
    attempt = node.attempt
    return attempt.crossing if attempt is not None and attempt.proposal_id == proposal.attempt_id else Crossing.NONE


def _voted(chain: ChainView, proposal: Proposal, consensus_address: str) -> bool:
    votes = chain.votes
    if votes is None or votes.height != proposal.target_height + 1:
        return False
    return consensus_address[:VOTER_DIGITS] in {*votes.prevoted, *votes.precommitted}


def reached(crossing: Crossing, step: Crossing) -> str:
    """The sign of a step of the way across, for a node that stands at `crossing`."""
    if crossing not in _WAY:
        return UNKNOWN
    at, wanted = _WAY.index(crossing), _WAY.index(step)
    if crossing is Crossing.STARTING and step is Crossing.STARTING:
        return NOW_ON
    return DONE if wanted <= at else NOW_ON if wanted == at + 1 else OPEN


def _own_row(name: str, power: int, node: NodeStatus, crossing: Crossing) -> CrossingRow:
    backed_up = reached(crossing, Crossing.BACKED_UP)
    without = node.attempt is not None and bool(node.attempt.without_point)
    return CrossingRow(
        name,
        power,
        halted=reached(crossing, Crossing.HALTED),
        backed_up=UNKNOWN if without and backed_up == DONE else backed_up,
        switched=reached(crossing, Crossing.SWITCHED),
        started=reached(crossing, Crossing.STARTING),
        state=crossing.value.replace("_", " "),
        tone="bad" if crossing.waits_for_operator else "good" if crossing is Crossing.COMMITTED else "",
    )


def _row(
    name: str,
    power: int,
    node: NodeHeight | None,
    proposal: Proposal,
    snapshot: Snapshot,
    now: float,
    *,
    missed: bool,
    voted: bool,
) -> CrossingRow:
    target = proposal.target_height
    if missed and node is not None and node.app_height >= target:
        return CrossingRow(name, power, "✗", UNKNOWN, OPEN, UNKNOWN, "went on unarmed", "bad")
    if voted:
        return CrossingRow(name, power, DONE, UNKNOWN, DONE, DONE, f"votes on {count(target + 1)}", "good")
    if node is None:
        return CrossingRow(name, power, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, "not seen", "warn")
    if not node.reachable:
        seconds = age_of(node.age_s, snapshot.taken_at, now).seconds or 0.0
        tone = "bad" if seconds >= DOWN_AFTER_S else "warn"
        return CrossingRow(name, power, UNKNOWN, UNKNOWN, OPEN, OPEN, f"silent {CLOCK_SIGN} {duration(seconds)}", tone)
    if node.app_height >= target:
        crossed = str(node.version) or "back"
        return CrossingRow(name, power, DONE, UNKNOWN, DONE, DONE, f"back, {crossed}", "good")
    if node.app_height == target - 1:
        return CrossingRow(name, power, DONE, UNKNOWN, OPEN, OPEN, "halted", "warn")
    return CrossingRow(name, power, OPEN, OPEN, OPEN, OPEN, f"at {count(node.app_height)}", "warn")


_TONES = {"good": GOOD, "bad": BAD, "warn": WARN, "": ""}


class CrossingList(RowsPanel):
    """As many validators as fit, those that are missing first."""

    def __init__(self, own_address: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.own_address = own_address
        self._snapshot: Snapshot | None = None
        self._now = 0.0

    def show(self, snapshot: Snapshot | None, now: float) -> None:
        """Draw the rows at `now`, Unix seconds."""
        self._snapshot, self._now = snapshot, now
        self._redraw()

    def _redraw(self) -> None:
        if self._snapshot is None or self.size.height < 2:
            return
        rows = crossing_rows(self._snapshot, self._now, self.own_address)
        fit = self.size.height - 1
        shown = rows if len(rows) <= fit else rows[: fit - 1]
        more = len(rows) - len(shown)
        self.head(Content("Crossing: who is missing first"))
        name = max(9, min(24, self.size.width - 46))
        head = f"{'Validator':<{name}} {'Power':>6}  Halt Saved New Up  State"
        lines = [Content.styled(head, MUTED), *(_line(row, name) for row in shown)]
        if more:
            lines.append(Content.styled(f"and {more} more with less power", MUTED))
        self.draw(stacked(*lines))


def _line(row: CrossingRow, name: int) -> Content:
    named = row.name if len(row.name) <= name else f"{row.name[: name - 1]}…"
    signs = f"{row.halted:<4} {row.backed_up:<5} {row.switched:<3} {row.started:<3} "
    return Content.assemble(f"{named:<{name}} {power_words(row.power, 6):>6}  {signs}", (row.state, _TONES[row.tone]))
