"""What a controller finds after it was away, and what must not be guessed, lost or done twice."""

from __future__ import annotations

import json
import time

import pytest

from console.errors import NodeError
from console.files import sha256_of
from console.model import Arming, Crossing, Preparation, ProposalStatus, Verdict
from console.node.generation import Generations
from console.node.journal import Journal
from tests.console.node import nodes
from tests.console.node.bench import Bench, armed, armed_and_ready, asked, crossing, until
from tests.console.node.fakes import OTHERS, OWN, proposal

pytestmark = pytest.mark.anyio


def journal_of(bench: Bench) -> Journal:
    return Journal(bench.state_dir / "journal.db")


async def stop_behind_its_back(bench: Bench) -> None:
    live = bench.runtime.recorded()
    assert live is not None
    await bench.runtime.stop(live)


async def to_waiting_for_quorum(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, crossing(Crossing.STARTING))
        bench.chain.app_height = 100
        bench.chain.height = 100
        await until(controller, crossing(Crossing.WAITING_FOR_QUORUM))


# --- found again ---


async def test_a_restart_that_was_cut_while_waiting_for_quorum_is_finished(bench: Bench) -> None:
    await to_waiting_for_quorum(bench)
    await stop_behind_its_back(bench)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        bench.chain.app_height = None
        bench.chain.height = 103
        status = await until(controller, crossing(Crossing.COMMITTED))
    assert nodes.starts(bench.home)[-2:] == ["v0.2.0 0", "v0.2.0 0"]
    assert status.attempt is not None
    assert status.attempt.tries_left == 2


async def test_an_operators_stop_that_was_cut_is_finished(bench: Bench) -> None:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
    journal = journal_of(bench)
    journal.set_meta("stopped_by_operator", "1")
    journal.close()
    async with bench.controller() as controller:
        status = await until(controller, lambda _: not bench.node_runs())
    assert status.state == "STOPPED_BY_OPERATOR"


async def test_a_stop_that_was_cut_before_the_signal_does_not_hide_the_halt(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
    journal = journal_of(bench)
    journal.ask_end(journal.runs(1)[0].id)
    journal.close()
    bench.amend(verdict=Verdict.CROSS, frozen_at=96)
    async with bench.controller() as controller:
        bench.halt()
        await until(controller, crossing(Crossing.STARTING))
        await until(controller, lambda _: nodes.starts(bench.home)[-1] == "v0.2.0 0")
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.2.0 0"]


async def test_a_command_before_the_adoption_waits_for_it(bench: Bench) -> None:
    async with bench.controller() as controller:
        before = await until(controller, lambda status: status.pid is not None)
    async with bench.controller() as controller:
        assert (await asked(controller, "start")).pid == before.pid
    assert len(nodes.starts(bench.home)) == 1


async def test_a_start_that_was_refused_later_does_not_hide_the_running_node(bench: Bench) -> None:
    async with bench.controller() as controller:
        before = await until(controller, lambda status: status.pid is not None)
    journal = journal_of(bench)
    journal.close_run(journal.open_run("genesis", 0, "").id, None)
    journal.close()
    async with bench.controller() as controller:
        assert (await until(controller, lambda status: status.pid is not None)).pid == before.pid
        await asked(controller, "stop")
    assert not bench.node_runs()


async def test_a_signer_state_that_fell_while_the_controller_was_away_stops_everything(bench: Bench) -> None:
    state = bench.home / "cometbft" / "data" / "priv_validator_state.json"
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        state.write_text('{"height": "99", "round": 0, "step": 3}')
        await asked(controller, "restart")
    await stop_behind_its_back(bench)
    state.write_text('{"height": "98", "round": 0, "step": 3}')
    async with bench.controller() as controller:
        status = await until(controller, lambda status: status.state == "NEEDS_OPERATOR")
        assert "already signed height 99" in status.note
    assert len(nodes.starts(bench.home)) == 2


async def test_a_node_that_is_down_is_armed_by_its_next_start(bench: Bench) -> None:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.height == 60)
        await asked(controller, "stop")
        bench.plan()
        await until(controller, lambda status: status.attempt is not None)
        await asked(controller, "start")
        await until(controller, armed)
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100"]


# --- the operator's commands in the middle of a crossing ---


WAY = (Crossing.HALTED, Crossing.QUIESCED, Crossing.BACKED_UP, Crossing.SWITCHED)


async def halted(bench: Bench, crossing_at: Crossing = Crossing.HALTED, **changes: object) -> None:
    """Halt, with a controller that was told to do nothing more; then lead its attempt on."""
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.halt()
        await until(controller, crossing(Crossing.HALTED))
        await asked(controller, "stop")
    journal = journal_of(bench)
    attempt = journal.latest_attempt()
    assert attempt is not None
    for step in WAY[1 : WAY.index(crossing_at) + 1]:
        attempt = journal.change(attempt, crossing=step, left="genesis")
    journal.change(attempt, **changes)
    journal.close()


async def test_a_start_after_quiesced_goes_on_with_the_crossing(bench: Bench) -> None:
    await halted(bench, Crossing.QUIESCED, verdict=Verdict.CROSS)
    Generations(bench.home, nodes.DAEMON).switch(Generations(bench.home, nodes.DAEMON).generation("v0.2.0"))
    bench.chain.network_up = False
    async with bench.controller() as controller:
        assert (await asked(controller, "start")).pid is not None
        await until(controller, lambda _: len(nodes.starts(bench.home)) == 3)
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.2.0 0"]


async def test_a_start_at_an_aborted_halt_is_not_armed(bench: Bench) -> None:
    await halted(bench, verdict=Verdict.ABORT)
    async with bench.controller() as controller:
        assert (await asked(controller, "start")).pid is not None
        await until(controller, crossing(Crossing.RESUMED_OLD))
        await until(controller, lambda _: len(nodes.starts(bench.home)) == 3)
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.1.5 0"]


async def test_a_start_after_a_stop_at_the_halt_lets_the_crossing_go_on(bench: Bench) -> None:
    await halted(bench)
    async with bench.controller() as controller:
        with pytest.raises(NodeError, match="waits at its halt"):
            await asked(controller, "start")
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        await until(controller, crossing(Crossing.STARTING))


async def test_the_operators_start_gives_a_new_binary_new_tries(bench: Bench) -> None:
    await halted(bench, Crossing.SWITCHED, verdict=Verdict.CROSS, tries_left=0)
    Generations(bench.home, nodes.DAEMON).switch(Generations(bench.home, nodes.DAEMON).generation("v0.2.0"))
    journal = journal_of(bench)
    attempt = journal.latest_attempt()
    assert attempt is not None
    journal.change(attempt, crossing=Crossing.NEEDS_OPERATOR)
    journal.close()
    async with bench.controller() as controller:
        await asked(controller, "start")
        bench.chain.height = 103
        await until(controller, crossing(Crossing.COMMITTED))
    assert nodes.starts(bench.home)[-1] == "v0.2.0 0"


async def test_a_signer_state_that_is_lost_at_the_switch_spends_no_try(bench: Bench) -> None:
    await halted(bench, verdict=Verdict.CROSS)
    (bench.home / "cometbft" / "data" / "priv_validator_state.json").unlink()
    journal = journal_of(bench)
    journal.set_meta("stopped_by_operator", "")
    journal.close()
    async with bench.controller() as controller:
        status = await until(controller, crossing(Crossing.NEEDS_OPERATOR))
    assert "signer state" in status.note
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100"]


# --- plans that end otherwise ---


async def test_after_a_missed_halt_no_new_plan_starts_the_node(bench: Bench) -> None:
    bench.chain.height = 99
    bench.plan(verdict=Verdict.CROSS, frozen_at=96)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        nodes.application_at(bench.home, 100)
        nodes.say(bench.home, 'echo "wrong Block.Header.AppHash" >&2; exit 1')
        await until(controller, crossing(Crossing.MISSED_HALT))
        again = proposal(id=2, target_height=300, proposed_at=120, scheduled_at=120, release_hash=bench.sha256)
        bench.chain.proposals = [again, *bench.chain.proposals]
        reads = bench.chain.reads
        await until(controller, lambda _: bench.chain.reads > reads + 3)
        status = controller.status()
    assert status.state == "MISSED_HALT"
    assert len(nodes.starts(bench.home)) == 1


async def test_after_a_failed_binary_no_automation_starts_it(bench: Bench) -> None:
    await halted(bench, Crossing.SWITCHED, verdict=Verdict.CROSS)
    Generations(bench.home, nodes.DAEMON).switch(Generations(bench.home, nodes.DAEMON).generation("v0.2.0"))
    journal = journal_of(bench)
    attempt = journal.latest_attempt()
    assert attempt is not None
    journal.change(attempt, crossing=Crossing.NEEDS_OPERATOR)
    journal.set_meta("stopped_by_operator", "")
    journal.close()
    again = proposal(id=2, target_height=300, proposed_at=120, scheduled_at=120, release_hash=bench.sha256)
    bench.chain.proposals = [again, *bench.chain.proposals]
    async with bench.controller() as controller:
        status = await until(controller, lambda _: bench.chain.reads > 6)
    assert (status.state, status.pid) == ("NEEDS_OPERATOR", None)
    assert "v0.2.0 0" not in nodes.starts(bench.home)


async def test_a_plan_that_is_not_breaking_passes_a_node_that_is_not_ready(bench: Bench) -> None:
    bench.plan(breaking=False)
    async with bench.controller() as controller:
        await until(controller, lambda status: status.attempt is not None)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.chain.height = 101
        status = await until(controller, crossing(Crossing.RESUMED_OLD))
    assert status.attempt is not None
    assert "not breaking" in status.attempt.note
    assert nodes.starts(bench.home) == ["v0.1.5 0"]


async def test_a_release_that_runs_already_is_no_missed_halt(bench: Bench) -> None:
    running = sha256_of(Generations(bench.home, nodes.DAEMON).current().binary)
    bench.chain.height = 150
    bench.chain.proposals = [proposal(release_hash=running, verdict=Verdict.CROSS, frozen_at=96)]
    async with bench.controller() as controller:
        await until(controller, crossing(Crossing.COMMITTED))
        await until(controller, lambda _: ("confirm", running) in bench.chain.said)
    assert nodes.starts(bench.home) == ["v0.1.5 0"]


async def test_a_cancelled_plan_makes_room_for_the_next_one(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(status=ProposalStatus.CANCELLED)
        await until(controller, crossing(Crossing.RESUMED_OLD))
        following = proposal(id=2, target_height=200, proposed_at=61, scheduled_at=61, release_hash=bench.sha256)
        bench.chain.proposals = [following, *bench.chain.proposals]
        bench.chain.armed_at = dict.fromkeys(OTHERS, 61)
        await until(controller, lambda s: s.attempt is not None and s.attempt.proposal_id == 2 and armed(s))
    assert nodes.starts(bench.home)[-1] == "v0.1.5 200"


async def test_two_upgrades_in_one_life(bench: Bench) -> None:
    third = bench.given.with_name("v0.3.0")
    third_sha256 = nodes.write_binary(third, bench.home, version="v0.3.0")
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, crossing(Crossing.STARTING))
        bench.chain.height = 103
        await until(controller, crossing(Crossing.COMMITTED))
        await until(controller, lambda _: ("confirm", bench.sha256) in bench.chain.said)

        bench.chain.height = 150
        bench.chain.ready.clear()
        bench.chain.armed_at = dict.fromkeys(OTHERS, 141)
        first = bench.chain.proposals[0]
        second = proposal(
            id=2, name="v0.3.0", target_height=200, proposed_at=140, scheduled_at=140, release_hash=third_sha256
        )
        bench.chain.proposals = [second, first]
        status = await until(controller, lambda s: s.attempt is not None and s.attempt.proposal_id == 2)
        assert status.attempt is not None
        assert status.attempt.arming is Arming.WAITING_TURN
        await controller.commands.add_upgrade("v0.3.0", third)
        await until(controller, lambda s: armed(s) and ("armed", 200) in bench.chain.said)
        bench.amend(verdict=Verdict.CROSS, frozen_at=196)
        bench.halt(200)
        await until(controller, crossing(Crossing.STARTING))
        bench.chain.height = 203
        status = await until(controller, crossing(Crossing.COMMITTED))
        await until(controller, lambda _: ("confirm", third_sha256) in bench.chain.said)
        assert status.attempt is not None
        assert (status.attempt.proposal_id, status.generation, status.last_exit_code) == (2, "v0.3.0", 2)
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.2.0 0", "v0.2.0 200", "v0.3.0 0"]
    assert [value for what, value in bench.chain.said if what == "armed"] == [100, 200]


# --- clocks ---


async def test_a_clock_that_is_set_back_does_not_stop_the_arming(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        monkeypatch.setattr(time, "time", lambda: real() - 3600)
        await armed_and_ready(bench, controller)


async def test_a_clock_that_is_set_ahead_does_not_end_a_start(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, lambda status: crossing(Crossing.STARTING)(status) and status.pid is not None)
        monkeypatch.setattr(time, "time", lambda: real() + 3600)
        reads = bench.chain.reads
        status = await until(controller, lambda _: bench.chain.reads > reads + 3)
    assert status.attempt is not None
    assert status.attempt.tries_left == 2
    assert nodes.starts(bench.home).count("v0.2.0 0") == 1


# --- what must not end the controller, or be guessed ---


async def test_an_answer_that_breaks_the_chain_client_does_not_end_the_controller(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> bool:
        raise RecursionError("a very deep answer")

    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        sound = bench.chain.own_up
        bench.chain.own_up = broken
        reads = bench.chain.reads
        await until(controller, lambda _: bench.chain.reads > reads + 2)
        bench.chain.own_up = sound
        await armed_and_ready(bench, controller)


async def test_a_node_whose_arming_cannot_be_proven_says_ready_all_the_same(bench: Bench) -> None:
    script = nodes.OBEDIENT.replace('echo "halt_height = ${{FM_HALT_HEIGHT:-0}}"; exit 0', "exit 3")
    nodes.write_binary(bench.home / "cosmovisor" / "genesis" / "bin" / nodes.DAEMON, bench.home, script, "v0.1.5")
    async with bench.controller() as controller:
        bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
        bench.plan()
        await until(controller, lambda status: "halt_height None" in status.note)
        await controller.commands.add_upgrade("v0.2.0", bench.given)
        status = await until(controller, lambda _: OWN in bench.chain.ready)
        assert not armed(status)


async def test_bytes_that_are_not_the_recorded_ones_are_not_even_asked_for_their_version(bench: Bench) -> None:
    binary = bench.home / "cosmovisor" / "genesis" / "bin" / nodes.DAEMON
    record = {"name": "genesis", "sha256": sha256_of(binary), "origin": "test"}
    (bench.home / "cosmovisor" / "genesis" / "release.json").write_text(json.dumps(record))
    touched = bench.home / "touched"
    binary.write_text(f"#!/bin/sh\ntouch {touched}\n")
    async with bench.controller() as controller:
        await until(controller, lambda status: "sha256" in status.note)
    assert not touched.exists()


async def test_a_url_that_is_none_is_a_failed_download(bench: Bench) -> None:
    bench.plan(release_url="http://[::1/v0.2.0")
    async with bench.controller() as controller:
        status = await until(
            controller, lambda s: s.attempt is not None and s.attempt.preparation is Preparation.FAILED
        )
        await until(controller, lambda _: ("failure", 1) in bench.chain.said)
    assert status.attempt is not None
    assert "cannot download" in status.attempt.note


async def test_a_file_that_is_not_there_is_said_to_the_operator(bench: Bench) -> None:
    async with bench.controller() as controller:
        bench.plan()
        await until(controller, lambda status: status.attempt is not None)
        with pytest.raises(NodeError, match="cannot read"):
            await controller.commands.add_upgrade("v0.2.0", bench.home)
        (bench.state_dir / "downloads").mkdir(exist_ok=True)
        (bench.state_dir / "downloads" / f"{bench.sha256}.given").mkdir()
        with pytest.raises(NodeError, match="cannot copy"):
            await controller.commands.add_upgrade("v0.2.0", bench.given)
