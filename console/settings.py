"""Networks and nodes in TOML: what the operator wrote, checked (tomlkit writes, tomllib reads).

The settings file is `$XDG_CONFIG_HOME/upgrade-console/config.toml`; a devnet writes the same shape into its own
folder as `network.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from console.addresses import prefix_of
from console.contract_settings import ContractSettings, parse_contracts
from console.daemon_settings import DaemonSettings, parse_daemon
from console.errors import SettingsError
from console.maintenance import MaintenanceWindow, parse_maintenance
from console.model.standing import Accent, Stage, Standing
from console.network_lookup import network_table, standing_in
from console.network_table import BUILT_IN, DEVNET
from console.node_settings import NodeSettings, RemoteNode
from console.node_table import no_rest_here, parse_node, parse_remote, refuse_shared_port
from console.ports.keys import KeyReference
from console.provider_settings import ModelSettings, ProviderSettings, parse_model, parse_provider
from console.release_settings import ReleaseSettings, default_releases, parse_releases
from console.setting_fields import (
    address,
    flag,
    integer,
    key_reference,
    optional_number,
    text,
    tokens,
    urls,
)
from console.setting_words import quoted, table_of
from console.settings_file import config_file, default_devnet_folder, devnet_up_command, state_folder, written_settings
from console.text import untrusted

__all__ = [
    "DEVNET",
    "KINDS",
    "NetworkSettings",
    "NodeSettings",
    "RemoteNode",
    "config_file",
    "default_devnet_folder",
    "devnet_up_command",
    "folder_name",
    "load_network",
    "parent_network",
    "parse_network",
    "proving_network",
    "state_folder",
]

KINDS = ("ipc", "cosmos")
"""Kinds of network."""


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """A network and how to reach it."""

    name: str
    kind: str
    """One of `KINDS`."""
    chain_id: str
    evm_chain_id: int
    """0 on a Cosmos chain without an EVM."""
    registry: str
    """Checksummed address of the UpgradeRegistry; empty on a Cosmos chain without one."""
    cometbft_rpc: tuple[str, ...]
    ethereum_rpc: tuple[str, ...]
    """Empty on a Cosmos chain without an EVM."""
    proposer_key: KeyReference | None
    nodes: tuple[NodeSettings, ...]
    """Those of this machine."""
    folder: Path | None = None
    """The devnet's folder; None for other networks."""
    block_time_s: float | None = None
    """Expected seconds per block where known (the devnet); a hint for polling, never for an ETA."""
    stage: Stage = "mainnet"
    """What is at stake; decides what is demanded of a release where the settings do not say it."""
    accent: Accent | None = None
    """The colour behind its name in the console; None: the stage's own."""
    voter_key: KeyReference | None = None
    """The validator's own key, where its node names none."""
    council_key: KeyReference | None = None
    """Of a member of the emergency council."""
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    """Access tokens by the URL that they are sent to."""
    require_agreement: bool = False
    """Whether nothing is signed on what only one endpoint says; contradictions block in any case."""
    releases: ReleaseSettings | None = None
    """As written; None for the defaults, which `demands` knows."""
    windows: tuple[MaintenanceWindow, ...] = ()
    """When its operators are at hand, as they declared it."""
    contracts: ContractSettings = field(default_factory=ContractSettings)
    """Where its contracts are."""
    rest: tuple[str, ...] = ()
    """Of a Cosmos chain: base URLs of REST, for what `abci_query` does not tell and as further witnesses."""
    parent: str = ""
    """Name in the settings of the network that it is a child of; empty where none is named."""
    daemon: DaemonSettings | None = None
    """By which something is said to a Cosmos chain; None where nothing is."""
    elsewhere: tuple[RemoteNode, ...] = ()
    """Nodes whose controllers are on other machines."""
    provider: ProviderSettings | None = None
    """The provider daemon of this machine; None for none."""
    model: ModelSettings | None = None
    """The model that its validators score with; None for none."""

    @property
    def demands(self) -> ReleaseSettings:
        """What is demanded of a release here."""
        return self.releases or default_releases(self.kind, self.stage, default_trust_folder(self.name))

    @property
    def standing(self) -> Standing:
        """What is at stake here, as the screen shows it."""
        return Standing(self.stage, self.accent)

    @property
    def named(self) -> tuple[NodeSettings | RemoteNode, ...]:
        """Every node that the settings name, those of this machine first."""
        return (*self.nodes, *self.elsewhere)

    def node(self, name: str | None) -> NodeSettings:
        """The node of that name, or the first one.

        Raises:
            SettingsError: There is no such node.
        """
        if name is None:
            if not self.nodes:
                raise SettingsError(
                    f"network {self.name} has no node in the settings",
                    next_step="add a [networks.NAME.nodes.NODE] table",
                )
            return self.nodes[0]
        for node in self.nodes:
            if node.name == name:
                return node
        for remote in self.elsewhere:
            if remote.name == name:
                raise SettingsError(
                    f"{name} of network {self.name} is on another machine ({remote.ssh}), and this needs the files"
                    " that are there",
                    next_step=f"do it there: {remote.by_hand('…')}",
                )
        known = ", ".join(each.name for each in self.named) or "none"
        raise SettingsError(f"network {self.name} has no node {name!r} (known: {known})")


def default_trust_folder(network: str) -> Path:
    """Where a network's trusted keyring is kept when the settings do not say it."""
    return state_folder() / "trust" / folder_name(network)


def folder_name(name: str) -> str:
    """A name of the operator's as the name of a folder: no path, and not hidden."""
    quoted_name = quote(name, safe="")
    return f"%2E{quoted_name[1:]}" if quoted_name.startswith(".") else quoted_name


def load_network(name: str, devnet_folder: Path | None = None, *, registry: bool = True) -> NetworkSettings:
    """Load one network's settings.

    Args:
        name: `devnet`, a built-in network, or a table under `[networks]` of the settings file.
        devnet_folder: The devnet's folder (`--dir`); only for `devnet`.
        registry: Whether an IPC network has to have a registry; false for what is done before there is one.

    Raises:
        SettingsError: Unknown network, unreadable file, or a value that is not acceptable.
    """
    table = network_table(name, devnet_folder)
    if name == DEVNET:
        return parse_network(DEVNET, table, devnet_folder or default_devnet_folder())
    if registry and table.get("kind", "ipc") == "ipc" and not table.get("registry") and name in BUILT_IN:
        raise SettingsError(
            f"network {name} has no registry until one is configured",
            next_step=f"add registry and cometbft_rpc to [networks.{name}] of {config_file()}",
        )
    return parse_network(name, table, None, registry=registry)


def load_maintenance() -> tuple[MaintenanceWindow, ...]:
    """When this operator is at hand: `windows` of `[maintenance]` in the settings file; none without it.

    Raises:
        SettingsError: The file is unreadable, or a line is none.
    """
    table = table_of(written_settings().get("maintenance", {}), "maintenance")
    if unknown := sorted(set(table) - {"windows"}):
        raise SettingsError(f"maintenance: there is no setting {quoted(unknown[0])}", next_step="take the line out")
    return _windows(dict(table), "maintenance")


def proving_network(network: NetworkSettings) -> NetworkSettings:
    """The network that has to prove the releases of another.

    Args:
        network: With `proven_on` in its settings.

    Raises:
        SettingsError: It is not in the settings, or has no registry whose word could be taken.
    """
    found = load_network(network.demands.proven_on)
    if not found.registry or not found.ethereum_rpc:
        raise SettingsError(
            f"network {found.name} proves the releases of {network.name}, and has no registry that tells",
            next_step="name an IPC network as proven_on",
        )
    return found


def parent_network(network: NetworkSettings) -> NetworkSettings:
    """The network above a child, whose upgrades it has to follow.

    Args:
        network: With `parent` in its settings.

    Raises:
        SettingsError: It is not in the settings, or has nobody who tells of its upgrades.
    """
    return load_network(network.parent)


def parse_network(name: str, table: dict[str, Any], folder: Path | None, *, registry: bool = True) -> NetworkSettings:
    """Check one network's table.

    Args:
        name: The network's.
        table: As TOML gives it.
        folder: Of the devnet; None for other networks.
        registry: Whether an IPC network has to have a registry, and with it a chain of its own to follow.

    Raises:
        SettingsError: A key is missing or has a wrong type or value.
    """
    where = f"network {name}"
    kind = text(table, "kind", where, default="ipc")
    if kind not in KINDS:
        raise SettingsError(f"{where}: kind {kind!r} is not supported (supported: {', '.join(KINDS)})")
    needs_evm = kind == "ipc"
    nodes = table_of(table.get("nodes", {}), f"{where}.nodes")
    for each in nodes:
        if not each.strip() or str(untrusted(each)) != each:
            # It stands in tables, journals and commands, and has to be there what it looks like.
            raise SettingsError(
                f"{where}: {str(untrusted(each))!r} cannot be a node's name: it is empty, or has hidden characters"
            )
    tables = {each: table_of(node, f"{where}.nodes.{each}") for each, node in nodes.items()}
    standing = standing_in(table, name)
    stage = standing.stage
    trust = default_trust_folder(name) if folder is None else folder / "trust"
    releases = parse_releases(
        table_of(table.get("releases", {}), f"{where}.releases"), where, default_releases(kind, stage, trust)
    )
    _refuse_no_proof(releases, name, kind, where)
    parsed = tuple(parse_node(each, node, where, kind) for each, node in tables.items() if "ssh" not in node)
    refuse_shared_port(parsed, where)
    # A network of ours has both; a built-in one has neither until somebody deploys a registry.
    bare = not registry and table.get("registry", "") == ""
    return NetworkSettings(
        name=name,
        kind=kind,
        chain_id=text(table, "chain_id", where),
        evm_chain_id=integer(table, "evm_chain_id", where) if needs_evm or "evm_chain_id" in table else 0,
        registry=address(table, "registry", where)
        if (needs_evm and not bare) or table.get("registry", "") != ""
        else "",
        cometbft_rpc=() if bare and not table.get("cometbft_rpc") else urls(table, "cometbft_rpc", where),
        ethereum_rpc=urls(table, "ethereum_rpc", where) if needs_evm or table.get("ethereum_rpc", []) != [] else (),
        proposer_key=key_reference(table, "proposer_key", where),
        voter_key=key_reference(table, "voter_key", where),
        council_key=key_reference(table, "council_key", where),
        tokens=tokens(table, where),
        require_agreement=flag(table, "require_agreement", where),
        nodes=parsed,
        elsewhere=tuple(
            parse_remote(node_name, node, where, name, kind) for node_name, node in tables.items() if "ssh" in node
        ),
        folder=folder,
        block_time_s=optional_number(table, "block_time_s", where),
        stage=stage,
        accent=standing.accent,
        releases=releases,
        rest=_rest(table, where, kind),
        windows=_windows(table, where),
        parent=_parent(table, name, where),
        daemon=_daemon(table, kind, where),
        contracts=parse_contracts(
            table_of(table.get("contracts", {}), f"{where}.contracts"), where, prefix_of(text(table, "chain_id", where))
        ),
        provider=parse_provider(table_of(table.get("provider", {}), f"{where}.provider"), where),
        model=parse_model(table_of(table.get("model", {}), f"{where}.model"), where),
    )


def _rest(table: dict[str, Any], where: str, kind: str) -> tuple[str, ...]:
    if table.get("rest", []) == []:
        return ()
    if kind != "cosmos":
        raise no_rest_here(where)
    return urls(table, "rest", where)


def _parent(table: dict[str, Any], name: str, where: str) -> str:
    parent = text(table, "parent", where, default="")
    if parent == name:
        raise SettingsError(f"{where}: parent names the network itself", next_step="name the one above it")
    return parent


def _daemon(table: dict[str, Any], kind: str, where: str) -> DaemonSettings | None:
    if "daemon" not in table:
        return None
    if kind != "cosmos":
        raise SettingsError(
            f"{where}: an IPC network is spoken to through its registry, not by a daemon",
            next_step="take the table daemon out, or set kind to cosmos",
        )
    return parse_daemon(table_of(table["daemon"], f"{where}.daemon"), where)


def _windows(table: dict[str, Any], where: str) -> tuple[MaintenanceWindow, ...]:
    lines = table.get("windows", [])
    if not isinstance(lines, list):
        raise SettingsError(f"{where}: windows must be a list of lines")
    try:
        return tuple(parse_maintenance(line) for line in lines)
    except ValueError as error:
        raise SettingsError(f"{where}: each of windows must be {error}") from error


def _refuse_no_proof(releases: ReleaseSettings, name: str, kind: str, where: str) -> None:
    """Refuse a demand for a proof that can never be met. Raises SettingsError."""
    if releases.proven_on == name:
        raise SettingsError(
            f"{where}, releases: proven_on names the network itself", next_step="name the one that goes first"
        )
    if kind == "cosmos" and releases.proven_hours:
        # The chain stops every node by itself, and has no registry whose confirmations could be compared.
        raise SettingsError(
            f"{where}, releases: a release of a Cosmos chain cannot be demanded to be proven elsewhere",
            next_step="take out proven_on and proven_hours",
        )
