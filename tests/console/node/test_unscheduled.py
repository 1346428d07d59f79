"""Approved plans without a height, and releases that are replaced, with a real shim and a scripted node."""

from __future__ import annotations

import shutil

import pytest

from console.errors import NodeError
from console.model import Crossing, NodeStatus, Preparation, ProposalStatus, ScheduleKind, Verdict
from console.node.generation import Generations
from console.text import untrusted
from tests.console.node import nodes
from tests.console.node.bench import Bench, armed, armed_and_ready, crossing, until
from tests.console.node.fakes import OTHERS, OWN

pytestmark = pytest.mark.anyio


def prepared(status: NodeStatus) -> bool:
    return status.attempt is not None and status.attempt.preparation is Preparation.READY


def approve(bench: Bench) -> None:
    bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
    bench.plan(
        status=ProposalStatus.APPROVED,
        schedule_kind=ScheduleKind.READINESS,
        readiness_bps=7500,
        scheduled_at=0,
        target_height=0,
    )


async def test_an_approved_plan_is_made_ready_and_armed_for_when_it_is_scheduled(bench: Bench) -> None:
    async with bench.controller() as controller:
        approve(bench)
        await until(controller, lambda status: status.attempt is not None)
        await controller.commands.add_upgrade("v0.2.0", bench.given)
        await until(controller, lambda _: OWN in bench.chain.ready)
        with pytest.raises(NodeError, match="no height"):
            await controller.commands.arm("at once")
        status = await until(controller, prepared)
        assert status.note.endswith("as soon as it has a height")
        assert (status.state, status.halt_height) == ("READY", 0)
    # Whoever was killed meanwhile finds the attempt as it is.
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None and prepared(status))
        bench.chain.height = 70
        bench.amend(status=ProposalStatus.SCHEDULED, scheduled_at=70, target_height=100)
        await until(controller, lambda status: armed(status) and OWN in bench.chain.armed_at)
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100"]
    assert [word for word, _ in bench.chain.said] == ["ready", "armed"]


async def test_an_approved_plan_speaks_against_no_height_that_is_executed(bench: Bench) -> None:
    async with bench.controller() as controller:
        approve(bench)
        await until(controller, lambda status: status.attempt is not None)
        nodes.application_at(bench.home, 5000)
        bench.chain.height = 5000
        await until(controller, lambda status: status.height == 5000)
        nodes.say(bench.home, f"rm -f {bench.home}/say; exit 2")
        status = await until(controller, lambda _: bool(controller.status().note.startswith("the node ended")))
        assert status.attempt is not None
        assert status.attempt.crossing is Crossing.NONE


async def test_ready_for_the_old_bytes_does_not_cross_with_them(bench: Bench) -> None:
    other = bench.given.with_name("other")
    other_sha256 = nodes.write_binary(other, bench.home, version="v0.2.1")
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        old = bench.sha256
        bench.amend(release_hash=other_sha256, release_round=1, release_url=untrusted("http://127.0.0.1:9/other"))
        await until(controller, lambda status: status.attempt is not None and status.attempt.release_hash != old)
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, lambda s: crossing(Crossing.HALTED)(s) and "add-upgrade" in s.note)
        assert bench.generation() == "genesis"
        with pytest.raises(NodeError, match="sha256"):
            await controller.commands.add_upgrade("v0.2.0", bench.given)
        await controller.commands.add_upgrade("v0.2.0", other)
        await until(controller, crossing(Crossing.STARTING))
    assert bench.generation() == f"v0.2.0-{other_sha256[:12]}"
    # Arming belongs to the run: nothing was stopped for the other release.
    assert nodes.starts(bench.home)[:2] == ["v0.1.5 0", "v0.1.5 100"]
    staged = {entry.name: entry.sha256 for entry in Generations(bench.home, nodes.DAEMON).all()}
    assert staged["v0.2.0"] == old, "the release that was given up stays where it is"


async def test_readiness_is_said_again_for_another_release(bench: Bench) -> None:
    other = bench.given.with_name("other")
    other_sha256 = nodes.write_binary(other, bench.home, version="v0.2.1")
    async with bench.controller() as controller:
        approve(bench)
        await until(controller, lambda status: status.attempt is not None)
        await controller.commands.add_upgrade("v0.2.0", bench.given)
        await until(controller, lambda _: OWN in bench.chain.ready)
        bench.chain.ready.clear()
        bench.amend(release_hash=other_sha256, release_round=1)
        await until(
            controller, lambda status: status.attempt is not None and status.attempt.release_hash == other_sha256
        )
        await controller.commands.add_upgrade("v0.2.0", other)
        await until(controller, lambda _: ("ready", other_sha256) in bench.chain.said)
    assert [value for word, value in bench.chain.said if word == "ready"] == [bench.sha256, other_sha256]


async def test_ready_is_taken_back_when_the_bytes_are_gone_and_said_again(bench: Bench) -> None:
    """The chain counts whoever is ready."""
    async with bench.controller() as controller:
        approve(bench)
        await until(controller, lambda status: status.attempt is not None)
        await controller.commands.add_upgrade("v0.2.0", bench.given)
        await until(controller, lambda _: OWN in bench.chain.ready)
        shutil.rmtree(bench.home / "cosmovisor" / "upgrades" / "v0.2.0")
        controller._book.change(preparation=Preparation.FAILED, failure_code=1, note="lost")
        await until(controller, lambda _: "withdraw" in [word for word, _ in bench.chain.said])
        await controller.commands.add_upgrade("v0.2.0", bench.given)
        await until(controller, lambda _: OWN in bench.chain.ready)
    words = [word for word, _ in bench.chain.said if word != "failure"]
    assert words == ["ready", "withdraw", "ready"]


async def test_whoever_is_no_validator_says_nothing_until_it_is_one(bench: Bench) -> None:
    bench.chain.members = OTHERS
    async with bench.controller() as controller:
        approve(bench)
        await until(controller, lambda status: status.attempt is not None)
        await controller.commands.add_upgrade("v0.2.0", bench.given)
        await until(controller, prepared)
        reads = bench.chain.reads
        await until(controller, lambda _: bench.chain.reads > reads + 3)
        assert bench.chain.said == []
        bench.chain.members = (OWN, *OTHERS)
        await until(controller, lambda _: OWN in bench.chain.ready)
