"""Which node a verb means: one of the settings or Cosmovisor's own (`DAEMON_HOME`, `--cosmovisor-config`)."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from console.cli.printing import complain
from console.cli.sources import load_node
from console.settings import NetworkSettings, NodeSettings, load_network

if TYPE_CHECKING:
    from console.operations.controllers import Member
    from console.operations.cosmovisor_home import DropIn


def chosen(arguments: argparse.Namespace) -> tuple[NetworkSettings, NodeSettings]:
    """The network and node that the arguments name.

    Raises:
        SettingsError: There is no such network or node, or settings are not acceptable.
    """
    found = cosmovisor(arguments)
    return load_node(arguments) if found is None else (found.network, found.node)


def controlled(arguments: argparse.Namespace) -> tuple[NetworkSettings, Member]:
    """The network and the node whose controller is asked, on this machine or elsewhere. Raises SettingsError."""
    from console.operations.controllers import here, member

    found = cosmovisor(arguments)
    if found is not None:
        return found.network, here(found.node)
    network = load_network(arguments.network, arguments.dir)
    # What is done without a name is done to this machine's.
    return network, here(network.node(None)) if arguments.node is None else member(network, arguments.node)


def cosmovisor(arguments: argparse.Namespace, *, check_folders: bool = True) -> DropIn | None:
    """The node of Cosmovisor's settings when no network is named; None when one is. Raises SettingsError."""
    if arguments.network is not None:
        return None
    from console.operations.cosmovisor_home import drop_in

    return drop_in(
        os.environ,
        getattr(arguments, "cosmovisor_config", None),
        getattr(arguments, "daemon_arguments", None) or (),
        check_folders=check_folders,
    )


def run(arguments: argparse.Namespace) -> int:
    """`node run`: the controller in the foreground.

    Raises:
        ConsoleError: It cannot run.
    """
    import asyncio

    from console.daemon import run_controller

    found = cosmovisor(arguments)
    if found is None:
        network, node = load_node(arguments)
    else:
        network, node = found.network, found.node
        for note in found.notes:
            complain(note)
    return asyncio.run(run_controller(network, node))
