"""Waiting for a devnet: each condition is told once, a deadline and a dead daemon are named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from console.devnet.layout import Layout
from console.devnet.process_identity import identify
from console.devnet.ready import Condition, last_line, until_all
from console.devnet.record import Record
from console.errors import DevnetError
from tests.console.devnet.test_record import example

pytestmark = pytest.mark.anyio


def after(rounds: int) -> Callable[[], Awaitable[bool]]:
    """True from the given round on."""
    asked = 0

    async def holds() -> bool:
        nonlocal asked
        asked += 1
        return asked > rounds

    return holds


def running(folder: Path) -> tuple[Layout, Record]:
    """A devnet without processes."""
    return Layout.of(folder), replace(example(folder), processes={})


async def test_each_condition_is_told_once_as_it_comes_true(tmp_path: Path) -> None:
    layout, record = running(tmp_path)
    wanted = [Condition("late", after(2)), Condition("first", after(0)), Condition("next", after(1))]
    assert [text async for text in until_all(wanted, layout, record)] == ["first", "next", "late"]


async def test_the_deadline_names_what_is_missing(tmp_path: Path) -> None:
    layout, record = running(tmp_path)
    wanted = [Condition("done", after(0)), Condition("node2 answers", after(10**9))]
    with pytest.raises(DevnetError, match=r"not up after 0\.1 seconds; still not true: node2 answers; .*logs"):
        async for _ in until_all(wanted, layout, record, deadline_s=0.1):
            pass


async def test_a_daemon_that_ended_is_told_with_its_last_line(tmp_path: Path) -> None:
    layout, record = running(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    identity = identify(child.pid)
    assert identity is not None
    child.kill()
    child.wait()
    layout.logs.mkdir()
    layout.log("evm").write_text("starting\nno such\x1b[31m genesis\n")
    with pytest.raises(DevnetError, match=r"evm ended at its start: no such<U\+001B>\[31m genesis"):
        async for _ in until_all([Condition("never", after(10**9))], layout, record.with_process("evm", identity)):
            pass


def test_the_last_line_of_an_empty_log(tmp_path: Path) -> None:
    assert last_line(tmp_path / "missing.log") == f"nothing in {tmp_path / 'missing.log'}"
