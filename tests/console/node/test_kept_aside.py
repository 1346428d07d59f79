"""Data that a restore or a resync set aside: listed with its cost, removed late, and never the only copy."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from console.errors import NodeError
from console.model import Crossing, Verdict
from console.node import readings
from console.node.inventory import Inventory
from console.node.journal import Journal
from console.node.kept_aside import KeptAside
from console.node.rollback_point import RollbackPoint, RollbackPoints
from tests.console.node import data_tree, nodes
from tests.console.node.bench import Bench, armed_and_ready, crossing, until
from tests.console.node.faulty_os import KILL, KILLED, NOT_REACHED, run_child


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is at rest is looked at as often as what is not: these tests wait for many looks at rest."""
    monkeypatch.setattr(readings, "_REST", 0.2)


def taken(home: Path) -> tuple[RollbackPoints, RollbackPoint]:
    points = data_tree.points_of(home)
    return points, points.take("one", app_height=99, generation="genesis", exe_sha256="")


def set_aside_twice(tmp_path: Path) -> tuple[Path, RollbackPoints]:
    """A home with a `bad-1` and an `aside-1`, and live data put back."""
    home = data_tree.make_home(tmp_path / "home")
    points, point = taken(home)
    data_tree.upgrade(home)
    points.restore(point)
    points.set_aside()
    (home / data_tree.APP / "rocksdb").mkdir()
    data_tree.sign(home, 130)
    return home, points


def test_each_swap_is_one_with_all_its_folders(tmp_path: Path) -> None:
    home, points = set_aside_twice(tmp_path)
    (home / "fendermint" / "data.bad-x").mkdir()
    (home / "fendermint" / "data.old-1").mkdir()
    (home / "fendermint" / "database.bad-1").mkdir()
    aside, bad = points.kept_aside.all()
    assert (aside.name, bad.name) == ("aside-1", "bad-1")
    assert [kept for _, kept in bad.folders] == [home / f"{data_tree.APP}.bad-1", home / f"{data_tree.COMET}.bad-1"]


def test_what_a_rollback_point_has_too_costs_nothing(tmp_path: Path) -> None:
    home = data_tree.make_home(tmp_path / "home")
    table = home / data_tree.APP / "rocksdb" / "000005.sst"
    table.write_bytes(b"s" * (1 << 20))
    os.utime(table, ns=(1, 1))
    points, point = taken(home)
    (home / data_tree.APP / "rocksdb" / "000021.sst").write_bytes(b"n" * (2 << 20))
    points.restore(point)
    (bad,) = points.kept_aside.all()
    cost = points.kept_aside.cost(bad, shares_blocks=False)
    assert 2 << 20 <= cost.own_bytes < 3 << 20
    assert cost.exact
    assert str(points.kept_aside.cost(bad, shares_blocks=True)).startswith("at most")
    # Removing it frees just that, and harms neither the point nor the data.
    before = data_tree.state(home)
    points.kept_aside.remove(bad)
    assert points.kept_aside.all() == ()
    assert data_tree.state(home) == before
    points.verify(point, full=True)


def test_it_is_kept_while_its_signer_state_is_the_highest(tmp_path: Path) -> None:
    home, points = set_aside_twice(tmp_path)
    aside, bad = points.kept_aside.all()
    signer = home / data_tree.SIGNER
    signer.write_text(json.dumps({"height": "5", "round": 0, "step": 3}))
    with pytest.raises(NodeError, match="is higher than the live one; bad-1 is kept"):
        points.kept_aside.remove(bad)
    signer.unlink()
    with pytest.raises(NodeError, match="cannot be read"):
        points.kept_aside.remove(bad)
    data_tree.sign(home, 130)
    points.kept_aside.remove(bad)
    assert points.kept_aside.all() == (aside,)


def test_it_is_kept_while_the_live_data_is_not_whole(tmp_path: Path) -> None:
    home, points = set_aside_twice(tmp_path)
    aside, _ = points.kept_aside.all()
    half = KeptAside(data_tree.data_folders(home), lambda: True)
    with pytest.raises(NodeError, match="half done"):
        half.remove(aside)
    (home / data_tree.APP).rename(home / "elsewhere")
    with pytest.raises(NodeError, match="is missing; aside-1 was not removed"):
        points.kept_aside.remove(aside)
    assert len(points.kept_aside.all()) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_removal_that_is_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    at, codes = 1, set()
    while NOT_REACHED not in codes:
        folder = tmp_path / str(at)
        folder.mkdir()
        home, points = set_aside_twice(folder)
        before, (_, bad) = data_tree.state(home), points.kept_aside.all()
        codes.add(run_child(lambda: points.kept_aside.remove(bad), at, KILL))  # noqa: B023
        assert codes <= {KILLED, NOT_REACHED}
        again = data_tree.points_of(home).kept_aside
        again.finish()
        for left in again.all():
            if left.name == "bad-1":
                # Known by its first folder, so that its count of blocks goes on.
                assert left.key == bad.key
                again.remove(left)
        assert [entry.name for entry in again.all()] == ["aside-1"]
        assert not list(home.rglob("*.going"))
        assert data_tree.state(home) == before
        at += 3
        assert at < 300
    assert KILLED in codes


def events(bench: Bench, kind: str) -> list[dict[str, Any]]:
    journal = Journal(bench.state_dir / "journal.db", read_only=True)
    found = [event["detail"] for event in journal.events() if event["kind"] == kind]
    journal.close()
    return found


@pytest.mark.anyio
async def test_a_node_removes_it_when_an_upgrade_is_far_behind(bench: Bench) -> None:
    bench.set(keep_set_aside_blocks=1000, query_interval_blocks=1)
    nodes.application_at(bench.home, 60)
    bad = bench.home / "cometbft" / "data.bad-1"
    async with bench.controller() as controller:
        await until(controller, lambda status: status.height == 60)
        await controller.commands.backup("mine")
        await controller.commands.restore("mine", "to see")
        assert bad.is_dir()
        # No upgrade has come after it: nothing goes, however high the node is.
        bench.chain.height = 5000
        await looked(bench, 3)
        assert bad.is_dir()
        bench.chain.height = 60
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, lambda status: crossing(Crossing.STARTING)(status) and status.pid is not None)
        bench.chain.height = 103
        await until(controller, crossing(Crossing.COMMITTED))
        bench.chain.height = 1099
        await until(controller, lambda status: status.app_height == 1099)
        await looked(bench, 3)
        assert bad.is_dir()
        (document,) = [entry for entry in Inventory.of(bench.node).point_documents() if entry.get("set_aside", False)]
        assert document["name"] == "bad-1"
        assert "that a restore set aside" in document["sentence"]
        assert "of its own" not in document["sentence"]
        bench.chain.height = 1400
        await until(controller, lambda _: not bad.exists())
        await until(controller, lambda _: bool(events(bench, "set-aside-removed")))
    assert events(bench, "set-aside-removed")[0]["name"] == "bad-1"
    assert not list(bench.home.rglob("*.bad-1"))


@pytest.mark.anyio
async def test_what_is_set_aside_after_the_upgrade_counts_from_then(bench: Bench) -> None:
    bench.set(keep_set_aside_blocks=1000, query_interval_blocks=1)
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, lambda status: crossing(Crossing.STARTING)(status) and status.pid is not None)
        bench.chain.height = 103
        await until(controller, crossing(Crossing.COMMITTED))
        bench.chain.height = 5000
        nodes.application_at(bench.home, 5000)
        await until(controller, lambda status: status.app_height == 5000)
        await controller.commands.backup("later")
        await controller.commands.restore("later", "to see")
        bad = bench.home / "cometbft" / "data.bad-1"
        bench.chain.height = 5100
        await until(controller, lambda _: "bad-1" in str(seen(bench)))
        bench.chain.height = 5900
        await until(controller, lambda status: status.app_height == 5900)
        await looked(bench, 3)
        assert bad.is_dir()
        bench.chain.height = 7000
        await until(controller, lambda _: not bad.exists())


@pytest.mark.anyio
async def test_none_is_ever_removed_where_the_setting_says_so(bench: Bench) -> None:
    bench.set(keep_set_aside_blocks=0, query_interval_blocks=1)
    (bench.home / "cometbft" / "data.bad-1").mkdir()
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, lambda status: crossing(Crossing.STARTING)(status) and status.pid is not None)
        bench.chain.height = 103
        await until(controller, crossing(Crossing.COMMITTED))
        bench.chain.height = 1_000_000
        await until(controller, lambda status: status.app_height == 1_000_000)
        await looked(bench, 3)
    assert (bench.home / "cometbft" / "data.bad-1").is_dir()


def seen(bench: Bench) -> dict[str, int]:
    journal = Journal(bench.state_dir / "journal.db", read_only=True)
    text = journal.meta("set_aside")
    journal.close()
    found: dict[str, int] = json.loads(text or "{}")
    return found


async def looked(bench: Bench, times: int) -> None:
    """Let the controller look at the chain so many times more."""
    enough = bench.chain.reads + times
    async with asyncio.timeout(20):
        while bench.chain.reads < enough:
            await asyncio.sleep(0.01)
