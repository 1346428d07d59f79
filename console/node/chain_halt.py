"""The halt of a chain that stops its nodes by itself: its plan file, and when it is believed (facts/cosmos.md §4.4).

A plan file proves nothing alone: an operator may have written it ahead, or an upgrade of long ago left it. Nor does an
exit code, nor a process that lives. What counts is what the run itself did at its halt, and where it stands.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from console.model import Attempt, PlanOrigin, Proposal, ProposalStatus, plan_without_votes
from console.node.cosmovisor.log_signs import log_signs
from console.node.cosmovisor.names import same_name
from console.text import UntrustedText


@dataclass(frozen=True, slots=True)
class ChainHalt:
    """What `upgrade-info.json` says: the node writes it at its halt, an operator may have written it before."""

    name: UntrustedText
    height: int
    """H: the first height that the new binary executes."""

    info: UntrustedText
    """The plan's own words: binaries in JSON, or a URL."""
    written_at: float
    """Unix seconds of the file."""
    by_operator: bool
    """Whether we wrote it ahead of time, on the operator's word."""

    def names(self, attempt: Attempt | None) -> bool:
        """Whether it is that attempt's plan."""
        return (
            attempt is not None
            and attempt.origin is PlanOrigin.CHAIN
            and attempt.target_height == self.height
            and same_name(str(attempt.name), str(self.name))
        )

    def is_told_as(self, proposal: Proposal) -> bool:
        """Whether the chain tells the same plan; it may write the name in another case."""
        return (
            proposal.halts_itself
            and proposal.target_height == self.height
            and same_name(str(proposal.name), str(self.name))
        )

    def proposal(self) -> Proposal:
        """The same as a plan: it has no number but its height, and nothing is voted or signalled."""
        return chain_plan(self.name, self.height, self.info, ProposalStatus.SCHEDULED)


def chain_plan(name: UntrustedText, height: int, info: UntrustedText, status: ProposalStatus) -> Proposal:
    """A plan of a chain that stops its nodes by itself."""
    return plan_without_votes(
        height, name, height, release_hash="", release_url=info, breaking=True, status=status, halts_itself=True
    )


class ChainHalts(Protocol):
    """Where the plan file is watched."""

    def changes(self) -> AsyncIterator[None]:
        """Yields now, then each time that the file may have changed. Never ends."""
        ...

    def look(self) -> ChainHalt | None:
        """What the file says now; what it said before while it is being written; None when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class HaltSigns:
    """What speaks for a run's halt before H, and what against it."""

    height: int
    """H."""
    wrote_file: bool
    """Whether the run wrote the plan file: younger than its start, and not by our hand."""
    said_so: bool
    """Whether it wrote that the upgrade is needed at H; the node says so after it wrote the file."""
    block_height: int | None
    """Block store height in the newest reading of this run; None when nothing was read."""
    app_height: int | None
    """Executed height in it; of a node that is down also what its database says."""
    told: bool
    """Whether the chain itself tells this plan: then no old binary executes H."""
    by_operator: bool
    """Whether the file is there by our hand."""

    @property
    def passed(self) -> bool:
        """Whether H was executed: then there was no halt."""
        return self.app_height is not None and self.app_height >= self.height

    @property
    def at_height(self) -> bool:
        """Whether block H is stored and not executed: in life this lasts for as long as a block is executed."""
        return self.block_height is not None and self.block_height >= self.height and self.app_height == self.height - 1


class Standing(Enum):
    """Whether a living run stands at its halt."""

    AT_HALT = auto()
    NOT = auto()
    ASK = auto()
    """The reading may be from before the file: the node has to be asked again."""


def standing(signs: HaltSigns, *, lasting: bool) -> Standing:
    """Whether a living run stands at its halt.

    Args:
        signs: Of this run; without a reading when its RPC does not answer.
        lasting: Whether readings have shown it at H for longer than a block is executed.
    """
    if signs.passed:
        return Standing.NOT
    if signs.at_height and (signs.wrote_file or (lasting and signs.told)):
        return Standing.AT_HALT
    if signs.by_operator and not signs.told and signs.app_height == signs.height - 1:
        # The operator's own plan stops nobody: H is reached when it is the next block.
        return Standing.AT_HALT
    if not signs.wrote_file:
        return Standing.NOT
    if signs.app_height is None:
        # Two signs of three: somebody else may have written that file ahead.
        return Standing.AT_HALT if signs.said_so else Standing.ASK
    return Standing.ASK


def ended_at_halt(signs: HaltSigns) -> bool:
    """Whether a run that ended by itself ended at its halt, whatever its exit code (1, 2, 101, a signal).

    A reading can be a second old, and a node that catches up executes hundreds of blocks in it: it speaks against one
    sign, and not against two.
    """
    if signs.passed:
        return False
    if signs.wrote_file and signs.said_so:
        return True
    if signs.wrote_file or signs.said_so:
        return signs.app_height is None or signs.app_height == signs.height - 1
    return signs.told and signs.at_height


def says_needed(log: bytes, name: str, height: int) -> bool:
    """Whether a run wrote that this upgrade is needed."""
    return any(line.height == height and same_name(str(line.name), name) for line in log_signs(log).needed)


def skip_words(height: int) -> str:
    """How a node goes back with a network that skips an upgrade, as more than 2/3 of its power have to."""
    return f"`upgrade-console node config set skip_upgrade_heights={height}`, then `node start`"


def back_together(attempt: Attempt) -> str:
    """How a node goes back with its network from a crossing, once the network agrees to it."""
    if attempt.origin is PlanOrigin.CHAIN:
        return f"where more than 2/3 of the power skip this upgrade: {skip_words(attempt.target_height)}"
    return "`upgrade-console node abort`"


def too_early(log: bytes, name: str) -> bool:
    """Whether a new binary refused to run because the chain has not come to its upgrade (facts/cosmos.md §4.3)."""
    return any(same_name(str(found), name) for found in log_signs(log).too_early)


def missing_upgrade(log: bytes) -> UntrustedText | None:
    """The upgrade that the chain has passed and this binary does not have; None when it does not say so."""
    return next(iter(log_signs(log).no_handler), None)
