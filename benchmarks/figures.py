"""What can be measured: a name, a title and how, once for every figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

from benchmarks import (
    at_rest,
    called_off,
    download,
    downtime,
    emergency_halt,
    first_frame,
    hand_over,
    idle_beside,
    idle_bytes,
    idle_cpu,
    keys,
    long_log,
    many_validators,
    observer,
    real_downtime,
    recording,
    rollback_point,
    scrape,
    signatures,
    status_time,
)
from benchmarks.ratio import Ratio


class Result(Protocol):
    """A frozen dataclass of figures in seconds, bytes per second or blocks."""

    def lines(self) -> list[str]:
        """For a person."""
        ...


@runtime_checkable
class Compared(Protocol):
    """A result that stands beside another program's, or another size's, of the same run."""

    def ratios(self) -> list[Ratio]:
        """Each with its words."""
        ...


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing to measure."""

    title: str
    measure: Callable[[], Result]
    """Raises BenchmarkError."""
    brief: Callable[[], Result] | None = None
    """The same in few runs, where it belongs to the report."""


FIGURES = {
    "at-rest": Figure("A controller at rest, a block every second", at_rest.measure),
    "called-off": Figure("A plan that the council cancels, until every journal says ABORT", called_off.measure),
    "download": Figure("A download over loopback, 256 MiB, and the check of a binary", download.measure),
    "downtime": Figure("Downtime of an upgrade, four validators", downtime.measure),
    "emergency-halt": Figure(
        "Emergency halt, from the key to the end of the last node",
        emergency_halt.measure,
        partial(emergency_halt.measure, rounds=2),
    ),
    "first-frame": Figure(
        "Start-up to the first frame, 80x24", first_frame.measure, partial(first_frame.measure, tries=5)
    ),
    "hand-over": Figure(
        "Hand-over, plan file written to new process started",
        hand_over.measure,
        partial(hand_over.measure, runs=7, few=3),
    ),
    "idle-beside": Figure(
        "An idle console beside top and htop", idle_beside.measure, partial(idle_beside.measure, window_s=20.0)
    ),
    "idle-bytes": Figure("Written to an idle terminal", idle_bytes.measure),
    "idle-cpu": Figure("CPU of an idle console", idle_cpu.measure),
    "keys": Figure("From a key to its answer, and leaving", keys.measure),
    "long-log": Figure("A log of a million lines", long_log.measure),
    "many-validators": Figure(
        "Many validators on the screen, from a Snapshot to pixels", many_validators.measure, many_validators.measure
    ),
    "observer": Figure("A look of the observer at 4, 100 and 256 validators", observer.measure, observer.measure),
    "real-downtime": Figure("Downtime on real CometBFT, four validators", real_downtime.measure, real_downtime.measure),
    "recording": Figure("A session kept, moment by moment", recording.measure),
    "rollback-point": Figure("A rollback point of 2,000 tables, 4 GiB", rollback_point.measure),
    "scrape": Figure("A scrape of a controller's metrics", scrape.measure),
    "signatures": Figure("Signatures of a release, 2 of 3", signatures.measure),
    "status-time": Figure("A headless status", status_time.measure),
}
