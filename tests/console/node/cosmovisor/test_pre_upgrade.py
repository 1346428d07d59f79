"""`pre-upgrade` and the operator's script: every code, every deadline, nothing left behind."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from console.files import sha256_of
from console.node.cosmovisor.command import LAST_LINES, run_bounded
from console.node.cosmovisor.pre_upgrade import Outcome, PreUpgradeResult, run_custom_script, run_pre_upgrade
from tests.console.node.nodes import living

pytestmark = pytest.mark.anyio

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def script(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def stayer(folder: Path) -> Path:
    """A script that stays until it is ended; `tail -f` would end by itself when nobody reads it any more."""
    return script(folder / "stayer", "while :; do sleep 0.05; done")


async def pre_upgrade(binary: Path, sha256: str = "", retries: int = 0, deadline_s: float = 30) -> PreUpgradeResult:
    return await run_pre_upgrade(
        binary,
        sha256 or sha256_of(binary),
        folder=binary.parent,
        environment=ENVIRONMENT,
        deadline_s=deadline_s,
        max_retries=retries,
        first_pause_s=0.001,
    )


@pytest.mark.parametrize(
    ("code", "outcome", "go_on"),
    [
        (0, Outcome.DONE, True),
        (1, Outcome.NOT_IMPLEMENTED, True),
        (2, Outcome.UNKNOWN_CODE, False),
        (30, Outcome.FAILED, False),
        (31, Outcome.RETRIES_USED_UP, False),
        (127, Outcome.UNKNOWN_CODE, False),
    ],
)
async def test_every_code_means_what_the_convention_says(
    tmp_path: Path, code: int, outcome: Outcome, go_on: bool
) -> None:
    binary = script(tmp_path / "simd", f'[ "$1" = pre-upgrade ] && [ $# = 1 ] && exit {code}', "exit 99")
    result = await pre_upgrade(binary)
    assert (result.outcome, result.go_on, result.code, result.tries) == (outcome, go_on, code, 1)
    assert result.words()


async def test_a_signal_is_a_failure(tmp_path: Path) -> None:
    result = await pre_upgrade(script(tmp_path / "simd", "kill -9 $$"))
    assert (result.outcome, result.go_on, result.code) == (Outcome.UNKNOWN_CODE, False, -9)
    assert "signal 9" in result.words()


async def test_code_31_is_tried_again_until_it_changes_its_mind(tmp_path: Path) -> None:
    binary = script(tmp_path / "simd", f"echo x >> {tmp_path}/tries", f"[ $(wc -l < {tmp_path}/tries) = 3 ] || exit 31")
    result = await pre_upgrade(binary, retries=5)
    assert (result.outcome, result.tries) == (Outcome.DONE, 3)


async def test_code_31_is_not_tried_for_ever(tmp_path: Path) -> None:
    result = await pre_upgrade(script(tmp_path / "simd", "exit 31"), retries=2)
    assert (result.outcome, result.tries, result.go_on) == (Outcome.RETRIES_USED_UP, 3, False)


async def test_only_the_verified_bytes_are_run(tmp_path: Path) -> None:
    binary = script(tmp_path / "simd", f"touch {tmp_path}/ran")
    result = await pre_upgrade(binary, "0" * 64)
    assert (result.outcome, result.go_on) == (Outcome.NOT_RUN, False)
    assert "sha256" in result.reason
    assert not (tmp_path / "ran").exists()
    assert (await pre_upgrade(tmp_path / "missing", "0" * 64)).outcome is Outcome.NOT_RUN


async def test_the_deadline_ends_the_whole_group(tmp_path: Path) -> None:
    stay = stayer(tmp_path)
    binary = script(tmp_path / "simd", f"{stay} &", f"exec {stay}")
    result = await pre_upgrade(binary, deadline_s=0.3)
    assert (result.outcome, result.code, result.go_on) == (Outcome.TOO_LATE, None, False)
    await gone(tmp_path)


async def test_what_it_leaves_in_the_background_is_ended_too(tmp_path: Path) -> None:
    binary = script(tmp_path / "simd", f"{stayer(tmp_path)} &", "exit 0")
    assert (await pre_upgrade(binary)).outcome is Outcome.DONE
    await gone(tmp_path)


async def test_cancelling_leaves_nothing_behind(tmp_path: Path) -> None:
    binary = script(tmp_path / "simd", f"touch {tmp_path}/began", f"exec {stayer(tmp_path)}")
    before = set(os.listdir("/proc/self/fd"))
    running = asyncio.create_task(pre_upgrade(binary))
    async with asyncio.timeout(10):
        while not (tmp_path / "began").exists():
            await asyncio.sleep(0.005)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await gone(tmp_path)
    assert len(os.listdir("/proc/self/fd")) <= len(before)


async def test_cancelling_while_it_is_verified_runs_nothing(tmp_path: Path) -> None:
    binary = script(tmp_path / "simd", f"touch {tmp_path}/ran")
    for _ in range(20):
        running = asyncio.create_task(pre_upgrade(binary))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert not (tmp_path / "ran").exists()


async def test_output_is_bounded_and_made_safe(tmp_path: Path) -> None:
    binary = script(
        tmp_path / "simd", "yes flood | head -c 3000000", "printf '\\033[31mred\\033[0m\\nlast\\n' >&2", "exit 30"
    )
    result = await pre_upgrade(binary)
    assert len(result.last_lines) == LAST_LINES
    assert result.last_lines[-2:] == ("<U+001B>[31mred<U+001B>[0m", "last")


async def test_a_pipe_that_is_kept_open_holds_nobody_up(tmp_path: Path) -> None:
    keeper = script(tmp_path / "keeper", f"touch {tmp_path}/began", "while :; do sleep 0.05; done")
    starter = script(
        tmp_path / "starter", f"setsid {keeper} &", f"while [ ! -e {tmp_path}/began ]; do sleep 0.01; done", "echo done"
    )
    ending = await run_bounded([str(starter)], folder=tmp_path, environment=ENVIRONMENT, deadline_s=30)
    left = living(keeper)
    for pid in left:
        os.kill(pid, 9)
    await gone(tmp_path)
    assert left
    assert (ending.code, ending.last_lines) == (0, ("done",))


async def custom(home: Path, path: Path, deadline_s: float = 30, name: str = "v2") -> PreUpgradeResult:
    return await run_custom_script(
        path, home=home, name=name, height=500, environment=ENVIRONMENT, deadline_s=deadline_s
    )


async def test_the_script_gets_name_height_and_home(tmp_path: Path) -> None:
    path = script(tmp_path / "pre.sh", 'echo "$1 $2 $# $(pwd)"')
    path.chmod(0o640)
    result = await custom(tmp_path, path)
    assert (result.outcome, result.last_lines) == (Outcome.DONE, (f"v2 500 2 {tmp_path}",))
    assert path.stat().st_mode & 0o777 == 0o740


@pytest.mark.parametrize("code", [1, 30, 31])
async def test_any_other_code_of_the_script_is_a_failure(tmp_path: Path, code: int) -> None:
    result = await custom(tmp_path, script(tmp_path / "pre.sh", f"exit {code}"))
    assert (result.outcome, result.code, result.go_on) == (Outcome.FAILED, code, False)


async def test_the_script_has_a_deadline(tmp_path: Path) -> None:
    path = script(tmp_path / "pre.sh", f"exec {stayer(tmp_path)}")
    assert (await custom(tmp_path, path, deadline_s=0.2)).outcome is Outcome.TOO_LATE
    await gone(tmp_path)


async def test_a_script_that_cannot_be_run_is_said(tmp_path: Path) -> None:
    open_to_all = script(tmp_path / "open.sh", "exit 0")
    open_to_all.chmod(0o777)
    nul = await custom(tmp_path, script(tmp_path / "pre.sh", "exit 0"), name="v\0")
    for result in (
        await custom(tmp_path, tmp_path / "missing.sh"),
        await custom(tmp_path, tmp_path),
        await custom(tmp_path, open_to_all),
        nul,
    ):
        assert (result.outcome, result.go_on) == (Outcome.NOT_RUN, False)
        assert result.reason


async def gone(word: Path) -> None:
    """Wait until no process names a path below `word`; one that stays is ended and is a failure."""
    try:
        async with asyncio.timeout(3):
            while living(word):
                await asyncio.sleep(0.005)
    except TimeoutError:
        left = living(word)
        for pid in left:
            os.kill(pid, 9)
        pytest.fail(f"left behind: {left}")
