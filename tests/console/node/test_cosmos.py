"""Nodes that their chain stops: every case of facts/cosmos.md §4.4, with real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from console.errors import NodeError
from console.files import sha256_of
from console.model import Crossing, NodeStatus, Preparation, ProposalStatus
from console.node.controller import Controller
from console.node.cosmovisor.batch import encode_batch
from console.node.cosmovisor.homes import Direction, look_at_home, passage
from console.node.cosmovisor.upgrade_info import PlanFile, read_plan, write_applied, write_plan
from console.node.journal import Journal
from console.node.plan_ahead import check_ahead, write_ahead
from tests.console.node import nodes
from tests.console.node.bench import crossing, until
from tests.console.node.cosmos_nodes import CosmosBench, cosmos_bench, write_daemon

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def readings_come_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that sixty upgrades fit into a minute."""
    monkeypatch.setattr("console.node.readings._CONSENSUS_S", 0.1)
    monkeypatch.setattr("console.node.readings._OPENING_S", 0.05)
    monkeypatch.setattr("console.node.crossing._PROOF_S", 0.05)


@pytest.fixture
async def cosmos(tmp_path: Path) -> AsyncIterator[CosmosBench]:
    async with cosmos_bench(tmp_path) as bench:
        yield bench


@contextmanager
def served(content: bytes) -> Iterator[tuple[str, list[str]]]:
    """A file server on loopback: its URL, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def prepared(preparation: Preparation) -> Callable[[NodeStatus], bool]:
    return lambda status: status.attempt is not None and status.attempt.preparation is preparation


def running(status: NodeStatus) -> bool:
    return status.pid is not None and status.app_height is not None


async def ready(bench: CosmosBench, controller: Controller, name: str = "v2", height: int = 100) -> None:
    """The chain tells the plan, and its binary is given."""
    bench.tells(name, height)
    await until(controller, lambda status: running(status) and status.attempt is not None)
    await controller.commands.add_upgrade(name, bench.given)
    await until(controller, prepared(Preparation.READY))


async def committed(bench: CosmosBench, controller: Controller, height: int = 100) -> NodeStatus:
    """The new binary executes H, the network goes on, and this node is proven to follow."""
    await until(controller, crossing(Crossing.STARTING))
    await until(controller, running)
    bench.chain.app_height = bench.chain.height = height
    await until(controller, crossing(Crossing.WAITING_FOR_QUORUM))
    bench.chain.proposals = []
    bench.goes_on(height + 3)
    # A batch goes on at once.
    return await until(
        controller,
        lambda status: (
            status.attempt is not None
            and (status.attempt.crossing is Crossing.COMMITTED or status.attempt.target_height > height)
        ),
    )


async def steps(bench: CosmosBench, controller: Controller, count: int = 2) -> None:
    """Wait until the controller has looked at the chain some more times: what it would do, it has done."""
    goal = bench.chain.reads + count
    await until(controller, lambda _: bench.chain.reads >= goal)


class TestHalts:
    async def test_a_node_that_lives_at_its_halt_is_stopped_and_crosses(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts()
            status = await committed(cosmos, controller)
        assert cosmos.starts() == ["v1", "v2"]
        assert status.attempt is not None
        assert (status.generation, status.attempt.left, status.last_exit_code) == ("v2", "genesis", 0)
        assert status.attempt.rollback_point == f"crossing-{status.attempt.id}"

    @pytest.mark.parametrize("code", [1, 2, 101])
    async def test_a_node_that_ends_at_its_halt_crosses(self, cosmos: CosmosBench, code: int) -> None:
        """Block sync over H: 2; an old binary restarted at H: 1; whatever else: the file and the line decide."""
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts(then=f"exit {code}")
            await committed(cosmos, controller)
        assert cosmos.starts() == ["v1", "v2"]

    async def test_a_node_that_caught_up_over_the_halt_was_last_read_far_below(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.say(f"{cosmos.halt_words()}; exit 2")
            await until(controller, crossing(Crossing.STARTING))

    async def test_a_node_that_was_killed_before_it_wrote_is_started_again_and_says_so(
        self, cosmos: CosmosBench
    ) -> None:
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.chain.height = 99
            status = await until(controller, lambda status: running(status) and status.app_height == 99)
            assert status.pid is not None
            os.kill(status.pid, signal.SIGKILL)
            await until(controller, lambda _: len(cosmos.starts()) == 2)
            assert cosmos.generation() == "genesis"
            cosmos.halts(then="exit 1")
            await until(controller, crossing(Crossing.STARTING))
        assert cosmos.starts() == ["v1", "v1", "v2"]

    async def test_half_a_file_is_made_whole_before_the_new_binary_reads_it(self, cosmos: CosmosBench) -> None:
        """The disk was full, say: the line and the heights are there, and the new binary needs the file."""
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            line = 'UPGRADE "v2" NEEDED at height: 100: '
            cosmos.stands_at()
            await until(controller, lambda status: status.app_height == 99)
            cosmos.say(f"printf '{{\"name\":\"v2' > {cosmos.plan_file}; echo '{line}' >&2; exit 2")
            await until(controller, crossing(Crossing.STARTING))
        assert read_plan(cosmos.plan_file) == PlanFile("v2", 100)

    async def test_a_file_that_is_being_written_withdraws_nothing(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await until(controller, running)
            write_plan(cosmos.plan_file, PlanFile("v2", 100))
            await until(controller, lambda status: status.attempt is not None)
            cosmos.plan_file.write_text('{"name":"v2","ti')
            await steps(cosmos, controller)
            status = controller.status()
            assert status.attempt is not None
            assert status.attempt.crossing is Crossing.NONE

    async def test_a_node_that_cannot_write_the_file_is_seen_by_its_heights(
        self, cosmos: CosmosBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("console.node.halt_watch._LASTING_S", 0.3)
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.stands_at()
            await until(controller, crossing(Crossing.STARTING))
        assert read_plan(cosmos.plan_file) == PlanFile("v2", 100)

    async def test_a_halt_while_the_controller_was_away_is_crossed(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
        cosmos.halts()
        async with asyncio.timeout(10):
            while not cosmos.plan_file.exists():
                await asyncio.sleep(0.01)
        async with cosmos.controller() as controller:
            await committed(cosmos, controller)
        assert cosmos.starts() == ["v1", "v2"]

    async def test_a_node_whose_rpc_is_silent_is_believed_by_file_and_line(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.chain.own_up = lambda: False
            await until(controller, lambda status: status.height_age_s is not None and status.height_age_s > 0)
            cosmos.say(cosmos.halt_words())
            await until(controller, crossing(Crossing.STARTING))

    async def test_two_upgrades_in_one_life_and_on_one_day(self, cosmos: CosmosBench, tmp_path: Path) -> None:
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts()
            first = await committed(cosmos, controller)
            cosmos.given = tmp_path / "v3"
            write_daemon(cosmos.given, cosmos.home, "v3")
            await ready(cosmos, controller, "v3", 200)
            cosmos.stands_at(200)
            cosmos.say(cosmos.halt_words("v3", 200), "v2")
            second = await committed(cosmos, controller, 200)
        assert cosmos.starts() == ["v1", "v2", "v3"]
        assert first.attempt is not None
        assert second.attempt is not None
        points = sorted(path.name for path in (cosmos.state_dir / "backups").iterdir() if not path.name.startswith("."))
        assert len({first.attempt.rollback_point, second.attempt.rollback_point} & set(points)) == 2
        for folder, plan in (("v2", PlanFile("v2", 100)), ("v3", PlanFile("v3", 200))):
            assert read_plan(cosmos.home / "cosmovisor" / "upgrades" / folder / "upgrade-info.json") == plan


def write_own_plan(bench: CosmosBench, name: str = "v2", height: int = 100) -> None:
    """`add-upgrade --height`, as the controller does it."""
    journal = Journal(bench.state_dir / "journal.db")
    write_ahead(bench.node, journal, check_ahead(bench.node, name, height, app_height=60, force=True))
    journal.close()


class TestPlansWrittenAhead:
    @pytest.mark.parametrize(("code", "told"), [(1, True), (2, True), (2, False), (101, False)])
    async def test_an_end_that_is_no_halt_switches_nothing(self, cosmos: CosmosBench, code: int, told: bool) -> None:
        cosmos.set(restart_on_error=True)
        async with cosmos.controller() as controller:
            await until(controller, running)
            write_own_plan(cosmos)
            if told:
                cosmos.tells()
            await until(controller, lambda status: status.attempt is not None)
            await controller.commands.add_upgrade("v2", cosmos.given)
            await until(controller, prepared(Preparation.READY))
            cosmos.say(f"exit {code}")
            await until(controller, lambda _: len(cosmos.starts()) == 2)
            status = await until(controller, running)
        assert cosmos.starts() == ["v1", "v1"]
        assert status.attempt is not None
        assert (status.generation, status.attempt.crossing) == ("genesis", Crossing.NONE)

    @pytest.mark.parametrize("code", ["", "exit 2"])
    async def test_one_that_somebody_else_wrote_while_the_node_ran_is_no_halt(
        self, cosmos: CosmosBench, code: str
    ) -> None:
        """`cosmovisor add-upgrade --upgrade-height`, from habit: younger than the run, and not the node's."""
        cosmos.set(restart_on_error=True)
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            write_plan(cosmos.plan_file, PlanFile("v2", 100))
            if code:
                cosmos.say(code)
                await until(controller, lambda _: len(cosmos.starts()) == 2)
            await until(controller, running)
            await steps(cosmos, controller)
            status = controller.status()
        assert status.attempt is not None
        assert (status.generation, status.attempt.crossing) == ("genesis", Crossing.NONE)

    async def test_the_node_writes_the_same_plan_over_it_at_its_halt(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await until(controller, running)
            write_own_plan(cosmos)
            await ready(cosmos, controller)
            before = cosmos.plan_file.read_bytes()
            cosmos.halts()
            await until(controller, crossing(Crossing.STARTING))
        assert cosmos.plan_file.read_bytes() == before

    async def test_one_that_the_chain_does_not_know_crosses_when_h_is_the_next_block(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await until(controller, running)
            await controller.commands.add_upgrade("v2", cosmos.given)
            write_own_plan(cosmos)
            await until(controller, prepared(Preparation.READY))
            cosmos.chain.height = 98
            await until(controller, lambda status: status.app_height == 98)
            assert cosmos.generation() == "genesis"
            cosmos.chain.height = 99
            await until(controller, lambda _: cosmos.starts() == ["v1", "v2"])

    async def test_one_whose_height_passed_unseen_is_over(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await until(controller, running)
            write_own_plan(cosmos)
            await until(controller, lambda status: status.attempt is not None)
            cosmos.chain.height = 105
            status = await until(controller, crossing(Crossing.RESUMED_OLD))
        assert "went on past" in status.note
        assert cosmos.starts() == ["v1"]

    async def test_deleting_the_file_withdraws_it(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await until(controller, running)
            write_own_plan(cosmos)
            await until(controller, lambda status: status.attempt is not None)
            cosmos.plan_file.unlink()
            await until(controller, crossing(Crossing.RESUMED_OLD))
            write_own_plan(cosmos)
            await until(controller, lambda status: status.attempt is not None and status.attempt.id == 2)

    async def test_a_plan_of_the_chain_that_comes_first_goes_first(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await until(controller, running)
            write_own_plan(cosmos, "v3", 200)
            await until(controller, lambda status: status.attempt is not None)
            await ready(cosmos, controller)
            status = controller.status()
            assert status.attempt is not None
            assert (str(status.attempt.name), status.attempt.id) == ("v2", 2)
            cosmos.halts()
            await committed(cosmos, controller)
            # The node has written its own over the operator's.
            assert read_plan(cosmos.plan_file) == PlanFile("v2", 100)

    async def test_a_batch_is_taken_in_order(self, cosmos: CosmosBench, tmp_path: Path) -> None:
        plans = [PlanFile("v2", 100), PlanFile("v3", 200)]
        async with cosmos.controller() as controller:
            await until(controller, running)
            for name in ("v2", "v3"):
                write_daemon(tmp_path / name, cosmos.home, name)
                await controller.commands.add_upgrade(name, tmp_path / name)
            (cosmos.home / "data" / "upgrade-info.json.batch").write_bytes(encode_batch(plans))
            await until(controller, prepared(Preparation.READY))
            assert read_plan(cosmos.plan_file) == plans[0]
            cosmos.chain.height = 99
            await committed(cosmos, controller)
            await until(controller, lambda s: prepared(Preparation.READY)(s) and crossing(Crossing.NONE)(s))
            assert read_plan(cosmos.plan_file) == plans[1]
            cosmos.chain.height = 199
            await committed(cosmos, controller, 200)
            await steps(cosmos, controller)
        assert cosmos.starts() == ["v1", "v2", "v3"]


class TestOldFiles:
    @pytest.mark.parametrize("known", [True, False])
    async def test_coming_from_cosmovisor_on_v2_nothing_happens(self, cosmos: CosmosBench, known: bool) -> None:
        """Its file of an upgrade that was applied; with and without what the node's RPC says."""
        folder = cosmos.home / "cosmovisor" / "upgrades" / "v2"
        write_daemon(folder / "bin" / nodes.DAEMON, cosmos.home, "v2")
        link = cosmos.home / "cosmovisor" / "current"
        link.unlink()
        link.symlink_to("upgrades/v2")
        write_plan(cosmos.plan_file, PlanFile("v2", 100))
        write_applied(folder, PlanFile("v2", 100))
        cosmos.chain.height = 150
        if not known:
            cosmos.chain.own_up = lambda: False
        async with cosmos.controller() as controller:
            await until(controller, lambda status: status.pid is not None)
            await steps(cosmos, controller)
            assert controller.status().attempt is None
        assert cosmos.starts() == ["v2"]

    async def test_a_file_from_before_our_first_start_waits_for_what_the_node_says(self, cosmos: CosmosBench) -> None:
        """A home that was restored from a snapshot, with the right binary as genesis (cosmos-sdk#23947)."""
        write_plan(cosmos.plan_file, PlanFile("v2", 100))
        cosmos.chain.own_up = lambda: False
        async with cosmos.controller() as controller:
            await until(controller, lambda status: status.pid is not None)
            await steps(cosmos, controller)
            assert controller.status().attempt is None
            cosmos.chain.height = 150
            cosmos.chain.own_up = cosmos.node_runs
            await until(controller, running)
            await steps(cosmos, controller)
            assert controller.status().attempt is None

    async def test_a_node_that_died_at_its_halt_under_cosmovisor_crosses_with_us(self, cosmos: CosmosBench) -> None:
        """facts/cosmos.md §2.1 S2: there it never upgrades. The old binary says once more what it waits for."""
        write_plan(cosmos.plan_file, PlanFile("v2", 100))
        os.utime(cosmos.plan_file, (1e9, 1e9))
        (cosmos.home / "cosmovisor" / "upgrades" / "v2" / "bin").mkdir(parents=True)
        cosmos.chain.own_up = lambda: False
        cosmos.say(f"{cosmos.halt_words()}; exit 1")
        async with cosmos.controller() as controller:
            await until(controller, lambda s: crossing(Crossing.HALTED)(s) and "add-upgrade" in s.note)
            await controller.commands.add_upgrade("v2", cosmos.given)
            await until(controller, lambda _: cosmos.starts() == ["v1", "v2"])


class TestPlansOfTheChain:
    async def test_cancelled_replaced_and_proposed_again(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.tells(cancelled=True)
            await until(controller, crossing(Crossing.RESUMED_OLD))
            cosmos.chain.proposals = [
                cosmos.plan_of("v2", 120),
                cosmos.plan_of("v2", 100, status=ProposalStatus.CANCELLED),
            ]
            status = await until(controller, lambda s: prepared(Preparation.READY)(s) and crossing(Crossing.NONE)(s))
            assert status.attempt is not None
            assert (status.attempt.id, status.attempt.target_height) == (2, 120)
            cosmos.chain.proposals = [
                cosmos.plan_of("v2", 110),
                cosmos.plan_of("v2", 120, status=ProposalStatus.CANCELLED),
            ]
            await until(controller, lambda s: s.attempt is not None and s.attempt.target_height == 110)
            # The height of a plan that was replaced is nothing special any more.
            cosmos.chain.height = 101
            await until(controller, lambda status: status.app_height == 101)
            assert cosmos.generation() == "genesis"
            cosmos.halts(height=110)
            await committed(cosmos, controller, 110)
        assert cosmos.starts() == ["v1", "v2"]

    @pytest.mark.parametrize("flag", [True, False])
    async def test_a_skipped_height_is_passed_by_the_old_binary(self, tmp_path: Path, flag: bool) -> None:
        """The flag in the arguments, or our setting, of which the node hears by its own flag."""
        given = ("start", "--home", "{home}", "--unsafe-skip-upgrades", "100")
        changed = {"arguments": given} if flag else {"skip_upgrade_heights": (100,)}
        async with cosmos_bench(tmp_path, **changed) as bench, bench.controller() as controller:
            await ready(bench, controller)
            assert bench.arguments().endswith("--unsafe-skip-upgrades" + (" 100" if flag else "=100"))
            write_own_plan(bench)
            bench.stands_at()
            await until(controller, lambda status: status.app_height == 99)
            await steps(bench, controller)
            bench.goes_on(101)
            status = await until(controller, crossing(Crossing.RESUMED_OLD))
            assert "skipped" in status.note
            assert bench.starts() == ["v1"]

    async def test_a_new_binary_that_is_too_early_gives_way_to_the_old_one(self, cosmos: CosmosBench) -> None:
        """The chain had no such plan: it lives and refuses, and the node goes on with the old binary."""
        line = (
            'BINARY UPDATED BEFORE TRIGGER! UPGRADE "v2" - in binary but not executed on chain. Downgrade your binary'
        )
        write_daemon(cosmos.given, cosmos.home, "v2", at_start=f"echo 'panic: {line}' >&2")
        async with cosmos.controller() as controller:
            await until(controller, running)
            await controller.commands.add_upgrade("v2", cosmos.given)
            write_own_plan(cosmos)
            await until(controller, prepared(Preparation.READY))
            cosmos.chain.height = 99
            status = await until(controller, lambda s: crossing(Crossing.RESUMED_OLD)(s) and s.pid is not None)
            await until(controller, lambda _: len(cosmos.starts()) == 3)
            await steps(cosmos, controller)
        assert cosmos.starts() == ["v1", "v2", "v1"]
        assert status.generation == "genesis"

    async def test_one_that_is_too_early_and_ends_is_not_tried_three_times(self, cosmos: CosmosBench) -> None:
        line = (
            'BINARY UPDATED BEFORE TRIGGER! UPGRADE "v2" - in binary but not executed on chain. Downgrade your binary'
        )
        write_daemon(cosmos.given, cosmos.home, "v2", at_start=f"echo 'panic: {line}' >&2; exit 2")
        cosmos.set(backup_enabled=False)
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts()
            status = await until(controller, crossing(Crossing.NEEDS_OPERATOR))
        assert "BINARY UPDATED BEFORE TRIGGER" in status.note
        assert cosmos.starts() == ["v1", "v2"]

    async def test_an_old_binary_after_the_upgrade_is_told_to_go_forward(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await until(controller, running)
            cosmos.say("echo 'panic: wrong app version 1, upgrade handler is missing for v2 upgrade plan' >&2; exit 2")
            status = await until(controller, lambda status: "node swap v2" in status.note)
        assert status.state == "STOPPED"
        assert cosmos.starts() == ["v1"]

    async def test_an_old_binary_that_the_open_plan_has_passed_goes_forward(self, cosmos: CosmosBench) -> None:
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.say("echo 'panic: wrong app version 1, upgrade handler is missing for v2 upgrade plan' >&2; exit 1")
            await until(controller, lambda _: cosmos.starts() == ["v1", "v2"])


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
