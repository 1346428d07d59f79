"""The meter of the crossing: power that is back at H+1 against its line, and who is missing."""

from __future__ import annotations

from textual.content import Content

from console.model import Back, ChainView, Proposal, Upgrade, Validator, power_back
from console.text import shortened
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN, stacked
from widgets.go_panel import verdict_words
from widgets.moments import UNKNOWN, chain_age, count, power_words
from widgets.panel import SnapshotPanel
from widgets.power_bar import Share, power_bar

_MOST_MISSING = 20
"""Validators that are named; of a larger set the heaviest."""


def vote_words(chain: ChainView, back: Back) -> str:
    """What was voted on H+1; empty where no node tells."""
    if chain.votes is None or back.prevoted is None:
        return ""
    return f"round {chain.votes.round}: {count(back.prevoted)} prevoted, {count(back.precommitted)} precommitted"


def missing_words(missing: tuple[Validator, ...]) -> str:
    """Who is missing with what power, the heaviest first."""
    named = [
        f"{each.moniker or shortened(each.address, 12)} {power_words(each.power, 7)}"
        for each in missing[:_MOST_MISSING]
    ]
    more = f" and {len(missing) - _MOST_MISSING} more" if len(missing) > _MOST_MISSING else ""
    return ", ".join(named) + more


class QuorumPanel(SnapshotPanel):
    """A bar, the numbers beside it, the votes, and the names of who is missing."""

    def _redraw(self) -> None:
        snapshot = self._snapshot
        upgrade = snapshot.upgrade if snapshot is not None else None
        if snapshot is None or upgrade is None or snapshot.chain is None or not self.size.width:
            self.head(Content("Power back"))
            self.draw(Content.styled(f"{UNKNOWN} not known", MUTED))
            return
        self.head(Content(f"Power back at block {count(upgrade.proposal.target_height + 1)}"))
        age = chain_age(snapshot.chain, snapshot.taken_at, self._now)
        lines = [_badge(upgrade), *_meter(snapshot.chain, upgrade.proposal, self.size.width)]
        if age.read_ago:
            lines.insert(1, Content.styled(f"{age.read_ago}:", WARN))
        self.draw(stacked(*lines))


def _badge(upgrade: Upgrade) -> Content:
    badge, style, beside = verdict_words(upgrade)
    return Content.assemble((badge, f"{STRONG} reverse {style}"), " ", (beside, MUTED))


def _meter(chain: ChainView, proposal: Proposal, width: int) -> list[Content]:
    back = power_back(chain, proposal.target_height, proposal)
    bar = power_bar((Share(back.power, "█", GOOD if back.enough else WARN),), back.needed, back.total, width)
    needed = f"{count(back.needed)} needed" if back.enough else f"{count(back.needed - back.power)} more needed"
    lines = [
        bar,
        Content.assemble(
            ("✓ " if back.enough else "· ", GOOD if back.enough else MUTED),
            f"{count(back.power)} of {count(back.total)} back, {needed}",
        ),
    ]
    votes = vote_words(chain, back)
    if votes:
        lines.append(Content(votes))
    if back.missing:
        lines.append(Content.assemble(("missing ", BAD), missing_words(back.missing)))
    else:
        lines.append(Content.styled("nobody is missing", MUTED))
    return lines
