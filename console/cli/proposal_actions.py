"""Verbs that do one thing with one proposal: each is the operation behind the console's key, run once."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress

from console.cli.calling import run_call, run_on_proposal
from console.cli.confirming import confirm
from console.cli.printing import complain, print_json
from console.cli.sources import load_node, load_target
from console.errors import ConsoleError, InputError
from console.model import HaltCode, NodeCommand, NodeStatus, NodeVerb, Proposal, RegistryCall, Snapshot
from console.operations import governance
from console.settings import load_network

CHAIN_WAIT_S = 5.0
"""Seconds for asking the chain what stopping this node would cost: it may be the chain that is in trouble."""


def vote(arguments: argparse.Namespace) -> int:
    """Vote, sign a vote for somebody else to send, or send one that was signed. Raises ConsoleError."""
    target = load_target(arguments)
    if target.network.kind == "cosmos":
        from console.cli import chain_messages

        return chain_messages.vote(arguments, target)
    if arguments.weighted is not None or arguments.choice not in {None, "yes", "no"}:
        raise InputError("the registry of an IPC network takes yes and no", safe="nothing was sent")
    if arguments.relay is not None or arguments.sign_only:
        from console.cli import signed

        return signed.run_vote(arguments)
    support: bool = arguments.choice == "yes"
    return run_on_proposal(arguments, lambda proposal: governance.vote_call(proposal, support=support))


def finalize(arguments: argparse.Namespace) -> int:
    """Store that a vote was lost or ran out. Raises ConsoleError."""
    return run_on_proposal(arguments, governance.finalize_call)


def schedule(arguments: argparse.Namespace) -> int:
    """Give an approved proposal its height. Raises ConsoleError."""
    return run_on_proposal(arguments, governance.schedule_call)


def expire(arguments: argparse.Namespace) -> int:
    """Store that a proposal ran out of time. Raises ConsoleError."""
    return run_on_proposal(arguments, governance.expire_call)


def execute(arguments: argparse.Namespace) -> int:
    """Have linked calls made. Raises ConsoleError."""
    return run_on_proposal(arguments, governance.execute_call)


def undo(arguments: argparse.Namespace) -> int:
    """Have linked calls taken back. Raises ConsoleError."""
    return run_on_proposal(arguments, governance.undo_call)


def cancel(arguments: argparse.Namespace) -> int:
    """Take an own proposal back. Raises ConsoleError."""
    target = load_target(arguments)
    if target.network.kind == "cosmos":
        from console.cli import chain_messages

        return chain_messages.cancel(arguments, target)
    return run_on_proposal(arguments, governance.cancel_call)


def replace(arguments: argparse.Namespace) -> int:
    """Agree to other bytes. Raises ConsoleError."""
    return run_on_proposal(arguments, lambda proposal: governance.replace_call(proposal, arguments.hash, arguments.url))


def rollback(arguments: argparse.Namespace) -> int:
    """Agree that the network went back; asks for its name. Raises ConsoleError."""
    _confirmed(arguments)
    return run_on_proposal(arguments, lambda proposal: governance.rollback_call(proposal, arguments.reason))


def halt(arguments: argparse.Namespace) -> int:
    """Approve as the council that an upgrade is cancelled, or stop this node; never both. Raises ConsoleError."""
    if arguments.stop_node:
        return _halt_node(arguments)
    code = HaltCode[arguments.code.upper().replace("-", "_")]

    def make(proposal: Proposal) -> RegistryCall:
        return governance.halt_call(proposal, code, arguments.reason)

    _confirmed(arguments)
    return run_on_proposal(arguments, make)


def _confirmed(arguments: argparse.Namespace) -> None:
    if arguments.dry_run or arguments.export is not None:
        return
    confirm(load_network(arguments.network, arguments.dir).name, arguments.confirm)


def _halt_node(arguments: argparse.Namespace) -> int:
    """Stop this machine's node. Only its controller is needed: that the chain is silent holds nothing up."""
    network, node = load_node(arguments)
    complain(asyncio.run(_what_stays(arguments)))
    confirm(network.name, arguments.confirm)
    status = asyncio.run(_stop(arguments))
    if arguments.json:
        print_json({"node": node.name, "state": status.state})
    else:
        print(f"{node.name} is stopped: no automation starts it, not even an upgrade. The proposal is not touched.")
    return 0


async def _what_stays(arguments: argparse.Namespace) -> str:
    """What stopping costs the network, as far as the chain tells it now."""
    from console.cli.sources import observing
    from widgets.emergency_words import stop_warning

    target = load_target(arguments)
    assert target.node is not None  # load_node has found it
    snapshot: Snapshot | None = None
    with suppress(ConsoleError, TimeoutError):
        async with observing(target) as (_, observer), asyncio.timeout(CHAIN_WAIT_S):
            snapshot = await observer.snapshot()
    return stop_warning(snapshot, target.node.address)


async def _stop(arguments: argparse.Namespace) -> NodeStatus:
    from console.node.client import NodeClient
    from console.operations.node_command import perform

    _, node = load_node(arguments)
    return await perform(NodeClient(node.state_dir), NodeCommand(NodeVerb.STOP))


def advertise(arguments: argparse.Namespace) -> int:
    """Tell which release this validator runs. Raises ConsoleError."""
    call = governance.advertise_call(arguments.version_name, arguments.protocol, arguments.hash)
    return run_call(arguments, lambda _: _ready_made(call))


def set_operator(arguments: argparse.Namespace) -> int:
    """Name the key that signals for this validator. Raises ConsoleError."""
    from console.addresses import ZERO_ADDRESS, prefix_of, read_address

    network = load_network(arguments.network, arguments.dir)
    named = arguments.address
    operator = ZERO_ADDRESS if named == "none" else read_address(named, prefix=prefix_of(network.chain_id))
    call = governance.set_operator_call(operator)
    return run_call(arguments, lambda _: _ready_made(call))


async def _ready_made(call: RegistryCall) -> RegistryCall:
    return call
