"""node.log is bounded, and loses nothing that is judged."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from console.node import shim as program
from console.node.runtime.shim import EXIT_RECORDS_KEPT, ShimRuntime
from tests.console.node.runtime.scripts import run_of

MIB = 1 << 20


def open_log(folder: Path) -> int:
    return os.open(folder / "run" / "node.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def knows_holes(folder: Path) -> bool:
    path = folder / "holes"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, b"x" * (2 * MIB))
    program.trim_log(descriptor, MIB)
    blocks = os.fstat(descriptor).st_blocks
    os.close(descriptor)
    return blocks * 512 < 2 * MIB


@pytest.fixture
def runtime(tmp_path: Path) -> ShimRuntime:
    if not knows_holes(tmp_path):
        pytest.skip("this file system knows no holes, so node.log is bounded at a start only")
    (tmp_path / "run").mkdir()
    return ShimRuntime(tmp_path / "run", tmp_path)


def test_what_is_old_is_given_back_and_offsets_stay(runtime: ShimRuntime, tmp_path: Path) -> None:
    log = open_log(tmp_path)
    os.write(log, b"an earlier run\n")
    offset = os.fstat(log).st_size
    os.write(log, b"the first line\n" + b"x" * (4 * MIB))
    program.trim_log(log, MIB)
    os.write(log, b"\nStopping node due to reaching halt height\n")
    assert os.fstat(log).st_blocks * 512 < 2 * MIB
    words = runtime.log_since(offset)
    assert words.endswith(b"\nStopping node due to reaching halt height\n")
    assert b"\0" not in words[4096:]
    assert runtime.log_since(os.fstat(log).st_size - 7) == b"height\n"
    os.close(log)


def test_no_line_is_lost_while_the_node_writes(runtime: ShimRuntime, tmp_path: Path) -> None:
    log = open_log(tmp_path)
    writer = subprocess.Popen(["/bin/sh", "-c", "seq -f %015.0f 1 300000"], stdout=log)
    while writer.poll() is None:
        program.trim_log(log, MIB)
    program.trim_log(log, MIB)
    lines = runtime.log_since(0, 64 * MIB).lstrip(b"\0").split(b"\n")[1:-1]
    assert len(lines) > 1000
    numbers = [int(line) for line in lines]
    assert numbers == list(range(300_001 - len(numbers), 300_001))
    os.close(log)


def test_a_small_log_is_left_alone(runtime: ShimRuntime, tmp_path: Path) -> None:
    log = open_log(tmp_path)
    os.write(log, b"x" * MIB)
    before = os.fstat(log).st_blocks
    program.trim_log(log, MIB)
    assert os.fstat(log).st_blocks == before
    os.close(log)


@pytest.mark.anyio
async def test_a_large_log_of_earlier_runs_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    runtime = ShimRuntime(tmp_path / "run", tmp_path, log_kept=1000)
    (tmp_path / "run" / "node.log").write_bytes(b"old\n" * 200)
    live = await runtime.start(run_of(tmp_path, "echo new"))
    await runtime.ended(live)
    assert live.log_offset == 0
    assert runtime.log_since(live.log_offset) == b"new\n"
    assert (tmp_path / "run" / "node.log.1").read_bytes() == b"old\n" * 200


@pytest.mark.anyio
async def test_old_exit_records_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for number in range(1, 31):
        (tmp_path / "run" / f"exit.{number}.json").write_text("{}")
    runtime = ShimRuntime(tmp_path / "run", tmp_path)
    live = await runtime.start(run_of(tmp_path, "exit 0", run_id=31))
    await runtime.ended(live)
    left = sorted(int(path.name.split(".")[1]) for path in (tmp_path / "run").glob("exit.*.json"))
    assert left == list(range(32 - EXIT_RECORDS_KEPT, 32))
