"""The line at the top: which network, how high, how fresh; the least important parts go first when it is narrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content

from console import model
from console.model import UNSAID
from console.text import duration, shortened
from widgets.drawn import BAD, MUTED, STRONG, WARN, Drawn
from widgets.moments import block_silence, chain_age, count

if TYPE_CHECKING:
    from console.model import Snapshot, Standing

_GAP = "  "


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of the line. The lowest `worth` is left out first."""

    text: str
    worth: int
    style: str = ""


def status_parts(
    snapshot: Snapshot | None,
    network: str,
    *,
    standing: Standing = UNSAID,
    read_only: bool,
    now: float,
    locked: bool = False,
) -> list[Part]:
    """The pieces in their order on the line."""
    barred = "READ-ONLY" if read_only else "LOCKED" if locked else ""
    parts = [Part(barred, 9, f"{STRONG} reverse")] if barred else []
    parts.append(named(network, standing))
    if snapshot is None:
        return [*parts, Part("connecting…", 8, MUTED)]
    parts.append(Part(shortened(snapshot.network.chain_id, 20), 3, MUTED))
    parts.append(Part(f"height {count(snapshot.height)}", 8))
    chain = snapshot.chain
    if chain is None:
        parts.append(Part("chain does not answer", 7, BAD))
    else:
        seconds = chain.block_time_s
        silent = block_silence(chain, now)
        if silent is not None and not chain_age(chain, snapshot.taken_at, now).stale:
            parts.append(Part(f"no block for {duration(silent)}", 6, BAD))
        else:
            parts.append(Part("block time —" if seconds is None else f"{seconds:.1f}s/block", 4))
        peers = max((node.peers for node in chain.nodes if node.reachable), default=0)
        parts.append(Part(f"{peers} peer{'' if peers == 1 else 's'}", 2))
        age = chain_age(chain, snapshot.taken_at, now)
        parts.append(Part(f"RPC {age.words}", 7, WARN if age.stale else ""))
        if chain.agreement is not None and chain.agreement.blocks:
            apart = chain.agreement.state is model.AgreementState.DISAGREED
            parts.append(Part("ENDPOINTS DISAGREE" if apart else "NOT CROSS-CHECKED", 9, f"{STRONG} reverse {BAD}"))
    if model.close_watch_of(snapshot) is not None:
        parts.append(Part("close watch", 5))
    if snapshot.node is None or snapshot.node_problem:
        parts.append(Part("no controller", 5, WARN))
    elif snapshot.node.alarm:
        parts.append(Part(f"{shortened(snapshot.node.name, 16)} needs you", 9, BAD))
    elif snapshot.node.paused:
        parts.append(Part("automation paused", 5, WARN))
    return parts


def named(network: str, standing: Standing) -> Part:
    """The network's name: what is at stake there shows in words, and in the colour behind them."""
    badge, role = standing.badge(network), standing.role
    if role == "none":
        return Part(badge, 10, STRONG)
    return Part(f" {badge} ", 10, f"{STRONG} reverse $text-{role}")


def fit(parts: list[Part], width: int) -> list[Part]:
    """Leave out the least worthy parts until the line fits `width` columns."""
    kept = list(parts)
    while len(kept) > 1 and sum(cell_len(part.text) for part in kept) + len(_GAP) * (len(kept) - 1) > width:
        kept.remove(min(kept, key=lambda part: part.worth))
    return kept


class StatusLine(Drawn):
    """Network, chain id, height, block time, peers, age of the RPC, , READ-ONLY and LOCKED."""

    DEFAULT_CSS = """
    StatusLine { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, network: str, standing: Standing, *, read_only: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._network = network
        self._standing = standing
        self._read_only = read_only
        self._locked = False
        self._parts: list[Part] = []

    def mark_locked(self, locked: bool) -> None:
        """Say from the next `show` on whether changes are locked."""
        self._locked = locked

    def show(self, snapshot: Snapshot | None, now: float) -> None:
        """Draw the state at `now`, Unix seconds."""
        self._parts = status_parts(
            snapshot,
            self._network,
            standing=self._standing,
            read_only=self._read_only,
            now=now,
            locked=self._locked,
        )
        self._redraw()

    def _redraw(self) -> None:
        if self.size.width:
            pieces = [Content.styled(part.text, part.style) for part in fit(self._parts, self.size.width)]
            self.draw(Content(_GAP).join(pieces))
