"""A chain in memory for controller tests: plans, consensus and signals that tests steer."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from console.errors import EndpointDown
from console.model import Proposal, ProposalStatus, Readiness, ReleaseKind, ValidatorReadiness, Verdict
from console.ports.chain import ConsensusReading, PlanReading
from console.text import untrusted

OWN = "0x" + "aa" * 20
OTHERS = tuple("0x" + digit * 40 for digit in "bcd")
ZERO = "0x" + "00" * 20
OWN_CONSENSUS = "AA" * 20


def proposal(**changes: object) -> Proposal:
    """A scheduled proposal at H = 100."""
    base = Proposal(
        id=1,
        name=untrusted("v0.2.0"),
        release_kind=ReleaseKind.RAW,
        release_hash="11" * 32,
        release_url=untrusted("http://127.0.0.1:9/none"),
        target_height=100,
        breaking=True,
        proposer=OTHERS[0],
        proposed_at=50,
        scheduled_at=50,
        status=ProposalStatus.SCHEDULED,
        verdict=Verdict.NONE,
        frozen_at=0,
        freeze_blocks=5,
        ready_power=0,
        armed_power=0,
        go_power=0,
        confirmed_power=0,
        total_power=40,
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


@dataclass
class FakeChain:
    """Plans, peers and signals in one; `own_up` says whether our node's RPC answers."""

    height: int = 60
    app_height: int | None = None
    proposals: list[Proposal] = field(default_factory=list)
    ready: dict[str, int] = field(default_factory=dict)
    armed_at: dict[str, int] = field(default_factory=dict)
    said: list[tuple[str, object]] = field(default_factory=list)
    own_up: Callable[[], bool] = lambda: True
    network_up: bool = True
    version: str = "v0.1.5"
    protocol: int = 1
    signed_power: int = 40
    members: tuple[str, ...] = (OWN, *OTHERS)
    """Of the registry."""
    contested: str = ""
    """What speaks against the word of other endpoints."""
    refuse: Exception | None = None
    freezes_to: Verdict = Verdict.NONE
    """What the receipt of our freeze says."""
    reads: int = 0
    """How often plans were asked for."""
    peer_height: int | None = None
    """What the highest other endpoint tells; None: the same as ours."""
    hashes: tuple[str, ...] = ()
    """App hashes that other endpoints tell, for whatever height."""
    at_round: int = 0
    signed: frozenset[int] = frozenset()
    """Heights that hold a signature of our key, as others show them."""
    advertised: tuple[str, int, str] = ("", 0, "")
    """What the registry has from us: version, protocol, release hash."""
    asked: list[str] = field(default_factory=list)
    """Questions to other endpoints, in order."""

    async def read(self, *, own_node_only: bool) -> PlanReading:
        self.reads += 1
        if own_node_only and not self.own_up():
            raise EndpointDown("our node is down")
        if not self.network_up and not self.own_up():
            raise EndpointDown("everybody is down")
        entries = tuple(
            ValidatorReadiness(
                address=address,
                power=10,
                operator=ZERO,
                ready_at=self.ready.get(address, 0),
                ready_time=0,
                armed_at=self.armed_at.get(address, 0),
                failure_code=0,
                failed_at=0,
                confirmed_at=0,
                exe_hash="",
                app_hash="",
                version=untrusted(self.advertised[0] if address == OWN else ""),
                protocol=self.advertised[1] if address == OWN else 0,
                advertised_hash=self.advertised[2] if address == OWN else "",
            )
            for address in self.members
        )
        newest = self.proposals[0].id if self.proposals else 0
        contested = "" if own_node_only else self.contested
        return PlanReading(self.height, tuple(self.proposals), Readiness(newest, entries), contested)

    async def own(self) -> ConsensusReading:
        if not self.own_up():
            raise EndpointDown("our node is down")
        return ConsensusReading(
            height=self.height,
            app_height=self.height if self.app_height is None else self.app_height,
            app_hash="AB",
            version=self.version,
            catching_up=False,
            peers=3,
            signed_power=self.signed_power,
            total_power=40,
            own_signature=True,
            own_power=10,
            own_address=OWN,
            own_consensus_address=OWN_CONSENSUS,
            protocol=self.protocol,
        )

    async def highest_peer(self) -> int | None:
        self.asked.append("height")
        return self.height if self.peer_height is None else self.peer_height

    async def app_hashes(self, height: int) -> tuple[str, ...]:
        self.asked.append("app hash")
        return self.hashes

    async def consensus_round(self) -> int:
        return self.at_round

    async def signed_by_us(self, heights: Sequence[int], consensus_address: str) -> frozenset[int] | None:
        self.asked.append("signed")
        assert consensus_address == OWN_CONSENSUS
        return self.signed & frozenset(heights)

    async def verified_commit(self, height: int) -> frozenset[str]:
        if height > self.height:
            raise EndpointDown("no such commit")
        return frozenset((OWN, *OTHERS))

    async def agreed_app_hash(self, height: int) -> str:
        return "AB" * 32

    async def _say(self, what: str, value: object) -> None:
        await asyncio.sleep(0)
        if self.refuse is not None:
            raise self.refuse
        self.said.append((what, value))

    async def freeze(self, proposal_id: int) -> Verdict:
        await self._say("freeze", proposal_id)
        return self.freezes_to

    async def failure(self, proposal_id: int, code: int) -> None:
        await self._say("failure", code)

    async def confirm(self, proposal_id: int, exe_hash: str, app_hash: str) -> None:
        await self._say("confirm", exe_hash)

    async def withdraw(self, proposal_id: int) -> None:
        await self._say("withdraw", proposal_id)
        self.ready.pop(OWN, None)

    async def schedule(self, proposal_id: int) -> None:
        await self._say("schedule", proposal_id)

    async def execute(self, proposal_id: int) -> None:
        await self._say("execute", proposal_id)

    async def undo(self, proposal_id: int) -> None:
        await self._say("undo", proposal_id)

    async def armed(self, proposal_id: int, height: int) -> None:
        await self._say("armed", height)
        self.armed_at[OWN] = self.height


class FakeSignals:
    """`Signals` over a FakeChain: `ready` is both a word of the protocol and a field of the chain."""

    def __init__(self, chain: FakeChain) -> None:
        self._chain = chain
        self.armed = chain.armed
        self.failure = chain.failure
        self.freeze = chain.freeze
        self.confirm = chain.confirm
        self.schedule = chain.schedule
        self.withdraw = chain.withdraw
        self.execute = chain.execute
        self.undo = chain.undo

    async def prepare(self) -> None:
        return None

    async def ready(self, proposal_id: int, release_hash: str) -> None:
        await self._chain._say("ready", release_hash)
        self._chain.ready[OWN] = self._chain.height

    async def advertise(self, version: str, protocol: int, release_hash: str) -> None:
        await self._chain._say("advertise", (version, protocol, release_hash))
        self._chain.advertised = (version, protocol, release_hash)
