"""A controller's notifications: what it knows as a Snapshot, and beside its work, whatever goes wrong with them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from console.model import Crossing, Preparation
from console.node.bell import Bell
from console.node.metrics.gauges import Known
from console.notify import controller as controller_module
from console.notify import watch as watch_module
from console.notify.controller import ControllerNotices, outbox_of, picture_of
from console.notify.occasions import occasions
from console.notify.outbox import Outbox
from console.settings import NetworkSettings, parse_network
from tests import fakes
from tests.console.node.fakes import proposal
from tests.console.node.metrics.known import known
from tests.console.notify.receivers import urls_file, webhook

pytestmark = pytest.mark.anyio


def network(folder: Path, *, port: int = 9) -> NetworkSettings:
    nodes = {
        name: {
            "home": str(folder / name),
            "state_dir": str(folder),
            "daemon": "d",
            "cometbft_rpc": f"http://127.0.0.1:{port}",
        }
        for name in ("node1", "node2")
    }
    table = {"kind": "cosmos", "chain_id": "c-1", "cometbft_rpc": ["http://127.0.0.1:9"], "nodes": nodes}
    return parse_network("calibration", table, None)


def kinds(seen: Known, folder: Path, block_time_s: float | None) -> set[tuple[str, str]]:
    found = occasions(picture_of(seen, network(folder), block_time_s))
    return {(each.kind, each.node) for each in found}


def test_what_a_controller_knows_is_enough_to_tell_of_node_and_network(tmp_path: Path) -> None:
    mine = replace(fakes.attempt(Preparation.FETCHING), target_height=100)
    seen = known(proposal(), attempt=mine, highest_peer=80, height=80)
    assert kinds(seen, tmp_path, 1.0) == {
        ("proposal-created", ""),
        ("scheduled", ""),
        ("halt-imminent", ""),
        ("not-ready-1h", ""),
        ("not-ready-1h", "node1"),
    }
    assert ("not-ready-1h", "node1") not in kinds(seen, tmp_path, None)
    blind = replace(seen, plans=None)
    assert picture_of(blind, network(tmp_path), 1.0).chain is None
    contested = replace(seen, contested=True)
    assert picture_of(contested, network(tmp_path), 1.0).chain is None, "nothing is told on contested word"
    behind = known(proposal(), attempt=replace(mine, crossing=Crossing.MISSED_HALT), highest_peer=130, height=99)
    assert ("behind-after-upgrade", "node1") in kinds(behind, tmp_path, 1.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller_module, "_LOOK_S", 0.01)
    monkeypatch.setattr(watch_module, "AFTER_TROUBLE_S", 0.01)


def settings_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "config" / "upgrade-console" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'[notify]\nurls = "{folder}/notify.urls"\n[notify.services.hook]\n', "utf-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))


@pytest.mark.usefixtures("quick")
async def test_it_tells_a_webhook_waits_while_the_node_crosses_and_outlives_its_own_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings_of(tmp_path, monkeypatch)
    where = network(tmp_path)
    bell = Bell()
    now = [known(attempt=fakes.attempt(crossing=Crossing.SWITCHED), height=60)]
    # A folder stands where the outbox has to be: nothing can be kept.
    outbox_of(where.nodes[0]).mkdir()
    with webhook() as hook:
        urls_file(tmp_path, f"hook=json://127.0.0.1:{hook.port}/")
        notices = ControllerNotices(where, where.nodes[0], lambda: now[0], bell)
        task = asyncio.create_task(notices.run())
        try:
            with caplog.at_level(logging.WARNING):
                await eventually(lambda: "cannot be read or written" in caplog.text)
            outbox_of(where.nodes[0]).rmdir()
            bell.ring()
            await eventually(
                lambda: outbox_of(where.nodes[0]).exists() and bool(Outbox(outbox_of(where.nodes[0])).newest(1))
            )
            assert not hook.came, "the node is on its way from its halt to its start"
            now[0] = known(attempt=fakes.attempt(crossing=Crossing.WAITING_FOR_QUORUM), height=60)
            bell.ring()
            await eventually(lambda: bool(hook.came))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert hook.titles == ["calibration, halted: node1 stopped before block 1,300 for v0.2.0."]
    assert "--network calibration --node node1" in hook.came[0]["message"]


@pytest.mark.usefixtures("quick")
async def test_nothing_is_kept_and_nothing_built_where_nobody_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    where = network(tmp_path)
    asked = []

    def ask() -> Known:
        asked.append(1)
        return known(attempt=fakes.attempt(crossing=Crossing.PARKED))

    bell = Bell()
    notices = ControllerNotices(where, where.nodes[0], ask, bell)
    looked = asyncio.Event()
    wanted = notices._watch.wanted

    async def noted() -> bool:
        answer = await wanted()
        looked.set()
        return answer

    monkeypatch.setattr(notices._watch, "wanted", noted)
    task = asyncio.create_task(notices.run())
    bell.ring()
    await asyncio.wait_for(looked.wait(), 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not outbox_of(where.nodes[0]).exists()
    assert not asked


def test_one_of_a_networks_nodes_here_tells_of_the_network(tmp_path: Path) -> None:
    where = network(tmp_path)
    first, second = (ControllerNotices(where, node, known, Bell()) for node in where.nodes)
    assert (first._of_network, second._of_network) == (True, False)


async def eventually(holds: object) -> None:
    assert callable(holds)
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)
