"""A rollback point of a large data folder beside `cp -a --reflink=never` and `shutil.copytree` (facts/safety.md §5).

Ours is durable when it returns; the other two are not, so `sync` after them is timed apart. Also by itself, for another
size or place: `python -m benchmarks.rollback_point --tables 500 --folder /mnt/xfs`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.devnet import BenchmarkError
from console.node.rollback_point import DataFolders, RollbackPoints
from console.text import size

TABLES = 2000
TABLE_BYTES = 2 << 20
LOGS = 3
LOG_BYTES = 30 << 20
SMALL = 18
DROP = Path("/proc/sys/vm/drop_caches")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds until the command returned, and of a `sync` after it."""

    command_s: float
    sync_s: float


@dataclass(frozen=True, slots=True)
class PointCost:
    """One run of each, cold and warm."""

    method: str
    files: int
    apparent_bytes: int
    own_bytes: int
    file_system: str
    cold: str
    """What was done to make it cold."""
    point_cold: Times
    point_warm: Times
    cp_cold: Times
    cp_warm: Times
    copytree_cold: Times
    copytree_warm: Times
    restore_warm: Times
    verify_quick_s: float

    def lines(self) -> list[str]:
        """For a person."""
        rows = [
            ("rollback point", self.point_cold, self.point_warm),
            ("cp -a --reflink=never", self.cp_cold, self.cp_warm),
            ("shutil.copytree", self.copytree_cold, self.copytree_warm),
        ]
        said = [
            f"{self.files} files, {size(self.apparent_bytes)} on {self.file_system}; {self.method}: "
            f"the point costs {size(self.own_bytes)} of its own",
            f"cold: {self.cold}",
        ]
        for name, cold, warm in rows:
            said.append(f"{name:<22} cold {_said(cold)}   warm {_said(warm)}")
        for name, cold, warm in rows[1:]:
            said.append(
                f"{name} / rollback point: cold {cold.command_s / self.point_cold.command_s:.0f}x, "
                f"warm {warm.command_s / self.point_warm.command_s:.0f}x; "
                f"durable (both with sync) cold {_whole(cold) / _whole(self.point_cold):.0f}x, "
                f"warm {_whole(warm) / _whole(self.point_warm):.0f}x"
            )
        said.append(
            f"restore                warm {_said(self.restore_warm)};   quick check {self.verify_quick_s:.3f} s"
        )
        return said


def measure(tables: int = TABLES, folder: Path | None = None) -> PointCost:
    """Build a tree and copy it in each way, cold then warm; all is removed again.

    Args:
        tables: Files of 2 MiB, as a database leaves them.
        folder: Where; without one, the temporary folder.

    Raises:
        BenchmarkError: There is too little space.
    """
    with tempfile.TemporaryDirectory(prefix="rollback-point-", dir=folder) as made:
        place = Path(made)
        needed = 3 * (tables * TABLE_BYTES + LOGS * LOG_BYTES)
        if shutil.disk_usage(place).free < needed:
            raise BenchmarkError(f"{size(needed)} must be free in {place}")
        home = place / "home"
        build_data(home / "data", tables)
        data = DataFolders(home, (home / "data",), home / "data" / "priv_validator_state.json")
        points = RollbackPoints(data, place / "points", margin_bytes=0)

        def ours() -> None:
            points.take("measured", app_height=1, generation="genesis", exe_sha256="")

        def cp() -> None:
            copied = str(place / "copied")
            subprocess.run(["cp", "-a", "--reflink=never", str(home / "data"), copied], check=True)

        def copytree() -> None:
            shutil.copytree(home / "data", place / "copied", symlinks=True)

        cold = _make_cold(home)
        results = [_time(copy, place, home, warm=warm) for warm in (False, True) for copy in (ours, cp, copytree)]
        ours()
        point = points.all()[0]
        started = time.perf_counter()
        points.verify(point, full=False)
        verified = time.perf_counter() - started
        own = points.cost(point).own_bytes
        restored = _time(lambda: points.restore(point), place, home, warm=True, keep=True)
        return PointCost(
            method=point.method.value,
            files=point.files,
            apparent_bytes=point.apparent_bytes,
            own_bytes=own,
            file_system=_file_system(place),
            cold=cold,
            point_cold=results[0],
            cp_cold=results[1],
            copytree_cold=results[2],
            point_warm=results[3],
            cp_warm=results[4],
            copytree_warm=results[5],
            restore_warm=restored,
            verify_quick_s=verified,
        )


def build_data(data: Path, tables: int) -> None:
    """A closed database of `tables` tables with its logs; the MANIFEST is written last, as a database does."""
    database, wal = data / "application.db", data / "cs.wal"
    database.mkdir(parents=True)
    wal.mkdir()
    block = os.urandom(TABLE_BYTES)
    for number in range(tables):
        (database / f"{number:06}.sst").write_bytes(block)
    for number in range(LOGS):
        (database / f"{tables + number:06}.log").write_bytes(block * (LOG_BYTES // TABLE_BYTES))
    for number in range(SMALL - 4):
        (database / f"OPTIONS-{number:06}").write_bytes(block[:4096])
    (wal / "wal").write_bytes(block[:100_000])
    (database / "CURRENT").write_text("MANIFEST-000001\n")
    (data / "priv_validator_state.json").write_text('{"height": "1", "round": 0, "step": 3}')
    (database / "LOCK").touch()
    os.sync()
    newest = max(path.stat().st_mtime_ns for path in database.iterdir())
    while time.time_ns() < newest + 50_000_000:
        time.sleep(0.01)
    (database / "MANIFEST-000001").write_bytes(block[:50_000])


def _time(copy: Callable[[], object], place: Path, home: Path, *, warm: bool, keep: bool = False) -> Times:
    """Time one copy, with all earlier ones gone unless they are kept, and nothing left to write."""
    for name in ("copied", "points/measured"):
        if (place / name).exists() and not keep:
            shutil.rmtree(place / name)
    os.sync()
    if warm:
        for path in home.rglob("*"):
            if path.is_file():
                path.read_bytes()
    else:
        _make_cold(home)
    started = time.perf_counter()
    copy()
    copied = time.perf_counter()
    os.sync()
    return Times(copied - started, time.perf_counter() - copied)


def _make_cold(folder: Path) -> str:
    os.sync()
    try:
        DROP.write_text("3\n")
    except OSError:
        for path in folder.rglob("*"):
            if path.is_file():
                descriptor = os.open(path, os.O_RDONLY)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(descriptor)
        return "the files' pages were dropped (without root, names and inodes stay in memory)"
    return "all caches were dropped"


def _file_system(place: Path) -> str:
    # GNU's df; another one is told by its exit code.
    done = subprocess.run(["df", "--output=fstype", str(place)], capture_output=True, text=True, check=False)
    return done.stdout.split()[-1] if done.returncode == 0 else "an unknown file system"


def _whole(times: Times) -> float:
    return times.command_s + times.sync_s


def _said(times: Times) -> str:
    return f"{times.command_s:7.3f} s (+ sync {times.sync_s:.3f} s)"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.rollback_point", description=__doc__)
    parser.add_argument("--tables", type=int, default=TABLES, help="files of 2 MiB (default: 2000, about 4 GiB)")
    parser.add_argument("--folder", type=Path, help="where (default: the temporary folder)")
    arguments = parser.parse_args()
    try:
        print(*measure(arguments.tables, arguments.folder).lines(), sep="\n")
    except BenchmarkError as error:
        sys.exit(f"benchmarks: {error}")
