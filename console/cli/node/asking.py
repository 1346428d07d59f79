"""Verbs that the controller does: one question to its socket each."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from console.cli.node.choosing import controlled
from console.cli.node.showing import release_lines, show_status, silent, status_document
from console.cli.printing import complain, print_json
from console.errors import ControllerDown
from console.model import NodeCommand, NodeStatus, NodeVerb
from console.settings import NetworkSettings

if TYPE_CHECKING:
    from console.operations.controllers import Member


def status(arguments: argparse.Namespace) -> int:
    """`node status`: what the controller says, or what its journal says when it is down.

    Raises:
        ConsoleError: Neither says anything.
    """
    from console.node.journalled import journalled_status

    network, node = controlled(arguments)
    try:
        found = asyncio.run(node.client.status())
    except ControllerDown as down:
        error = silent(down, network, node.local)
        journalled = None if node.local is None else journalled_status(node.local.state_dir, node.name)
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
    from console.operations.node_command import WORDS, perform, typed_reason

    network, node = controlled(arguments)
    wanted = _commands(arguments)
    for each in wanted:
        if WORDS[each.verb].reason and not WORDS[each.verb].bare:
            # All of them, before anything is done.
            typed_reason(each.verb, each.reason)
    found: NodeStatus | None = None
    for each in wanted:
        words = WORDS[each.verb]
        if words.reason and not words.bare and not arguments.json:
            print(words.sentence(each.verb, node.name, network.name), flush=True)
        found = asked(network, node, perform(node.client, each))
    assert found is not None  # there is a command for every verb
    show_status(found, as_json=arguments.json)
    return 0


def _commands(arguments: argparse.Namespace) -> list[NodeCommand]:
    """What the arguments of a verb ask for: `arm` and `resume` may ask for two things."""
    action: str = arguments.action
    reason = getattr(arguments, "reason", None) or ""
    if action == "arm" and arguments.unproven is not None:
        now = [] if arguments.reason is None else [NodeCommand(NodeVerb.ARM, reason)]
        return [NodeCommand(NodeVerb.ARM_UNPROVEN, arguments.unproven), *now]
    if action == "resume":
        given = (
            (NodeVerb.RESUME_WITHOUT_POINT, arguments.without_rollback_point),
            (NodeVerb.RESUME_CROSS, arguments.cross),
        )
        return [NodeCommand(verb, why) for verb, why in given if why is not None] or [NodeCommand(NodeVerb.RESUME)]
    if action == "resync" and arguments.from_genesis:
        return [NodeCommand(NodeVerb.RESYNC_FROM_GENESIS, reason)]
    return [NodeCommand(NodeVerb(action), reason, getattr(arguments, "name", ""))]


def rollback_state(arguments: argparse.Namespace) -> int:
    """`node rollback-state`: the last block of a stopped node undone by its own daemon. Raises ConsoleError."""
    from console.operations.node_command import typed_reason
    from console.operations.state_rollback import sentence

    network, node = controlled(arguments)
    reason = typed_reason("rollback-state", arguments.reason)
    if not arguments.json:
        print(sentence(node.name, network.name, hard=arguments.hard), flush=True)
    found = asked(network, node, node.client.rollback_state(reason, hard=arguments.hard))
    show_status(found, as_json=arguments.json)
    return 0


def backup(arguments: argparse.Namespace) -> int:
    """`node backup [NAME]`: take a rollback point now. Raises ConsoleError."""
    import time

    network, node = controlled(arguments)
    name = arguments.name or time.strftime("by-hand-%Y%m%d-%H%M%S", time.gmtime())
    found, point = asked(network, node, node.client.backup(name))
    if arguments.json:
        print_json({**status_document(found), "point": point})
    else:
        show_status(found, as_json=False, before=[f"{point.get('name', name)}: {point.get('sentence', 'taken')}"])
    return 0


def release(arguments: argparse.Namespace) -> int:
    """`node show-release [NAME]`: what is verified of a plan's release. Raises ConsoleError."""
    import dataclasses

    network, node = controlled(arguments)
    found = asked(network, node, node.client.release(arguments.name or ""))
    if arguments.json:
        print_json({**dataclasses.asdict(found), "facts": dict(found.facts)})
    else:
        print("\n".join(release_lines(found)))
    return 0


def prepare(arguments: argparse.Namespace) -> int:
    """`node prepare-upgrade`: follow the open plan until it is ready. Raises ConsoleError: why it is not."""
    from console.operations.node import prepare_upgrade

    network, node = controlled(arguments)
    found = asked(network, node, prepare_upgrade(node.client, arguments.wait))
    show_status(found, as_json=arguments.json)
    return 0


def asked(network: NetworkSettings, node: Member, question: Awaitable[Any]) -> Any:
    """The answer to one question. Raises ConsoleError; a controller that is silent is explained."""

    async def ask() -> Any:
        return await question

    try:
        return asyncio.run(ask())
    except ControllerDown as error:
        raise silent(error, network, node.local) from error
