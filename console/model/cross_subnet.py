"""What a parent's upgrade means for its child networks: until which of its own blocks a child has to follow. Pure.

A parent says it in its own blocks, before and after its H; a child needs it in its own. Between them stand two measured
block times, so what comes out is an estimate that leaves a margin and is made anew with every reading.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from console.model.plan import ProposalStatus
from console.text import UntrustedText, duration

EVERY_CHILD = "*"
"""Instead of a chain id: all children that have no window of their own."""

LEAST_MARGIN_BLOCKS = 10
MARGIN_PERCENT = 2
"""Of the blocks until a bound, kept clear of it: block times wander."""


@dataclass(frozen=True, slots=True)
class ChildWindow:
    """When a child may upgrade, in blocks of the parent around the parent's own H."""

    chain: str
    """The child's chain id, or `EVERY_CHILD`."""
    closes_after: int
    """Blocks after the parent's H in which the child's old release still works with the new parent."""
    opens_before: int | None = None
    """Blocks before the parent's H from which the child's new release works with the old parent; None for always."""
    release: str = ""
    """Name of the child's release that fits; empty for any."""


@dataclass(frozen=True, slots=True)
class ParentUpgrade:
    """One upgrade of the parent that says something to this child."""

    number: int
    """Of the parent's proposal."""
    name: UntrustedText
    status: ProposalStatus
    target_height: int
    """The parent's H."""
    window: ChildWindow

    @property
    def decided(self) -> bool:
        """Whether it is coming or has come; before that it is only intended."""
        return self.status in {ProposalStatus.SCHEDULED, ProposalStatus.EXECUTED}

    @property
    def closes_at(self) -> int:
        """Last block of the parent that the child's old release works with."""
        return self.target_height + self.window.closes_after

    @property
    def opens_at(self) -> int | None:
        """First block of the parent that the child's new release works with; None for any."""
        before = self.window.opens_before
        return None if before is None else max(1, self.target_height - before)


@dataclass(frozen=True, slots=True)
class ParentIntent:
    """What the parent intends, as it was read."""

    network: str
    """The parent's name in the settings."""
    upgrades: tuple[ParentUpgrade, ...]
    """Those that say something to this child and are not long over, the newest first."""
    height: int
    """Of the parent."""
    block_time_s: float | None
    """Of the parent; None while it is not known."""
    read_at: float
    """Unix seconds."""
    problem: str = ""
    """Why nothing newer is known; empty when it is."""


@dataclass(frozen=True, slots=True)
class SafeHeights:
    """Between which of its own heights a child should upgrade, for one upgrade of the parent."""

    upgrade: ParentUpgrade
    parent: str
    first: int | None
    """None where any height from now on is late enough."""
    last: int | None
    """None while it cannot be told; a height that is past when the window has closed."""
    left_s: float | None
    """Seconds until the parent's window closes; negative when it has, None while it cannot be told."""

    @property
    def intent(self) -> str:
        """What the parent intends."""
        upgrade = self.upgrade
        going = "goes over to" if upgrade.decided else f"may go over to ({upgrade.status.words})"
        if upgrade.status is ProposalStatus.EXECUTED:
            going = "went over to"
        words = (
            f"{self.parent} {going} {upgrade.name} at its block {upgrade.target_height:,}, and this network has to"
            f" follow by its block {upgrade.closes_at:,}"
        )
        return f"{words} with {upgrade.window.release}" if upgrade.window.release else words

    @property
    def sentence(self) -> str:
        """What the parent intends, and what it means here."""
        words = self.intent
        if self.last is None or self.left_s is None:
            return f"{words}; which height here that is cannot be told now"
        if self.left_s <= 0:
            return f"{words}: that was {duration(-self.left_s)} ago, so the sooner the better"
        first = "" if self.first is None else f"from {self.first:,} on, and "
        return f"{words}: {first}the last safe height here is {self.last:,}, in {duration(self.left_s)}"


def safe_heights(
    intent: ParentIntent | None,
    height: int | None,
    block_time_s: float | None,
    now: float,
    executed: Collection[str] = (),
) -> tuple[SafeHeights, ...]:
    """The bounds of a child, one for each upgrade of its parent; the tightest first.

    Args:
        intent: As the parent was read; None for none.
        height: Of the child.
        block_time_s: Of the child; None while it is not known.
        now: Unix seconds.
        executed: Names of the releases that the child went over to already.
    """
    if intent is None:
        return ()
    found = []
    for upgrade in intent.upgrades:
        if upgrade.window.release and upgrade.window.release in executed:
            continue
        left_s = _seconds_to(upgrade.closes_at, intent, now)
        opens_s = None if upgrade.opens_at is None else _seconds_to(upgrade.opens_at, intent, now)
        first = last = None
        if left_s is not None and height is not None and block_time_s:
            last = height + _blocks(left_s, block_time_s, early=True)
            if opens_s is not None and opens_s > 0:
                first = height + _blocks(opens_s, block_time_s, early=False)
        found.append(SafeHeights(upgrade, intent.network, first, last, left_s))
    return tuple(sorted(found, key=lambda each: math.inf if each.last is None else each.last))


def outside(target_height: int, release: str, bounds: tuple[SafeHeights, ...]) -> str:
    """Why a height of the child does not go with its parent; empty when it does, or when nothing is decided there.

    A window that has closed refuses nothing: whoever is late has to upgrade all the more.

    Args:
        target_height: The child's H.
        release: Name of its release.
        bounds: As `safe_heights` found them.
    """
    for each in bounds:
        upgrade = each.upgrade
        if not upgrade.decided or (each.left_s is not None and each.left_s <= 0):
            continue
        if each.last is not None and target_height > each.last:
            return f"height {target_height:,} is after the last safe one, {each.last:,}: {each.intent}"
        if each.first is not None and target_height < each.first:
            return f"height {target_height:,} is before the first safe one, {each.first:,}: {each.intent}"
        if upgrade.window.release and upgrade.window.release != release:
            return f"{release} is not the release that goes with the parent: {each.intent}"
    return ""


def _seconds_to(parent_height: int, intent: ParentIntent, now: float) -> float | None:
    """Seconds until a block of the parent, negative when it is past; None while it cannot be told."""
    blocks = parent_height - intent.height
    if intent.block_time_s is None:
        return None
    return blocks * intent.block_time_s - (now - intent.read_at)


def _blocks(seconds: float, block_time_s: float, *, early: bool) -> int:
    """Blocks in a time, on the safe side of it: fewer for a bound that must not be passed, more for one to come."""
    blocks = seconds / block_time_s
    margin = max(LEAST_MARGIN_BLOCKS, abs(blocks) * MARGIN_PERCENT / 100)
    return math.floor(blocks - margin) if early else math.ceil(blocks + margin)
