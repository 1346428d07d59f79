"""Verbs that the controller does: one question to its socket each."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from console.cli.node.choosing import chosen
from console.cli.node.showing import release_lines, show_status, silent, status_document
from console.cli.printing import complain, print_json
from console.errors import ControllerDown
from console.model import NodeStatus
from console.settings import NetworkSettings, NodeSettings

if TYPE_CHECKING:
    from console.node.client import NodeClient

_Question = Callable[["NodeClient", argparse.Namespace], Awaitable[NodeStatus]]


def status(arguments: argparse.Namespace) -> int:
    """`node status`: what the controller says, or what its journal says when it is down.

    Raises:
        ConsoleError: Neither says anything.
    """
    from console.node.client import NodeClient
    from console.node.journalled import journalled_status

    network, node = chosen(arguments)
    try:
        found = asyncio.run(NodeClient(node.state_dir).status())
    except ControllerDown as down:
        error = silent(down, network, node)
        journalled = journalled_status(node.state_dir, node.name)
        if journalled is None:
            raise error from down
        show_status(journalled, as_json=arguments.json, journalled=True)
        complain(str(error))
        return 0
    show_status(found, as_json=arguments.json)
    return 0


def command(arguments: argparse.Namespace) -> int:
    """A verb that changes something.

    Raises:
        ConsoleError: It was refused or failed.
    """
    from console.operations.node import DANGERS, typed_reason

    network, node = chosen(arguments)
    action: str = arguments.action
    if getattr(arguments, "unproven", None) is not None:
        found = _take_unproven(network, node, arguments)
        if arguments.reason is None:
            show_status(found, as_json=arguments.json)
            return 0
    danger = DANGERS.get(action)
    if danger is not None:
        arguments.reason = typed_reason(action, arguments.reason)
        if not arguments.json:
            print(danger.sentence(node.name, network.name), flush=True)
    show_status(asked(network, node, _QUESTIONS[action](_client(node), arguments)), as_json=arguments.json)
    return 0


def _take_unproven(network: NetworkSettings, node: NodeSettings, arguments: argparse.Namespace) -> NodeStatus:
    """`node arm --unproven REASON`: the half that needs no restart. Raises ConsoleError."""
    from console.operations.node import DANGERS, arm_unproven, typed_reason

    # Both, before anything is done.
    verb = "arm --unproven"
    reason = typed_reason(verb, arguments.unproven)
    if arguments.reason is not None:
        typed_reason("arm", arguments.reason)
    if not arguments.json:
        print(DANGERS[verb].sentence(node.name, network.name), flush=True)
    found: NodeStatus = asked(network, node, arm_unproven(_client(node), reason))
    return found


def backup(arguments: argparse.Namespace) -> int:
    """`node backup [NAME]`: take a rollback point now. Raises ConsoleError."""
    import time

    network, node = chosen(arguments)
    name = arguments.name or time.strftime("by-hand-%Y%m%d-%H%M%S", time.gmtime())
    found, point = asked(network, node, _client(node).backup(name))
    if arguments.json:
        print_json({**status_document(found), "point": point})
    else:
        show_status(found, as_json=False, before=[f"{point.get('name', name)}: {point.get('sentence', 'taken')}"])
    return 0


def release(arguments: argparse.Namespace) -> int:
    """`node show-release [NAME]`: what is verified of a plan's release. Raises ConsoleError."""
    import dataclasses

    network, node = chosen(arguments)
    found = asked(network, node, _client(node).release(arguments.name or ""))
    if arguments.json:
        print_json({**dataclasses.asdict(found), "facts": dict(found.facts)})
    else:
        print("\n".join(release_lines(found)))
    return 0


def prepare(arguments: argparse.Namespace) -> int:
    """`node prepare-upgrade`: follow the open plan until it is ready. Raises ConsoleError: why it is not."""
    from console.operations.node import prepare_upgrade

    network, node = chosen(arguments)
    found = asked(network, node, prepare_upgrade(_client(node), arguments.wait))
    show_status(found, as_json=arguments.json)
    return 0


def asked(network: NetworkSettings, node: NodeSettings, question: Awaitable[Any]) -> Any:
    """The answer to one question. Raises ConsoleError; a controller that is silent is explained."""

    async def ask() -> Any:
        return await question

    try:
        return asyncio.run(ask())
    except ControllerDown as error:
        raise silent(error, network, node) from error


def _client(node: NodeSettings) -> NodeClient:
    from console.node.client import NodeClient

    return NodeClient(node.state_dir)


async def _act(client: NodeClient, arguments: argparse.Namespace) -> NodeStatus:
    from console.operations.node import act

    return await act(client, arguments.action)


_QUESTIONS: dict[str, _Question] = {
    "start": _act,
    "stop": _act,
    "restart": _act,
    "pause": lambda client, given: client.pause(given.reason or ""),
    "resume": lambda client, given: client.resume(
        without_rollback_point=given.without_rollback_point or "", cross=given.cross or ""
    ),
    "arm": lambda client, given: client.arm(given.reason),
    "disarm": lambda client, given: client.disarm(given.reason),
    "swap": lambda client, given: client.swap(given.name, given.reason),
    "rollback": lambda client, given: client.rollback(given.reason),
    "restore": lambda client, given: client.restore(given.name, given.reason),
    "resync": lambda client, given: client.resync(given.reason, from_genesis=given.from_genesis),
}
