"""A controller and a PeerView that say what a test wants."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from console.errors import ChainError
from console.model import KnownRelease, NodeStatus
from console.ports.chain import ConsensusReading
from tests import fakes


@dataclass
class Teller:
    """`console.checks.telling.NodeTeller`."""

    told: NodeStatus = field(default_factory=lambda: fakes.node(1277, fakes.attempt()))
    found: list[dict[str, Any]] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)
    generation_list: list[dict[str, Any]] = field(default_factory=list)
    known: KnownRelease = field(default_factory=lambda: KnownRelease("v0.2.0", "a raw binary without a manifest"))
    log: list[str] = field(default_factory=list)

    async def status(self) -> NodeStatus:
        return self.told

    async def generations(self) -> list[dict[str, Any]]:
        return self.generation_list

    async def points(self) -> list[dict[str, Any]]:
        return self.kept

    async def verify(self, what: Literal["all", "generations", "points"] = "all") -> list[dict[str, Any]]:
        word = {"generations": "generation", "points": "rollback point"}.get(what, "")
        return [each for each in self.found if each["topic"].startswith(word)]

    async def release(self, name: str = "") -> KnownRelease:
        return self.known

    async def log_tail(self, source: str, lines: int) -> list[str]:
        return self.log[-lines:]


def seen(topic: str, level: str = "ok", what: str = "as recorded") -> dict[str, Any]:
    """One finding of `verify`."""
    return {"topic": topic, "level": level, "what": what, "next_step": ""}


WELL = ConsensusReading(
    height=1300,
    app_height=1299,
    app_hash="AB" * 32,
    version="v0.2.0",
    catching_up=False,
    peers=3,
    signed_power=40,
    total_power=40,
    own_signature=True,
    own_power=10,
    own_address=fakes.ADDRESSES[0],
    own_consensus_address=f"{1:040X}",
)


@dataclass
class Peers:
    """`console.ports.chain.PeerView`, as far as a look asks it; `None` does not answer."""

    reading: ConsensusReading | None = WELL
    highest: int | None = 1300
    hashes: tuple[str, ...] = ("AB" * 32,) * 3
    round: int = 0

    def saying(self, **changes: Any) -> Peers:
        """The same with another reading."""
        assert self.reading is not None
        return replace(self, reading=replace(self.reading, **changes))

    async def own(self) -> ConsensusReading:
        if self.reading is None:
            raise ChainError("the node does not answer")
        return self.reading

    async def highest_peer(self) -> int | None:
        return self.highest

    async def app_hashes(self, height: int) -> tuple[str, ...]:
        return self.hashes

    async def consensus_round(self) -> int:
        if self.reading is None:
            raise ChainError("the node does not answer")
        return self.round

    async def verified_commit(self, height: int) -> frozenset[str]:
        raise NotImplementedError

    async def agreed_app_hash(self, height: int) -> str:
        raise NotImplementedError

    async def signed_by_us(self, heights: Any, consensus_address: str) -> frozenset[int] | None:
        raise NotImplementedError


async def no_time(_: float) -> None:
    """Waiting that takes none."""
