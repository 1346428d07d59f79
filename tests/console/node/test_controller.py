"""The controller with a real shim and scripted nodes, on a chain that the test steers."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from console.errors import ContractRefused, NodeError
from console.model import Arming, Crossing, ProposalStatus, Verdict
from console.node.journal import Journal
from console.node.journalled import journalled_status
from tests.console.node import nodes
from tests.console.node.bench import Bench, armed, armed_and_ready, asked, crossing, until
from tests.console.node.fakes import OTHERS

pytestmark = pytest.mark.anyio


async def test_it_starts_the_node_and_is_idle(bench: Bench) -> None:
    async with bench.controller() as controller:
        status = await until(controller, lambda status: status.pid is not None and status.version != "")
        assert (status.state, status.generation, status.version) == ("IDLE", "genesis", "v0.1.5")
    assert bench.node_runs()


async def test_a_whole_upgrade(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100"]
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.chain.height = 97
        await until(controller, lambda status: status.attempt is not None and status.attempt.verdict is Verdict.CROSS)
        bench.halt()
        await until(controller, crossing(Crossing.STARTING))
        assert bench.generation() == "v0.2.0"
        bench.chain.app_height = 100
        bench.chain.height = 100
        await until(controller, crossing(Crossing.WAITING_FOR_QUORUM))
        bench.chain.app_height = None
        bench.chain.height = 103
        status = await until(controller, crossing(Crossing.COMMITTED))
        await until(controller, lambda _: ("confirm", bench.sha256) in bench.chain.said)
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.2.0 0"]
    assert status.state == "COMMITTED"
    assert status.last_exit_code == 2
    assert ("ready", bench.sha256) in bench.chain.said
    assert ("armed", 100) in bench.chain.said


async def test_while_another_node_is_down_it_is_said_why_this_one_is_not_armed(bench: Bench) -> None:
    bench.chain.signed_power = 30
    async with bench.controller() as controller:
        bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
        bench.plan()
        await until(controller, lambda status: status.attempt is not None)
        await controller.commands.add_upgrade("v0.2.0", bench.given)
        told = "while it restarts 20 of 40 power would sign, and 27 is needed for a block"
        await until(controller, lambda status: told in status.note)
        bench.chain.signed_power = 40
        status = await until(controller, armed)
        assert "not armed" not in status.note


async def test_an_abort_resumes_the_old_binary_with_the_halt_cleared(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.ABORT, status=ProposalStatus.ABORTED, frozen_at=96)
        bench.halt()
        await until(controller, lambda status: crossing(Crossing.RESUMED_OLD)(status) and status.pid is not None)
        await until(controller, lambda _: len(nodes.starts(bench.home)) == 3)
    assert nodes.starts(bench.home)[-1] == "v0.1.5 0"
    assert bench.generation() == "genesis"


async def test_without_a_verdict_it_waits_at_the_halt_and_learns_it_from_others(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.halt()
        status = await until(controller, lambda s: crossing(Crossing.HALTED)(s) and "verdict" in s.note)
        assert status.pid is None
        assert bench.generation() == "genesis"
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        await until(controller, crossing(Crossing.STARTING))


async def test_not_staged_it_halts_waits_and_crosses_when_given_the_bytes(bench: Bench) -> None:
    async with bench.controller() as controller:
        bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
        bench.plan()
        await until(controller, armed)
        await until(controller, lambda _: any(what == "failure" for what, _ in bench.chain.said))
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, lambda s: crossing(Crossing.HALTED)(s) and "add-upgrade" in s.note)
        wrong = bench.given.with_name("wrong")
        wrong.write_text("other bytes")
        with pytest.raises(NodeError, match="sha256"):
            await controller.commands.add_upgrade("v0.2.0", wrong)
        with pytest.raises(NodeError, match="waits at its halt"):
            await asked(controller, "start")
        await controller.commands.add_upgrade("v0.2.0", bench.given)
        await until(controller, crossing(Crossing.STARTING))
    assert bench.generation() == "v0.2.0"


async def test_exit_code_2_without_a_halt_is_no_halt_and_the_same_run_starts_again(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        nodes.application_at(bench.home, 70)
        bench.chain.height = 70
        nodes.say(bench.home, f"rm -f {bench.home}/say; exit 2")
        await until(controller, lambda _: len(nodes.starts(bench.home)) == 3)
        status = await until(controller, lambda s: s.pid is not None)
    assert nodes.starts(bench.home)[-1] == "v0.1.5 100"
    assert status.attempt is not None
    assert status.attempt.crossing is Crossing.NONE


async def test_an_unarmed_node_that_ran_past_the_height_missed_its_halt(bench: Bench) -> None:
    bench.chain.height = 99
    bench.plan(verdict=Verdict.CROSS, frozen_at=96)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        nodes.application_at(bench.home, 100)
        nodes.say(bench.home, 'echo "wrong Block.Header.AppHash" >&2; exit 1')
        status = await until(controller, crossing(Crossing.MISSED_HALT))
        assert status.state == "MISSED_HALT"
        with pytest.raises(NodeError, match="old rules"):
            await asked(controller, "start")
    assert len(nodes.starts(bench.home)) == 1


async def test_a_halt_while_the_controller_was_away_is_found_and_crossed(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
    bench.amend(verdict=Verdict.CROSS, frozen_at=96)
    bench.halt()
    async with asyncio.timeout(10):
        while (away := journalled_status(bench.state_dir, "node1")) is None or away.last_exit_code != 2:
            await asyncio.sleep(0.01)
    assert away.pid is None
    async with bench.controller() as controller:
        await until(controller, lambda _: nodes.starts(bench.home)[-1] == "v0.2.0 0")


async def test_a_running_node_is_adopted(bench: Bench) -> None:
    async with bench.controller() as controller:
        before = await until(controller, lambda status: status.pid is not None)
    async with bench.controller() as controller:
        after = await until(controller, lambda status: status.pid is not None)
    assert before.pid == after.pid
    assert len(nodes.starts(bench.home)) == 1


async def test_a_new_binary_that_never_lives_is_rolled_back_and_parked(bench: Bench) -> None:
    script = (
        '#!/bin/sh\ncase "$1" in --version) echo v0.2.0; exit 0;; esac\necho "$$ bad 0" >> {home}/starts.log\nexit 1\n'
    )
    bench.sha256 = nodes.write_binary(bench.given, bench.home, script)
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        status = await until(controller, crossing(Crossing.PARKED))
        with pytest.raises(NodeError, match="parked: the old binary would execute height 100"):
            await asked(controller, "start")
    assert nodes.starts(bench.home).count("bad 0") == 3
    assert (status.pid, status.generation) == (None, "genesis")
    assert status.alarm.startswith("PARKED")


async def test_the_operators_stop_is_left_by_no_automation(bench: Bench) -> None:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        assert (await asked(controller, "stop")).state == "STOPPED_BY_OPERATOR"
    async with bench.controller() as controller:
        bench.plan()
        status = await until(controller, lambda status: status.attempt is not None)
        assert (status.state, status.pid) == ("STOPPED_BY_OPERATOR", None)
        assert (await asked(controller, "start")).pid is not None


@pytest.mark.parametrize("code", [0, 1])
async def test_an_own_end_outside_an_upgrade_stays_down(bench: Bench, code: int) -> None:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        nodes.say(bench.home, f"exit {code}")
        status = await until(controller, lambda status: status.note.startswith("the node ended"))
        assert (status.state, status.last_exit_code) == ("STOPPED", code)


async def test_a_killed_node_is_started_again(bench: Bench) -> None:
    async with bench.controller() as controller:
        status = await until(controller, lambda status: status.pid is not None)
        assert status.pid is not None
        os.kill(status.pid, signal.SIGKILL)
        await until(controller, lambda _: len(nodes.starts(bench.home)) == 2)


async def test_a_signer_state_that_fell_stops_everything(bench: Bench) -> None:
    state = bench.home / "cometbft" / "data" / "priv_validator_state.json"
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        state.write_text('{"height": "99", "round": 0, "step": 3}')
        await asked(controller, "stop")
        state.write_text('{"height": "98", "round": 0, "step": 3}')
        with pytest.raises(NodeError, match="already signed height 99"):
            await asked(controller, "start")
        assert controller.status().pid is None


async def test_a_broken_switch_never_starts_genesis(bench: Bench) -> None:
    (bench.home / "cosmovisor" / "current").unlink()
    async with bench.controller() as controller:
        status = await until(controller, lambda status: "generation" in status.note)
        assert status.state == "NEEDS_OPERATOR"
    assert nodes.starts(bench.home) == []


async def test_it_is_too_late_is_not_said_again(bench: Bench) -> None:
    bench.chain.refuse = ContractRefused("too late", name="TooLate")
    async with bench.controller() as controller:
        bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
        bench.plan()
        await until(controller, lambda status: status.attempt is not None)
        await controller.commands.add_upgrade("v0.2.0", bench.given)
        await until(controller, armed)
        journal = Journal(bench.state_dir / "journal.db", read_only=True)
        async with asyncio.timeout(10):
            while not any(event["kind"] == "refused-armed" for event in journal.events()):
                await asyncio.sleep(0.01)
        journal.close()
    assert bench.chain.said == []


async def test_the_verdict_of_our_own_freeze_is_known_without_another_look(bench: Bench) -> None:
    """Nobody may have the time to read the chain between the freeze and the halt; then the receipt must do."""
    bench.chain.freezes_to = Verdict.CROSS
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.chain.height = 97
        await until(controller, lambda _: ("freeze", 1) in bench.chain.said)
        bench.halt()
        await until(controller, crossing(Crossing.STARTING))


async def test_the_age_of_a_height_at_rest_is_that_of_its_reading(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.height is not None)
        read_at = controller._readings._consensus_at
        monkeypatch.setattr(time, "monotonic", lambda: read_at + 2.5)
        age_s = controller.status().height_age_s
        monkeypatch.undo()
    assert age_s == pytest.approx(2.5)


async def test_plans_are_read_at_each_block_while_a_proposal_is_on_its_way(bench: Bench) -> None:
    async with bench.controller() as controller:
        assert controller._readings._plan_pause_s() == pytest.approx(2.0)
        bench.plan(status=ProposalStatus.VOTING)
        await until(controller, lambda _: controller._readings._plan_pause_s() == 1.0)
        bench.amend(status=ProposalStatus.REJECTED)
        await until(controller, lambda _: controller._readings._plan_pause_s() == 2.0)


async def test_nothing_is_done_on_the_word_of_endpoints_that_contradict_each_other(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        said = list(bench.chain.said)
        bench.halt()
        await until(controller, crossing(Crossing.HALTED))
        bench.chain.contested = "a and b do not say the same"
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        status = await until(controller, lambda status: "a and b" in status.alarm)
        reads = bench.chain.reads
        status = await until(controller, lambda _: bench.chain.reads > reads + 3)
        assert status.attempt is not None
        assert (status.attempt.verdict, status.attempt.arming) == (Verdict.NONE, Arming.ARMED)
        assert bench.chain.said == said
        bench.chain.contested = ""
        await until(controller, crossing(Crossing.STARTING))
