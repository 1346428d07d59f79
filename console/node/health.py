"""The node's health after an upgrade and outside of one: readings in, one verdict per probe out (DESIGN §4.8).

The rows are in `console.node.health_table`. A verdict comes only after its probe was wrong for its whole window, and
goes only after it was clear for its whole clearing window; between the two limits, and while nothing can be read,
nothing changes, so nothing flaps. Time is passed in; a gap in the readings counts for nothing.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from dataclasses import dataclass

from console.node.health_table import (
    BEHIND_AFTER_UPGRADE,
    HEALTH_TABLE,
    START_APP,
    START_RPC,
    Clock,
    Consequence,
    HealthReading,
    HealthVerdict,
    Probe,
    Unit,
)
from console.node.zones import Zone

STARTUP_S = 60.0
"""Seconds without progress after which a start has failed, where the settings say nothing else."""

LONGEST_GAP_S = 30.0
"""Seconds between two readings above which the time between them counts for nothing (a machine that slept)."""

KEPT = 120
"""Readings that are kept for showing."""

_RANK = {HealthVerdict.OK: 0, HealthVerdict.WATCH: 1, HealthVerdict.BAD: 2}


@dataclass(frozen=True, slots=True)
class CrossingNow:
    """The upgrade that the node is in the middle of."""

    target_height: int
    """H."""
    zone: Zone


@dataclass(frozen=True, slots=True)
class Finding:
    """One probe's verdict."""

    probe: str
    verdict: HealthVerdict
    sentence: str
    """One sentence for the operator; empty when the verdict is OK."""
    follows: Consequence


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Every probe's verdict at one moment."""

    findings: tuple[Finding, ...]
    """In the order of the table."""
    counting: bool
    """Whether the health clock runs."""
    counted_s: float
    """Seconds that it ran since the start of this run."""
    age_s: float | None
    """Seconds since the newest reading, None before the first: verdicts are as old as it."""

    @property
    def verdict(self) -> HealthVerdict:
        """The worst of all."""
        return max((finding.verdict for finding in self.findings), key=_RANK.__getitem__)

    @property
    def events(self) -> tuple[str, ...]:
        """Names of the events that hold now; each is recorded when it begins."""
        return tuple(BEHIND_AFTER_UPGRADE for _ in self._that(Consequence.EVENT))

    @property
    def call_operator(self) -> tuple[str, ...]:
        """Sentences for which the operator is called."""
        return tuple(finding.sentence for finding in self._that(Consequence.CALL_OPERATOR))

    @property
    def failed_try(self) -> str:
        """Why this start of the new binary counts as failed; empty when it does not."""
        return next((finding.sentence for finding in self._that(Consequence.FAILED_TRY)), "")

    def _that(self, consequence: Consequence) -> list[Finding]:
        return [
            entry for entry in self.findings if entry.verdict is not HealthVerdict.OK and entry.follows is consequence
        ]


@dataclass(frozen=True, slots=True)
class StartProgress:
    """What is known of a start, folded from the readings of its run: enough to tell that it failed."""

    started_at: float
    """Monotonic seconds."""
    answered_at: float | None = None
    """Last answer of the RPC."""
    moved_at: float | None = None
    """When the application was last seen at a new highest height."""
    app_height: int | None = None
    """Highest height of the application."""
    alive: bool = True


def clock_counts(zone: Zone | None, target_height: int, highest_peer: int | None) -> bool:
    """Whether the health clock counts now (DESIGN §4.8).

    The new binary cannot go beyond H before more than 2/3 of the power runs it: until then a healthy node stands
    still, and that is WAITING_FOR_QUORUM.

    Args:
        zone: The zone of return, None outside an upgrade.
        target_height: H; of no meaning outside an upgrade.
        highest_peer: Highest height that any other endpoint tells, None when none answers.
    """
    if zone is None:
        return True
    return zone is Zone.Z2 and highest_peer is not None and highest_peer > target_height


def follow_start(progress: StartProgress, reading: HealthReading) -> StartProgress:
    """Take one more reading of the same run into what is known of its start."""
    changes: dict[str, object] = {"alive": reading.alive}
    if reading.answered:
        changes["answered_at"] = reading.at
    if reading.app_height is not None and (progress.app_height is None or reading.app_height > progress.app_height):
        changes["app_height"] = reading.app_height
        # The first height that is read is where the node begins, not a movement.
        if progress.app_height is not None:
            changes["moved_at"] = reading.at
    return dataclasses.replace(progress, **changes)  # type: ignore[arg-type]


def failed_start(progress: StartProgress, *, now: float, target_height: int, startup_s: float) -> Finding | None:
    """Whether a start of the new binary failed although its process lives (facts/ipc.md §1.7).

    H is executed in the handshake replay, alone, so neither the network nor the health clock matters here. A node that
    replays many blocks goes on as long as its application moves.

    Args:
        progress: What was seen of the run.
        now: Monotonic seconds.
        target_height: H; 1 outside an upgrade: any executed block is then a start.
        startup_s: Seconds without progress that are allowed (a setting).

    Returns:
        The finding, or None: it came up, still has time, or its process ended, which is judged by its exit.
    """
    came_up = progress.app_height is not None and progress.app_height >= target_height
    if came_up or not progress.alive:
        return None
    begun = progress.started_at if progress.moved_at is None else progress.moved_at
    answered = progress.started_at if progress.answered_at is None else progress.answered_at
    if now - begun <= startup_s:
        return None
    # Half of it: a node that answered until a moment ago is told by what it does not do, a silent one by its silence.
    if now - answered > startup_s / 2:
        said = "has not answered yet" if progress.answered_at is None else "does not answer any more"
        name, sentence = START_RPC, f"the node lives, but its RPC {said}, {now - begun:.0f} s without progress"
    else:
        at = "an unknown height" if progress.app_height is None else f"height {progress.app_height}"
        name = START_APP
        sentence = f"the node lives, but its application stays at {at} for {now - begun:.0f} s"
    return Finding(name, HealthVerdict.BAD, sentence, Consequence.FAILED_TRY)


@dataclass(slots=True)
class _Watch:
    """One probe and how long it was wrong or clear."""

    probe: Probe
    raised: bool = False
    counted: float = 0.0
    """Of the window while not raised, of the clearing window while raised; in the row's unit."""
    was_wrong: bool | None = None
    was_clear: bool | None = None
    value: float | None = None

    def take(self, value: float | None, amount: float) -> None:
        if value is None:
            # What cannot be read neither proves nor takes back anything; the time until the next reading is lost.
            self.was_wrong = self.was_clear = None
            return
        wrong, clear = self.probe.is_wrong(value), self.probe.is_clear(value)
        going, went = (clear, self.was_clear) if self.raised else (wrong, self.was_wrong)
        if not going:
            self.counted = 0.0
        elif went:
            self.counted += amount
        window = self.probe.clear_window if self.raised else self.probe.window
        if going and self.counted >= window:
            self.raised, self.counted = not self.raised, 0.0
        if wrong or self.value is None:
            self.value = value
        self.was_wrong, self.was_clear = wrong, clear


class Health:
    """The health of one run of the node. A new run gets a new one: what was wrong with the old process is over.

    Args:
        started_at: Monotonic seconds of the run's start.
        startup_s: Seconds without progress that a start may take.
    """

    def __init__(self, started_at: float, *, startup_s: float = STARTUP_S) -> None:
        self._startup_s = startup_s
        self._start = StartProgress(started_at)
        self._readings: deque[HealthReading] = deque(maxlen=KEPT)
        self._known = HealthReading(at=started_at, alive=True, answered=False)
        self._watches = {probe.name: _Watch(probe) for probe in HEALTH_TABLE if probe.clock is not Clock.START}
        self._crossing: CrossingNow | None = None
        self._counting = False
        self._counted_s = 0.0

    @property
    def readings(self) -> tuple[HealthReading, ...]:
        """The newest readings, oldest first."""
        return tuple(self._readings)

    def take(self, reading: HealthReading, crossing: CrossingNow | None) -> None:
        """Take one reading; one that is not later than the newest is left out.

        Args:
            reading: What was seen.
            crossing: The upgrade that is going on, None outside of one.
        """
        last = self._readings[-1] if self._readings else None
        if last is not None and reading.at <= last.at:
            return
        zone, target = (None, 0) if crossing is None else (crossing.zone, crossing.target_height)
        counts = clock_counts(zone, target, reading.peer_height)
        passed = 0.0 if last is None or reading.at - last.at > LONGEST_GAP_S else reading.at - last.at
        # Only what lies between two moments that both count has counted.
        in_health = passed if counts and self._counting else 0.0
        self._counted_s += in_health
        starting = self._is_starting()
        for watch in self._watches.values():
            probe = watch.probe
            if (probe.clock is Clock.HEALTH and not counts) or (probe.clock is Clock.RUNNING and starting):
                watch.take(None, 0.0)
                continue
            amount = in_health if probe.clock is Clock.HEALTH else passed
            if probe.unit is Unit.BLOCKS and amount:
                amount = self._blocks_since(reading)
            watch.take(probe.measure(reading, self._known), amount)
        self._start = follow_start(self._start, reading)
        self._readings.append(reading)
        self._known = with_known(self._known, reading)
        self._crossing, self._counting = crossing, counts

    def judge(self, now: float) -> HealthReport:
        """Every probe's verdict. Changes nothing.

        Args:
            now: Monotonic seconds; only the start-up timeout goes on between two readings.
        """
        begun = failed_start(self._start, now=now, target_height=self._must_reach(), startup_s=self._startup_s)
        findings: list[Finding] = []
        for probe in HEALTH_TABLE:
            if probe.clock is Clock.START:
                found = begun if begun is not None and begun.probe == probe.name else None
            else:
                found = self._finding(self._watches[probe.name])
            findings.append(self._in_context(found or Finding(probe.name, HealthVerdict.OK, "", Consequence.NOTHING)))
        newest = self._readings[-1].at if self._readings else None
        return HealthReport(
            findings=tuple(findings),
            counting=self._counting,
            counted_s=self._counted_s,
            age_s=None if newest is None else max(0.0, now - newest),
        )

    def _must_reach(self) -> int:
        return 1 if self._crossing is None else self._crossing.target_height

    def _is_starting(self) -> bool:
        reached = self._start.app_height
        return reached is None or reached < self._must_reach()

    def _blocks_since(self, reading: HealthReading) -> float:
        before = self._known.height
        return 0 if reading.height is None or before is None else max(0, reading.height - before)

    def _finding(self, watch: _Watch) -> Finding | None:
        if not watch.raised or watch.value is None:
            return None
        probe = watch.probe
        return Finding(probe.name, probe.verdict, probe.words(watch.value), probe.consequence)

    def _in_context(self, finding: Finding) -> Finding:
        """Outside an upgrade there is no try that could fail and no upgrade that one could be behind after."""
        if self._crossing is not None:
            return finding
        instead = {
            Consequence.FAILED_TRY: Consequence.CALL_OPERATOR,
            Consequence.EVENT: Consequence.NOTHING,
        }.get(finding.follows, finding.follows)
        return dataclasses.replace(finding, follows=instead)


def with_known(known: HealthReading, reading: HealthReading) -> HealthReading:
    """The reading, and for what it does not tell the value that was known before."""
    missing = {
        entry.name: getattr(known, entry.name)
        for entry in dataclasses.fields(reading)
        if getattr(reading, entry.name) is None
    }
    return dataclasses.replace(reading, **missing)
