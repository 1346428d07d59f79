"""What `doctor` sees of the chain's daemon: whether a vote would go through, before one is due.

It is run once, for its version; no keyring is opened. Where a keyring keeps its keys in files, these are looked for.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from console.chain.bech32 import bech32_bytes
from console.daemon_settings import ROLES, DaemonSettings, is_key_address
from console.errors import ChainError, ConsoleError
from console.node.discovery.files import read_bounded
from console.node.discovery.finding import Finding, Level
from console.text import untrusted

if TYPE_CHECKING:
    from console.settings import NetworkSettings, NodeSettings

_DEADLINE_S = 10.0
_NODE_DEADLINE_S = 5.0
_MOST_CLIENT_TOML = 1 << 16
_IN_FILES = ("file", "test")
"""Keyrings that keep each key in a file of its own, named by the key (SDK 0.40 and later)."""

_Problem = tuple[str, str]


async def daemon_findings(network: NetworkSettings, node: NodeSettings | None = None) -> tuple[Finding, ...]:
    """What is wrong with the daemon of a network's settings, each with what to do; one OK where nothing is.

    Nothing of it keeps a node from its upgrade: all of it keeps its operator from voting.

    Args:
        network: With or without a daemon in its settings; nothing is found without.
        node: This machine's node, whose RPC the daemon asks where the settings name none.
    """
    settings = network.daemon
    if settings is None:
        return ()
    version, problems = await _program(settings)
    problems += [*_home(settings, network.chain_id), *_keys(settings), *await _node(network, settings, node)]
    # `doctor` without a node tells of every network.
    of = f"of network {untrusted(network.name, 60)}: "
    if problems:
        return tuple(Finding(Level.WARN, "chain daemon", of + what, next_step) for what, next_step in problems)
    keys = ", ".join(dict.fromkeys(str(untrusted(key, 80)) for key in settings.keys.values()))
    looked = "" if _keys_folder(settings) is not None else "; what it holds was not looked at"
    words = f"{of}{version} builds and signs, with {keys} of the {settings.keyring_backend} keyring{looked}"
    return (Finding(Level.OK, "chain daemon", words),)


async def _program(settings: DaemonSettings) -> tuple[str, list[_Problem]]:
    """The program with its version, in words; or why it does not run."""
    from console.chain.daemon import ChainDaemon

    daemon = ChainDaemon(replace(settings, deadline_s=min(settings.deadline_s, _DEADLINE_S)))
    try:
        name = Path(daemon.program()).name
        told = await daemon.run(("version", "--long", "--output", "json"))
    except ConsoleError as error:
        return "", [(error.what, error.next_step or "look whether `command` is this chain's daemon")]
    try:
        found = json.loads(told)
        version, sdk = str(found.get("version") or ""), str(found.get("cosmos_sdk_version") or "")
    except (ValueError, AttributeError):
        return name, []
    of_sdk = f" of SDK {untrusted(sdk, 40)}" if sdk else ""
    return f"{name} {untrusted(version, 40)}".rstrip() + of_sdk, []


def _home(settings: DaemonSettings, chain_id: str) -> list[_Problem]:
    if settings.home is None:
        return []
    if not settings.home.is_dir():
        return [
            (
                f"the daemon's home {untrusted(settings.home, 200)} is not there",
                "set `home` of the network's daemon to the folder with its keyring and settings",
            )
        ]
    try:
        raw = read_bounded(settings.home / "config" / "client.toml", _MOST_CLIENT_TOML)
        found = tomllib.loads(raw.decode()).get("chain-id")
    except (OSError, ValueError):
        # This tool names chain and node itself; a home whose file is broken is told by the daemon.
        return []
    if isinstance(found, str) and found and found != chain_id:
        return [
            (
                f"the daemon's home {untrusted(settings.home, 200)} is of chain {untrusted(found, 80)}, not of"
                f" {chain_id}",
                "set `home` of the network's daemon to that of this chain, or mend chain-id in its config/client.toml",
            )
        ]
    return []


def _keys(settings: DaemonSettings) -> list[_Problem]:
    missing = [role for role in ROLES if not settings.key(role)]
    if len(missing) == len(ROLES):
        return [("no key is named that signs", "set `from` of the network's daemon, or give --from each time")]
    folder = _keys_folder(settings)
    if folder is None:
        return []
    keyring = f"the {settings.keyring_backend} keyring in {untrusted(folder, 200)}"
    next_step = "look at `keys list` of the daemon, and at `from`, `home` and `keyring_dir` in the settings"
    return [
        (f"{keyring} has no key {untrusted(key, 80)}", next_step)
        for key in dict.fromkeys(settings.keys.values())
        if not (folder / _file_of(key)).is_file()
    ]


def _keys_folder(settings: DaemonSettings) -> Path | None:
    """Where its keys are files; None where they are not, or where only the daemon knows."""
    base = settings.keyring_dir or settings.home
    if base is None or settings.keyring_backend not in _IN_FILES:
        return None
    return base / f"keyring-{settings.keyring_backend}"


def _file_of(key: str) -> str:
    raw = bech32_bytes(key) if is_key_address(key) else None
    return f"{key}.info" if raw is None else f"{raw.hex()}.address"


async def _node(network: NetworkSettings, settings: DaemonSettings, node: NodeSettings | None) -> list[_Problem]:
    """That the node which the daemon asks is there, and of this chain."""
    from console.chain.cosmos_delivery import CosmosDelivery
    from console.chain.rpc import JsonRpc

    url = settings.node or (network.cometbft_rpc[0] if node is None else node.cometbft_rpc)
    async with JsonRpc(deadline_s=_NODE_DEADLINE_S, tokens=network.tokens) as rpc:
        delivery = CosmosDelivery(rpc, (url,), network.chain_id, deadline_s=_NODE_DEADLINE_S)
        try:
            await delivery.check(url)
        except ChainError as error:
            next_step = (
                error.next_step or "look whether it runs, or set `node` of the network's daemon to one that does"
            )
            return [(f"the node that the daemon asks cannot be used: {error.what}", next_step)]
    return []
