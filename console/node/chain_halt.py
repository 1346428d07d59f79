"""The halt of a chain that stops its nodes by itself: its plan file, and when it is believed (facts/cosmos.md §4.4)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from console.model import Attempt, PlanOrigin, Proposal, ProposalStatus, ReleaseKind, Verdict
from console.text import UntrustedText

_NEEDED = re.compile(rb'UPGRADE "([^"\n]{1,256})" NEEDED at height: (\d{1,19})\b')
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


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
            and str(attempt.name).lower() == str(self.name).lower()
        )

    def proposal(self) -> Proposal:
        """The same as a plan: it has no number but its height, and nothing is voted or signalled."""
        return Proposal(
            id=self.height,
            name=self.name,
            release_kind=ReleaseKind.RAW,
            release_hash="",
            release_url=self.info,
            target_height=self.height,
            breaking=True,
            proposer="",
            proposed_at=0,
            scheduled_at=0,
            status=ProposalStatus.SCHEDULED,
            verdict=Verdict.CROSS,
            frozen_at=0,
            freeze_blocks=0,
            ready_power=0,
            armed_power=0,
            go_power=0,
            confirmed_power=0,
            total_power=0,
            halts_itself=True,
        )


class ChainHalts(Protocol):
    """Where the plan file is watched."""

    def changes(self) -> AsyncIterator[ChainHalt | None]:
        """The file's content now, then at each change; None while there is none. Never ends."""
        ...


def halt_is_proven(halt: ChainHalt, *, started_at: float, app_height: int | None, log: bytes) -> bool:
    """Whether the run stands at its halt, or ended there.

    The node writes the file at its halt, before it says so. One that was written ahead of time proves nothing.

    Args:
        halt: What the file says.
        started_at: Unix seconds at which the run was started.
        app_height: Last height that the application was seen to have executed, None when it is not known.
        log: What the run wrote.
    """
    if app_height is not None and app_height >= halt.height:
        return False
    if app_height is not None and app_height == halt.height - 1:
        return True
    if not halt.by_operator and halt.written_at >= started_at:
        return True
    name = str(halt.name).lower()
    return any(
        int(match.group(2)) == halt.height and match.group(1).decode("utf-8", "replace").lower() == name
        for match in _NEEDED.finditer(_COLOUR.sub(b"", log))
    )
