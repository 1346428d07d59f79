"""Verbs on this machine's node that its controller does: each is one question to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from console.errors import InputError, NodeError
from console.model import KnownRelease, NodeStatus, Preparation
from console.text import untrusted

ACTIONS = ("start", "stop", "restart")
"""What an operator can do to a node by hand."""


class NodeControl(Protocol):
    """What a session needs of a controller's client. All raise ControllerDown, or NodeError when refused."""

    async def start(self) -> NodeStatus: ...
    async def stop(self) -> NodeStatus: ...
    async def restart(self) -> NodeStatus: ...
    async def arm_unproven(self, reason: str) -> NodeStatus: ...
    async def add_upgrade(self, name: str, binary: Path) -> NodeStatus: ...
    async def release(self) -> KnownRelease: ...


class Watched(Protocol):
    """What following a preparation needs of a controller's client."""

    def statuses(self) -> AsyncIterator[NodeStatus]: ...


@dataclass(frozen=True, slots=True)
class Danger:
    """A verb that is asked for with a reason: what it will do, and what it costs to undo."""

    verb: str
    does: str
    undo: str

    def sentence(self, node: str, network: str) -> str:
        """The one sentence that is said before it is done."""
        return f"{self.verb}: {self.does.format(node=node, network=network)}; {self.undo}."


DANGERS: dict[str, Danger] = {
    danger.verb: danger
    for danger in (
        Danger(
            "arm",
            "restarts {node} of {network} now, whoever's turn it is, with a rollback point while it is down; the chain"
            " pauses if too little power stays",
            "`node disarm` undoes it at the cost of one more restart",
        ),
        Danger(
            "arm --unproven",
            "lets {node} of {network} arm in its turn, count for GO and cross with a release that the network named in"
            " the settings has not proven",
            "`node disarm` before H keeps the node from halting; once the network has crossed there is no way back",
        ),
        Danger(
            "disarm",
            "restarts {node} of {network} without its halt height: at H it goes on under the old rules",
            "`node arm` undoes it before H at the cost of one more restart; after H only `node resync` does",
        ),
        Danger(
            "swap",
            "stops {node} of {network} and starts it with the other generation",
            "a swap back costs one more restart, and needs the rollback point if the data was changed",
        ),
        Danger(
            "rollback",
            "puts the old binary of {node} of {network} back, with the rollback point's data where H was executed, and"
            " leaves the node stopped",
            "from there it crosses again with `node swap`, or goes on with the old binary if the network aborts",
        ),
        Danger(
            "restore",
            "stops {node} of {network} and puts the rollback point's data in place of its data; the signer state stays",
            "the data of now is kept beside it as `.bad-N` and takes its room until an upgrade is far behind",
        ),
        Danger(
            "resync",
            "takes the data of {node} of {network} back to before its halt and lets the old binary come to H again",
            "the data of now is kept beside it; catching up costs the time of the blocks in between",
        ),
        Danger(
            "abort",
            "takes {node} of {network} back to the old binary, which goes on without this upgrade",
            "there is no way forward again but a new proposal",
        ),
    )
}
"""By verb."""


def typed_reason(verb: str, reason: str | None) -> str:
    """The reason of a dangerous verb.

    Raises:
        InputError: There is none.
    """
    if reason is None or not reason.strip():
        raise InputError(
            f"{verb} needs a reason, for the journal",
            safe="nothing was changed",
            next_step='"…" after it' if verb.endswith("--unproven") else '--reason "…"',
        )
    return reason.strip()


async def act(control: NodeControl, action: str) -> NodeStatus:
    """Start, stop or restart the node.

    Args:
        control: The controller's client.
        action: One of `ACTIONS`.

    Returns:
        The node's status afterwards.

    Raises:
        InputError: There is no such action.
        ControllerDown: Nobody answers.
        NodeError: The controller refused.
    """
    match action:
        case "start":
            return await control.start()
        case "stop":
            return await control.stop()
        case "restart":
            return await control.restart()
    raise InputError(f"there is no action {untrusted(action)!r} on a node (there are: {', '.join(ACTIONS)})")


async def arm_unproven(control: NodeControl, reason: str | None) -> NodeStatus:
    """Take the open plan's release although no other network has proven it; the reason is journalled.

    Raises:
        InputError: There is no reason.
        ControllerDown: Nobody answers.
        NodeError: Nothing waits for a proof.
    """
    return await control.arm_unproven(typed_reason("arm --unproven", reason))


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
            next_step=f"or give the bytes with `upgrade-console node add-upgrade {attempt.name} FILE`",
        )
    if status.paused:
        raise NodeError(
            f"{attempt.name} is not prepared: automation is paused ({status.paused})",
            next_step="`upgrade-console node resume`",
        )
    return False
