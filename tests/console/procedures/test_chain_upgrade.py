"""A chain upgrade in its three ways: our controller, Cosmovisor, and by hand over a unit; and what stops each."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import pytest

from console.errors import ConsoleError
from console.files import sha256_of, switch_link
from console.model import Crossing, NodeStatus, Outcome, ProposalStatus
from console.node.chain_halt import HaltSigns
from console.operations.halt_evidence import decide
from console.operations.own_process import OwnProcess, Supervisor
from console.procedures import chain_by_cosmovisor
from console.procedures import chain_plan as plan_steps
from console.procedures.chain_upgrade import CHAIN_UPGRADE
from tests.console.node import nodes
from tests.console.node.bench import until
from tests.console.node.cosmos_nodes import committed, cosmos_bench, running, served
from tests.console.node.runtime.scripts import until as comes
from tests.console.operations.examples import a_network
from tests.console.procedures.on_disk import H, by_hand, on_disk, planned
from tests.console.procedures.scripted import ScriptedContext, accepted, run_step, run_steps, with_socket

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_steps, "POLL_S", 0.02)


async def test_by_our_controller(tmp_path: Path) -> None:
    async with cosmos_bench(tmp_path) as bench, with_socket(bench) as controller:
        bench.tells()
        await until(controller, lambda status: running(status) and status.attempt is not None)
        network = dataclasses.replace(a_network(tmp_path), kind="cosmos", nodes=(bench.node,))
        context = ScriptedContext(network, tmp_path / "run", accepted(CHAIN_UPGRADE, {}), node=bench.node)
        planned(context)
        # The plan names no binary: the step says how to go on, and does.
        with pytest.raises(ConsoleError, match="node add-upgrade v2 FILE"):
            await run_steps(CHAIN_UPGRADE, context, until="upgrade.halt")
        await context.client().add_upgrade("v2", bench.given)
        done = await run_steps(CHAIN_UPGRADE, context, until="upgrade.halt")
        assert {finding.outcome for finding in done.values()} == {Outcome.PASS}
        assert any(bench.sha256 in line for line in done["upgrade.prepared"].evidence)
        # Cancelled and told again: the run that waits ends, and can be gone on with.
        planned(context, status=ProposalStatus.CANCELLED)
        gone = await run_step(CHAIN_UPGRADE, context, "upgrade.halt")
        assert gone.outcome is Outcome.FAIL
        assert "it was cancelled, or another took its place" in gone.sentence
        planned(context, at=H + 50)
        moved = await run_step(CHAIN_UPGRADE, context, "upgrade.halt")
        assert "is planned for height 150 now, and was for 100" in moved.sentence
        planned(context)
        halt = asyncio.create_task(run_step(CHAIN_UPGRADE, context, "upgrade.halt"))
        bench.halts()
        assert (await halt).outcome is Outcome.PASS
        crossed = asyncio.create_task(run_step(CHAIN_UPGRADE, context, "upgrade.crossing"))
        await committed(bench, controller)
        found = await crossed
        assert found.outcome is Outcome.PASS
        assert any(bench.sha256 in line for line in found.evidence)
        # The same word where the network went back instead.
        bench.chain.proposals = []
        status = controller.status()
        assert status.attempt is not None
        aborted = dataclasses.replace(status.attempt, crossing=Crossing.RESUMED_OLD, note="the verdict is ABORT")

        class Aborted:
            async def status(self) -> NodeStatus:
                return dataclasses.replace(status, attempt=aborted)

        context.client = lambda node="": Aborted()  # type: ignore[method-assign,assignment,return-value]
        lost = await run_step(CHAIN_UPGRADE, context, "upgrade.crossing")
        assert lost.outcome is Outcome.FAIL
        assert "proposed again with another height" in lost.go_on
    ids = [step.id for step in CHAIN_UPGRADE.steps({"way": "controller"}, ())]
    assert ids[5:] == [step for step in ids if step.startswith("validator.")]
    # Whoever runs the node, the crossing ends with the proof of it.
    for way in ("cosmovisor", "systemd"):
        assert [step.id for step in CHAIN_UPGRADE.steps({"way": way}, ())][-9:] == ids[5:]


async def test_a_controller_that_has_not_seen_the_plan_yet_is_waited_for(tmp_path: Path) -> None:
    async with cosmos_bench(tmp_path) as bench, with_socket(bench) as controller:
        await until(controller, running)
        network = dataclasses.replace(a_network(tmp_path), kind="cosmos", nodes=(bench.node,))
        context = ScriptedContext(network, tmp_path / "run", accepted(CHAIN_UPGRADE, {}), node=bench.node)
        planned(context)
        await run_step(CHAIN_UPGRADE, context, "upgrade.plan")
        now = context.clock()
        # One that never sees it is no longer waited for.
        late = iter((now, now, now + 1000))
        context.clock = lambda: next(late)
        with pytest.raises(ConsoleError, match="there is no open plan to prepare"):
            await run_step(CHAIN_UPGRADE, context, "upgrade.prepared")
        context.clock, context.told = time.time, []
        step = asyncio.create_task(run_step(CHAIN_UPGRADE, context, "upgrade.prepared"))
        await until(controller, lambda _: "the controller has not seen the plan yet" in context.told)
        bench.tells()
        # It has: that the plan names no binary is what it says of it.
        with pytest.raises(ConsoleError, match="node add-upgrade v2 FILE"):
            await step


async def test_by_hand_over_a_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        await on.unit.start()
        with served(on.new.read_bytes()) as (url, _):
            context = by_hand(on, url)
            done = await run_steps(CHAIN_UPGRADE, context, until="upgrade.halt")
        assert {finding.outcome for finding in done.values()} == {Outcome.PASS}
        # Before its halt nothing is stopped.
        early = await run_step(CHAIN_UPGRADE, context, "upgrade.stop")
        assert early.outcome is Outcome.FAIL
        assert await on.unit.running()
        halted = asyncio.create_task(run_step(CHAIN_UPGRADE, context, "upgrade.halt"))
        await asyncio.sleep(0)
        on.halts()
        assert (await halted).outcome is Outcome.PASS
        for step in ("stop", "backup", "replace"):
            found = await run_step(CHAIN_UPGRADE, context, f"upgrade.{step}")
            assert found.outcome is Outcome.PASS, (step, found)
        assert sha256_of(on.binary) == on.sha256
        assert not await on.unit.running()
        # Gone on with after a kill: all of it once more changes nothing.
        for step in ("backup", "replace"):
            assert (await run_step(CHAIN_UPGRADE, context, f"upgrade.{step}")).outcome is Outcome.PASS
        # Somebody put an older signer state in place.
        signer = on.home / "data" / "priv_validator_state.json"
        context.remember("signer", "99 0 3")
        refused = await run_step(CHAIN_UPGRADE, context, "upgrade.start")
        assert refused.outcome is Outcome.FAIL
        assert "could sign a height twice" in refused.sentence
        signer.write_text('{"height": "99", "round": 0, "step": 3}')
        assert (await run_step(CHAIN_UPGRADE, context, "upgrade.start")).outcome is Outcome.PASS
        crossed = asyncio.create_task(run_step(CHAIN_UPGRADE, context, "upgrade.crossing"))
        on.crosses()
        assert (await crossed).outcome is Outcome.PASS
        for step in ("follows", "applied"):
            assert (await run_step(CHAIN_UPGRADE, context, f"upgrade.{step}")).outcome is Outcome.PASS
        # A node writes it down a moment after it was started.
        await comes(lambda: len(nodes.starts(on.home)) == 2)
        assert [line.split()[1] for line in nodes.starts(on.home)] in (["start", "start"], ["v1", "v2"])


async def test_a_node_that_does_not_stop_or_passes_its_height_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        await on.unit.start()
        with served(on.new.read_bytes()) as (url, _):
            context = by_hand(on, url)
            await run_steps(CHAIN_UPGRADE, context, until="upgrade.halt")
        on.halts()
        assert (await run_step(CHAIN_UPGRADE, context, "upgrade.halt")).outcome is Outcome.PASS
        on.unit.stubborn = True
        with pytest.raises(ConsoleError, match="it was not killed, and nothing was replaced"):
            await run_step(CHAIN_UPGRADE, context, "upgrade.stop")
        await run_step(CHAIN_UPGRADE, context, "upgrade.backup")
        refused = await run_step(CHAIN_UPGRADE, context, "upgrade.replace")
        assert refused.outcome is Outcome.FAIL
        assert sha256_of(on.binary) == on.old
        on.crosses()
        passed = await run_step(CHAIN_UPGRADE, context, "upgrade.halt")
        assert passed.outcome is Outcome.FAIL
        assert "without a halt" in passed.sentence


async def test_under_cosmovisor_the_layout_is_prepared_and_its_crossing_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("DAEMON_", "COSMOVISOR_"))]:
        monkeypatch.delenv(name)
    async with on_disk(tmp_path, monkeypatch) as on:
        # What this shell says counts only where no Cosmovisor is seen.
        monkeypatch.setenv("DAEMON_RESTART_AFTER_UPGRADE", "false")
        started_with = {"DAEMON_HOME": str(on.home), "DAEMON_NAME": nodes.DAEMON, "DAEMON_SHUTDOWN_GRACE": "30s"}
        seen: list[OwnProcess | None] = [None]
        monkeypatch.setattr(chain_by_cosmovisor, "own_process", lambda node: seen[0])
        with served(on.new.read_bytes()) as (url, _):
            context = on.context(CHAIN_UPGRADE, way="cosmovisor")
            planned(context, info=f'{{"binaries": {{"any": "{url}/noded?checksum=sha256:{on.sha256}"}}}}')
            await run_step(CHAIN_UPGRADE, context, "upgrade.plan")
            off = await run_step(CHAIN_UPGRADE, context, "upgrade.cosmovisor")
            assert off.outcome is Outcome.FAIL
            assert "would stay down after the swap" in off.sentence
            monkeypatch.delenv("DAEMON_RESTART_AFTER_UPGRADE")
            unseen = await run_step(CHAIN_UPGRADE, context, "upgrade.cosmovisor")
            assert unseen.outcome is Outcome.WARN
            assert "no Cosmovisor is seen that runs this node" in unseen.sentence
            seen[0] = OwnProcess(7, on.binary, False, Supervisor(6, started_with, None))
            done = await run_steps(CHAIN_UPGRADE, context, until="upgrade.crossing")
        assert {finding.outcome for finding in done.values()} == {Outcome.PASS}
        staged = on.home / "cosmovisor" / "upgrades" / "v2" / "bin" / nodes.DAEMON
        assert sha256_of(staged) == on.sha256
        # Somebody stages something else under the right name: said before the halt, and not replaced.
        right = staged.read_bytes()
        staged.chmod(0o755)
        staged.write_bytes(b"#!/bin/sh\n")
        wrong = await run_step(CHAIN_UPGRADE, context, "upgrade.crossing")
        assert wrong.outcome is Outcome.FAIL
        assert "somebody staged other bytes" in wrong.go_on
        again = await run_step(CHAIN_UPGRADE, context, "upgrade.stage")
        assert again.outcome is Outcome.FAIL
        staged.write_bytes(right)
        # H executed while the old program is current is told, and never taken for a crossing.
        on.crosses()
        old = await run_step(CHAIN_UPGRADE, context, "upgrade.crossing")
        assert old.outcome is Outcome.FAIL
        assert "not by the new program" in old.sentence
        switch_link(on.home / "cosmovisor" / "current", "upgrades/v2")
        for step in ("crossing", "follows", "applied"):
            assert (await run_step(CHAIN_UPGRADE, context, f"upgrade.{step}")).outcome is Outcome.PASS


async def test_a_dry_run_without_a_plan_says_that_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        for way, steps in (("cosmovisor", ("crossing", "follows", "applied")), ("systemd", ("halt", "crossing"))):
            context = on.context(CHAIN_UPGRADE, way=way, unit="noded", binary=str(on.binary))
            for step in steps:
                with pytest.raises(ConsoleError, match="this run knows of no plan"):
                    await run_step(CHAIN_UPGRADE, context, f"upgrade.{step}")


async def test_a_plan_that_is_not_there_and_one_without_binaries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_disk(tmp_path, monkeypatch) as on:
        context = on.context(CHAIN_UPGRADE, way="systemd", unit="noded", binary=str(on.binary), name="v9")
        planned(context)
        missing = await run_step(CHAIN_UPGRADE, context, "upgrade.plan")
        assert missing.outcome is Outcome.FAIL
        assert missing.evidence[0].startswith("v2 at height 100")
        context = on.context(CHAIN_UPGRADE, way="systemd", unit="noded", binary=str(on.binary))
        planned(context, info="https://example.org/releases/v2")
        await run_step(CHAIN_UPGRADE, context, "upgrade.plan")
        with pytest.raises(ConsoleError, match="looks like a release page"):
            await run_step(CHAIN_UPGRADE, context, "upgrade.download")


SIGNS = HaltSigns(H, wrote_file=True, said_so=True, block_height=H, app_height=H - 1, told=True, by_operator=False)


@pytest.mark.parametrize(
    ("changes", "running_now", "lasting", "halted"),
    [
        ({}, True, False, True),
        ({}, False, False, True),
        # H was executed: whatever else is there, there was no halt.
        ({"app_height": H}, True, True, False),
        ({"app_height": H + 5}, False, True, False),
        # A node that is down leaves both, or it ended for another reason.
        ({"said_so": False}, False, True, False),
        ({"wrote_file": False}, False, True, False),
        # A living one: heights with the file, heights for long where the chain tells it, or file and line.
        ({"said_so": False}, True, False, True),
        ({"wrote_file": False, "said_so": False}, True, False, False),
        ({"wrote_file": False, "said_so": False}, True, True, True),
        ({"block_height": None, "app_height": None}, True, False, True),
        ({"block_height": None, "app_height": None, "said_so": False}, True, True, False),
    ],
)
def test_a_halt_is_believed_by_two_signs(
    changes: dict[str, Any], running_now: bool, lasting: bool, halted: bool
) -> None:
    assert decide(dataclasses.replace(SIGNS, **changes), running=running_now, lasting=lasting) is halted
