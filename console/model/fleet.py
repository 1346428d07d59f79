"""The nodes of a network that the settings name, each by its own controller's word."""

from __future__ import annotations

from dataclasses import dataclass

from console.model.node import NodeStatus


@dataclass(frozen=True, slots=True)
class OwnConsensus:
    """What a node says of its own part in consensus, as its controller read it last."""

    height: int
    """Block store height."""
    app_height: int
    catching_up: bool
    peers: int
    power: int
    """Voting power of the key that it signs with; 0 for a node that is no validator, or is jailed."""
    total_power: int
    signed: bool
    """Whether its signature is in the last commit."""
    consensus_address: str
    """40 upper-case hex digits of that key."""


def last_word(status: NodeStatus) -> str:
    """Why a node's operator is called, else what its controller says, one sentence; empty for nothing."""
    return status.alarm or status.note or (f"paused: {status.paused}" if status.paused else "")


@dataclass(frozen=True, slots=True)
class FleetNode:
    """One node of the fleet, as it was told last."""

    name: str
    where: str
    """What `ssh` is given for it; empty for this machine."""
    status: NodeStatus | None = None
    """None before the first answer."""
    consensus: OwnConsensus | None = None
    """None while the node does not answer its controller."""
    point_at: float | None = None
    """Unix seconds of its newest rollback point; None for none."""
    read_at: float | None = None
    """Unix seconds of the newest answer; None before the first."""
    problem: str = ""
    """Why the newest question was not answered, one sentence; empty when it was."""

    @property
    def signs(self) -> bool | None:
        """Whether it takes part in consensus now; None where that is not known."""
        seen = self.consensus
        if self.problem or self.status is None:
            return None
        if self.status.pid is None or seen is None:
            return False
        return seen.signed and not seen.catching_up
