"""A node that missed its halt behind an earlier upgrade replays from genesis and crosses each one again, in order."""

from __future__ import annotations

import pytest

from console.errors import NodeError
from console.model import Crossing, Verdict
from console.node.attempts import AttemptBook
from console.node.controller import Controller
from console.node.faults import FaultPoints
from console.node.journal import Journal
from console.node.parts import parts_of
from console.node.resync import Resyncer
from console.node.runs import NodeRuns
from tests.console.node import nodes
from tests.console.node.bench import Bench, armed, armed_and_ready, crossing, until
from tests.console.node.fakes import proposal
from tests.console.node.test_hard_cases import committed, journal_of

pytestmark = pytest.mark.anyio


async def missed_the_second(bench: Bench, controller: Controller) -> None:
    """Cross v0.2.0 at 100, and execute 200 without the v0.3.0 that the network crossed with."""
    await committed(bench, controller)
    bench.chain.height = 199
    await until(controller, lambda status: status.app_height == 199)
    third = nodes.write_binary(bench.given.with_name("v0.3.0"), bench.home, version="v0.3.0")
    missed = proposal(
        id=2,
        name="v0.3.0",
        target_height=200,
        scheduled_at=140,
        verdict=Verdict.CROSS,
        frozen_at=196,
        release_hash=third,
    )
    bench.chain.proposals = [missed, *bench.chain.proposals]
    await until(controller, lambda s: s.attempt is not None and s.attempt.proposal_id == 2)
    bench.chain.height = 201
    await until(controller, crossing(Crossing.MISSED_HALT))
    # A halt comes when its time is there, and not at once.
    nodes.say(bench.home, ":")


def halts_at(bench: Bench, height: int) -> None:
    """The replay has come to this halt; the network is far past it."""
    bench.chain.app_height = height - 1
    nodes.application_at(bench.home, height - 1)
    line = f"Stopping node due to reaching halt height height={height}"
    nodes.say(bench.home, f'if [ "$FM_HALT_HEIGHT" = {height} ]; then echo "INFO app.rs:785: {line}" >&2; exit 2; fi')


async def test_a_resync_from_a_point_does_not_go_back_behind_an_earlier_upgrade(bench: Bench) -> None:
    async with bench.controller() as controller:
        await missed_the_second(bench, controller)
        with pytest.raises(NodeError, match="no rollback point"):
            await controller.commands.resync("missed it", from_genesis=False)
    assert nodes.starts(bench.home)[-1] == "v0.2.0 0"


async def test_a_resync_from_genesis_crosses_every_upgrade_of_before_in_order(bench: Bench) -> None:
    async with bench.controller() as controller:
        await missed_the_second(bench, controller)
        await controller.commands.add_upgrade("v0.3.0", bench.given.with_name("v0.3.0"), force=True)
        bench.chain.app_height = 1
        before = len(nodes.starts(bench.home))
        await controller.commands.resync("missed it", from_genesis=True)
        status = await until(controller, armed)
        assert (status.halt_height, status.generation) == (100, "genesis")
        assert status.attempt is not None
        assert (status.attempt.proposal_id, status.attempt.verdict) == (1, Verdict.CROSS)
        halts_at(bench, 100)
        await until(controller, lambda _: nodes.starts(bench.home)[-1] == "v0.2.0 200")
        halts_at(bench, 200)
        await until(controller, lambda _: nodes.starts(bench.home)[-1] == "v0.3.0 0")
        bench.chain.app_height = None
        bench.chain.height = 203
        status = await until(controller, lambda s: crossing(Crossing.COMMITTED)(s) and s.generation == "v0.3.0")
        assert status.attempt is not None
        assert status.attempt.proposal_id == 2
    assert nodes.starts(bench.home)[before:] == ["v0.1.5 100", "v0.2.0 200", "v0.3.0 0"]
    assert (bench.home / "fendermint" / "data.aside-1").is_dir()


async def test_what_a_wrong_binary_made_of_the_state_is_replayed_though_no_halt_was_missed(bench: Bench) -> None:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        nodes.application_at(bench.home, 70)
        with pytest.raises(NodeError, match=r"did not miss its halt.*--from-genesis"):
            await controller.commands.resync("another binary ran", from_genesis=False)
        await controller.commands.resync("another binary ran", from_genesis=True)
        status = await until(controller, lambda status: status.pid is not None)
        assert (status.state, status.generation) == ("IDLE", "genesis")
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 0"]
    assert (bench.home / "fendermint" / "data.aside-1").is_dir()
    assert not (bench.home / "fendermint" / "data.aside-2").exists()


async def test_a_replay_behind_a_committed_upgrade_crosses_it_again(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.halt()
        await until(controller, crossing(Crossing.HALTED))
        with pytest.raises(NodeError, match=r"a crossing is going on \(HALTED\)"):
            await controller.commands.resync("another binary ran", from_genesis=True)
    async with bench.controller() as controller:
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.chain.app_height = 100
        await until(controller, lambda _: nodes.starts(bench.home)[-1] == "v0.2.0 0")
        bench.chain.app_height = None
        bench.chain.height = 103
        await until(controller, crossing(Crossing.COMMITTED))
        before = len(nodes.starts(bench.home))
        nodes.say(bench.home, ":")
        bench.chain.app_height = 1
        await controller.commands.resync("another binary ran", from_genesis=True)
        status = await until(controller, armed)
        assert (status.halt_height, status.generation) == (100, "genesis")
        halts_at(bench, 100)
        await until(controller, lambda _: nodes.starts(bench.home)[-1] == "v0.2.0 0")
        bench.chain.app_height = None
        await until(controller, crossing(Crossing.COMMITTED))
    assert nodes.starts(bench.home)[before:] == ["v0.1.5 100", "v0.2.0 0"]


@pytest.mark.parametrize("point", ["before-planned", "after-planned", "after-arming"])
async def test_a_replay_that_is_killed_before_its_first_start_begins_armed_all_the_same(
    bench: Bench, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own that dies at the point; whoever comes after it goes on."""
    async with bench.controller() as controller:
        await missed_the_second(bench, controller)
    bench.chain.app_height = 1

    def die(reached: str) -> None:
        if reached == point:
            raise KeyboardInterrupt

    journal = journal_of(bench)
    monkeypatch.setattr(journal.faults, "reach", die)
    with pytest.raises(KeyboardInterrupt):
        await resynced(bench, journal)
    journal.close()
    async with bench.controller() as controller:
        status = await until(controller, armed)
        assert (status.halt_height, status.generation) == (100, "genesis")
    assert nodes.starts(bench.home)[-1] == "v0.1.5 100"


async def resynced(bench: Bench, journal: Journal) -> None:
    """What `node resync --from-genesis` does, without a controller around it."""
    parts = parts_of(lambda: bench.node, journal, FaultPoints(""))
    book = AttemptBook(journal, lambda: None, parts.generations.folder_of_plan)
    runs = NodeRuns(journal, parts.runtime, parts.shape, lambda: None, FaultPoints(""))
    await runs.adopt()
    resyncer = Resyncer(journal, book, runs, parts.generations, parts.points)
    resyncer.begin("missed it", from_genesis=True)
    await resyncer.go_on()


async def test_a_replay_whose_binaries_are_not_here_is_refused_with_what_to_do(bench: Bench) -> None:
    async with bench.controller() as controller:
        await missed_the_second(bench, controller)
        binary = bench.home / "cosmovisor" / "upgrades" / "v0.2.0" / "bin" / nodes.DAEMON
        binary.rename(binary.with_name("elsewhere"))
        with pytest.raises(NodeError, match=r"cross v0\.2\.0 \(height 100\).*add-upgrade v0\.2\.0 FILE --force"):
            await controller.commands.resync("missed it", from_genesis=True)
        binary.with_name("elsewhere").rename(binary)
        genesis = bench.home / "cosmovisor" / "genesis"
        genesis.rename(genesis.with_name("gone"))
        with pytest.raises(NodeError, match=r"the blocks before v0\.2\.0 .* need generation genesis"):
            await controller.commands.resync("missed it", from_genesis=True)
        genesis.with_name("gone").rename(genesis)
    assert not (bench.home / "fendermint" / "data.aside-1").exists()
