"""Networks: which are known and where each value comes from, and what ipc-cli's settings have to add to them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from console.addresses import parse_subnet_id
from console.errors import SettingsError
from console.files import write_durably
from console.ipc_config import IpcConfig, IpcSubnet
from console.network_table import BUILT_IN, DEVNET, NETWORK_ROWS, OF_IPC, OF_THIS_TOOL, WRITTEN, merged, origin
from console.settings import config_file, default_devnet_folder, load_network
from console.settings_file import network_tables
from console.text import untrusted

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.items import Table

_BARE = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ROOTS = {314: "mainnet", 314159: "calibration", 31415926: "localnet"}
_MISSING = (
    ("chain_id", '"…"', "CometBFT's chain id: `node_info.network` of /status"),
    ("evm_chain_id", "0", "what eth_chainId answers"),
    ("cometbft_rpc", '["http://127.0.0.1:26657"]', "ipc-cli has no setting for it"),
    ("registry", '"0x…"', "the UpgradeRegistry"),
)


@dataclass(frozen=True, slots=True)
class NetworkValue:
    """One setting of a network as it is in force."""

    key: str
    value: str
    """As in TOML; a key by its reference, a secret never."""
    origin: str
    """`settings`, `built in` or `ipc-cli`."""


@dataclass(frozen=True, slots=True)
class KnownNetwork:
    """A network that can be named."""

    name: str
    values: tuple[NetworkValue, ...]
    problem: str
    """Why it cannot be used as it is; empty when it can."""


@dataclass(frozen=True, slots=True)
class ProposedTable:
    """What would be written into the settings file for one subnet, or for one node that was found."""

    network: str
    subnet: str
    """The subnet's id in ipc-cli's settings, or the home of the node that was found."""
    values: Mapping[str, Any]
    contracts: Mapping[str, Any]
    """For the table `contracts` of the network."""
    missing: tuple[tuple[str, str, str], ...]
    """(key, example, meaning) of what ipc-cli cannot say."""
    known: bool
    """Whether the settings have a table of that name; then only what it lacks is added."""
    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """For the table `nodes` of the network."""
    node_missing: tuple[tuple[str, str, str], ...] = ()
    """(key, example, meaning) of what has to be added to each of the nodes."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.values or self.contracts or self.nodes or (self.missing and not self.known))


def known_networks(ipc: IpcConfig | None) -> tuple[KnownNetwork, ...]:
    """Every network that can be named, the devnet first.

    Args:
        ipc: ipc-cli's settings, for saying where a token is; None when there are none.

    Raises:
        SettingsError: The settings file cannot be read.
    """
    tables = network_tables()
    found = [KnownNetwork(DEVNET, (), _problem(DEVNET))]
    for name in dict.fromkeys((*BUILT_IN, *tables)):
        own = tables.get(name, {})
        if name == DEVNET:
            continue
        if not isinstance(own, dict):
            found.append(KnownNetwork(name, (), f"networks.{name} must be a table."))
            continue
        table = merged(name, own)
        values = [
            NetworkValue(row.key, shown(table[row.key]), origin(name, row.key, own))
            for row in NETWORK_ROWS
            if row.key in table
        ]
        subnet = None if ipc is None else ipc.subnet(str(table.get("ipc_subnet", "")))
        if subnet is not None and subnet.auth_token and subnet.provider_http in table.get("ethereum_rpc", []):
            values.append(NetworkValue("auth_token", "(set)", OF_IPC))
        found.append(KnownNetwork(name, tuple(values), _problem(name)))
    return tuple(found)


def proposed_tables(ipc: IpcConfig) -> tuple[ProposedTable, ...]:
    """What ipc-cli's settings would add, one table per subnet; nothing is written.

    Raises:
        SettingsError: The settings file cannot be read.
    """
    tables = network_tables()
    found: list[ProposedTable] = []
    for subnet in ipc.subnets:
        name = _name_of(subnet, tables, [each.network for each in found])
        own = tables.get(name, {})
        own = own if isinstance(own, dict) else {}
        merged_table = merged(name, own)
        urls = merged_table.get("ethereum_rpc", [])
        values: dict[str, Any] = {}
        if subnet.provider_http not in urls:
            values["ethereum_rpc"] = [subnet.provider_http, *urls]
        if merged_table.get("ipc_subnet") != subnet.id:
            values["ipc_subnet"] = subnet.id
        there = merged_table.get("contracts", {})
        there = there if isinstance(there, dict) else {}
        contracts = {key: value for key, value in _contracts(subnet, ipc).items() if there.get(key) != value}
        missing = tuple(each for each in _MISSING if each[0] not in merged_table)
        found.append(ProposedTable(name, subnet.id, values, contracts, missing, name in tables))
    return tuple(found)


def written(tables: Sequence[ProposedTable]) -> str:
    """The settings file with the tables in it, comments and order kept; what a table says already stays.

    Raises:
        SettingsError: The settings file cannot be read or has a place that is no table.
    """
    document = _document()
    networks = document.setdefault("networks", _table())
    if not isinstance(networks, dict):
        raise SettingsError("`networks` in the settings is no table", safe="nothing was written")
    for proposed in tables:
        if proposed.is_empty:
            continue
        table = networks.get(proposed.network)
        if table is None:
            table = _table()
            networks[proposed.network] = table
            table = networks[proposed.network]
        if not isinstance(table, dict):
            raise SettingsError(f"networks.{proposed.network} is no table", safe="nothing was written")
        _fill(table, proposed)
    import tomlkit

    text = tomlkit.dumps(document)
    # What was written has to be what was meant, whatever the library makes of an odd file.
    again = tomllib.loads(text).get("networks", {})
    for proposed in tables:
        found = again.get(proposed.network, {})
        if not (
            _holds(found, proposed.values)
            and _holds(found.get("contracts", {}), proposed.contracts)
            and all(_holds(found.get("nodes", {}).get(name, {}), node) for name, node in proposed.nodes.items())
        ):
            raise SettingsError("the settings file cannot be changed safely", next_step="add the tables by hand")
    return text


def lines_of(table: ProposedTable) -> list[str]:
    """What would be written for one table, as lines of TOML that are safe to show; what is missing as comments."""
    lines = [f"[networks.{quoted_key(table.network)}]  # {untrusted(table.subnet, 200)}"]
    lines += [f"{key} = {_toml(value)}" for key, value in table.values.items()]
    lines += [f"contracts.{key} = {_toml(value)}" for key, value in table.contracts.items()]
    lines += _missing_lines(() if table.known and table.nodes else table.missing)
    for name, node in table.nodes.items():
        lines.append(f"[networks.{quoted_key(table.network)}.nodes.{quoted_key(name)}]")
        lines += [f"{key} = {_toml(value)}" for key, value in node.items()]
        lines += _missing_lines(table.node_missing)
    if len(lines) == 1:
        lines.append("# nothing that is not there already")
    return lines


def quoted_key(name: str) -> str:
    """A name as TOML takes it in a table's head, safe to show."""
    return name if _BARE.fullmatch(name) else f'"{untrusted(name, 80)}"'


def _missing_lines(missing: Sequence[tuple[str, str, str]]) -> list[str]:
    return [f"# missing: {key} = {example}  # {meaning}" for key, example, meaning in missing]


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return f'"{shown(value)}"' if isinstance(value, str) else shown(value)


def write(text: str) -> Path:
    """Replace the settings file, durably; its path.

    Raises:
        SettingsError: It cannot be written.
    """
    path = config_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        write_durably(path.resolve(), text.encode(), mode)
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror or error}", safe="nothing was changed") from error
    return path


def _holds(table: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(table.get(key) == value for key, value in wanted.items())


def _fill(table: Any, proposed: ProposedTable) -> None:
    import tomlkit

    for key, value in proposed.values.items():
        table[key] = list(value) if isinstance(value, list) else value
    if not proposed.known:
        for key, example, meaning in proposed.missing:
            table.add(tomlkit.comment(f"{key} = {example}  # {meaning}"))
    if proposed.contracts:
        inner = table.setdefault("contracts", tomlkit.table())
        for key, value in proposed.contracts.items():
            inner[key] = list(value) if isinstance(value, list) else value
    if proposed.nodes:
        nodes = table.setdefault("nodes", tomlkit.table(is_super_table=True))
        for name, values in proposed.nodes.items():
            node = tomlkit.table()
            for key, value in values.items():
                node[key] = value
            for key, example, meaning in proposed.node_missing:
                node.add(tomlkit.comment(f"{key} = {example}  # {meaning}"))
            nodes[name] = node


def _contracts(subnet: IpcSubnet, ipc: IpcConfig) -> dict[str, Any]:
    """Where the subnet's contracts are; its actor is on its parent, whose endpoint ipc-cli may know."""
    found: dict[str, Any] = {"gateway": subnet.gateway, "subnet_registry": subnet.subnet_registry}
    parsed = parse_subnet_id(subnet.id)
    if parsed.actor is not None and parsed.parent is not None:
        found["subnet_actor"] = parsed.actor
        parent = next((each for each in ipc.subnets if parse_subnet_id(each.id) == parsed.parent), None)
        if parent is not None and parsed.parent.actor is None:
            # The id of a root is its chain id.
            found |= {"parent_rpc": [parent.provider_http], "parent_evm_chain_id": parsed.root}
    return {key: value for key, value in found.items() if value}


def _document() -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    path = config_file()
    try:
        return tomlkit.parse(path.read_text("utf-8")) if path.exists() else tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise SettingsError(f"cannot read settings {path}: {error}", next_step="mend the file") from error


def _table() -> Table:
    import tomlkit

    return tomlkit.table()


def _name_of(subnet: IpcSubnet, tables: Mapping[str, Any], taken: Sequence[str]) -> str:
    """The network that names this subnet already, the built-in one of a root, or a new name."""
    for name, table in tables.items():
        if isinstance(table, dict) and table.get("ipc_subnet") == subnet.id:
            return name
    parsed = parse_subnet_id(subnet.id)
    if parsed.actor is None:
        base = _ROOTS.get(parsed.root, f"r{parsed.root}")
    else:
        base = f"r{parsed.root}-{parsed.actor[2:10].lower()}"
    name, number = base, 1
    while name in taken or (base not in BUILT_IN and name in tables):
        number += 1
        name = f"{base}-{number}"
    return name


def _problem(name: str) -> str:
    if name == DEVNET and not (default_devnet_folder() / "network.toml").is_file():
        return "it is not there yet: `upgrade-console devnet up`."
    try:
        load_network(name)
    except SettingsError as error:
        return str(error)
    return ""


def shown(value: Any) -> str:
    """A value of a network's table for the eyes: of a URL only scheme, host and port, because the rest is often a key.

    Keys are shown by their reference: there is no secret in the settings.
    """
    if isinstance(value, list):
        return "[" + ", ".join(shown(each) for each in value) + "]"
    if isinstance(value, dict):
        return untrusted("{ " + ", ".join(f"{key} = {each}" for key, each in value.items()) + " }", 400)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return untrusted(_shown_url(text) if text.startswith(("http://", "https://")) else text, 400)


def _shown_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "a URL that cannot be read"
    host = f"[{host}]" if ":" in host else host
    more = "/…" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}") + more


__all__ = [
    "OF_THIS_TOOL",
    "WRITTEN",
    "KnownNetwork",
    "NetworkValue",
    "ProposedTable",
    "known_networks",
    "lines_of",
    "proposed_tables",
    "shown",
    "write",
    "written",
]
