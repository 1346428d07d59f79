"""Verbs on this machine's node: each is one question to its controller."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from console.errors import InputError
from console.model import NodeStatus
from console.text import untrusted

ACTIONS = ("start", "stop", "restart")
"""What an operator can do to a node by hand."""


class NodeControl(Protocol):
    """What the verbs need of a controller's client. All raise ControllerDown, or NodeError when refused."""

    async def start(self) -> NodeStatus: ...
    async def stop(self) -> NodeStatus: ...
    async def restart(self) -> NodeStatus: ...
    async def add_upgrade(self, name: str, binary: Path) -> NodeStatus: ...


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


async def add_upgrade(control: NodeControl, name: str, binary: Path) -> NodeStatus:
    """Give the controller the bytes of a release; it checks them against the chain's hash before anything else.

    Raises:
        InputError: The file cannot be read.
        ControllerDown: Nobody answers.
        NodeError: The bytes are not the chain's, or there is no such plan.
    """
    try:
        with binary.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise InputError(f"cannot read {binary}: {error.strerror or error}", safe="nothing was changed") from error
    if empty:
        raise InputError(f"{binary} is empty", safe="nothing was changed")
    return await control.add_upgrade(name, binary)
