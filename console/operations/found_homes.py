"""Settings for nodes that lie on this machine's disk: a table for each home that no network names yet.

A home says where its data is, which binary it runs and which ports it listens on; a node that runs is asked over
loopback for what the disk does not say. Key files are never read. What nobody says is told as missing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from console.errors import ConsoleError
from console.network_table import BUILT_IN
from console.node.discovery import Home, ShapeKind, ports_of
from console.node.discovery.ports import ETH, RPC
from console.operations.cosmovisor_home import chain_id_of
from console.operations.networks import ProposedTable
from console.text import untrusted

ASK_DEADLINE_S = 1.0
"""Seconds for a node of this machine to answer; a longer wait would be in front of the first thing that is seen."""

_SHAPES = {ShapeKind.EMBEDDED: "embedded", ShapeKind.BARE: "fendermint", ShapeKind.COSMOS: "cosmos"}
_NAME = re.compile(r"[^a-z0-9-]+")
_LACKING = {
    "registry": ('"0x…"', "the UpgradeRegistry; `upgrade-console contracts deploy` makes one"),
    "evm_chain_id": ("0", "what eth_chainId answers"),
    "daemon": ('"…"', "name of the binary in every `bin/`"),
    "address": ('"0x…"', "the validator's address; `upgrade-console address` makes it of its public key"),
    "chain_id": ('"…"', "CometBFT's chain id: `node_info.network` of /status"),
    "containers": ('{ app = "…", cometbft = "…" }', "names of the node's containers; with them goes runtime"),
}


def home_tables(homes: Iterable[Home], tables: Mapping[str, Any]) -> tuple[ProposedTable, ...]:
    """What the homes would add to the settings, one table per node; nothing is written.

    Nodes that run are asked over loopback, for at most `ASK_DEADLINE_S` seconds each and all at once.

    Args:
        homes: As `console.node.discovery.find_homes` finds them.
        tables: Networks of the settings file, by name; homes that a node there names are left out.
    """
    wanted = [home for home in homes if not _is_named(home, tables)]
    told = asyncio.run(_ask_all(wanted)) if wanted else []
    found: list[ProposedTable] = []
    for home, said in zip(wanted, told, strict=True):
        found.append(_table(home, said, tables, found))
    return tuple(found)


def _table(
    home: Home, said: Mapping[str, Any], tables: Mapping[str, Any], before: Sequence[ProposedTable]
) -> ProposedTable:
    chain_id = chain_id_of(home.cometbft)
    name, known = _network_of(home, chain_id, tables, before)
    own = tables.get(name, {})
    node = _node_values(home, said)
    values = {} if known else _network_values(home, chain_id, said, node)
    needed = ["chain_id"] if home.kind is ShapeKind.COSMOS else ["chain_id", "evm_chain_id", "registry"]
    lacks = [] if known else [key for key in needed if key not in values]
    node_lacks = [key for key in _needed_of_node(home) if key not in node]
    return ProposedTable(
        network=name,
        subnet=str(untrusted(home.root, 200)),
        values=values,
        contracts={},
        missing=tuple((key, *_LACKING[key]) for key in lacks),
        known=known,
        nodes={_node_name(home, own, name, before): node},
        node_missing=tuple((key, *_LACKING[key]) for key in node_lacks),
    )


def _node_values(home: Home, said: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"home": str(home.root), "cometbft_rpc": _url(home, RPC)}
    if home.daemons:
        values["daemon"] = home.daemons[0]
    if home.kind in _SHAPES:
        values["shape"] = _SHAPES[home.kind]
    if home.kind is not ShapeKind.COSMOS:
        values["ethereum_rpc"] = _url(home, ETH)
        if said.get("address"):
            values["address"] = said["address"]
    return values


def _network_values(home: Home, chain_id: str, said: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"kind": "cosmos" if home.kind is ShapeKind.COSMOS else "ipc"}
    if chain_id:
        values["chain_id"] = chain_id
    values["cometbft_rpc"] = [node["cometbft_rpc"]]
    if home.kind is not ShapeKind.COSMOS:
        values["ethereum_rpc"] = [node["ethereum_rpc"]]
        if said.get("evm_chain_id"):
            values["evm_chain_id"] = said["evm_chain_id"]
    return values


def _needed_of_node(home: Home) -> tuple[str, ...]:
    if home.kind is ShapeKind.COSMOS:
        return ("daemon",)
    return ("daemon", "address", "containers") if home.kind is ShapeKind.DOCKER else ("daemon", "address")


def _network_of(
    home: Home, chain_id: str, tables: Mapping[str, Any], before: Sequence[ProposedTable]
) -> tuple[str, bool]:
    """The network of a home, and whether the settings or an earlier table have it already."""
    if chain_id:
        for name, table in tables.items():
            if isinstance(table, dict) and table.get("chain_id", BUILT_IN.get(name, {}).get("chain_id")) == chain_id:
                return name, True
        for table in before:
            if table.values.get("chain_id") == chain_id:
                return table.network, True
    base = _NAME.sub("-", (chain_id or home.root.name).lower()).strip("-")[:40] or "network"
    name, number = base, 1
    while name in tables or name in BUILT_IN or any(table.network == name for table in before):
        number += 1
        name = f"{base}-{number}"
    return name, False


def _node_name(home: Home, own: object, network: str, before: Sequence[ProposedTable]) -> str:
    nodes = own.get("nodes", {}) if isinstance(own, dict) else {}
    taken = set(nodes) | {name for table in before if table.network == network for name in table.nodes}
    base = _NAME.sub("-", home.root.name.lower()).strip("-")[:40] or "node"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def _is_named(home: Home, tables: Mapping[str, Any]) -> bool:
    for table in tables.values():
        nodes = table.get("nodes", {}) if isinstance(table, dict) else {}
        for node in nodes.values() if isinstance(nodes, dict) else ():
            named = node.get("home", node.get("data_dir")) if isinstance(node, dict) else None
            if isinstance(named, str) and Path(named).expanduser() == home.root:
                return True
    return False


def _url(home: Home, port_name: str) -> str:
    port = next(port for port in ports_of(home) if port.name == port_name)
    host = "127.0.0.1" if port.host in {"", "0.0.0.0", "::", "localhost"} else port.host
    return f"http://[{host}]:{port.number}" if ":" in host else f"http://{host}:{port.number}"


async def _ask_all(homes: Sequence[Home]) -> list[dict[str, Any]]:
    return list(await asyncio.gather(*(_ask(home) for home in homes)))


async def _ask(home: Home) -> dict[str, Any]:
    """What a running node says of itself: its validator's address and the EVM's chain id; empty when it is silent."""
    if home.kind is ShapeKind.COSMOS:
        return {}
    from console.chain.cometbft import parse_status, parse_validator_set, validator_calls
    from console.chain.fields import INT64_MAX, quantity
    from console.chain.rpc import Call, JsonRpc

    said: dict[str, Any] = {}
    rpc = JsonRpc(deadline_s=ASK_DEADLINE_S)
    try:
        status, *pages = await rpc.batch(_url(home, RPC), [Call("status", {}), *validator_calls()])
        own = parse_status(status.value("status")).consensus_address
        for validator in parse_validator_set(pages).validators:
            if validator.consensus_address == own and validator.ethereum_address:
                said["address"] = validator.ethereum_address
        reply = await rpc.call(_url(home, ETH), "eth_chainId")
        said["evm_chain_id"] = quantity(reply.value("eth_chainId"), "eth_chainId", high=INT64_MAX)
    except ConsoleError:
        # It does not run, or is none that we know: then the table says what is missing.
        pass
    finally:
        await rpc.close()
    return said
