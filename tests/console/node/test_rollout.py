"""Staged rollout: what a release that no other network has proven is held back from, and what it is not."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console.errors import EndpointDown, NodeError
from console.model import (
    Arming,
    Crossing,
    NodeStatus,
    Preparation,
    ProofReading,
    ProofState,
    Proposal,
    ProposalStatus,
    ReleaseKind,
    Verdict,
)
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.release_record import MANIFEST
from console.node.rollout import ProofDemand, Rollout
from console.ports.chain import PlanReading
from tests.console.node import nodes
from tests.console.node.bench import Bench, armed, crossing, until
from tests.console.node.fakes import OTHERS, proposal
from tests.console.node.release.manifests import encoded, whole
from tests.console.node.test_preparation import SETTINGS

pytestmark = pytest.mark.anyio

HOUR_NS = 3600 * 10**9


@dataclass
class OtherNetwork:
    """Another network that the test steers."""

    proposals: list[Proposal] = field(default_factory=list)
    passed_ns: int = 0
    down: bool = False
    asked: list[tuple[str, frozenset[str]]] = field(default_factory=list)

    async def read(self, release_hash: str, binaries: Collection[str]) -> ProofReading:
        self.asked.append((release_hash, frozenset(binaries)))
        if self.down:
            raise EndpointDown("http://testnet does not answer")
        return ProofReading(tuple(self.proposals), (), 10**18, 10**18 + self.passed_ns)

    def execute(self, release_hash: str, hours: int) -> None:
        self.proposals = [proposal(status=ProposalStatus.EXECUTED, release_hash=release_hash, target_height=500)]
        self.passed_ns = hours * HOUR_NS


@pytest.fixture
def testnet(bench: Bench) -> OtherNetwork:
    network = OtherNetwork()
    bench.proof = ProofDemand("testnet", 48 * 3600, network, look_s=0.05)
    return network


async def ready(bench: Bench, controller: object) -> None:
    """The plan is there, the others are armed, the release is ready here."""
    bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
    bench.plan()
    await until(controller, lambda status: status.attempt is not None)  # type: ignore[arg-type]
    await controller.commands.add_upgrade("v0.2.0", bench.given)  # type: ignore[attr-defined]
    await until(controller, lambda _: ("ready", bench.sha256) in bench.chain.said)  # type: ignore[arg-type]


def proof_is(state: ProofState):  # type: ignore[no-untyped-def]
    return lambda status: status.proof is not None and status.proof.state is state


def words_said(bench: Bench) -> set[str]:
    return {what for what, _ in bench.chain.said}


async def looked_again(controller: object, testnet: OtherNetwork) -> None:
    """The controller went round at least twice with what is known now."""
    seen = len(testnet.asked)
    await until(controller, lambda _: len(testnet.asked) >= seen + 2)  # type: ignore[arg-type]


async def test_it_prepares_and_says_ready_but_is_not_armed_before_the_clock_has_run(
    bench: Bench, testnet: OtherNetwork
) -> None:
    testnet.execute(bench.sha256, 47)
    async with bench.controller() as controller:
        await ready(bench, controller)
        status = await until(controller, proof_is(ProofState.RUNNING))
        await looked_again(controller, testnet)
        assert status.note == (
            "not proven yet: testnet executed it at height 500, 47 h 00 min of block time since, 1 h 00 min left"
        )
        assert nodes.starts(bench.home) == ["v0.1.5 0"]
        assert "armed" not in words_said(bench)
        await until(controller, lambda status: status.app_height is not None)
        with pytest.raises(NodeError, match=r"not armed: not proven yet.*--unproven"):
            await controller.commands.arm("I want it")
        testnet.passed_ns = 48 * HOUR_NS
        await until(controller, armed)
        await until(controller, lambda _: ("armed", 100) in bench.chain.said)
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100"]


async def test_what_was_proven_stays_proven(bench: Bench, testnet: OtherNetwork) -> None:
    testnet.execute(bench.sha256, 50)
    bench.set(automatic=False)
    async with bench.controller() as controller:
        bench.plan()
        await until(controller, proof_is(ProofState.PROVEN))
    testnet.down = True
    asked = len(testnet.asked)
    bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
    bench.set(automatic=True)
    async with bench.controller() as controller:
        status = await until(controller, armed)
    assert status.proof is not None
    assert status.proof.sentence == "proven: testnet executed it at height 500, 50 h 00 min of block time since"
    assert len(testnet.asked) == asked


async def test_a_silent_testnet_proves_nothing_and_harms_nothing(bench: Bench, testnet: OtherNetwork) -> None:
    testnet.down = True
    async with bench.controller() as controller:
        await ready(bench, controller)
        await looked_again(controller, testnet)
        status = controller.status()
        assert status.proof is not None
        assert status.proof.sentence == "not proven: testnet cannot be asked: http://testnet does not answer"
        assert status.attempt is not None
        assert (status.attempt.preparation, status.attempt.arming) == (Preparation.READY, Arming.WAITING_TURN)
    assert testnet.asked[0] == (bench.sha256, frozenset({bench.sha256}))


async def test_without_a_name_nothing_is_proven_until_the_operator_decides(bench: Bench) -> None:
    bench.proof = ProofDemand("", 48 * 3600)
    async with bench.controller() as controller:
        await ready(bench, controller)
        assert "the settings name no network that proves releases" in controller.status().note
        await controller.commands.arm_unproven("the testnet is gone")
        status = await until(controller, armed)
        await until(controller, lambda _: ("armed", 100) in bench.chain.said)
    assert status.proof is not None
    assert (status.proof.state, status.proof.sentence) == (
        ProofState.FORCED,
        "taken without a proof: the testnet is gone",
    )
    journal = Journal(bench.state_dir / "journal.db", read_only=True)
    forced = [event["detail"] for event in journal.events() if event["kind"] == "operator-arm-unproven"]
    journal.close()
    assert forced == [{"reason": "the testnet is gone"}]


async def test_nothing_to_force_is_refused(bench: Bench, testnet: OtherNetwork) -> None:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        with pytest.raises(NodeError, match="no plan waits for a proof"):
            await controller.commands.arm_unproven("why not")
        bench.plan()
        await until(controller, lambda status: status.attempt is not None)
        with pytest.raises(NodeError, match="needs a typed reason"):
            await controller.commands.arm_unproven("  ")


async def frozen(bench: Bench, controller: object, height: int, verdict: Verdict) -> None:
    bench.chain.height = height
    bench.amend(verdict=verdict, frozen_at=96)
    await until(
        controller,  # type: ignore[arg-type]
        lambda status: status.attempt is not None and status.attempt.verdict is verdict,
    )


async def test_when_the_network_crosses_it_is_armed_without_a_word_and_waits_at_its_halt(
    bench: Bench, testnet: OtherNetwork
) -> None:
    async with bench.controller() as controller:
        await ready(bench, controller)
        await frozen(bench, controller, 96, Verdict.CROSS)
        status = await until(controller, armed)
        assert "is near, and the release is not proven on testnet" in status.alarm
        bench.halt()
        status = await until(controller, lambda s: crossing(Crossing.HALTED)(s) and "not proven" in s.note)
        await looked_again(controller, testnet)
        status = controller.status()
        assert (status.state, bench.generation(), status.pid) == ("HALTED", "genesis", None)
        assert status.alarm.startswith("HALTED: the release is not proven on testnet")
        assert "node arm --unproven" in status.alarm
        # The network goes on; that alone takes no decision from the operator.
        bench.amend(status=ProposalStatus.EXECUTED)
        await looked_again(controller, testnet)
        assert bench.generation() == "genesis"
        await controller.commands.arm_unproven("the others run it")
        await until(controller, crossing(Crossing.STARTING))
    assert nodes.starts(bench.home)[:2] == ["v0.1.5 0", "v0.1.5 100"]
    assert "armed" not in words_said(bench)


async def test_a_proof_that_comes_while_it_waits_at_its_halt_leads_on(bench: Bench, testnet: OtherNetwork) -> None:
    async with bench.controller() as controller:
        await ready(bench, controller)
        await frozen(bench, controller, 96, Verdict.CROSS)
        await until(controller, armed)
        bench.halt()
        await until(controller, lambda s: crossing(Crossing.HALTED)(s) and "not proven" in s.note)
        testnet.execute(bench.sha256, 48)
        status = await until(controller, crossing(Crossing.STARTING))
    assert status.generation == "v0.2.0"


async def test_an_aborted_upgrade_leaves_the_node_alone(bench: Bench, testnet: OtherNetwork) -> None:
    async with bench.controller() as controller:
        await ready(bench, controller)
        await frozen(bench, controller, 97, Verdict.ABORT)
        await looked_again(controller, testnet)
        bench.chain.height = 101
        status = await until(controller, crossing(Crossing.RESUMED_OLD))
    assert "went on" in status.note
    assert nodes.starts(bench.home) == ["v0.1.5 0"]


async def test_where_no_verdict_is_known_in_time_it_halts_rather_than_guess(
    bench: Bench, testnet: OtherNetwork
) -> None:
    async with bench.controller() as controller:
        await ready(bench, controller)
        bench.chain.height = 95
        await looked_again(controller, testnet)
        assert not armed(controller.status())
        bench.chain.height = 96
        await until(controller, armed)
    assert "armed" not in words_said(bench)


async def test_an_upgrade_that_is_not_breaking_goes_by(bench: Bench, testnet: OtherNetwork) -> None:
    async with bench.controller() as controller:
        bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
        bench.plan(breaking=False)
        await until(controller, lambda status: status.attempt is not None)
        await controller.commands.add_upgrade("v0.2.0", bench.given)
        await until(controller, lambda _: "ready" in words_said(bench))
        await frozen(bench, controller, 97, Verdict.CROSS)
        await looked_again(controller, testnet)
        bench.chain.height = 101
        status = await until(controller, crossing(Crossing.RESUMED_OLD))
    assert bench.generation() == "genesis"
    assert nodes.starts(bench.home) == ["v0.1.5 0"]
    assert status.alarm == ""


async def test_a_node_that_comes_back_before_the_freeze_is_not_armed_by_its_start(
    bench: Bench, testnet: OtherNetwork
) -> None:
    async with bench.controller() as controller:
        await ready(bench, controller)
        nodes.application_at(bench.home, 60)
        await controller.commands.restart()
        await until(controller, lambda _: len(nodes.starts(bench.home)) == 2)
    assert nodes.starts(bench.home)[-1] == "v0.1.5 0"


async def test_a_node_that_comes_late_needs_no_proof_of_what_its_own_network_runs(
    bench: Bench, testnet: OtherNetwork
) -> None:
    nodes.application_at(bench.home, 60)
    bench.chain.height = 300
    bench.chain.app_height = 60
    bench.plan(verdict=Verdict.CROSS, frozen_at=96, status=ProposalStatus.EXECUTED)
    async with bench.controller() as controller:
        status = await until(controller, proof_is(ProofState.PROVEN))
    assert status.attempt is not None
    assert status.attempt.proven == "proven: this network itself executed it at height 100"


async def test_nothing_is_asked_while_nothing_is_demanded_or_planned(bench: Bench, testnet: OtherNetwork) -> None:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.version != "")
        assert controller.status().proof is None
    assert testnet.asked == []
    bench.proof = dataclasses.replace(bench.proof, needed_s=0)
    async with bench.controller() as controller:
        bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
        bench.plan()
        status: NodeStatus = await until(controller, armed)
        await asyncio.sleep(0)
    assert (status.proof, testnet.asked) == (None, [])


async def test_a_controller_that_starts_again_at_the_halt_waits_on(bench: Bench, testnet: OtherNetwork) -> None:
    async with bench.controller() as controller:
        await ready(bench, controller)
        await frozen(bench, controller, 96, Verdict.CROSS)
        await until(controller, armed)
        bench.halt()
        await until(controller, lambda s: crossing(Crossing.HALTED)(s) and "not proven" in s.note)
    async with bench.controller() as controller:
        await looked_again(controller, testnet)
        status = controller.status()
        assert (status.state, bench.generation(), status.pid) == ("HALTED", "genesis", None)
        with pytest.raises(NodeError, match=r"waits at its halt before height 100.*not proven"):
            await controller.commands.start()
        assert bench.generation() == "genesis"
        await controller.commands.arm_unproven("we cross")
        await until(controller, crossing(Crossing.STARTING))


async def test_paused_automation_stays_paused_when_the_release_is_taken(bench: Bench, testnet: OtherNetwork) -> None:
    async with bench.controller() as controller:
        await ready(bench, controller)
        await frozen(bench, controller, 96, Verdict.CROSS)
        await until(controller, armed)
        bench.halt()
        await until(controller, lambda s: crossing(Crossing.HALTED)(s) and "not proven" in s.note)
        await controller.commands.pause("lunch")
        await controller.commands.arm_unproven("we cross")
        await looked_at_plans(bench)
        assert bench.generation() == "genesis"
        await controller.commands.resume()
        await until(controller, crossing(Crossing.STARTING))


async def looked_at_plans(bench: Bench) -> None:
    seen = bench.chain.reads
    async with asyncio.timeout(10):
        while bench.chain.reads < seen + 3:
            await asyncio.sleep(0.01)


async def test_of_a_manifest_the_apps_binary_on_every_platform_counts(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    given = tmp_path / "v0.2.0"
    app = nodes.write_binary(given, home)
    other, side, image = "44" * 32, "55" * 32, "66" * 32
    sources = ["https://releases.example/x"]
    binaries = {
        nodes.DAEMON: {"sha256": app, "size": 1, "sources": sources},
        "sidecar": {"sha256": side, "size": 1, "sources": sources},
    }
    platforms = {
        "linux/amd64": {"binaries": binaries, "images": {nodes.DAEMON: f"ghcr.io/x/y@sha256:{image}"}},
        "linux/arm64": {"binaries": {nodes.DAEMON: {"sha256": other, "size": 1, "sources": sources}}},
    }
    content = encoded(whole(platforms=platforms))
    generations = Generations(home, nodes.DAEMON)
    journal = Journal(tmp_path / "journal.db")
    book = AttemptBook(journal, lambda: None)
    network = OtherNetwork()
    demand = ProofDemand("testnet", 48 * 3600, network, look_s=0.01)
    settings = dataclasses.replace(SETTINGS, home=home)
    rollout = Rollout(demand, lambda: settings, book, generations)
    plan = proposal(release_kind=ReleaseKind.MANIFEST, release_hash="77" * 32)
    reading = PlanReading(60, (plan,), None)
    book.follow(reading, "", None)
    watching = asyncio.create_task(rollout.watch())
    try:
        await asked_with(network, set(), rollout, reading)
        assert rollout.proof() is not None
        generations.stage("v0.2.0", given, app, "test", documents={MANIFEST: content})
        for state in (Preparation.FETCHING, Preparation.VERIFIED, Preparation.STAGED):
            book.change(preparation=state, generation_hash=app)
        await asked_with(network, {app, other, image}, rollout, reading)
        # What lies there is not what was verified: only the binary of this node itself is known then.
        manifest = home / "cosmovisor" / "upgrades" / "v0.2.0" / MANIFEST
        manifest.chmod(0o644)
        manifest.write_bytes(content + b" ")
        await asked_with(network, {app}, rollout, reading)
    finally:
        watching.cancel()
        await asyncio.wait({watching})
        journal.close()


async def asked_with(network: OtherNetwork, binaries: set[str], rollout: Rollout, reading: PlanReading) -> None:
    async with asyncio.timeout(10):
        while not network.asked or network.asked[-1] != ("77" * 32, frozenset(binaries)):
            rollout.look(reading, reading.proposals[0])
            await asyncio.sleep(0.01)
