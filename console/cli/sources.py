"""What the verbs read from and write to, put together for one network: chain, controller, observer."""

from __future__ import annotations

import argparse
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from console.errors import ConsoleError, ControllerDown, DevnetError
from console.settings import (
    DEVNET,
    NetworkSettings,
    NodeSettings,
    default_devnet_folder,
    devnet_up_command,
    load_maintenance,
    load_network,
)

if TYPE_CHECKING:
    from console.hand_lock import HandLock
    from console.model import Snapshot
    from console.observer import Observer
    from console.operations.chain_daemon import DaemonMessages
    from console.operations.chains import Chain
    from console.operations.connection import Connection, GovernanceSource
    from console.operations.parent_watch import ParentWatch
    from console.ports.keys import Terminal
    from console.procedures.desk import Desk


@dataclass(frozen=True, slots=True)
class Target:
    """What the arguments name: a network, and this machine's node of it."""

    network: NetworkSettings
    node: NodeSettings | None
    """None when the settings have no node of this network."""


def load_target(arguments: argparse.Namespace) -> Target:
    """Load the settings that the arguments name.

    Raises:
        SettingsError: No such network or node, or settings that are not acceptable.
    """
    network = load_network(arguments.network, arguments.dir)
    named: str | None = arguments.node
    return Target(network, network.node(named) if named is not None or network.nodes else None)


def load_node(arguments: argparse.Namespace) -> tuple[NetworkSettings, NodeSettings]:
    """Load the settings of a node that must be there.

    Raises:
        SettingsError: As `load_target`, and when the network has no node.
    """
    network = load_network(arguments.network, arguments.dir)
    return network, network.node(arguments.node)


def network_if_named(arguments: argparse.Namespace) -> NetworkSettings | None:
    """The network that the arguments name, for verbs that can do without one.

    Raises:
        SettingsError: It is not known, or not acceptable.
    """
    return None if arguments.network is None else load_network(arguments.network, arguments.dir)


@asynccontextmanager
async def observing(target: Target) -> AsyncIterator[tuple[Chain, Observer]]:
    """The chain and an observer of chain and node; the chain is closed at the end."""
    from console.operations.chains import chain_of
    from console.operations.parent_watch import watch_of

    chain, above = chain_of(target.network), watch_of(target.network)
    try:
        yield chain, _observer(target, chain, None if above is None else above[0])
    finally:
        await chain.close()
        if above is not None:
            await above[1]()


def governance_of(network: NetworkSettings, node: NodeSettings | None) -> GovernanceSource:
    """What reads the votes of one proposal, by the network's kind."""
    if network.kind == "cosmos":
        from console.chain.cosmos.votes import CosmosVotes

        return CosmosVotes(network)
    from console.chain.governance import GovernanceReader

    return GovernanceReader(network, (*(() if node is None else (node.ethereum_rpc,)), *network.ethereum_rpc))


def connect(target: Target, terminal: Terminal | None = None) -> Connection:
    """Everything that a session on this network needs.

    Args:
        target: Network and node.
        terminal: On which the signer asks for passphrases while somebody draws there; None where nobody does.
    """
    from console.chain.plans import RegistryPlans
    from console.chain.signals import RegistrySignals
    from console.chain.signing_record import SigningRecords
    from console.chain.traffic import TrafficReader
    from console.node.client import NodeClient
    from console.node.link.local import LocalLink
    from console.operations.chains import chain_of
    from console.operations.connection import Connection
    from console.operations.parent_watch import watch_of
    from console.operations.registry_call import RegistryCalls

    network, node = target.network, target.node
    chain, above = chain_of(network), watch_of(network)
    plans = None if node is None else RegistryPlans(network, node)
    signals = None if node is None else RegistrySignals(network, node, terminal=terminal, by_hand=True)
    governance = governance_of(network, node)
    calls = RegistryCalls(network, node, terminal=terminal)
    messages = daemon_messages(target, chain, terminal) if network.kind == "cosmos" else None
    own = () if node is None else (node.cometbft_rpc,)
    commits = SigningRecords(network, (*own, *network.cometbft_rpc))
    traffic = TrafficReader(network, (*own, *network.cometbft_rpc))

    async def close() -> None:
        for part in (chain, plans, signals, governance, calls, messages, commits, traffic):
            if part is not None:
                await part.close()
        if above is not None:
            await above[1]()

    return Connection(
        network=network,
        node=node,
        source=_observer(target, chain, None if above is None else above[0]),
        control=None if node is None else NodeClient(LocalLink(node.state_dir, node.unit)),
        plans=plans,
        signals=signals,
        governance=governance,
        calls=calls,
        messages=messages,
        commits=commits,
        traffic=traffic,
        own_windows=load_maintenance(),
        procedures=partial(procedure_desk, target),
        close=close,
    )


def daemon_messages(target: Target, chain: Chain, terminal: Terminal | None, key: str = "") -> DaemonMessages:
    """What says something to a Cosmos chain by its daemon.

    Args:
        target: The chain and this machine's node of it.
        chain: Reads it: none of its proposals is made twice, and nothing is signed while its endpoints disagree.
        terminal: On which the daemon's keyring may ask; None where nobody is.
        key: Name or address of the key that signs, instead of the settings'.
    """
    from console.operations.chain_daemon import DaemonMessages

    return DaemonMessages(target.network, target.node, key=key, terminal=terminal, view=chain.view)


def procedure_desk(target: Target, terminal: Terminal | None = None, hands: HandLock | None = None) -> Desk:
    """The procedures that can be run here, and their runs.

    Args:
        target: Network and node.
        terminal: On which a signer or a keyring may ask.
        hands: Whether changes are let through; None for freely.

    Raises:
        SettingsError: The operator's own steps are not acceptable.
    """
    from console.procedures.catalogue import catalogue
    from console.procedures.desk import Desk
    from console.procedures.run_context import Place
    from console.procedures.run_journal import procedures_folder

    async def read() -> Snapshot:
        async with observing(target) as (_, observer):
            return await observer.snapshot()

    @asynccontextmanager
    async def reading() -> AsyncIterator[Callable[[], Awaitable[Snapshot]]]:
        async with observing(target) as (_, observer):
            yield observer.snapshot

    folder = procedures_folder(target.network)
    place = Place(target.network, target.node, folder, read, time.time, terminal)
    return Desk(place, catalogue(), reading=reading, hands=hands)


def _observer(target: Target, chain: Chain, parent: ParentWatch | None) -> Observer:
    from console.node.client import NodeClient
    from console.node.journalled import journalled_status
    from console.node.link.local import LocalLink
    from console.observer import Observer

    node = target.node
    if node is None:
        return Observer(target.network, None, chain, None, parent=parent)
    return Observer(
        target.network,
        node,
        chain,
        NodeClient(LocalLink(node.state_dir, node.unit)),
        journalled=lambda: journalled_status(node.state_dir, node.name),
        parent=parent,
    )


def given_folder(network: NetworkSettings) -> Path | None:
    """The devnet's folder when it is not the default one: what `--dir` must name in a command."""
    return None if network.folder in {None, default_devnet_folder()} else network.folder


def is_stopped_devnet(network: NetworkSettings) -> bool:
    """Whether this is a devnet of which no process runs."""
    if network.name != DEVNET or network.folder is None:
        return False
    from console.devnet.network import is_running

    return not is_running(network.folder)


def explained(error: ConsoleError, network: NetworkSettings, node: NodeSettings | None) -> ConsoleError:
    """The error to tell when an endpoint or a controller of a devnet is silent: with the command that helps.

    A headless verb starts nothing by itself.

    Args:
        error: An endpoint or a controller that does not answer.
        network: The network; on others than the devnet the error is told as it is.
        node: The node whose controller was asked; None when none was.
    """
    if is_stopped_devnet(network):
        return DevnetError(
            f"the devnet in {network.folder} is down",
            next_step=f"run `{devnet_up_command(given_folder(network))}`",
        )
    if isinstance(error, ControllerDown) and network.name == DEVNET and node is not None:
        folder = given_folder(network)
        option = "" if folder is None else f" --dir {folder}"
        error.next_step = f"run `upgrade-console devnet start-controller {node.name}{option}`"
    return error
