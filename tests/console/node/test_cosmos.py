"""Nodes that their chain stops: every case of facts/cosmos.md §4.4, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from console.errors import NodeError
from console.model import Crossing, Preparation, ProposalStatus, Verdict
from console.node.cosmovisor.batch import encode_batch
from console.node.cosmovisor.upgrade_info import PlanFile, read_plan, write_applied, write_plan
from tests.console.node import nodes
from tests.console.node.bench import crossing, until
from tests.console.node.cosmos_nodes import (
    CosmosBench,
    committed,
    cosmos_bench,
    prepared,
    ready,
    running,
    steps,
    write_daemon,
    write_own_plan,
)

pytestmark = pytest.mark.anyio


class TestHalts:
    async def test_the_version_is_asked_as_such_a_daemon_tells_it(self, cosmos: CosmosBench) -> None:
        """By a command and not an option, and only where it has a home."""
        async with cosmos.controller() as controller:
            await until(controller, lambda status: status.version == "v1")

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
            await until(controller, lambda _: cosmos.starts() == ["v1", "v1", "v2"])

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

    async def test_a_network_that_skips_the_upgrade_at_its_halt_goes_on_with_the_old_binary(
        self, cosmos: CosmosBench
    ) -> None:
        """Nobody has a binary that works: more than two thirds agree by voice, and each operator sets the height."""
        async with cosmos.controller() as controller:
            cosmos.tells()
            await until(controller, prepared(Preparation.FAILED))
            cosmos.halts()
            await until(controller, crossing(Crossing.HALTED))
            cosmos.set(skip_upgrade_heights=(100,))
            status = await until(controller, crossing(Crossing.RESUMED_OLD))
            assert "the settings skip the upgrade at height 100" in status.note
            await until(controller, lambda _: cosmos.starts() == ["v1", "v1"])
            assert cosmos.arguments().endswith("--unsafe-skip-upgrades=100")

    async def test_a_node_whose_new_binary_failed_goes_back_with_a_network_that_skips(
        self, cosmos: CosmosBench
    ) -> None:
        cosmos.sha256 = write_daemon(cosmos.given, cosmos.home, "v2", "exit 1")
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts()
            status = await until(controller, crossing(Crossing.PARKED))
            assert "node config set skip_upgrade_heights=100`, then `node start`" in status.alarm
            with pytest.raises(NodeError, match="this node is parked"):
                await controller.commands.start()
            cosmos.set(skip_upgrade_heights=(100,))
            await until(controller, lambda s: s.attempt is not None and s.attempt.verdict is Verdict.ABORT)
            await controller.commands.start()
            status = await until(controller, crossing(Crossing.RESUMED_OLD))
            assert status.generation == "genesis"
            await until(controller, lambda _: cosmos.starts()[-1] == "v1")
            assert cosmos.arguments().endswith("--unsafe-skip-upgrades=100")
            # What the chain still plans is not taken up again.
            await steps(cosmos, controller)
            assert controller.status().state == "RESUMED_OLD"

    @pytest.mark.parametrize("seen", [False, True], ids=["before a commit of H + 1", "after it"])
    async def test_a_skip_leads_back_as_long_as_the_network_can_mean_it(self, cosmos: CosmosBench, seen: bool) -> None:
        async with cosmos.controller() as controller:
            await ready(cosmos, controller)
            cosmos.halts()
            if seen:
                await committed(cosmos, controller)
                cosmos.set(skip_upgrade_heights=(100,))
                await steps(cosmos, controller)
                assert (controller.status().state, cosmos.generation()) == ("COMMITTED", "v2")
                return
            await until(controller, crossing(Crossing.STARTING))
            await until(controller, running)
            cosmos.chain.app_height = cosmos.chain.height = 100
            await until(controller, crossing(Crossing.WAITING_FOR_QUORUM))
            cosmos.set(skip_upgrade_heights=(100,))
            status = await until(controller, crossing(Crossing.RESUMED_OLD))
            assert status.generation == "genesis"
            await until(controller, lambda _: cosmos.starts()[-1] == "v1")
            assert status.attempt is not None
            assert status.attempt.rollback_point

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
