"""The watcher of upgrade-info.json: each plan once, whatever happens to the file and its folder."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from console.node.cosmovisor import inotify
from console.node.cosmovisor.upgrade_info import Incomplete, Invalid, PlanFile, encode_plan, write_plan
from console.node.cosmovisor.watch import PlanWatcher

pytestmark = pytest.mark.anyio

LONG_S = 120.0
"""A poll that no test waits for: what is seen is seen by inotify."""

ONE, TWO = PlanFile("v1", 10), PlanFile("v2", 20)

needs_inotify = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
async def watcher(tmp_path: Path) -> AsyncIterator[PlanWatcher]:
    (tmp_path / "data").mkdir()
    async with PlanWatcher(tmp_path, poll_s=LONG_S, fallback_poll_s=LONG_S) as watcher:
        yield watcher


def file(home: Path) -> Path:
    return home / "data" / "upgrade-info.json"


async def soon(watcher: PlanWatcher) -> PlanFile:
    async with asyncio.timeout(10):
        return await anext(watcher)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@needs_inotify
async def test_a_plan_that_is_there_and_one_that_comes_are_both_seen(tmp_path: Path, watcher: PlanWatcher) -> None:
    write_plan(file(tmp_path), ONE)
    assert await soon(watcher) == ONE
    coming = asyncio.create_task(soon(watcher))
    await until(lambda: watcher.reading == ONE)
    file(tmp_path).write_bytes(encode_plan(TWO))
    assert await coming == TWO


@needs_inotify
async def test_the_same_plan_is_never_seen_twice(tmp_path: Path, watcher: PlanWatcher) -> None:
    write_plan(file(tmp_path), ONE)
    assert await soon(watcher) == ONE
    coming = asyncio.create_task(soon(watcher))
    for content in (encode_plan(ONE), b" " + encode_plan(ONE) + b"\n", b"", encode_plan(ONE)):
        file(tmp_path).write_bytes(content)
        await asyncio.sleep(0)
    file(tmp_path).unlink()
    write_plan(file(tmp_path), ONE)
    await until(lambda: watcher.reading == ONE)
    assert not coming.done()
    write_plan(file(tmp_path), TWO)
    assert await coming == TWO


@needs_inotify
async def test_half_a_plan_is_waited_for(tmp_path: Path, watcher: PlanWatcher) -> None:
    write_plan(file(tmp_path), ONE)
    assert await soon(watcher) == ONE
    coming = asyncio.create_task(soon(watcher))
    file(tmp_path).unlink()
    await until(lambda: watcher.reading is None)
    content = encode_plan(TWO)
    with file(tmp_path).open("wb") as stream:
        stream.write(content[:9])
        stream.flush()
        await until(lambda: isinstance(watcher.reading, Incomplete))
        assert (watcher.last, coming.done()) == (ONE, False)
        stream.write(content[9:])
    assert await coming == TWO


@needs_inotify
async def test_a_plan_that_is_wrong_keeps_the_last_good_one(tmp_path: Path, watcher: PlanWatcher) -> None:
    write_plan(file(tmp_path), ONE)
    assert await soon(watcher) == ONE
    coming = asyncio.create_task(soon(watcher))
    file(tmp_path).write_bytes(b'{"name":"v2","height":-1}')
    await until(lambda: isinstance(watcher.reading, Invalid))
    assert (watcher.last, coming.done()) == (ONE, False)
    write_plan(file(tmp_path), TWO)
    assert await coming == TWO


@needs_inotify
async def test_the_data_folder_may_come_later(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    async with PlanWatcher(home, poll_s=LONG_S, fallback_poll_s=LONG_S) as watcher:
        coming = asyncio.create_task(soon(watcher))
        await asyncio.sleep(0)
        (home / "data").mkdir()
        write_plan(file(home), ONE)
        assert await coming == ONE


@needs_inotify
async def test_a_restore_by_rename_is_followed_again_and_again(tmp_path: Path, watcher: PlanWatcher) -> None:
    write_plan(file(tmp_path), ONE)
    assert await soon(watcher) == ONE
    for turn in range(5):
        coming = asyncio.create_task(soon(watcher))
        await asyncio.sleep(0)
        (tmp_path / "restored").mkdir()
        (tmp_path / "data").rename(tmp_path / f"aside{turn}")
        (tmp_path / "restored").rename(tmp_path / "data")
        # Seen to be empty: what is written from now on is seen by the new folder's own watch.
        await until(lambda: watcher.reading is None)
        plan = PlanFile(f"v{turn}", 100 + turn)
        write_plan(file(tmp_path), plan)
        assert await coming == plan
        # The folder that was set aside is watched no longer.
        write_plan(tmp_path / f"aside{turn}" / "upgrade-info.json", TWO)
    assert watcher.last == PlanFile("v4", 104)
    coming = asyncio.create_task(soon(watcher))
    await asyncio.sleep(0)
    coming.cancel()
    assert watcher._notifier is not None
    kept = Path(f"/proc/self/fdinfo/{watcher._notifier.fileno()}").read_text()
    assert kept.count("inotify wd:") == 2


@needs_inotify
async def test_a_linked_data_folder_is_followed_when_the_link_is_changed(tmp_path: Path) -> None:
    for name in ("disk1", "disk2", "home"):
        (tmp_path / name).mkdir()
    home = tmp_path / "home"
    (home / "data").symlink_to(tmp_path / "disk1")
    async with PlanWatcher(home, poll_s=LONG_S, fallback_poll_s=LONG_S) as watcher:
        write_plan(tmp_path / "disk1" / "upgrade-info.json", ONE)
        assert await soon(watcher) == ONE
        coming = asyncio.create_task(soon(watcher))
        await asyncio.sleep(0)
        (home / "new").symlink_to(tmp_path / "disk2")
        (home / "new").replace(home / "data")
        await until(lambda: watcher.reading is None)
        write_plan(tmp_path / "disk2" / "upgrade-info.json", TWO)
        assert await coming == TWO


@needs_inotify
async def test_a_flood_that_the_kernel_drops_is_survived(tmp_path: Path, watcher: PlanWatcher) -> None:
    write_plan(file(tmp_path), ONE)
    assert await soon(watcher) == ONE
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 50_000:
        pytest.skip(f"{limit} events would have to be made")
    coming = asyncio.create_task(soon(watcher))
    await asyncio.sleep(0)
    noise = [tmp_path / "data" / "noise1", tmp_path / "data" / "noise2"]
    noise[0].touch()
    for turn in range(limit // 2 + 2):
        noise[turn % 2].rename(noise[(turn + 1) % 2])
    write_plan(file(tmp_path), TWO)
    assert await coming == TWO


@needs_inotify
async def test_a_cancelled_wait_loses_nothing(tmp_path: Path, watcher: PlanWatcher) -> None:
    waiting = asyncio.create_task(soon(watcher))
    await asyncio.sleep(0)
    write_plan(file(tmp_path), ONE)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await soon(watcher) == ONE


async def test_a_known_plan_is_no_news_until_it_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_plan(file(tmp_path), ONE)
    async with PlanWatcher(tmp_path, known=ONE, poll_s=0.01, fallback_poll_s=0.01) as watcher:
        waiting = asyncio.create_task(soon(watcher))
        await until(lambda: watcher.reading == ONE)
        assert not waiting.done()
        watcher.forget()
        assert await waiting == ONE


async def test_without_inotify_the_poll_sees_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(self: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(inotify.Inotify, "__init__", none)
    async with PlanWatcher(tmp_path, fallback_poll_s=0.01) as watcher:
        coming = asyncio.create_task(soon(watcher))
        await asyncio.sleep(0)
        (tmp_path / "data").mkdir()
        write_plan(file(tmp_path), ONE)
        assert await coming == ONE


@needs_inotify
async def test_the_signers_file_in_the_same_folder_wakes_nobody(
    tmp_path: Path, watcher: PlanWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[PlanFile | None] = []
    look = PlanWatcher._look

    def counted(self: PlanWatcher) -> PlanFile | None:
        looks.append(look(self))
        return looks[-1]

    monkeypatch.setattr(PlanWatcher, "_look", counted)
    waiting = asyncio.create_task(soon(watcher))
    await until(lambda: bool(looks))
    before = len(looks)
    for height in range(20):
        beside = tmp_path / "data" / "write-file-atomic"
        beside.write_text(json.dumps({"height": str(height)}))
        beside.rename(tmp_path / "data" / "priv_validator_state.json")
        await asyncio.sleep(0)
    write_plan(file(tmp_path), ONE)
    assert await waiting == ONE
    # Our own write is a creation beside it and a rename: the file's name is seen once.
    assert len(looks) == before + 1


async def test_closing_twice_is_once(watcher: PlanWatcher) -> None:
    watcher.close()
    watcher.close()
