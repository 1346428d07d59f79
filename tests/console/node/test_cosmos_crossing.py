"""From the plan of a Cosmos chain to its new binary: staging, what runs before the switch, Cosmovisor and back."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import NodeError
from console.files import sha256_of
from console.model import Crossing, NodeStatus, Preparation
from console.node.cosmovisor.homes import Direction, look_at_home, passage
from console.node.cosmovisor.upgrade_info import PlanFile, read_plan, write_applied, write_plan
from console.node.journal import Journal
from tests.console.node import nodes
from tests.console.node.bench import crossing, until
from tests.console.node.cosmos_nodes import (
    CosmosBench,
    committed,
    cosmos_bench,
    prepared,
    ready,
    running,
    served,
    steps,
    write_daemon,
)
from tests.console.node.download.server import Asked, serving

pytestmark = pytest.mark.anyio


class TestStaging:
    async def test_a_binary_that_was_put_by_hand_needs_somebodys_word(self, cosmos: CosmosBench) -> None:
        binary = cosmos.home / "cosmovisor" / "upgrades" / "v2" / "bin" / nodes.DAEMON
        write_daemon(binary, cosmos.home, "v2")
        async with cosmos.controller() as controller:
            cosmos.tells()
            status = await until(controller, prepared(Preparation.FAILED))
            assert "nobody vouched for it" in status.note
            await controller.commands.add_upgrade("v2", binary)
            await until(controller, prepared(Preparation.READY))
        record = json.loads((binary.parent.parent / "release.json").read_text())
        assert record["sha256"] == sha256_of(binary)

    async def test_without_a_binary_the_node_at_its_halt_is_left_alone(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            cosmos.tells()
            await until(controller, prepared(Preparation.FAILED))
            before = await until(controller, running)
            cosmos.halts()
            status = await until(controller, lambda s: crossing(Crossing.HALTED)(s) and "add-upgrade v2" in s.note)
            await steps(cosmos, controller)
            assert controller.status().pid == before.pid == status.pid
            assert not (cosmos.state_dir / "backups").exists()
            await controller.commands.add_upgrade("v2", cosmos.given)
            await committed(cosmos, controller)

    async def test_the_binary_that_runs_is_never_taken_for_the_one_after_the_halt(self, cosmos: CosmosBench) -> None:
        """Under the right name it would stop at the same height, and the halt would look like the new binary's."""
        running_now = cosmos.home / "cosmovisor" / "genesis" / "bin" / nodes.DAEMON
        promise = {"binaries": {"any": f"http://127.0.0.1:9/v2?checksum=sha256:{sha256_of(running_now)}"}}
        async with cosmos.controller() as controller:
            await until(controller, running)
            with pytest.raises(NodeError, match="the bytes of genesis, which run here and stop at the height of v2"):
                await controller.commands.add_upgrade("v2", running_now)
            cosmos.tells(info=json.dumps(promise))
            status = await until(controller, prepared(Preparation.FAILED))
            assert "stop at the height of v2" in status.note
            with pytest.raises(NodeError, match="give the new binary with"):
                await controller.commands.add_upgrade("v2", running_now, force=True)
            cosmos.halts()
            before = await until(controller, crossing(Crossing.HALTED))
            await steps(cosmos, controller)
            assert controller.status().pid == before.pid
            await controller.commands.add_upgrade("v2", cosmos.given)
            await committed(cosmos, controller)

    async def test_a_plan_with_a_checksum_is_downloaded_before_the_halt(
        self, cosmos: CosmosBench, tmp_path: Path
    ) -> None:
        with served(cosmos.given.read_bytes()) as (url, asked):
            cosmos.tells(info=json.dumps({"binaries": {"any": f"{url}/v2?checksum=sha256:{cosmos.sha256}"}}))
            async with cosmos.controller() as controller:
                await until(controller, prepared(Preparation.READY))
                cosmos.halts(info=str(cosmos.chain.proposals[0].release_url))
                await committed(cosmos, controller)
        assert asked == ["/v2"]

    async def test_how_far_a_download_is_shows_in_the_status_while_it_lasts(self, cosmos: CosmosBench) -> None:
        binary, go_on = cosmos.given.read_bytes(), asyncio.Event()

        async def handler(asked: Asked) -> None:
            await asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(binary), binary[:100])
            await go_on.wait()
            await asked.send(binary[100:])

        async with serving(handler) as port, cosmos.controller() as controller:
            url = f"http://127.0.0.1:{port}/v2?checksum=sha256:{cosmos.sha256}"
            cosmos.tells(info=json.dumps({"binaries": {"any": url}}))
            status = await until(controller, lambda status: status.fetching is not None)
            assert status.fetching is not None
            assert (status.fetching.received, status.fetching.total) == (100, len(binary))
            go_on.set()
            assert (await until(controller, prepared(Preparation.READY))).fetching is None

    @pytest.mark.parametrize("checksum", ["", "?checksum=sha256:" + "0" * 64])
    async def test_without_the_right_checksum_nothing_of_it_is_ever_run(
        self, cosmos: CosmosBench, checksum: str
    ) -> None:
        with served(cosmos.given.read_bytes()) as (url, asked):
            cosmos.tells(info=json.dumps({"binaries": {"any": f"{url}/v2{checksum}"}}))
            async with cosmos.controller() as controller:
                await until(controller, prepared(Preparation.FAILED))
                cosmos.halts()
                await until(controller, crossing(Crossing.HALTED))
                await steps(cosmos, controller)
                assert controller.status().pid is not None
        assert cosmos.starts() == ["v1"]
        assert bool(asked) is bool(checksum)

    @pytest.mark.parametrize("place", ["file", "v2/noded", "v2/bin/noded", "noded-v2"])
    async def test_bytes_of_the_operators_folder_come_first(
        self, cosmos: CosmosBench, tmp_path: Path, place: str
    ) -> None:
        target = tmp_path / "releases" / place
        write_daemon(target, cosmos.home, "v2")
        cosmos.set(binary_path=target if place == "file" else tmp_path / "releases", auto_download=False)
        cosmos.tells(info=json.dumps({"binaries": {"any": f"http://127.0.0.1:9/v2?checksum=sha256:{cosmos.sha256}"}}))
        async with cosmos.controller() as controller:
            await until(controller, prepared(Preparation.READY))
        record = json.loads((cosmos.home / "cosmovisor" / "upgrades" / "v2" / "release.json").read_text())
        assert record["origin"] == str(target)

    async def test_other_bytes_in_the_operators_folder_are_passed_over(
        self, cosmos: CosmosBench, tmp_path: Path
    ) -> None:
        write_daemon(tmp_path / "releases" / "v2" / "noded", cosmos.home, "other")
        cosmos.set(binary_path=tmp_path / "releases")
        with served(cosmos.given.read_bytes()) as (url, asked):
            cosmos.tells(info=json.dumps({"binaries": {"any": f"{url}/v2?checksum=sha256:{cosmos.sha256}"}}))
            async with cosmos.controller() as controller:
                await until(controller, prepared(Preparation.READY))
        assert asked == ["/v2"]

    @pytest.mark.parametrize(("recase", "folder"), [(True, "v2%20big"), (False, "V2%20Big")])
    async def test_the_folder_of_a_plan_is_named_as_the_setting_says(
        self, tmp_path: Path, recase: bool, folder: str
    ) -> None:
        async with cosmos_bench(tmp_path, disable_recase=not recase) as bench, bench.controller() as controller:
            await ready(bench, controller, "V2 Big")
            bench.halts("V2 Big")
            await until(controller, crossing(Crossing.STARTING))
            assert bench.generation() == folder


class TestBeforeTheSwitch:
    @pytest.mark.parametrize("code", [0, 1])
    async def test_it_runs_by_full_path_while_the_old_one_is_current(self, cosmos: CosmosBench, code: int) -> None:
        (cosmos.home / "pre").write_text(f"exit {code}")
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts()
            await committed(cosmos, controller)
        assert cosmos.pre_upgrades() == [f"v2 genesis {cosmos.home} {nodes.DAEMON}"]

    @pytest.mark.parametrize(
        ("does", "tries", "said"),
        [
            ("exit 30", 1, "failed"),
            ("exit 2", 1, "means nothing"),
            ("exit 31", 3, "asked to be tried again"),
            ("sleep 60", 1, "deadline"),
        ],
    )
    async def test_a_failure_parks_the_node_with_nothing_switched(
        self, cosmos: CosmosBench, does: str, tries: int, said: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("console.node.cosmovisor.pre_upgrade.LONGEST_PAUSE_S", 0.01)
        cosmos.set(preupgrade_max_retries=2, preupgrade_deadline_s=0.5 if does == "sleep 60" else 20.0)
        (cosmos.home / "pre").write_text(does)
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts()
            status = await until(controller, crossing(Crossing.PARKED))
            assert said in status.note
            assert (status.pid, status.generation) == (None, "genesis")
            assert len(cosmos.pre_upgrades()) == tries
            with pytest.raises(NodeError, match="parked"):
                await controller.commands.start()
            (cosmos.home / "pre").write_text("exit 0")
            await controller.commands.swap("v2", "pre-upgrade is mended")
            await committed(cosmos, controller)
        assert cosmos.starts() == ["v1", "v2"]

    async def test_another_verified_release_crosses_for_the_same_height(
        self, cosmos: CosmosBench, tmp_path: Path
    ) -> None:
        (cosmos.home / "pre").write_text("exit 30")
        write_daemon(tmp_path / "v2-mended", cosmos.home, "v2.0.1")
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts()
            await until(controller, crossing(Crossing.PARKED))
            await controller.commands.add_upgrade("v2-mended", tmp_path / "v2-mended")
            (cosmos.home / "pre").unlink()
            await controller.commands.swap("v2-mended", "its pre-upgrade works")
            await committed(cosmos, controller)
        assert cosmos.starts() == ["v1", "v2.0.1"]
        assert cosmos.generation() == "v2-mended"
        applied = cosmos.home / "cosmovisor" / "upgrades" / "v2-mended" / "upgrade-info.json"
        assert read_plan(applied) == PlanFile("v2", 100)

    @pytest.mark.parametrize("code", [0, 1])
    async def test_the_operators_script_gets_name_and_height(self, cosmos: CosmosBench, code: int) -> None:
        script = cosmos.home / "cosmovisor" / "preupgrade.sh"
        script.write_text(f'#!/bin/sh\necho "$1 $2 $PWD $DAEMON_NAME" > {cosmos.home}/script.log\nexit {code}\n')
        cosmos.set(custom_preupgrade="preupgrade.sh")
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts()
            if code:
                status = await until(controller, crossing(Crossing.PARKED))
                assert "preupgrade.sh" in status.note
            else:
                await until(controller, crossing(Crossing.STARTING))
        assert (cosmos.home / "script.log").read_text() == f"v2 100 {cosmos.home} {nodes.DAEMON}\n"
        assert len(cosmos.pre_upgrades()) == (0 if code else 1)

    async def test_a_node_that_does_not_end_is_killed_after_its_grace(self, cosmos: CosmosBench) -> None:
        cosmos.set(shutdown_grace_s=0.3)
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts(then="trap '' TERM")
            await until(controller, crossing(Crossing.STARTING))
            assert controller.status().last_exit_code == -9

    async def test_the_delay_is_between_the_end_of_the_node_and_its_rollback_point(self, cosmos: CosmosBench) -> None:
        cosmos.set(restart_delay_s=1.0)
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts()
            await until(controller, crossing(Crossing.STARTING))
        journal = Journal(cosmos.state_dir / "journal.db", read_only=True)
        at = {event["kind"]: float(event["at"]) for event in journal.events()}
        journal.close()
        assert at["backed_up"] - at["quiesced"] >= 1.0


def layout(bench: CosmosBench) -> list[str]:
    root = bench.home / "cosmovisor"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink())


def may_go(bench: CosmosBench, direction: Direction, status: NodeStatus) -> tuple[str, ...]:
    """What hinders the move now."""
    facts = look_at_home(bench.home, nodes.DAEMON)
    return passage(facts, direction, node_state=status.state, app_height=status.app_height).hindrances


class TestCosmovisorAndBack:
    async def test_there_and_back_while_idle_with_nothing_moved(self, cosmos: CosmosBench, tmp_path: Path) -> None:
        root = cosmos.home / "cosmovisor"
        database = cosmos.home / "data" / "application.db"
        database.write_text("state")
        before = (database.stat().st_ino, database.stat().st_mtime_ns)
        # From Cosmovisor on genesis to us, with its own settings file beside.
        (root / "config.toml").write_text("daemon_name = 'noded'\n")
        assert layout(cosmos) == ["config.toml", "current", "genesis/bin/noded"]
        async with cosmos.controller() as controller:
            idle = await until(controller, running)
            assert may_go(cosmos, Direction.TO_US, idle) == may_go(cosmos, Direction.TO_COSMOVISOR, idle) == ()
            await ready(cosmos, controller)
            ahead = controller.status()
            assert ahead.state == "READY"
            assert "only while it is IDLE" in may_go(cosmos, Direction.TO_COSMOVISOR, ahead)[0]
            cosmos.halts()
            done = await committed(cosmos, controller)
        # Back to Cosmovisor on v2: what it would compare is as it would have written it.
        assert os.readlink(root / "current") == "upgrades/v2"
        assert (root / "upgrades" / "v2" / "upgrade-info.json").read_bytes() == cosmos.plan_file.read_bytes()
        assert os.access(root / "upgrades" / "v2" / "bin" / "noded", os.X_OK)
        assert layout(cosmos) == [
            "config.toml",
            "current",
            "genesis/bin/noded",
            "upgrades/v2/bin/noded",
            "upgrades/v2/release.json",
            "upgrades/v2/upgrade-info.json",
        ]
        left = replace(done, state="IDLE")
        assert may_go(cosmos, Direction.TO_COSMOVISOR, left) == ()
        # Its own upgrade to v3, in its order (facts/cosmos.md §1.5): link, then the plan beside the binary.
        live = cosmos.runtime.recorded()
        assert live is not None
        await cosmos.runtime.stop(live)
        write_plan(cosmos.plan_file, PlanFile("v3", 200))
        write_daemon(root / "upgrades" / "v3" / "bin" / "noded", cosmos.home, "v3")
        (root / "current").unlink()
        (root / "current").symlink_to("upgrades/v3")
        write_applied(root / "upgrades" / "v3", PlanFile("v3", 200))
        # And to us again.
        cosmos.chain.height = 250
        async with cosmos.controller() as controller:
            again = await until(controller, lambda status: running(status) and status.app_height == 250)
            await steps(cosmos, controller)
            assert controller.status().generation == "v3"
            assert may_go(cosmos, Direction.TO_US, replace(again, state="IDLE")) == ()
        assert cosmos.starts() == ["v1", "v2", "v3"]
        assert (database.stat().st_ino, database.stat().st_mtime_ns) == before

    async def test_after_a_swap_by_hand_cosmovisor_takes_nothing_for_new(
        self, cosmos: CosmosBench, tmp_path: Path
    ) -> None:
        write_daemon(tmp_path / "v2.1", cosmos.home, "v2.1")
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts()
            await committed(cosmos, controller)
            await controller.commands.add_upgrade("v2.1", tmp_path / "v2.1")
            await controller.commands.swap("v2.1", "a patch that breaks nothing")
            await until(controller, lambda _: cosmos.starts()[-1] == "v2.1")
            status = controller.status()
        assert may_go(cosmos, Direction.TO_COSMOVISOR, replace(status, state="IDLE")) == ()
        assert look_at_home(cosmos.home, nodes.DAEMON).applied == PlanFile("v2", 100)
