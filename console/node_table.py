"""A node's table in the settings, checked: one of this machine, or one whose controller is elsewhere."""

from __future__ import annotations

import shlex
from typing import Any

from console.errors import SettingsError
from console.node_settings import NodeSettings, RemoteNode
from console.setting_fields import address
from console.setting_kinds import SSH_COMMAND, SSH_HOST
from console.setting_words import nearest, quoted
from console.settings_file import state_folder
from console.settings_table import SETTINGS, Setting

_REMOTE_KEYS = ["ssh", "ssh_command", "address"]


def parse_node(name: str, table: dict[str, Any], where: str, network_kind: str) -> NodeSettings:
    """A node of this machine.

    Args:
        name: The node's.
        table: As TOML gives it.
        where: The network, for what is said of a mistake.
        network_kind: One of `console.settings.KINDS`.

    Raises:
        SettingsError: A key is missing, unknown, or has a value that is not acceptable.
    """
    where = f"{where}, node {name}"
    _refuse_unknown(table, where, [key for setting in SETTINGS for key in setting.file_keys])
    values: dict[str, Any] = {
        "state_dir": state_folder() / name,
        "arguments": (),
        "operator_key": None,
        "shape": "embedded",
    }
    if network_kind == "cosmos":
        values |= {"address": "", "ethereum_rpc": "", "shape": "cosmos"}
    written = {}
    for setting in SETTINGS:
        key = _key_used(setting, table, where)
        if key is not None:
            written[setting.key] = _decoded(setting, key, table[key], where)
    values |= written
    if values.get("runtime") == "docker" and "shape" not in written:
        values["shape"] = "docker"
    if (values.get("runtime") == "docker") != (values["shape"] == "docker"):
        raise SettingsError(
            f"{where}: shape {values['shape']!r} does not go with runtime {values.get('runtime', 'shim')!r}",
            next_step='containers have `runtime = "docker"` and no other shape',
        )
    for key in ("home", "daemon", "cometbft_rpc", "address", "ethereum_rpc"):
        if key not in values or (network_kind == "ipc" and values[key] == ""):
            raise SettingsError(f"{where}: {key} must be a text that is not empty")
    if network_kind == "ipc":
        values["address"] = address(values, "address", where)
    if values.get("rest") and network_kind != "cosmos":
        raise no_rest_here(where)
    if (values["shape"] == "cosmos") != (network_kind == "cosmos"):
        raise SettingsError(f"{where}: shape {values['shape']!r} does not go with a network of kind {network_kind!r}")
    return NodeSettings(name=name, written=frozenset(written), **values)


def parse_remote(name: str, table: dict[str, Any], where: str, network: str, kind: str) -> RemoteNode:
    """A node whose controller is on another machine; takes the network's name besides. Raises SettingsError."""
    where = f"{where}, node {name}"
    _refuse_unknown(table, where, _REMOTE_KEYS)
    try:
        ssh = SSH_HOST.decode(table["ssh"])
    except ValueError as error:
        raise SettingsError(f"{where}: ssh must be {error}") from error
    try:
        command = SSH_COMMAND.decode(table.get("ssh_command", ""))
    except ValueError as error:
        raise SettingsError(f"{where}: ssh_command must be {error}") from error
    if kind == "ipc" and "address" not in table:
        raise SettingsError(f"{where}: address must be a text that is not empty")
    named = shlex.join(["--network", network, "--node", name])
    return RemoteNode(
        name,
        ssh,
        command or f"upgrade-console {named} node pipe",
        address(table, "address", where) if table.get("address", "") != "" else "",
    )


def _refuse_unknown(table: dict[str, Any], where: str, known: list[str]) -> None:
    for key in table:
        if key not in known:
            raise SettingsError(
                f"{where}: there is no setting {quoted(key)}{nearest(key, known)}",
                next_step="mend the name, or take the line out",
            )


def _key_used(setting: Setting, table: dict[str, Any], where: str) -> str | None:
    found = [key for key in setting.file_keys if key in table]
    if len(found) > 1:
        raise SettingsError(f"{where}: {' and '.join(found)} are one setting", next_step="keep one of them")
    return found[0] if found else None


def _decoded(setting: Setting, key: str, value: object, where: str) -> Any:
    try:
        return setting.kind.decode(value)
    except ValueError as error:
        told = f", not {quoted(value)}" if isinstance(value, str | int | float) else ""
        raise SettingsError(f"{where}: {key} must be {error}{told}") from error


def no_rest_here(where: str) -> SettingsError:
    """What is said of REST on a network that is no Cosmos chain."""
    return SettingsError(
        f"{where}: rest is a setting of Cosmos chains",
        next_step="take it out; an IPC subnet is read by ethereum_rpc and cometbft_rpc",
    )


def refuse_shared_port(nodes: tuple[NodeSettings, ...], where: str) -> None:
    """Refuse two controllers that would listen on one port: the second one's metrics would be the first one's."""
    first: dict[int, str] = {}
    for node in nodes:
        if node.metrics_port and first.setdefault(node.metrics_port, node.name) != node.name:
            raise SettingsError(
                f"{where}: metrics_port {node.metrics_port} of node {node.name} is that of node "
                f"{first[node.metrics_port]} too",
                next_step="give each node a port of its own",
            )
