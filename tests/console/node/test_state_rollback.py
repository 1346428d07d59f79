"""The daemon's own rollback: only of a node that stands still, never with `--hard` at a halt, and the signer stays."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.errors import NodeError
from console.model import Crossing
from console.node.controller import Controller
from console.node.state_rollback import StateFacts, why_not_back
from tests.console.node.bench import Bench, until
from tests.console.node.cosmos_nodes import CosmosBench, cosmos_bench, ready, running, write_own_plan
from tests.console.node.level_databases import write_app_height, write_newest_block


@pytest.mark.parametrize(
    ("stopped", "block", "app", "plan", "crossing", "soft", "hard"),
    [
        # A node that stands still outside any upgrade.
        (True, 100, 100, 0, False, True, True),
        (True, 100, 100, 90, False, True, True),
        # It runs, or nobody knows where it stands; without a block store --hard could delete what is not executed.
        (False, 100, 100, 0, False, False, False),
        (True, None, 100, 0, False, True, False),
        (True, 100, None, 0, False, False, False),
        # At its halt block H is decided and not executed, as block n is after a rollback: there is nothing to undo.
        (True, 100, 99, 100, False, False, False),
        (True, 100, 99, 0, False, False, False),
        # Just before its halt.
        (True, 98, 98, 100, False, True, False),
        # A crossing leads back by its own rules.
        (True, 100, 99, 100, True, False, False),
        (True, 100, 100, 0, True, False, False),
    ],
)
def test_what_may_be_rolled_back(
    stopped: bool, block: int | None, app: int | None, plan: int, crossing: bool, soft: bool, hard: bool
) -> None:
    facts = StateFacts(stopped, block, app, plan, crossing)
    assert (why_not_back(facts, hard=False) == "") is soft
    assert (why_not_back(facts, hard=True) == "") is hard


def test_hard_never_deletes_a_block_that_was_not_executed_and_never_more_than_soft_may() -> None:
    heights = (None, 98, 99, 100, 101)
    flags = (False, True)
    for stopped, block, app, plan, going in itertools.product(flags, heights, heights, (0, 99, 100, 101), flags):
        facts = StateFacts(stopped, block, app, plan, going)
        if not why_not_back(facts, hard=True):
            assert not why_not_back(facts, hard=False)
            assert block is not None
            assert app is not None
            assert stopped
            assert not going
            assert block <= app
            assert plan <= app


@pytest.fixture
async def cosmos(tmp_path: Path) -> AsyncIterator[CosmosBench]:
    async with cosmos_bench(tmp_path) as bench:
        yield bench


async def stopped_at(bench: CosmosBench, controller: Controller, height: int) -> None:
    """A node that follows the chain, and is stopped by its operator."""
    bench.goes_on(height)
    await until(controller, lambda status: running(status) and status.app_height == height)
    write_newest_block(bench.home, height)
    await controller.commands.stop()


def rollbacks(bench: CosmosBench) -> list[str]:
    log = bench.home / "rollbacks.log"
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.anyio
async def test_a_stopped_node_goes_one_block_back_and_keeps_its_signer(cosmos: CosmosBench) -> None:
    signer = cosmos.home / "data" / "priv_validator_state.json"
    async with cosmos.controller() as controller:
        await until(controller, running)
        with pytest.raises(NodeError, match="its operator has not stopped the node"):
            await controller.commands.rollback_state("the app hash differs", hard=True)
        await stopped_at(cosmos, controller, 120)
        before = signer.read_bytes()
        with pytest.raises(NodeError, match="needs a typed reason"):
            await controller.commands.rollback_state(" ", hard=True)
        assert rollbacks(cosmos) == []
        await controller.commands.rollback_state("the app hash differs", hard=True)
        assert rollbacks(cosmos) == [f"v1 rollback --hard --home {cosmos.home}"]
        assert signer.read_bytes() == before
        status = controller.status()
        assert (status.state, status.app_height) == ("STOPPED_BY_OPERATOR", 119)
        assert cosmos.journal is not None
        assert "state-rolled-back" in {event["kind"] for event in cosmos.journal.events()}
        (point,) = (cosmos.state_dir / "backups").iterdir()
        assert point.name.startswith("before-120-went-back-")
        # Without --hard the block stays: what comes next would delete what is not executed, or do nothing.
        write_newest_block(cosmos.home, 119)
        (cosmos.home / "rollback").write_text("echo Rolled back state to height 118 and hash 00")
        await controller.commands.rollback_state("once more", hard=False)
        with pytest.raises(NodeError, match="block 119 is decided and not executed here"):
            await controller.commands.rollback_state("and more", hard=True)
        with pytest.raises(NodeError, match="there is no block to undo: a start executes it"):
            await controller.commands.rollback_state("and more", hard=False)
        assert len(rollbacks(cosmos)) == 2


@pytest.mark.anyio
async def test_what_the_stopped_node_has_on_disk_counts_and_not_the_last_reading(cosmos: CosmosBench) -> None:
    async with cosmos.controller() as controller:
        cosmos.goes_on(120)
        await until(controller, lambda status: running(status) and status.app_height == 120)
        # Blocks that came between the last reading and the stop, the last of them not executed any more.
        write_newest_block(cosmos.home, 124)
        write_app_height(cosmos.home, 123)
        await controller.commands.stop()
        assert (controller.status().height, controller.status().app_height) == (124, 123)
        with pytest.raises(NodeError, match="block 124 is decided and not executed here"):
            await controller.commands.rollback_state("the app hash differs", hard=True)
        (cosmos.home / "data" / "blockstore.db" / "CURRENT").unlink()
        with pytest.raises(NodeError, match="its block store cannot be read"):
            await controller.commands.rollback_state("the app hash differs", hard=True)
    assert rollbacks(cosmos) == []


@pytest.mark.anyio
async def test_what_is_asked_for_twice_undoes_one_block(cosmos: CosmosBench) -> None:
    """A console that was killed while the daemon works, and the run gone on with before it is done."""
    async with cosmos.controller() as controller:
        await stopped_at(cosmos, controller, 120)
        write_app_height(cosmos.home, 120)
        (cosmos.home / "rollback").write_text("sleep 0.2; echo Rolled back state to height 119 and hash 00")

        async def asked() -> None:
            await controller.commands.rollback_state("the app hash differs", hard=True, app_height=120)

        first = asyncio.create_task(asked())
        await until(controller, lambda _status: rollbacks(cosmos) != [])
        again = asyncio.create_task(asked())
        # As the daemon leaves it.
        write_newest_block(cosmos.home, 119)
        write_app_height(cosmos.home, 119)
        await first
        with pytest.raises(NodeError, match="the application is at height 119, and it was asked for from 120"):
            await again
    assert len(rollbacks(cosmos)) == 1


@pytest.mark.anyio
async def test_at_a_halt_hard_is_refused_whatever_was_read_last(cosmos: CosmosBench) -> None:
    async with cosmos.controller() as controller:
        await ready(cosmos, controller)
        cosmos.halts()
        await until(
            controller, lambda status: status.attempt is not None and status.attempt.crossing is not Crossing.NONE
        )
        await controller.commands.stop()
        with pytest.raises(NodeError, match="a crossing is going on"):
            await controller.commands.rollback_state("it does not start", hard=True)
    assert rollbacks(cosmos) == []


@pytest.mark.anyio
async def test_before_a_planned_halt_hard_is_refused_as_well(cosmos: CosmosBench) -> None:
    async with cosmos.controller() as controller:
        await stopped_at(cosmos, controller, 99)
        write_own_plan(cosmos)
        with pytest.raises(NodeError, match="an upgrade is planned for height 100"):
            await controller.commands.rollback_state("looks odd", hard=True)
    assert rollbacks(cosmos) == []


@pytest.mark.anyio
async def test_a_command_that_fails_or_touches_the_signer_is_told(cosmos: CosmosBench) -> None:
    signer = cosmos.home / "data" / "priv_validator_state.json"
    async with cosmos.controller() as controller:
        await stopped_at(cosmos, controller, 120)
        (cosmos.home / "rollback").write_text("echo 'no state found' >&2; exit 1")
        with pytest.raises(NodeError, match="ended with exit code 1: no state found"):
            await controller.commands.rollback_state("try", hard=False)
        assert controller.status().app_height == 120
        (cosmos.home / "rollback").write_text(f"echo '{{}}' > {signer}")
        with pytest.raises(NodeError, match="which must never happen"):
            await controller.commands.rollback_state("try", hard=False)


@pytest.mark.anyio
async def test_a_node_of_another_kind_has_no_such_command(bench: Bench) -> None:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.app_height is not None)
        await controller.commands.stop()
        with pytest.raises(NodeError, match="only the daemon of a Cosmos SDK chain"):
            await controller.commands.rollback_state("try", hard=False)
