"""Looks at the node and its peers at its own pace, and judges what was seen (DESIGN §4.8).

`look` asks and waits, in a task of its own; `judge` is called by each step of the controller and waits for nothing.
One look asks each peer at most one thing, so that no peer gets more than one request per second from here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from console.errors import ConsoleError
from console.model import Attempt, Crossing
from console.model.around_upgrade import AFTER_S, BEFORE_BLOCKS
from console.node import health_sources
from console.node.health import CrossingNow, Finding, Health, HealthReport
from console.node.health_table import BEHIND_AFTER_UPGRADE, Consequence, HealthReading, HealthVerdict
from console.node.journal import Journal
from console.node.key_elsewhere import KeyWatch
from console.node.runs import NodeRuns
from console.node.runtime.runtime import LiveRun
from console.node.shape import NodeShape
from console.node.zones import Zone
from console.ports.chain import ConsensusReading, PeerView
from console.settings import NodeSettings

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

PACE_S = 1.0
"""Seconds between two looks around an upgrade: from near its halt until an hour after its proof."""
REST_PACE_S = 5.0
"""The same at rest: what is wrong there takes longer to matter, and a peer is not to be asked for nothing."""
_ROUND = 5
"""Looks after which everything was looked at once."""
_METRICS_S = 30.0
_PEER_FRESH_S = 3.5 * REST_PACE_S
_OWN_HASHES = 16

_NEW_BINARY = {
    Crossing.STARTING: Zone.Z0,
    Crossing.WAITING_FOR_QUORUM: Zone.Z1,
    Crossing.PROBATION: Zone.Z2,
    Crossing.COMMITTED: Zone.Z2,
}
"""Where the new binary runs, and the zone that the state stands for."""


class HealthWatch:
    """The health of the node's run.

    Args:
        settings: The node's settings of the moment.
        journal: Where verdicts become events.
        shape: Where the node's data is.
        key: Asked in turn with the peers' heights while the node is down.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        settings: Callable[[], NodeSettings],
        journal: Journal,
        shape: NodeShape,
        key: KeyWatch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._shape = shape
        self._key = key
        self._clock = clock
        self._health: Health | None = None
        self._run_id = 0
        self._crossed_run = 0
        self._committed_at: float | None = None
        self._turn = 0
        self._kept: dict[str, tuple[float, object]] = {}
        self._own_hashes: deque[tuple[int, str]] = deque(maxlen=_OWN_HASHES)
        self._again = False
        self._raised: dict[str, Finding] = {}
        self._judged = (0, 0)
        self._judged_at = 0.0
        self._report: HealthReport | None = None

    # --- looking ---

    def pace_s(self, attempt: Attempt | None) -> float:
        """Seconds until the next look."""
        crossing = attempt is not None and attempt.crossing is not Crossing.NONE and not attempt.crossing.ended
        return PACE_S if crossing or self._is_before(attempt) or self._is_after() else REST_PACE_S

    async def look(
        self, attempt: Attempt | None, runs: NodeRuns, consensus: ConsensusReading | None, peers: PeerView
    ) -> None:
        """Look once; what does not answer is left out. Raises JournalError."""
        turn, self._turn = self._turn, self._turn + 1
        live = runs.live
        if live is None:
            self._health = None
            if turn % _ROUND == _ROUND - 1:
                await self._key.look(peers, self.highest_peer)
            else:
                await self._look_at_peers(peers)
            return
        if self._health is None or self._run_id != live.run_id:
            self._begin(live, runs)
        self._key.learn(consensus)
        await self._ask(turn, live, consensus, peers)
        if runs.live is not live or self._health is None:
            return
        self._health.take(self._reading(live, consensus), self._crossing(attempt, runs))

    def _begin(self, live: LiveRun, runs: NodeRuns) -> None:
        startup_s = self._settings().startup_timeout_s
        self._health = Health(self._clock() - runs.age_s, startup_s=startup_s)
        self._run_id = live.run_id
        self._own_hashes.clear()
        self._again = False
        self._kept = {name: kept for name, kept in self._kept.items() if name == "peer_height"}
        self._committed_at = None

    async def _ask(self, turn: int, live: LiveRun, consensus: ConsensusReading | None, peers: PeerView) -> None:
        compared = self._comparable(consensus)
        if compared is not None and (turn % _ROUND == _ROUND - 1 or self._again):
            await self._compare(peers, *compared)
        else:
            await self._look_at_peers(peers)
        if consensus is not None:
            known = self._own_hashes[-1][0] if self._own_hashes else -1
            if consensus.app_height > known:
                self._own_hashes.append((consensus.app_height, consensus.app_hash.upper()))
            if turn % _ROUND == 2:
                self._keep("round", await _or_none(peers.consensus_round))
        if turn % _ROUND == 0:
            await asyncio.to_thread(self._look_at_machine, live)
        url = self._settings().metrics_url
        if url and self._age("parent_finality") >= _METRICS_S:
            self._keep("parent_finality", await health_sources.parent_finality(url))

    async def _look_at_peers(self, peers: PeerView) -> None:
        height = await _or_none(peers.highest_peer)
        if height is not None:
            self._keep("peer_height", height)

    def _comparable(self, consensus: ConsensusReading | None) -> tuple[int, str] | None:
        """The newest own application hash that the peers can have a block after."""
        newest = self.highest_peer
        if consensus is None or newest is None:
            return None
        return next((entry for entry in reversed(self._own_hashes) if entry[0] < newest and entry[1]), None)

    async def _compare(self, peers: PeerView, height: int, own: str) -> None:
        told = await _or_none(lambda: peers.app_hashes(height))
        if not told:
            return
        agrees = 2 * sum(each.upper() == own for each in told) >= len(told)
        # Said only when it was seen twice: the second time at once.
        self._again = not agrees and self._value("app_hash_agrees", _ROUND * REST_PACE_S * 1.5) is not False
        self._keep("app_hash_agrees", agrees)

    def _look_at_machine(self, live: LiveRun) -> None:
        pids = [service.pid for service in live.services] or [live.child_pid]
        self._keep("memory_bytes", health_sources.memory_of(pids))
        self._keep("memory_limit_bytes", health_sources.memory_limit(pids[0]))
        self._keep("disk_free_bytes", health_sources.free_bytes(self._shape.data_folders()))

    def _reading(self, live: LiveRun, consensus: ConsensusReading | None) -> HealthReading:
        everything = 1.5 * _ROUND * REST_PACE_S
        alone = consensus is not None and consensus.own_power == consensus.total_power > 0
        return HealthReading(
            at=self._clock(),
            alive=True,
            answered=consensus is not None,
            height=None if consensus is None else consensus.height,
            app_height=None if consensus is None else consensus.app_height,
            catching_up=consensus is not None and consensus.catching_up,
            peer_height=self.highest_peer,
            app_hash_agrees=_boolean(self._value("app_hash_agrees", everything)),
            own_signature=None if consensus is None or not consensus.own_power else consensus.own_signature,
            round=_number(self._value("round", everything)),
            peers=None if consensus is None or alone else consensus.peers,
            memory_bytes=_number(self._value("memory_bytes", everything)),
            memory_limit_bytes=_number(self._value("memory_limit_bytes", everything)),
            disk_free_bytes=_number(self._value("disk_free_bytes", everything)),
            parent_finality=_number(self._value("parent_finality", 2 * _METRICS_S)),
        )

    def _crossing(self, attempt: Attempt | None, runs: NodeRuns) -> CrossingNow | None:
        """The upgrade that this run belongs to, None when it is an ordinary one."""
        run = runs.run
        if attempt is None or run is None or run.exe_sha256 != attempt.generation_hash:
            return None
        zone = _NEW_BINARY.get(attempt.crossing)
        if zone is None:
            return None
        if attempt.crossing is Crossing.COMMITTED:
            if self._committed_at is None and self._crossed_run == run.id:
                self._committed_at = self._clock()
            if not self._is_after():
                return None
        else:
            self._crossed_run = run.id
        return CrossingNow(attempt.target_height, zone)

    def _is_before(self, attempt: Attempt | None) -> bool:
        """Whether the halt is near: from then on the node is watched closely."""
        if attempt is None or not attempt.has_height or attempt.crossing.ended or self._health is None:
            return False
        height = max((each.height for each in self._health.readings if each.height is not None), default=None)
        return height is not None and attempt.target_height - height <= BEFORE_BLOCKS

    def _is_after(self) -> bool:
        return self._committed_at is not None and self._clock() - self._committed_at < AFTER_S

    def _keep(self, name: str, value: object) -> None:
        self._kept[name] = (self._clock(), value)

    def _age(self, name: str) -> float:
        kept = self._kept.get(name)
        return float("inf") if kept is None else self._clock() - kept[0]

    def _value(self, name: str, limit_s: float) -> object:
        """What was read last, None when that is too long ago."""
        return self._kept[name][1] if self._age(name) <= limit_s else None

    # --- judging ---

    @property
    def highest_peer(self) -> int | None:
        """Highest height that any other endpoint told lately."""
        return _number(self._value("peer_height", _PEER_FRESH_S))

    @property
    def block_time_s(self) -> float | None:
        """Seconds per block by the looks at this run, None before five blocks."""
        readings = [] if self._health is None else [each for each in self._health.readings if each.height is not None]
        if not readings:
            return None
        blocks = (readings[-1].height or 0) - (readings[0].height or 0)
        return (readings[-1].at - readings[0].at) / blocks if blocks >= 5 else None

    def judge(self, attempt: Attempt | None) -> HealthReport | None:
        """Every probe's verdict on the run that goes on; what begins or ends is an event. Raises JournalError."""
        health, now_s = self._health, self._clock()
        seen = (self._run_id if health is not None else 0, self._turn)
        if seen == self._judged and now_s - self._judged_at < PACE_S:
            return self._report
        self._judged, self._judged_at = seen, now_s
        report = self._report = None if health is None else health.judge(now_s)
        found = () if report is None else report.findings
        now = {entry.probe: entry for entry in found if entry.verdict is not HealthVerdict.OK}
        for name, finding in now.items():
            if name not in self._raised:
                kind = BEHIND_AFTER_UPGRADE if finding.follows is Consequence.EVENT else "health"
                self._journal.record(kind, attempt, probe=name, verdict=finding.verdict.value, why=finding.sentence)
                _LOG.warning("%s: %s", finding.verdict.value, finding.sentence)
        for name, finding in self._raised.items():
            if name not in now:
                kind = f"{BEHIND_AFTER_UPGRADE}: over" if finding.follows is Consequence.EVENT else "health-again"
                why = "the run ended" if report is None else "it is well again"
                self._journal.record(kind, attempt, probe=name, why=why)
        self._raised = {name: self._raised.get(name, finding) for name, finding in now.items()}
        return report


async def _or_none(ask: Callable[[], Awaitable[T]]) -> T | None:
    try:
        return await ask()
    except ConsoleError:
        return None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
