"""Counters and histograms, counted from the journal: what is in it was durable before it was done, and stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from console.metrics.table import METRICS
from console.metrics.words import (
    FAILURES,
    UNKNOWN_FAILURE,
    Checked,
    DowntimeOutcome,
    FailedEnd,
    MetricKind,
    RestartReason,
    RollbackReason,
    Source,
)
from console.model import FailureCode, Verdict
from console.node.attempts import ENOUGH_READY
from console.node.exits import ExitMeaning

CONTROLLER_STARTED = "controller-started"
"""The journal's row on each start of a controller."""

_ENDS = {
    "parked": FailedEnd.PARKED,
    "missed_halt": FailedEnd.MISSED_HALT,
    "needs_operator": FailedEnd.NEEDS_OPERATOR,
}
_CAME_TO_IT = frozenset({"halted", "missed_halt", "waiting_for_quorum", "probation", "committed"})
_CHECKED = {FailureCode.HASH_MISMATCH: Checked.HASH_MISMATCH, FailureCode.NOT_TRUSTED: Checked.NOT_TRUSTED}
_RESTARTS = {
    ExitMeaning.HALTED: RestartReason.UPGRADE,
    ExitMeaning.NEXT_HALT: RestartReason.UPGRADE,
    ExitMeaning.FAILED_TRY: RestartReason.FAILED_TRY,
    ExitMeaning.TOO_EARLY: RestartReason.FAILED_TRY,
    ExitMeaning.SAME_RUN_AGAIN: RestartReason.CRASHED,
    ExitMeaning.CRASHED: RestartReason.CRASHED,
    ExitMeaning.ASKED: RestartReason.ASKED,
}
"""Why a run followed, by how the one before it ended; `OTHER` for the rest."""


class Buckets:
    """A histogram's observations.

    Args:
        bounds: Upper bounds in seconds, without infinity.
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """Observations between one bound and the next, the last of them without a bound."""
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Take an observation; a clock that was set back makes it 0."""
        seconds = max(0.0, seconds)
        place = next((index for index, bound in enumerate(self.bounds) if seconds <= bound), len(self.bounds))
        self.counts[place] += 1
        self.sum += seconds


@dataclass(slots=True)
class _Course:
    """How far an upgrade was when its newest event was counted; times are Unix seconds."""

    target: int = 0
    """H; 0 while it has none."""
    planned_at: float | None = None
    fetching_at: float | None = None
    halted_at: float | None = None
    verified: bool = False
    aborted: bool = False
    led_on: bool = False


@dataclass(slots=True)
class JournalCounts:
    """What the rows of a journal come to, row by row. Every label value begins at 0."""

    counters: dict[str, dict[str, float]] = field(default_factory=lambda: _zeros(MetricKind.COUNTER, lambda _: 0.0))
    """By metric and label value; an empty value for a metric without a label."""
    histograms: dict[str, dict[str, Buckets]] = field(default_factory=lambda: _zeros(MetricKind.HISTOGRAM, Buckets))
    newest: int = 0
    """Sequence number of the last row that was counted."""
    plans: int = 0
    """Plans that were taken up."""
    last_target: int = 0
    """H of the newest upgrade that this node came to; 0 for none."""
    _courses: dict[int, _Course] = field(default_factory=dict)
    _ran: bool = False
    _armed_for: int = 0
    _ended: str = ""

    def take(self, row: Mapping[str, Any]) -> None:
        """Count the next row of the journal's events."""
        self.newest = row["seq"]
        kind, detail = str(row["kind"]), row["detail"]
        detail = detail if isinstance(detail, dict) else {}
        match kind:
            case "run":
                self._take_run(int(detail.get("halt_height") or 0))
            case "run-ended":
                # A stop that we asked for is judged by nobody.
                self._ended = self._ended or ExitMeaning.ASKED.name
            case "end-judged":
                self._ended = str(detail.get("meaning", ""))
            case _ if kind == CONTROLLER_STARTED:
                self._count("ipc_controller_starts_total")
            case _ if row["attempt"] is not None:
                self._take_step(float(row["at"]), int(row["attempt"]), kind, detail)

    def _take_run(self, halt_height: int) -> None:
        if self._ran:
            asked = self._ended == ExitMeaning.ASKED.name
            if asked and halt_height != self._armed_for:
                reason = RestartReason.ARMING
            else:
                known = ExitMeaning.__members__.get(self._ended)
                reason = RestartReason.OTHER if known is None else _RESTARTS.get(known, RestartReason.OTHER)
            self._count("ipc_node_restarts_total", reason)
        self._ran, self._armed_for, self._ended = True, halt_height, ""

    def _take_step(self, at: float, attempt: int, kind: str, detail: Mapping[str, Any]) -> None:
        words = frozenset(kind.split("+"))
        course = self._courses.setdefault(attempt, _Course())
        height = detail.get("target_height", detail.get("height") if "planned" in words else None)
        course.target = height if isinstance(height, int) else course.target
        if "verdict" in detail:
            course.aborted = detail.get("verdict") == Verdict.ABORT
        self._take_preparation(at, course, words, detail)
        self._take_crossing(at, course, words)
        # Whoever leads on says so in the row before.
        course.led_on = kind == "led-on"

    def _take_preparation(self, at: float, course: _Course, words: frozenset[str], detail: Mapping[str, Any]) -> None:
        if "planned" in words:
            self.plans += "proposal" in detail
            course.planned_at, course.fetching_at, course.verified = at, None, False
        if "fetching" in words:
            course.fetching_at, course.verified = at, False
        if words & {"verified", "staged"} and not course.verified:
            course.verified = True
            self._count("ipc_upgrade_verifications_total", Checked.VERIFIED)
            if course.fetching_at is not None:
                self._observe("ipc_upgrade_download_duration_seconds", at - course.fetching_at)
                course.fetching_at = None
        if "failed" in words:
            self._take_failure(detail.get("failure_code"))
            course.fetching_at = None
        if "ready" in words and course.planned_at is not None:
            self._observe("ipc_upgrade_preparation_duration_seconds", at - course.planned_at)
        if ENOUGH_READY in words and course.planned_at is not None:
            self._observe("ipc_upgrade_time_to_ready_seconds", at - course.planned_at)

    def _take_failure(self, code: object) -> None:
        known = FailureCode(code) if isinstance(code, int) and code in set(FailureCode) else None
        reason = UNKNOWN_FAILURE if known is None else FAILURES[known]
        self._count("ipc_upgrade_preparation_failures_total", reason)
        if known in _CHECKED:
            self._count("ipc_upgrade_verifications_total", _CHECKED[known])

    def _take_crossing(self, at: float, course: _Course, words: frozenset[str]) -> None:
        if words & _CAME_TO_IT:
            self.last_target = max(self.last_target, course.target)
        if "halted" in words and course.halted_at is None:
            course.halted_at = at
        if "rollback" in words:
            reason = RollbackReason.OPERATOR if course.led_on else RollbackReason.FAILED_START
            self._count("ipc_upgrade_rollbacks_total", RollbackReason.NETWORK_ABORT if course.aborted else reason)
        if "probation" in words:
            self._end_downtime(at, course, DowntimeOutcome.CROSSED)
        if "resumed_old" in words and course.halted_at is not None:
            self._end_downtime(at, course, DowntimeOutcome.ABORTED)
            self._count("ipc_upgrade_failures_total", FailedEnd.ABORTED)
        if "committed" in words:
            self._count("ipc_upgrade_commits_total")
        for word, end in _ENDS.items():
            if word in words:
                self._count("ipc_upgrade_failures_total", end)

    def _end_downtime(self, at: float, course: _Course, outcome: DowntimeOutcome) -> None:
        if course.halted_at is not None:
            self._observe("ipc_upgrade_downtime_seconds", at - course.halted_at, outcome)
            course.halted_at = None

    def _count(self, name: str, value: str = "") -> None:
        self.counters[name][value] += 1

    def _observe(self, name: str, seconds: float, value: str = "") -> None:
        self.histograms[name][value].observe(seconds)


def _zeros(kind: MetricKind, make: Any) -> dict[str, dict[str, Any]]:
    """Every metric of a kind that the journal is the source of, at nothing for each of its label's values."""
    return {
        entry.name: {value: make(entry.bounds) for value in entry.values or ("",)}
        for entry in METRICS
        if entry.kind is kind and entry.source is Source.JOURNAL
    }
