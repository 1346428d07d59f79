"""Verbs on this machine's node that its controller does: each is one question to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from console.errors import InputError, NodeError
from console.model import KnownRelease, NodeStatus, Preparation
from console.operations.node_command import CommandedNode


class NodeControl(CommandedNode, Protocol):
    """What a session needs of a controller's client. All raise ControllerDown, or NodeError when refused."""

    async def add_upgrade(self, name: str, binary: Path) -> NodeStatus: ...
    async def release(self) -> KnownRelease: ...


class Watched(Protocol):
    """What following a preparation needs of a controller's client."""

    def statuses(self) -> AsyncIterator[NodeStatus]: ...


async def add_upgrade(control: NodeControl, name: str, binary: Path) -> NodeStatus:
    """Give the controller the bytes of a release; it checks them against the chain's hash before anything else.

    Raises:
        InputError: The file cannot be read.
        ControllerDown: Nobody answers.
        NodeError: The bytes are not the chain's, or there is no such plan.
    """
    check_binary(binary)
    return await control.add_upgrade(name, binary)


def check_binary(binary: Path) -> None:
    """Look at a file before it is given away.

    Raises:
        InputError: It cannot be read, is no file or is empty.
    """
    if not binary.is_file() and binary.exists() and not binary.is_dir():
        # Anything but a file could be read for ever.
        raise InputError(f"cannot read {binary}: it is no file", safe="nothing was changed")
    try:
        with binary.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise InputError(f"cannot read {binary}: {error.strerror or error}", safe="nothing was changed") from error
    if empty:
        raise InputError(f"{binary} is empty", safe="nothing was changed")


async def prepare_upgrade(control: Watched, deadline_s: float = 600.0) -> NodeStatus:
    """Wait until the open plan is fetched, verified, staged and tried, and say why not when it is not.

    The controller prepares by itself from the moment that it knows the plan; this follows it to the end.

    Args:
        control: The controller's client.
        deadline_s: Seconds to wait.

    Raises:
        InputError: There is no open plan.
        NodeError: The preparation failed or stands, with why; or it takes longer than the deadline.
        ControllerDown: Nobody answers, or the controller ended.
    """
    last: NodeStatus | None = None
    try:
        async with asyncio.timeout(deadline_s):
            async for status in control.statuses():
                last = status
                if _is_prepared(status):
                    return status
    except TimeoutError:
        pass
    words = "nothing" if last is None or last.attempt is None else last.attempt.preparation.value
    raise NodeError(
        f"the release is not ready after {deadline_s:.0f} s, but {words}",
        safe="the controller goes on with it",
        next_step="look again with `upgrade-console node status`",
    )


def _is_prepared(status: NodeStatus) -> bool:
    attempt = status.attempt
    if attempt is None or attempt.crossing.ended:
        raise InputError("there is no open plan to prepare", next_step="it comes from the chain, or by `add-upgrade`")
    if attempt.preparation is Preparation.READY:
        return True
    if attempt.preparation is Preparation.FAILED:
        raise NodeError(
            f"{attempt.name} is not ready: {attempt.note}",
            safe="the controller tries again by itself, after at most a minute",
            next_step=f"mend what it says, or give the bytes: `upgrade-console node add-upgrade {attempt.name} FILE`",
        )
    if status.paused:
        raise NodeError(
            f"{attempt.name} is not prepared: automation is paused ({status.paused})",
            next_step="`upgrade-console node resume`",
        )
    return False
