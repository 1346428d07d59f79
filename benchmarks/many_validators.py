"""Many validators on the screen: from a Snapshot to pixels, and how long the loop stands still meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from statistics import median

from textual.pilot import Pilot

from benchmarks.devnet import BenchmarkError
from benchmarks.ratio import Ratio
from console import tidying
from console.app import UpgradeConsoleApp
from console.model import Snapshot
from tests.crowd import crowd
from tests.session_fakes import FakeSession
from widgets.dashboard import DashboardTable

MANY = 10_000
SUBNETS = (4, 100, 256)
TICKS = 20
SIZE = (120, 40)
_LOOK_S = 0.001
_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class ManyValidators:
    """Seconds; CPU is that of the whole process, threads included."""

    rows: int
    add_s: float
    """From the first Snapshot on the validators' view to all rows in order and drawn."""
    add_stall_s: float
    """The longest that the loop stood still meanwhile."""
    tick_cpu_s: float
    """Median CPU of a Snapshot that changed every row's readiness, to drawn and in order again."""
    still_cpu_s: float
    """Median CPU of a Snapshot in which nothing but the height changed, to drawn."""
    tick_stall_s: float
    """The longest that the loop stood still over all ticks."""
    key_cpu_s: float
    """Median CPU of one row down, to drawn."""
    subnet_cpu_s: tuple[float, ...]
    """Median CPU of a Snapshot of 4, 100 and 256 validators, every row changed, to drawn: the validators' view."""
    overview_cpu_s: tuple[float, ...]
    """The same on the overview."""

    def ratios(self) -> list[Ratio]:
        """Many rows by few."""
        few, *more = self.subnet_cpu_s
        found = [
            Ratio(f"CPU of a refresh: {count} validators by {SUBNETS[0]}", cpu / few)
            for count, cpu in zip(SUBNETS[1:], more, strict=True)
        ]
        return [*found, Ratio(f"CPU of a refresh: {self.rows:,} validators by {SUBNETS[0]}", self.tick_cpu_s / few)]

    def lines(self) -> list[str]:
        """For a person."""
        add, every = self.add_s * 1000, self.tick_cpu_s * 1000
        return [
            f"{self.rows:,} rows added  {add:6.0f} ms, longest turn {self.add_stall_s * 1000:.1f} ms CPU (wanted: 50)",
            f"every row changed  {every:6.1f} ms CPU, longest turn {self.tick_stall_s * 1000:.1f} ms",
            f"nothing changed    {self.still_cpu_s * 1000:6.1f} ms CPU (wanted: 35)",
            f"one row down       {self.key_cpu_s * 1000:6.1f} ms CPU",
            *(
                f"{count:>3} validators     {table * 1000:6.1f} ms CPU to pixels, on the overview {first * 1000:.1f} ms"
                f"{' (wanted: 50)' if count == SUBNETS[-1] else ''}"
                for count, table, first in zip(SUBNETS, self.subnet_cpu_s, self.overview_cpu_s, strict=True)
            ),
        ]


def measure() -> ManyValidators:
    """Run the console without a terminal, once with many validators and once with as many as a subnet has.

    Raises:
        BenchmarkError: It did not show what it was given.
    """
    return asyncio.run(_measure())


async def _measure() -> ManyValidators:
    refreshed = [await _subnet(count) for count in SUBNETS]
    # As the console does once it has started.
    tidying.begin()
    changed = [crowd(MANY, ready=ready * 100, height=1200 + ready) for ready in range(TICKS)]
    async with _console(crowd(4)) as (pilot, session, table):
        with _Stalls() as stalls:
            start = time.perf_counter()
            await _shown(pilot, session, table, changed[0])
            added = time.perf_counter() - start
        with _Stalls() as tick_stalls:
            ticks = median(await _ticks(pilot, session, table, changed[1:]))
        same = changed[-1]
        still = [_at(same, 1300 + tick) for tick in range(TICKS)]
        quiet = median(await _ticks(pilot, session, table, still))
        keys = []
        for _key in range(TICKS):
            before = time.process_time()
            await pilot.press("down")
            await pilot.pause()
            keys.append(time.process_time() - before)
        if table.row_count != MANY or table.cursor_row != TICKS:
            raise BenchmarkError(f"the table has {table.row_count} rows, its cursor is on row {table.cursor_row}")
    table_s, overview_s = zip(*refreshed, strict=True)
    return ManyValidators(
        MANY, added, stalls.longest, ticks, quiet, tick_stalls.longest, median(keys), table_s, overview_s
    )


async def _subnet(count: int) -> tuple[float, float]:
    """Median CPU of a Snapshot on the validators' view, and on the overview."""
    changing = [crowd(count, ready=ready % count, height=1200 + ready) for ready in range(TICKS)]
    async with _console(crowd(4)) as (pilot, session, table):
        validators = median(await _ticks(pilot, session, table, changing))
        await pilot.press("1")
        return validators, median(await _ticks(pilot, session, table, changing))


def _at(snapshot: Snapshot, height: int) -> Snapshot:
    assert snapshot.chain is not None
    return replace(snapshot, height=height, chain=replace(snapshot.chain, height=height))


@asynccontextmanager
async def _console(first: Snapshot) -> AsyncIterator[tuple[Pilot[int], FakeSession, DashboardTable]]:
    session = FakeSession(first)
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=SIZE) as pilot:
        while app.snapshot is None:
            await pilot.pause(0.01)
        await pilot.press("3")
        await pilot.pause()
        yield pilot, session, app.screen.query_one(DashboardTable)


async def _ticks(
    pilot: Pilot[int], session: FakeSession, table: DashboardTable, snapshots: list[Snapshot]
) -> list[float]:
    taken = []
    for snapshot in snapshots:
        before = time.process_time()
        await _shown(pilot, session, table, snapshot)
        taken.append(time.process_time() - before)
    return taken


async def _shown(pilot: Pilot[int], session: FakeSession, table: DashboardTable, snapshot: Snapshot) -> None:
    assert session.feed is not None
    session.feed.put_nowait(snapshot)
    try:
        async with asyncio.timeout(_DEADLINE_S):
            while pilot.app.snapshot is not snapshot or not (table.settled or not table.screen.is_current):  # type: ignore[attr-defined]
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        rows = f"{table.row_count} rows, {'' if table.settled else 'not '}in order"
        raise BenchmarkError(f"the Snapshot of height {snapshot.height} was never shown: {rows}") from None
    await pilot.pause()


class _Stalls:
    """The processor time of the loop's thread between two turns of a timer of a millisecond: what others wait for.

    Not time on the clock, which on a busy machine is that of others.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> _Stalls:
        self._task = asyncio.create_task(self._look())
        return self

    def __exit__(self, *_about: object) -> None:
        assert self._task is not None
        self._task.cancel()

    async def _look(self) -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(_LOOK_S)
            self.longest = max(self.longest, time.thread_time() - before)
