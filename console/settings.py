"""Networks and nodes in TOML: what the operator wrote, checked (tomlkit writes, tomllib reads).

The settings file is `$XDG_CONFIG_HOME/upgrade-console/config.toml`; a devnet writes the same shape into its own
folder as `network.toml`.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from console.errors import SettingsError
from console.ports import KeyReference

DEVNET = "devnet"
"""The network name that this tool can bring up by itself."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """A node that this machine runs."""

    name: str
    home: Path
    state_dir: Path
    """The controller's folder: journal, run/control.sock, logs."""
    daemon: str
    """Name of the binary in every `bin/` of the home's cosmovisor layout."""
    arguments: tuple[str, ...]
    """Arguments of a start; `{home}` is replaced."""
    address: str
    """The validator's checksummed Ethereum address."""
    cometbft_rpc: str
    ethereum_rpc: str
    operator_key: KeyReference | None
    """Key that signs readiness for this validator."""
    mirror: str = ""
    """A base URL to download releases from instead of the chain's URL; bytes are checked all the same."""
    automatic: bool = True
    """Whether the controller acts on scheduled plans by itself."""
    restart_on_error: bool = False
    """Whether exit code 1 outside an upgrade starts the node again (strategy document §2.1.2: default no)."""


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """A network and how to reach it."""

    name: str
    kind: str
    chain_id: str
    evm_chain_id: int
    registry: str
    """Checksummed address of the UpgradeRegistry."""
    cometbft_rpc: tuple[str, ...]
    ethereum_rpc: tuple[str, ...]
    proposer_key: KeyReference | None
    nodes: tuple[NodeSettings, ...]
    folder: Path | None = None
    """The devnet's folder; None for other networks."""
    block_time_s: float | None = None
    """Expected seconds per block where known (the devnet); a hint for polling, never for an ETA."""

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
        known = ", ".join(node.name for node in self.nodes) or "none"
        raise SettingsError(f"network {self.name} has no node {name!r} (known: {known})")


def config_file() -> Path:
    """Where the settings are: `$XDG_CONFIG_HOME/upgrade-console/config.toml`."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "upgrade-console" / "config.toml"


def state_folder() -> Path:
    """Where state lives: `$XDG_STATE_HOME/upgrade-console`."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "upgrade-console"


def default_devnet_folder() -> Path:
    """The devnet's folder when `--dir` is not given."""
    return state_folder() / DEVNET


def load_network(name: str, devnet_folder: Path | None = None) -> NetworkSettings:
    """Load one network's settings.

    Args:
        name: `devnet`, or a table under `[networks]` of the settings file.
        devnet_folder: The devnet's folder (`--dir`); only for `devnet`.

    Raises:
        SettingsError: Unknown network, unreadable file, or a value that is not acceptable.
    """
    if name == DEVNET:
        folder = devnet_folder or default_devnet_folder()
        path = folder / "network.toml"
        if not path.is_file():
            raise SettingsError(
                f"there is no devnet in {folder}", next_step=f"run `{devnet_up_command(devnet_folder)}`"
            )
        return parse_network(DEVNET, _read(path), folder)
    path = config_file()
    document = _read(path) if path.is_file() else {}
    networks = document.get("networks")
    tables = networks if isinstance(networks, dict) else {}
    if name not in tables:
        known = ", ".join([DEVNET, *(str(key) for key in tables)])
        raise SettingsError(f"unknown network {name!r} (known: {known})", next_step=f"add [networks.{name}] to {path}")
    return parse_network(name, _table(tables[name], f"networks.{name}"), None)


def devnet_up_command(folder: Path | None) -> str:
    """The command that brings this devnet up, for messages."""
    return "upgrade-console devnet up --background" + (f" --dir {folder}" if folder is not None else "")


def parse_network(name: str, table: dict[str, Any], folder: Path | None) -> NetworkSettings:
    """Check one network's table.

    Raises:
        SettingsError: A key is missing or has a wrong type or value.
    """
    where = f"network {name}"
    kind = _text(table, "kind", where, default="ipc")
    if kind != "ipc":
        raise SettingsError(f"{where}: kind {kind!r} is not supported yet (supported: ipc)")
    nodes = _table(table.get("nodes", {}), f"{where}.nodes")
    return NetworkSettings(
        name=name,
        kind=kind,
        chain_id=_text(table, "chain_id", where),
        evm_chain_id=_integer(table, "evm_chain_id", where),
        registry=_address(table, "registry", where),
        cometbft_rpc=_urls(table, "cometbft_rpc", where),
        ethereum_rpc=_urls(table, "ethereum_rpc", where),
        proposer_key=_key(table, "proposer_key"),
        nodes=tuple(
            _parse_node(node_name, _table(node, f"{where}.nodes.{node_name}"), where)
            for node_name, node in nodes.items()
        ),
        folder=folder,
        block_time_s=_optional_number(table, "block_time_s", where),
    )


def _parse_node(name: str, table: dict[str, Any], where: str) -> NodeSettings:
    where = f"{where}, node {name}"
    home = Path(_text(table, "home", where)).expanduser()
    default_state = str(state_folder() / name)
    return NodeSettings(
        name=name,
        home=home,
        state_dir=Path(_text(table, "state_dir", where, default=default_state)).expanduser(),
        daemon=_text(table, "daemon", where),
        arguments=tuple(_texts(table, "arguments", where)),
        address=_address(table, "address", where),
        cometbft_rpc=_url(_text(table, "cometbft_rpc", where), "cometbft_rpc", where),
        ethereum_rpc=_url(_text(table, "ethereum_rpc", where), "ethereum_rpc", where),
        operator_key=_key(table, "operator_key"),
        mirror=_text(table, "mirror", where, default=""),
        automatic=bool(table.get("automatic", True)),
        restart_on_error=bool(table.get("restart_on_error", False)),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read settings {path}: {error}", next_step="mend the file") from error


def _table(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{where} must be a table")
    return value


def _text(table: dict[str, Any], key: str, where: str, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise SettingsError(f"{where}: {key} must be a text")
    return value


def _texts(table: dict[str, Any], key: str, where: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SettingsError(f"{where}: {key} must be a list of texts")
    return list(value)


def _integer(table: dict[str, Any], key: str, where: str) -> int:
    value = table.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise SettingsError(f"{where}: {key} must be a whole number")
    return value


def _optional_number(table: dict[str, Any], key: str, where: str) -> float | None:
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise SettingsError(f"{where}: {key} must be a positive number")
    return float(value)


def _address(table: dict[str, Any], key: str, where: str) -> str:
    value = _text(table, key, where)
    digits = value[2:]
    if not value.startswith("0x") or len(digits) != 40 or any(c not in "0123456789abcdefABCDEF" for c in digits):
        raise SettingsError(f"{where}: {key} {value!r} is not an address of 0x and 40 hex digits")
    return value


def _urls(table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    urls = _texts(table, key, where)
    if not urls:
        raise SettingsError(f"{where}: {key} must name at least one URL")
    return tuple(_url(url, key, where) for url in urls)


def _url(value: str, key: str, where: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(f"{where}: {key} {value!r} is not an http or https URL")
    return value


def _key(table: dict[str, Any], key: str) -> KeyReference | None:
    value = table.get(key)
    return KeyReference(Path(value).expanduser()) if isinstance(value, str) and value else None
