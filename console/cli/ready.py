"""`ready`: readiness signalled by hand."""

from __future__ import annotations

import argparse
import asyncio

from console.addresses import prefix_of
from console.cli.calling import require_registry
from console.cli.printing import print_json
from console.cli.sources import explained
from console.errors import EndpointDown, InputError
from console.model import Proposal
from console.operations.ready import signal_ready
from console.settings import NetworkSettings, NodeSettings, load_network


def run(arguments: argparse.Namespace) -> int:
    """Signal that a node has the release of a proposal staged, or sign that for somebody else to send.

    Raises:
        ConsoleError: It is not true, not possible, or the chain does not answer or refuses.
    """
    if arguments.sign_only or arguments.relay is not None:
        from console.cli import signed

        return signed.run_ready(arguments)
    network = load_network(arguments.network, arguments.dir)
    require_registry(network)
    node = chosen_node(network, arguments.node, arguments.validator_address)
    proposal = asyncio.run(_ready(network, node, arguments.proposal))
    from console.addresses import checksummed

    address = checksummed(node.address)
    if arguments.json:
        print_json({"id": proposal.id, "node": node.name, "address": address})
    else:
        print(f"{node.name} ({address}) is ready for upgrade #{proposal.id} {proposal.name}.")
    return 0


def chosen_node(network: NetworkSettings, name: str | None, address: str | None) -> NodeSettings:
    """The node of that validator address, else of that name, else the network's first.

    Raises:
        InputError: Not an address, no node of this machine has it, or the node of that name has another one.
        SettingsError: There is no such node.
    """
    if address is None:
        return network.node(name)
    from console.chain.address import parse_address

    wanted = parse_address(address, prefix=prefix_of(network.chain_id))
    candidates = network.nodes if name is None else (network.node(name),)
    for node in candidates:
        if node.address.lower() == wanted.lower():
            return node
    known = ", ".join(f"{node.name} {node.address}" for node in candidates) or "none"
    raise InputError(
        f"no node of network {network.name} on this machine has the validator address {wanted} (known: {known})",
        safe="nothing was sent",
    )


async def _ready(network: NetworkSettings, node: NodeSettings, proposal_id: int) -> Proposal:
    from console.chain.plans import RegistryPlans
    from console.chain.signals import RegistrySignals
    from console.chain.signing import PlainTerminal

    plans = RegistryPlans(network, node)
    signals = RegistrySignals(network, node, terminal=PlainTerminal(), by_hand=True)
    try:
        return await signal_ready(node, proposal_id, plans, signals)
    except EndpointDown as error:
        raise explained(error, network, node) from error
    finally:
        await plans.close()
        await signals.close()
