"""One look of some seconds at a node by the probes of its health: the same rows, thresholds and sentences.

The controller judges over each row's whole window; a check has seconds. So it fails on what is wrong in every reading,
warns on what is wrong in some or lies between the two limits, and skips what cannot be told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from console.errors import ConsoleError
from console.model import Finding
from console.model.procedure import failed, passed, skipped, warned
from console.node import health_sources
from console.node.health import with_known
from console.node.health_table import HEALTH_TABLE, HealthReading, HealthVerdict, Probe
from console.node.shape import shape_of
from console.ports.chain import ConsensusReading, PeerView
from console.settings import NodeSettings

LOOKS = 4
PAUSE_S = 1.0
"""Seconds between two looks: a peer is asked at most once a second."""
SYNC, CONSENSUS = ("answer", "height"), ("signature", "round", "app hash")
"""Rows of the table by what an operator asks for."""
PEERS, MEMORY, DISK = ("peers",), ("memory",), ("disk free",)

T = TypeVar("T")


async def readings_of(
    node: NodeSettings,
    pid: int | None,
    peers: PeerView,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    *,
    looks: int = LOOKS,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[HealthReading, ...]:
    """Look some times at a node, a second apart; what does not answer is left out of a reading.

    Args:
        node: Its settings.
        pid: Its process; None while none runs.
        peers: Reads its consensus and asks the others.
        sleep: Waits between two looks.
        looks: How many.
        clock: Monotonic seconds.
    """
    found: list[HealthReading] = []
    before: ConsensusReading | None = None
    for look in range(looks):
        if look:
            await sleep(PAUSE_S)
        reading, before = await _reading(node, pid, peers, clock, before)
        found.append(reading)
    return tuple(found)


async def _reading(
    node: NodeSettings,
    pid: int | None,
    peers: PeerView,
    clock: Callable[[], float],
    before: ConsensusReading | None,
) -> tuple[HealthReading, ConsensusReading | None]:
    consensus, highest, turn = await asyncio.gather(
        _or_none(peers.own), _or_none(peers.highest_peer), _or_none(peers.consensus_round)
    )
    agrees = await _same_hash(peers, (consensus, before), highest)
    memory, limit, disk = await asyncio.to_thread(_machine, node, pid)
    alone = consensus is not None and consensus.own_power == consensus.total_power > 0
    reading = HealthReading(
        at=clock(),
        alive=pid is not None,
        answered=consensus is not None,
        height=None if consensus is None else consensus.height,
        app_height=None if consensus is None else consensus.app_height,
        catching_up=consensus is not None and consensus.catching_up,
        peer_height=highest,
        app_hash_agrees=agrees,
        own_signature=None if consensus is None or not consensus.own_power else consensus.own_signature,
        round=turn,
        peers=None if consensus is None or alone else consensus.peers,
        memory_bytes=memory,
        memory_limit_bytes=limit,
        disk_free_bytes=disk,
    )
    return reading, consensus


async def _same_hash(peers: PeerView, ours: Sequence[ConsensusReading | None], highest: int | None) -> bool | None:
    """Whether the others have our application hash; None where none of them is a block further than any of ours."""
    for own in ours:
        # The hash after a block is in the next one: of a node at the tip that of the look before is compared.
        if own is None or highest is None or not own.app_hash or own.app_height >= highest:
            continue
        told = await _or_none(partial(peers.app_hashes, own.app_height))
        return None if not told else 2 * sum(each == own.app_hash.upper() for each in told) >= len(told)
    return None


def _machine(node: NodeSettings, pid: int | None) -> tuple[int | None, int | None, int | None]:
    """Resident memory, its limit, and free bytes where the data is."""
    memory = None if pid is None else health_sources.memory_of((pid,))
    limit = None if pid is None else health_sources.memory_limit(pid)
    try:
        disk = health_sources.free_bytes(shape_of(node).data_folders())
    except (ConsoleError, OSError):
        disk = None
    return memory, limit, disk


async def _or_none(ask: Callable[[], Awaitable[T]]) -> T | None:
    try:
        return await ask()
    except ConsoleError:
        return None


def judged(names: Sequence[str], readings: Sequence[HealthReading]) -> tuple[Finding, ...]:
    """A finding for each of these rows of the table.

    Args:
        names: As in `HEALTH_TABLE`.
        readings: At least one.
    """
    rows = {probe.name: probe for probe in HEALTH_TABLE}
    return tuple(_judged(rows[name], readings) for name in names)


def _judged(probe: Probe, readings: Sequence[HealthReading]) -> Finding:
    known = readings[0]
    values: list[float] = []
    for reading in readings:
        value = probe.measure(reading, known)
        if value is not None:
            values.append(value)
        known = with_known(known, reading)
    evidence = f"{probe.what}: {_measured(probe, values)} (wrong: {probe.limit})"
    if not values:
        return skipped(f"{probe.what}: nothing told it in {len(readings)} looks")
    wrong = [value for value in values if probe.is_wrong(value)]
    if len(wrong) == len(values):
        give = failed if probe.verdict is HealthVerdict.BAD else warned
        return give(probe.words(wrong[-1]), evidence, go_on=_go_on(probe))
    if wrong or not probe.is_clear(values[-1]):
        return warned(f"{probe.name} was not well all the time: {evidence}", go_on=_go_on(probe))
    return passed(evidence)


def _measured(probe: Probe, values: Sequence[float]) -> str:
    if probe.threshold == 1 and probe.clear == 0 and probe.wrong_above:
        # A yes or no: its limit is the word for no.
        return f"{probe.limit} in {sum(map(probe.is_wrong, values))} of {len(values)} looks"
    shown = list(dict.fromkeys(probe.shown(value) for value in values))
    return shown[0] if len(shown) == 1 else ", ".join(probe.shown(value) for value in values)


def _go_on(probe: Probe) -> str:
    return f"look again after {probe.window:g} {probe.unit.value}; `upgrade-console node status` says what follows"
