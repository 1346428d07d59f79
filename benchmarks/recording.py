"""What keeping a session costs: a Snapshot of 256 validators each second, in memory and in a file."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from console.model import Snapshot, ValidatorReadiness
from console.recording.file import RecordingFile, load
from console.recording.format import Header, delta_line, full_line
from console.recording.recorder import Recorder
from tests import fakes

VALIDATORS = 256
TICKS = 10_000
_RUNS = 50
FULL = 8_000
"""Ticks after which as much is kept as ever will be."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Medians in milliseconds; sizes in bytes."""

    whole_ms: float
    """To write a whole Snapshot: once in 256."""
    change_ms: float
    """To write what changed with a block."""
    look_back_ms: float
    """To show a moment of a stretch that was not looked at yet."""
    step_ms: float
    """To show its neighbour."""
    loop_ms: float
    """That the loop is held up by a Snapshot that is taken."""
    day_bytes: int
    """Of a file, at one Snapshot a second."""
    grown_bytes: int
    """Memory at 10,000 ticks more than at 8,000."""
    kept_bytes: int
    """Memory at 8,000 ticks more than at 100."""

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"a Snapshot of {VALIDATORS} validators",
            f"  written whole, in a thread       {self.whole_ms:7.2f} ms",
            f"  written as a change, in a thread {self.change_ms:7.2f} ms",
            f"  handed over, in the loop         {self.loop_ms:7.3f} ms",
            f"  shown again, in a thread         {self.look_back_ms:7.2f} ms, its neighbour {self.step_ms:.3f} ms",
            f"a file of one day                  {self.day_bytes / 1e6:7.1f} MB",
            f"memory of all that is kept         {self.kept_bytes / 1e6:7.1f} MB",
            f"memory from tick {FULL:,} to {TICKS:,}  {self.grown_bytes / 1e6:+7.1f} MB",
        ]


def measure() -> Recording:
    """Keep a session of 10,000 Snapshots."""
    first, second = at(0), at(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording"
        loop_ms, kept, grown, recorder = asyncio.run(_session(path))
        size = path.stat().st_size
        recording = load(path)
        timeline = recording.timeline
        looks = [_ms(lambda number=number: timeline.scene(number)) for number in range(1000, 9000, 400)]  # type: ignore[misc]
        steps = [_ms(lambda number=number: timeline.scene(number)) for number in range(8601, 8640)]  # type: ignore[misc]
        recording.close()
    assert recorder.history.last is not None  # 10,000 Snapshots were taken
    return Recording(
        whole_ms=statistics.median(_ms(lambda: full_line(second)) for _ in range(_RUNS)),
        change_ms=statistics.median(_ms(lambda: delta_line(first, second)) for _ in range(_RUNS)),
        look_back_ms=statistics.median(looks),
        step_ms=statistics.median(steps),
        loop_ms=loop_ms,
        day_bytes=size * 86_400 // TICKS,
        grown_bytes=grown,
        kept_bytes=kept,
    )


async def _session(path: Path) -> tuple[float, int, int, Recorder]:
    process, file = psutil.Process(), RecordingFile(path)
    recorder = Recorder(file, lambda _sentence: None, lambda: Header("bench", fakes.ADDRESSES[0]))
    running = asyncio.create_task(recorder.run())
    taken, sizes = [], {}
    for tick in range(TICKS):
        snapshot = at(tick)
        began = time.perf_counter()
        recorder.snapshot(snapshot)
        taken.append((time.perf_counter() - began) * 1000)
        await recorder.caught_up()
        if tick in {100, FULL, TICKS - 1}:
            sizes[tick] = process.memory_info().rss
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    file.close()
    return statistics.median(taken), sizes[FULL] - sizes[100], sizes[TICKS - 1] - sizes[FULL], recorder


def at(tick: int) -> Snapshot:
    """The picture of a tick: every value made anew, as the observer does; a block a second."""
    shown = fakes.go()
    assert shown.chain is not None
    assert shown.chain.readiness is not None
    height = 1000 + tick
    said = tuple(_said(shown.chain.readiness.validators[0], index, tick) for index in range(VALIDATORS))
    one = shown.chain.validators[0]
    validators = tuple(replace(one, address=_address(index)) for index in range(VALIDATORS))
    nodes = fakes.node_heights(height, (height,) * 4)
    readiness = replace(shown.chain.readiness, validators=said)
    chain = replace(shown.chain, height=height, validators=validators, readiness=readiness, nodes=nodes)
    return replace(shown, height=height, chain=chain, taken_at=fakes.NOW + tick)


def _said(one: ValidatorReadiness, index: int, tick: int) -> ValidatorReadiness:
    # One after the other arms, one in ten seconds.
    return replace(one, address=_address(index), armed_at=one.armed_at if index * 10 < tick else 0)


def _address(index: int) -> str:
    return fakes.ADDRESSES[0][:-4] + f"{index:04x}"


def _ms(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) * 1000
