"""When a devnet that was started counts as up: a list of conditions, watched together under one deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from console.devnet.controllers import Controllers
from console.devnet.layout import Layout
from console.devnet.ports import LOOPBACK
from console.devnet.process_identity import is_alive
from console.devnet.record import Record, ValidatorRecord
from console.devnet.status import heights_of
from console.errors import DevnetError, NodeError
from console.model import Crossing, NodeState
from console.text import untrusted

READY_HEIGHT = 2
"""Blocks that a new chain must have made before it counts as up."""
DEADLINE_S = 60.0
"""Seconds until `up` gives up; far above what it takes, for machines that are busy."""
SETTLE_S = 10.0
"""Seconds that a resumed node has for its RPC before it counts as down for reasons of its own."""

_POLL_S = 0.05
_DOWN_FOR_A_REASON = frozenset(
    {
        NodeState.STOPPED_BY_OPERATOR.value,
        NodeState.NEEDS_OPERATOR.value,
        Crossing.HALTED.value,
        Crossing.MISSED_HALT.value,
    }
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing to wait for."""

    text: str
    """What is true then, in words."""
    holds: Callable[[], Awaitable[bool]]


def conditions(layout: Layout, record: Record, controllers: Controllers, *, fresh: bool) -> list[Condition]:
    """What must hold: every service and controller answers, and the chain lives.

    Args:
        layout: The folder.
        record: The devnet.
        controllers: The seam to the controllers.
        fresh: Whether the chain is new and must make blocks. A resumed one only needs the RPC of each node that its
            controller runs: an operator's stop or a waiting upgrade may leave it without quorum, rightly.
    """
    wanted = [
        Condition("the EVM answers", lambda: _listens(record.evm_port)),
        Condition("the release server answers", lambda: _listens(record.release_port)),
    ]
    for validator in record.validators:
        wanted.append(
            Condition(f"{validator.name}'s controller answers", _controller_answers(layout, controllers, validator))
        )
    if fresh:
        wanted.append(Condition(f"block {READY_HEIGHT} is made", _height_reached(record, READY_HEIGHT)))
    else:
        for validator in record.validators:
            wanted.append(Condition(f"{validator.name} is settled", _node_settled(layout, controllers, validator)))
    return wanted


async def until_all(
    wanted: list[Condition], layout: Layout, record: Record, *, deadline_s: float = DEADLINE_S
) -> AsyncIterator[str]:
    """Wait for all conditions; yields the text of each as it comes true.

    Raises:
        DevnetError: A daemon ended, or not everything came true within `deadline_s` seconds.
    """
    deadline = time.monotonic() + deadline_s
    while True:
        for name, identity in record.processes.items():
            if not is_alive(identity):
                raise DevnetError(
                    f"the devnet's {name} ended at its start: {last_line(layout.log(name))}",
                    safe="the devnet was stopped again and its folder kept",
                )
        held = await asyncio.gather(*(each.holds() for each in wanted))
        for condition, true in zip(wanted, held, strict=True):
            if true:
                yield condition.text
        wanted = [condition for condition, true in zip(wanted, held, strict=True) if not true]
        if not wanted:
            return
        if time.monotonic() > deadline:
            raise DevnetError(
                f"the devnet is not up after {deadline_s:g} seconds; still not true: "
                + ", ".join(each.text for each in wanted),
                safe="it was stopped again and its folder kept",
                next_step=f"look at the logs in {layout.logs}",
            )
        await asyncio.sleep(_POLL_S)


def last_line(log: Path) -> str:
    """Last line of a daemon's log, safe to show."""
    try:
        lines = log.read_bytes()[-4096:].strip().splitlines()
    except OSError:
        lines = []
    return str(untrusted(lines[-1])) if lines else f"nothing in {log}"


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


def _height_reached(record: Record, height: int) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        told = await heights_of(each.cometbft_rpc for each in record.validators)
        return any(each is not None and each >= height for each in told)

    return holds


def _controller_answers(
    layout: Layout, controllers: Controllers, validator: ValidatorRecord
) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        try:
            await controllers.status(layout.node(validator.name).state_dir)
        except NodeError:
            return False
        return True

    return holds


def _node_settled(
    layout: Layout, controllers: Controllers, validator: ValidatorRecord
) -> Callable[[], Awaitable[bool]]:
    since = time.monotonic()

    async def holds() -> bool:
        if (await heights_of([validator.cometbft_rpc]))[0] is not None:
            return True
        try:
            word = await controllers.status(layout.node(validator.name).state_dir)
        except NodeError:
            return False
        return word.pid is None and (word.state in _DOWN_FOR_A_REASON or time.monotonic() - since > SETTLE_S)

    return holds
