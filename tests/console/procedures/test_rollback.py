"""The way back from an upgrade: by its zone, to a parked node, with the signer's state where it was."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from console.errors import ConsoleError
from console.model import Crossing, Outcome, Verdict
from console.node.controller import Controller
from console.procedures.rollback import ROLLBACK, ROLLBACK_STATE
from tests.console.node import nodes
from tests.console.node.bench import Bench, armed_and_ready, crossing, until
from tests.console.node.conftest import bench as bench
from tests.console.node.cosmos_nodes import cosmos_bench
from tests.console.node.level_databases import write_newest_block
from tests.console.operations.examples import a_network
from tests.console.procedures.scripted import ScriptedContext, accepted, run_step, run_steps, with_socket

pytestmark = pytest.mark.anyio


def context_of(folder: Path, bench: Bench, **given: str) -> ScriptedContext:
    network = dataclasses.replace(a_network(folder), nodes=(bench.node,))
    procedure = ROLLBACK_STATE if "hard" in given else ROLLBACK
    return ScriptedContext(
        network, folder / "run", accepted(procedure, {"why": "blocks are not made", **given}), node=bench.node
    )


async def crossed(bench: Bench, controller: Controller) -> None:
    """The new binary is in place and runs; H is not executed."""
    await armed_and_ready(bench, controller)
    bench.amend(verdict=Verdict.CROSS, frozen_at=96)
    bench.halt()
    await until(controller, crossing(Crossing.STARTING))


async def test_a_node_that_did_not_execute_its_height_goes_back_and_stays_down(bench: Bench, tmp_path: Path) -> None:
    async with with_socket(bench) as controller:
        await crossed(bench, controller)
        context = context_of(tmp_path, bench)
        done = await run_steps(ROLLBACK, context)
        assert [name for name, finding in done.items() if finding.outcome is Outcome.FAIL] == []
        assert list(done) == [step.id for step in ROLLBACK.steps({}, ())]
        status = await context.client().status()
        assert (status.state, status.generation, status.pid) == ("PARKED", "genesis", None)
        # Begun once more, there is nothing to roll back, and the way on is named.
        again = await run_step(ROLLBACK, context, "rollback.zone")
        assert again.outcome is Outcome.FAIL
        assert "node abort" in again.go_on
        # Somebody put an older signer state in place meanwhile.
        context.remember("signer", "5 0 3")
        lower = await run_step(ROLLBACK, context, "rollback.signer-kept")
        assert lower.outcome is Outcome.FAIL
        assert "could sign a height twice" in lower.sentence


async def test_there_is_no_way_back_once_the_network_has_committed(bench: Bench, tmp_path: Path) -> None:
    async with with_socket(bench) as controller:
        await crossed(bench, controller)
        bench.chain.app_height = bench.chain.height = 100
        await until(controller, crossing(Crossing.WAITING_FOR_QUORUM))
        context = context_of(tmp_path, bench)
        executed = await run_step(ROLLBACK, context, "rollback.zone")
        assert executed.outcome is Outcome.FAIL
        assert "only go back if the network aborts" in executed.sentence
        assert "`upgrade-console node abort`" in executed.go_on
        bench.chain.app_height = None
        bench.chain.height = 103
        await until(controller, lambda status: status.attempt is not None and status.attempt.beyond_return)
        gone = await run_step(ROLLBACK, context, "rollback.zone")
        assert gone.outcome is Outcome.FAIL
        assert gone.go_on.startswith(("only forward", "see `upgrade-console node status`"))
        with pytest.raises(ConsoleError):
            await run_step(ROLLBACK, context, "rollback.back")


async def test_one_block_of_a_stopped_cosmos_node(tmp_path: Path) -> None:
    async with cosmos_bench(tmp_path) as bench:
        nodes_state = bench.home / "data" / "priv_validator_state.json"
        nodes_state.write_text(json.dumps(nodes.SIGNER_STATE | {"height": "120"}))
        async with with_socket(bench):
            context = context_of(tmp_path, bench, hard="yes")
            runs = await run_step(ROLLBACK_STATE, context, "rollback-state.stopped")
            assert runs.outcome is Outcome.FAIL
            bench.goes_on(120)
            async with asyncio.timeout(30):
                while (await context.client().status()).app_height != 120:
                    await asyncio.sleep(0.02)
            write_newest_block(bench.home, 120)
            await context.client().stop()
            done = await run_steps(ROLLBACK_STATE, context)
            assert {name: finding.outcome for name, finding in done.items()} == dict.fromkeys(
                (step.id for step in ROLLBACK_STATE.steps({}, ())), Outcome.PASS
            )
            assert "height 120" in done["rollback-state.signer-kept"].evidence[0]
            assert (await context.client().status()).app_height == 119
            # A run that was killed then, and is begun again after a look that came too early: no other block.
            twice = await run_step(ROLLBACK_STATE, context, "rollback-state.back")
            assert (twice.outcome, twice.sentence) == (Outcome.PASS, "the application is at height 119, 120 before")
            again = await run_step(ROLLBACK_STATE, context, "rollback-state.stopped")
            assert "block 120 is decided and not executed here" in again.sentence
