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

_LEAST = 14
"""Columns of a name, where none of the fleet is longer."""


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
        name = _widest(*(node.name for node in nodes))
        where = _widest(*(node.where for node in nodes))
        print(f"{'node':<{name}} {'where':<{where}} {_REST}")
        for node in nodes:
            print(f"{node.name:<{name}} {node.where or 'here':<{where}} {_line(node, now)}")
    for node in nodes:
        if node.problem:
            complain(f"{node.name}: {node.problem}" if node.name not in node.problem else node.problem)
    return 1 if any(node.problem for node in nodes) else 0


_REST = f"{'state':<20} {'generation':<14} {'height':>10} peers signs  point"


def _widest(*words: str) -> int:
    return max(_LEAST, *(len(word) for word in words))


def _line(node: FleetNode, now: float) -> str:
    status, seen = node.status, node.consensus
    if status is None:
        return "does not answer"
    signs = {True: "yes", False: "no", None: "—"}[node.signs]
    height = "—" if status.height is None else str(status.height)
    peers = "—" if seen is None else str(seen.peers)
    point = "none" if node.point_at is None else f"{duration(now - node.point_at)} old"
    said = last_word(status)
    words = f"\n    {untrusted(said, 300)}" if said else ""
    state = f"{status.state:<20}" if not node.problem else f"{'does not answer':<20}"
    return f"{state} {status.generation:<14} {height:>10} {peers:>5} {signs:>5}  {point}{words}"
