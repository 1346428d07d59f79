"""The probes of a node's health as one table: what is measured, against what, for how long, and what follows.

Every row has one threshold, one window and one verdict that it may give (issue 3). The thresholds come from what
operators of such networks use (facts/ipc.md §7) and from the facts about memory, disk and parent finality
(facts/safety.md §3, §5; facts/ipc.md §1.11).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from console.text import size

BEHIND_AFTER_UPGRADE = "behind after upgrade"
"""The name of the event."""

_GIB = 1 << 30


class HealthVerdict(StrEnum):
    """How bad it is."""

    OK = "OK"
    WATCH = "WATCH"
    """Worth showing; nobody is called."""
    BAD = "BAD"


class Consequence(StrEnum):
    """What follows from a verdict."""

    NOTHING = "nothing"
    EVENT = f"event `{BEHIND_AFTER_UPGRADE}`"
    CALL_OPERATOR = "call the operator"
    FAILED_TRY = "counts as a failed try"


class Clock(StrEnum):
    """Which time counts for a window."""

    ALWAYS = "always"
    """The thing is wrong whatever the network does."""
    HEALTH = "health clock"
    """Outside an upgrade always; after one only in zone Z2 while others are past H (DESIGN §4.8)."""
    RUNNING = "once it has come up"
    """Like always, but not while the start-up timeout is what counts."""
    START = "since the start"
    """From the start of the run, or its last progress, until the application executed H."""


class Unit(StrEnum):
    """What a window is counted in."""

    SECONDS = "s"
    BLOCKS = "blocks"


@dataclass(frozen=True, slots=True)
class HealthReading:
    """What was seen of the node and its peers in one look; None is what could not be read, never a zero."""

    at: float
    """Monotonic seconds."""
    alive: bool
    """Whether the node's process lives."""
    answered: bool
    """Whether its RPC answered this time."""
    height: int | None = None
    """Block store height."""
    app_height: int | None = None
    catching_up: bool = False
    peer_height: int | None = None
    """Highest height that any other endpoint tells."""
    app_hash_agrees: bool | None = None
    """Own app hash against the peers' at the same height; None where no peer has that height."""
    own_signature: bool | None = None
    """Whether our signature is in the newest commit; None for a node that is no validator."""
    round: int | None = None
    """Consensus round of the height that is being decided."""
    peers: int | None = None
    """Connected peers; None for a network of one node."""
    memory_bytes: int | None = None
    """Resident memory of the node's processes."""
    memory_limit_bytes: int | None = None
    """The cgroup's limit, or the system's memory where there is none."""
    disk_free_bytes: int | None = None
    """Free on the file system of the node's data."""
    parent_finality: int | None = None
    """Highest parent height that the subnet committed; None without a parent, 0 where there is one and the node has
    not told a height since its start (facts/ipc.md §7)."""


Measure = Callable[[HealthReading, HealthReading], float | None]
"""A number from a reading and, per field, the value known before it; None where it cannot be told."""


def _number(value: float) -> str:
    return f"{value:g}"


def _percent(value: float) -> str:
    return f"{value:g} %"


def _bytes(value: float) -> str:
    return size(int(value))


@dataclass(frozen=True, slots=True)
class Probe:
    """One row of the table."""

    name: str
    what: str
    """What is measured, in words."""
    measure: Measure
    limit: str
    """The threshold in words."""
    sentence: str
    """What an operator is told; `{value}` is the measure."""
    window: float
    verdict: HealthVerdict
    consequence: Consequence
    clock: Clock
    threshold: float = 1
    """The verdict comes when the measure is on the wrong side of this or at it, for the whole window."""
    clear: float = 0
    """It goes when the measure is on the right side of this or at it, for the whole clearing window."""
    clear_window: float = 0
    wrong_above: bool = True
    """Whether large numbers are wrong."""
    unit: Unit = Unit.SECONDS
    shown: Callable[[float], str] = _number
    """The measure in words."""

    def is_wrong(self, value: float) -> bool:
        """Whether the measure is at or beyond the threshold."""
        return value >= self.threshold if self.wrong_above else value <= self.threshold

    def is_clear(self, value: float) -> bool:
        """Whether the measure is well enough to take the verdict back."""
        return value <= self.clear if self.wrong_above else value >= self.clear

    def words(self, value: float) -> str:
        """The sentence with the measure in it."""
        return self.sentence.format(value=self.shown(value))


def _behind(now: HealthReading, before: HealthReading) -> float | None:
    if now.height is None or now.peer_height is None:
        return None
    return max(0, now.peer_height - now.height)


def _app_hash(now: HealthReading, before: HealthReading) -> float | None:
    return None if now.app_hash_agrees is None else float(not now.app_hash_agrees)


def _signature(now: HealthReading, before: HealthReading) -> float | None:
    # The commits that a node reads while it catches up are from when it was down.
    if now.own_signature is None or now.catching_up or (_behind(now, before) or 0) > 1:
        return None
    return float(not now.own_signature)


def _round(now: HealthReading, before: HealthReading) -> float | None:
    return now.round


def _peers(now: HealthReading, before: HealthReading) -> float | None:
    return now.peers


def _silent(now: HealthReading, before: HealthReading) -> float | None:
    return float(not now.answered) if now.alive else None


def _app_still(now: HealthReading, before: HealthReading) -> float | None:
    """Blocks that others are ahead of an application that did not move since it was read before."""
    if now.app_height is None or now.peer_height is None or before.app_height is None:
        return None
    return 0 if now.app_height > before.app_height else max(0, now.peer_height - now.app_height)


def _memory(now: HealthReading, before: HealthReading) -> float | None:
    if now.memory_bytes is None or not now.memory_limit_bytes:
        return None
    return 100 * now.memory_bytes // now.memory_limit_bytes


def _disk(now: HealthReading, before: HealthReading) -> float | None:
    return now.disk_free_bytes


def _parent(now: HealthReading, before: HealthReading) -> float | None:
    if now.parent_finality is None or before.parent_finality is None:
        return None
    return float(now.parent_finality <= before.parent_finality)


def _judged_elsewhere(now: HealthReading, before: HealthReading) -> float | None:
    return None


START_RPC, START_APP = "start: RPC", "start: application"

HEALTH_TABLE: tuple[Probe, ...] = (
    Probe(
        START_RPC,
        "RPC of a new run that has not executed H",
        _judged_elsewhere,
        window=60,
        verdict=HealthVerdict.BAD,
        consequence=Consequence.FAILED_TRY,
        clock=Clock.START,
        limit="no answer",
        sentence="the node lives, but its RPC does not answer",
    ),
    Probe(
        START_APP,
        "application height of a new run that has not executed H",
        _judged_elsewhere,
        window=60,
        verdict=HealthVerdict.BAD,
        consequence=Consequence.FAILED_TRY,
        clock=Clock.START,
        limit="does not move",
        sentence="the node lives, but its application does not move",
    ),
    Probe(
        "answer",
        "whether our node's RPC answers at all",
        _silent,
        window=60,
        clear_window=5,
        verdict=HealthVerdict.BAD,
        consequence=Consequence.FAILED_TRY,
        clock=Clock.RUNNING,
        limit="no answer",
        sentence="the node lives, but its RPC does not answer any more",
    ),
    Probe(
        "application",
        "own application height while others go on",
        _app_still,
        threshold=2,
        window=60,
        verdict=HealthVerdict.BAD,
        consequence=Consequence.FAILED_TRY,
        clock=Clock.HEALTH,
        limit="does not move, others 2 blocks or more ahead",
        sentence="the application does not move while others are {value} blocks ahead",
    ),
    Probe(
        "height",
        "own height against the highest peer",
        _behind,
        threshold=5,
        clear=1,
        window=30,
        clear_window=10,
        verdict=HealthVerdict.WATCH,
        consequence=Consequence.EVENT,
        clock=Clock.HEALTH,
        limit="5 blocks or more behind",
        sentence="this node is {value} blocks behind the highest peer",
    ),
    Probe(
        "app hash",
        "own app hash against peers at the same height",
        _app_hash,
        window=5,
        clear_window=30,
        verdict=HealthVerdict.BAD,
        consequence=Consequence.CALL_OPERATOR,
        clock=Clock.ALWAYS,
        limit="another one",
        sentence="this node has another app hash than its peers at the same height",
    ),
    Probe(
        "signature",
        "own signature in the newest commits, once caught up",
        _signature,
        window=20,
        unit=Unit.BLOCKS,
        clear_window=3,
        verdict=HealthVerdict.BAD,
        consequence=Consequence.CALL_OPERATOR,
        clock=Clock.HEALTH,
        limit="missing",
        sentence="this validator's signature is missing in commit after commit",
    ),
    Probe(
        "round",
        "consensus round of the height that is being decided",
        _round,
        threshold=10,
        clear=3,
        window=30,
        clear_window=10,
        verdict=HealthVerdict.WATCH,
        consequence=Consequence.NOTHING,
        clock=Clock.HEALTH,
        limit="round 10 or higher",
        sentence="consensus is at round {value}: the network does not agree on a block",
    ),
    Probe(
        "peers",
        "connected peers",
        _peers,
        threshold=0,
        clear=1,
        wrong_above=False,
        window=60,
        clear_window=10,
        verdict=HealthVerdict.BAD,
        consequence=Consequence.CALL_OPERATOR,
        # At a halt everybody is down, and the first one up is alone for a while.
        clock=Clock.HEALTH,
        limit="none",
        sentence="this node has no peers",
    ),
    Probe(
        "parent finality",
        "committed height of the parent chain, where there is a parent",
        _parent,
        window=1000,
        # In blocks: a chain that stands still commits no finality either.
        unit=Unit.BLOCKS,
        verdict=HealthVerdict.BAD,
        consequence=Consequence.CALL_OPERATOR,
        clock=Clock.HEALTH,
        limit="does not move",
        sentence="the finality of the parent chain does not move; after 16 hours it cannot be caught up with",
    ),
    Probe(
        "memory",
        "resident memory against the limit of the cgroup or the system",
        _memory,
        threshold=90,
        clear=80,
        window=60,
        clear_window=60,
        verdict=HealthVerdict.BAD,
        consequence=Consequence.CALL_OPERATOR,
        clock=Clock.ALWAYS,
        limit="90 % or more",
        shown=_percent,
        sentence="the node uses {value} of the memory that it may use",
    ),
    Probe(
        "disk free",
        "free bytes where the node's data is",
        _disk,
        threshold=2 * _GIB,
        clear=3 * _GIB,
        wrong_above=False,
        window=30,
        clear_window=60,
        verdict=HealthVerdict.BAD,
        consequence=Consequence.CALL_OPERATOR,
        clock=Clock.ALWAYS,
        limit="2 GiB or less",
        shown=_bytes,
        sentence="only {value} are free where the node's data is",
    ),
)


def health_table_markdown() -> str:
    """The table for the documentation, printed from the rows that the code uses."""
    lines = [
        "| Probe | Measured | Wrong at | Window | Counted | Verdict | What follows |",
        "|---|---|---|---|---|---|---|",
    ]
    for probe in HEALTH_TABLE:
        setting = " (start-up timeout)" if probe.clock is Clock.START else ""
        window = f"{probe.window:g} {probe.unit.value}{setting}"
        follows = probe.consequence.value
        if probe.consequence is Consequence.FAILED_TRY:
            follows += "; without an upgrade: call the operator"
        cells = (probe.name, probe.what, probe.limit, window, probe.clock.value, probe.verdict.value, follows)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
