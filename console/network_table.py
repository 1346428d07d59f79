"""Networks that are known without settings, the settings of a network, and what both become together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEVNET = "devnet"
"""The network name that this tool can bring up by itself."""

BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    "mainnet": {
        "stage": "mainnet",
        "chain_id": "/r314",
        "evm_chain_id": 314,
        "ethereum_rpc": ["https://api.node.glif.io/rpc/v1"],
        "ipc_subnet": "/r314",
    },
    "calibration": {
        "stage": "testnet",
        "chain_id": "/r314159",
        "evm_chain_id": 314159,
        "ethereum_rpc": [
            "https://api.calibration.node.glif.io/rpc/v1",
            "https://filecoin-calibration.chainup.net/rpc/v1",
        ],
        "ipc_subnet": "/r314159",
    },
    "localnet": {
        "stage": "devnet",
        "chain_id": "/r31415926",
        "evm_chain_id": 31415926,
        "ethereum_rpc": ["http://127.0.0.1:8545"],
        "ipc_subnet": "/r31415926",
    },
}
"""Filecoin's networks as IPC's repository documents them (facts/ipc.md §4). None has a registry of ours."""

WRITTEN, OF_THIS_TOOL, OF_IPC, BY_DEFAULT = "settings", "built in", "ipc-cli", "default"
"""Where a value comes from."""


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """One setting of a network, for the documentation and for listing."""

    key: str
    default: str
    meaning: str


NETWORK_ROWS = (
    NetworkRow("kind", "`ipc`", "`ipc`, or `cosmos` for a Cosmos chain with x/upgrade (docs/cosmos.md)."),
    NetworkRow("stage", "`mainnet`", "`mainnet`, `testnet` or `devnet`: what is at stake."),
    NetworkRow(
        "accent",
        "by stage: `error` for a mainnet, `warning` for a testnet, `none` for a devnet",
        "Colour behind the network's name on every screen, by its role in the theme: `error`, `warning`, `success`,"
        " `primary`, `secondary`, `accent` or `none`. The stage stands beside it as a word.",
    ),
    NetworkRow("chain_id", "required", "CometBFT's chain id."),
    NetworkRow("evm_chain_id", "required on IPC", "What `eth_chainId` has to answer."),
    NetworkRow("registry", "required on IPC", "Address of the UpgradeRegistry."),
    NetworkRow("cometbft_rpc", "required", "URLs of CometBFT RPCs."),
    NetworkRow(
        "ethereum_rpc",
        "required on IPC",
        "URLs of Ethereum RPCs. Two or more of different operators can be held against each other.",
    ),
    NetworkRow(
        "rest",
        "none",
        "Only of a Cosmos chain: base URLs of its REST API, as `http://127.0.0.1:1317`. Its state is read by"
        " `abci_query` over `cometbft_rpc`; REST is asked where an operator closed that, and as a further witness.",
    ),
    NetworkRow(
        "require_agreement",
        "`false`",
        "Refuse to sign what only one endpoint says, where no own synced node is there to be believed. Endpoints that"
        " contradict each other block in any case.",
    ),
    NetworkRow(
        "proposer_key",
        "none",
        "Key that proposes, by reference: a path, or `{ path = …, address = … }` (docs/keys.md).",
    ),
    NetworkRow("voter_key", "none", "Key of the validator where its node names none: votes, replaces, rolls back."),
    NetworkRow("council_key", "none", "Key of the council's member: approves a halt."),
    NetworkRow(
        "ipc_subnet",
        "none",
        "The subnet's id in ipc-cli's `config.toml`: its `auth_token` is sent to its `provider_http`, over TLS or"
        " within this machine, and nowhere else.",
    ),
    NetworkRow("ipc_config", "`$IPC_CLI_CONFIG_PATH` or `~/.ipc/config.toml`", "Where that file is."),
    NetworkRow(
        "windows",
        "none",
        "When its operators are at hand, as they declared it to each other: lines as"
        ' `"val-2: Sat,Sun 22:00..02:00 UTC"`. The propose form holds a moment against them. Your own stand under'
        ' `[maintenance]`: `windows = ["Tue,Thu 02:00..04:00 Europe/Berlin"]`.',
    ),
    NetworkRow(
        "nodes.NAME.ssh",
        "none",
        "The node's controller is on another machine: what `ssh` is given, as an alias of `~/.ssh/config`"
        " (docs/fleet.md). Of the node's other settings only `address` stands here, the rest there.",
    ),
    NetworkRow(
        "nodes.NAME.ssh_command",
        "`upgrade-console --network NETWORK --node NAME node pipe`",
        "What the shell there is given, where the console is installed elsewhere or its settings call the node by"
        " another name.",
    ),
    NetworkRow(
        "parent",
        "none",
        "The network of these settings that this one is a child of: what it says to its children about its upgrades is"
        " told here, and a height outside its window is refused ([docs/cross-subnet.md](cross-subnet.md)).",
    ),
    NetworkRow("block_time_s", "none", "Expected seconds per block; a hint for polling, never for an ETA."),
)


def merged(name: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """A network's table: what the settings say, over what is built in for that name."""
    return {**BUILT_IN.get(name, {}), **own}


def origin(name: str, key: str, own: Mapping[str, Any]) -> str:
    """Where the value of a key of that network's table comes from."""
    if key in own:
        return WRITTEN
    return OF_THIS_TOOL if key in BUILT_IN.get(name, {}) else BY_DEFAULT


def networks_markdown() -> str:
    """The table of a network's settings, for the documentation."""
    lines = ["| network setting | default | meaning |", "|---|---|---|"]
    lines += [f"| `{row.key}` | {row.default} | {row.meaning} |" for row in NETWORK_ROWS]
    return "\n".join(lines) + "\n"
