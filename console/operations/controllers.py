"""The controllers of a network's nodes, on this machine and elsewhere, each by its node's name."""

from __future__ import annotations

from dataclasses import dataclass

from console.errors import SettingsError
from console.node.client import NodeClient
from console.node.link.local import LocalLink
from console.node.link.ssh import SshLink
from console.settings import NetworkSettings, NodeSettings, RemoteNode


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the settings, wherever it is."""

    name: str
    where: str
    """What `ssh` is given for it; empty for this machine."""
    address: str
    """The validator's Ethereum address; empty where it has none."""
    client: NodeClient
    """Of its controller."""
    local: NodeSettings | None
    """Its settings, where they are on this machine."""


def members(network: NetworkSettings) -> tuple[Member, ...]:
    """Every node of the network that the settings name, those of this machine first."""
    elsewhere = (Member(node.name, node.ssh, node.address, _over_ssh(node), None) for node in network.elsewhere)
    return (*(here(node) for node in network.nodes), *elsewhere)


def here(node: NodeSettings) -> Member:
    """A node of this machine."""
    return Member(node.name, "", node.address, NodeClient(LocalLink(node.state_dir, node.unit)), node)


def member(network: NetworkSettings, name: str) -> Member:
    """One node by its name. Raises SettingsError: there is none."""
    for each in members(network):
        if each.name == name:
            return each
    # The sentence names those that there are.
    network.node(name)
    raise SettingsError(f"network {network.name} has no node {name!r}")


def _over_ssh(node: RemoteNode) -> NodeClient:
    return NodeClient(SshLink(node.name, node.ssh, node.command))
