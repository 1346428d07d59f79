"""Commands of the operator's own: no shell, a plain environment, an end in any case."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from console.errors import NodeError
from console.operations import limited_child
from console.operations.operator_command import (
    MOST_OUTPUT,
    CommandEnd,
    Limits,
    filled_in,
    run_command_of_operator,
)

pytestmark = pytest.mark.anyio


async def run(code: str, *words: str, deadline_s: float = 20.0, limits: Limits | None = None) -> CommandEnd:
    command = [sys.executable, "-I", "-c", code, *words]
    return await run_command_of_operator(command, deadline_s=deadline_s, limits=limits)


def test_only_placeholders_are_replaced_and_never_by_a_shell() -> None:
    command = ("{binary}", "-c", "{x: 1}", "--config={config}")
    assert filled_in(command, {"binary": "/a b", "config": "$(id)"}) == ("/a b", "-c", "{x: 1}", "--config=$(id)")


async def test_output_is_kept_and_a_secret_in_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYRING_PASSWORD", "hunter2")
    end = await run(
        "import os, sys\nprint('one', sys.argv[1:])\nprint('api_token: abcdef')\nprint(sorted(os.environ))\n"
        "print('\\x1b]0;title\\x07', file=sys.stderr)\nsys.exit(3)",
        "$(id)",
    )
    assert end.code == 3
    assert end.lines[0] == "one ['$(id)']"
    assert end.lines[1] == "api_token: <hidden>"
    assert "KEYRING_PASSWORD" not in end.output
    assert "PATH" in end.output
    assert "\x1b" not in end.how
    assert end.how.startswith("ended with exit code 3: <U+001B>")


async def test_too_much_output_is_thrown_away_and_the_end_is_seen() -> None:
    end = await run(f"print('x' * {4 * MOST_OUTPUT})")
    assert (end.code, len(end.output)) == (0, MOST_OUTPUT)


async def test_one_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    command = ["sh", "-c", f"sleep 600 & echo $! > {tmp_path / 'pid'}; wait"]
    with pytest.raises(NodeError) as killed:
        await run_command_of_operator(command, deadline_s=3.0)
    assert "did not end within 3 seconds and was killed" in str(killed.value)
    pid = int((tmp_path / "pid").read_text())
    with suppress(psutil.NoSuchProcess):
        async with asyncio.timeout(30):
            while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.02)


async def test_what_it_leaves_running_does_not_hold_us() -> None:
    end = await run("import subprocess\np = subprocess.Popen(['sleep', '600'])\nprint(p.pid)")
    try:
        assert end.code == 0
        assert end.seconds < 60
    finally:
        os.kill(int(end.output), 9)


async def test_a_program_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(NodeError, match="cannot run /no/such: No such file or directory"):
        await run_command_of_operator(["/no/such"], deadline_s=5)


async def test_limits_hold_and_the_network_is_gone() -> None:
    limits = Limits(cpu_s=30, memory_bytes=512 << 20)
    end = await run("x = bytearray(1 << 30)", limits=limits)
    assert end.code == 1
    assert "MemoryError" in end.how
    end = await run(
        "import socket\ntry:\n  socket.create_connection(('127.0.0.1', 1), 2)\nexcept OSError as e: print(e.errno)",
        limits=limits,
    )
    assert not end.complaint
    able = _can_be_without_network()
    assert end.alone is able
    if able:
        # Unreachable, and not refused: not even loopback is up.
        assert end.output.strip() == "101"


def _can_be_without_network() -> bool:
    """Asked in a child: it is for ever."""
    code = f"import runpy, sys; sys.exit(not runpy.run_path({limited_child.__file__!r})['without_network']())"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_a_limit_of_the_processor_ends_what_spins() -> None:
    end = await run("while True: pass", limits=Limits(cpu_s=1, memory_bytes=1 << 30))
    assert end.how in {"was killed by SIGKILL", "was killed by SIGXCPU"}
