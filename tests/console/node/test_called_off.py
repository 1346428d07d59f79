"""A plan that the council or its proposer cancels, and a crossing that the network takes back on the chain."""

from __future__ import annotations

import pytest

from console.model import Arming, Crossing, NodeStatus, Preparation, ProposalStatus, Verdict
from console.node.controller import Controller
from console.node.disarming import HURRY_BLOCKS
from console.node.turns import TURN_BLOCKS, arming_turns
from console.text import untrusted
from tests.console.node import nodes
from tests.console.node.bench import Bench, armed, armed_and_ready, crossing, until
from tests.console.node.fakes import OTHERS, OWN, proposal

pytestmark = pytest.mark.anyio

PLACE = next(place for place, turn in enumerate(arming_turns(1, dict.fromkeys((OWN, *OTHERS), 10))) if OWN in turn)
DUE = 61 + (PLACE + 1) * TURN_BLOCKS
"""Height at which our node is disarmed when the plan was cancelled in block 61."""


def events(bench: Bench) -> list[str]:
    assert bench.journal is not None
    return [event["kind"] for event in bench.journal.events(limit=5000)]


def aborted(status: NodeStatus) -> bool:
    attempt = status.attempt
    return attempt is not None and (attempt.verdict, attempt.crossing) == (Verdict.ABORT, Crossing.RESUMED_OLD)


async def test_cancelled_long_before_its_height_nobody_halts_for_it(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.chain.height = 61
        bench.amend(target_height=100, status=ProposalStatus.CANCELLED, ended_at=61)
        status = await until(controller, aborted)
        assert status.attempt is not None
        assert status.attempt.note == "the proposal was cancelled"
        bench.chain.height = DUE - 1
        status = await until(controller, lambda status: status.height == DUE - 1)
        assert (status.halt_height, len(nodes.starts(bench.home))) == (100, 2), "not before its turn"
        bench.chain.height = DUE
        await until(controller, lambda status: status.pid is not None and status.halt_height == 0)
        status = controller.status()
        assert status.attempt is not None
        assert status.attempt.arming is Arming.DISARMED
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.1.5 0"]


async def test_cancelled_near_its_height_it_halts_and_goes_on_with_the_old_binary(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.chain.height = 100 - HURRY_BLOCKS
        bench.amend(status=ProposalStatus.CANCELLED, ended_at=61)
        await until(controller, aborted)
        await until(controller, lambda status: status.height == 100 - HURRY_BLOCKS)
        assert len(nodes.starts(bench.home)) == 2
        bench.halt()
        await until(controller, lambda status: status.pid is not None and len(nodes.starts(bench.home)) == 3)
    assert nodes.starts(bench.home)[-1] == "v0.1.5 0"
    assert bench.generation() == "genesis"


async def test_while_more_than_a_third_is_away_nobody_is_disarmed(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        bench.chain.signed_power = 36
        await until(controller, lambda _: _signed_power(controller) == 36)
        bench.chain.height = DUE
        bench.amend(status=ProposalStatus.CANCELLED, ended_at=61)
        await until(controller, aborted)
        reads = bench.chain.reads
        await until(controller, lambda _: bench.chain.reads > reads + 3)
        assert len(nodes.starts(bench.home)) == 2
        bench.chain.signed_power = 40
        await until(controller, lambda status: status.pid is not None and status.halt_height == 0)


def _signed_power(controller: Controller) -> int:
    consensus = controller._readings.consensus()
    return 0 if consensus is None else consensus.signed_power


async def test_another_plan_is_armed_for_instead_of_disarming(bench: Bench) -> None:
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        other = proposal(id=2, name=untrusted("v0.3.0"), release_hash="22" * 32, target_height=200, scheduled_at=62)
        bench.chain.height = 62
        bench.amend(status=ProposalStatus.CANCELLED, ended_at=61)
        bench.chain.proposals = [other, *bench.chain.proposals]
        bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
        await until(controller, lambda status: armed(status) and status.halt_height == 200)
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.1.5 200"]


async def parked(bench: Bench, controller: Controller) -> None:
    script = (
        '#!/bin/sh\ncase "$1" in --version) echo v0.2.0; exit 0;; esac\necho "$$ bad 0" >> {home}/starts.log\nexit 1\n'
    )
    bench.sha256 = nodes.write_binary(bench.given, bench.home, script)
    await armed_and_ready(bench, controller)
    bench.amend(verdict=Verdict.CROSS, frozen_at=96)
    bench.halt()
    await until(controller, crossing(Crossing.PARKED))
    nodes.say(bench.home, "")


async def test_after_an_agreed_abort_the_operator_is_told_to_roll_back_on_the_chain(bench: Bench) -> None:
    async with bench.controller() as controller:
        await parked(bench, controller)
        await controller.commands.abort("more than two thirds agreed")
        bench.chain.height = 104
        status = await until(controller, lambda status: "rollback 1" in status.note)
        assert status.pid is not None
        assert "needs-rollback" in events(bench)
        bench.amend(status=ProposalStatus.ROLLED_BACK, rollback_power=30)
        await until(controller, lambda status: "rollback 1" not in status.note)
        assert events(bench).count("rolled-back") == 1
        # The registry is free, and so is this node.
        bench.chain.proposals = [
            proposal(id=2, name=untrusted("v0.3.0"), release_hash="22" * 32, target_height=200, scheduled_at=105),
            *bench.chain.proposals,
        ]
        status = await until(controller, lambda s: s.attempt is not None and s.attempt.proposal_id == 2)
        assert status.attempt is not None
        assert status.attempt.target_height == 200
        assert events(bench).count("needs-rollback") == 1


async def test_a_parked_node_follows_a_network_that_rolled_back(bench: Bench) -> None:
    async with bench.controller() as controller:
        await parked(bench, controller)
        bench.amend(status=ProposalStatus.ROLLED_BACK)
        await until(controller, lambda status: aborted(status) and status.pid is not None)
    assert bench.generation() == "genesis"
    assert nodes.starts(bench.home)[-1] == "v0.1.5 0"


async def test_what_was_rolled_back_is_not_taken_up(bench: Bench) -> None:
    bench.chain.height = 130
    bench.plan(verdict=Verdict.CROSS, status=ProposalStatus.ROLLED_BACK, frozen_at=96)
    async with bench.controller() as controller:
        status = await until(controller, lambda status: status.height == 130)
        reads = bench.chain.reads
        status = await until(controller, lambda _: bench.chain.reads > reads)
        assert status.attempt is None


@pytest.mark.parametrize("preparation", [Preparation.FAILED, Preparation.READY])
async def test_cancelled_before_it_had_a_height_it_ends(bench: Bench, preparation: Preparation) -> None:
    async with bench.controller() as controller:
        bench.plan(status=ProposalStatus.APPROVED, scheduled_at=0)
        await until(controller, lambda status: status.attempt is not None)
        if preparation is Preparation.READY:
            await controller.commands.add_upgrade("v0.2.0", bench.given)
        await until(controller, lambda s: s.attempt is not None and s.attempt.preparation is preparation)
        bench.amend(status=ProposalStatus.CANCELLED, ended_at=61)
        await until(controller, aborted)
    assert nodes.starts(bench.home) == ["v0.1.5 0"]
