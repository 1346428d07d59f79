"""`fleet`: every node of the network that the settings name, here and elsewhere, asked once."""

from __future__ import annotations

import argparse
import asyncio
import time

from console.cli.printing import complain, print_json
from console.errors import SettingsError
from console.model import FleetNode, last_word
from console.settings import load_network
from console.text import duration, untrusted

_HEADINGS = f"{'node':<14} {'where':<14} {'state':<20} {'generation':<14} {'height':>10} peers signs  point"


def run(arguments: argparse.Namespace) -> int:
    """Print what each controller says; exit code 1 when one does not answer. Raises ConsoleError."""
    from console.operations.fleet import FleetReader, fleet_document

    network = load_network(arguments.network, arguments.dir)
    if not network.named:
        raise SettingsError(
            f"network {network.name} has no node in the settings", next_step="add a [networks.NAME.nodes.NODE] table"
        )
    nodes = asyncio.run(FleetReader(network).read())
    now = time.time()
    if arguments.json:
        print_json(fleet_document(nodes, now))
    else:
        print(_HEADINGS)
        for node in nodes:
            print(_line(node, now))
    for node in nodes:
        if node.problem:
            complain(f"{node.name}: {node.problem}" if node.name not in node.problem else node.problem)
    return 1 if any(node.problem for node in nodes) else 0


def _line(node: FleetNode, now: float) -> str:
    status, seen = node.status, node.consensus
    where = node.where or "here"
    if status is None:
        return f"{node.name:<14} {where:<14} {'does not answer':<20}"
    signs = {True: "yes", False: "no", None: "—"}[node.signs]
    height = "—" if status.height is None else str(status.height)
    peers = "—" if seen is None else str(seen.peers)
    point = "none" if node.point_at is None else f"{duration(now - node.point_at)} old"
    said = last_word(status)
    words = f"\n    {untrusted(said, 300)}" if said else ""
    return (
        f"{node.name:<14} {where:<14} {status.state:<20} {status.generation:<14} {height:>10} {peers:>5} {signs:>5}  "
        f"{point}{words}"
    )
