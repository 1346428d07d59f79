"""Homes of nodes on the disk, for the verbs that work without a controller."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from console.settings import NetworkSettings, NodeSettings
from tests.console.node import nodes
from tests.console.operations.examples import ADDRESSES

RPC = "http://127.0.0.1:9"


def a_node(folder: Path, **changes: object) -> NodeSettings:
    """A node of an IPC subnet with its home on the disk and no controller."""
    node = NodeSettings(
        name="node1",
        home=nodes.make_home(folder / "home"),
        state_dir=folder / "state",
        daemon=nodes.DAEMON,
        arguments=("node", "start", "--home", "{home}"),
        address=ADDRESSES[0],
        cometbft_rpc=RPC,
        ethereum_rpc=RPC,
        operator_key=None,
        allow_scripts=True,
    )
    return dataclasses.replace(node, **changes)  # type: ignore[arg-type]


def a_cosmos_node(folder: Path, **changes: object) -> NodeSettings:
    """A node of a Cosmos SDK chain with its home on the disk and no controller."""
    home = folder / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "app.toml").write_text("halt-height = 0\n")
    (home / "config" / "config.toml").write_text('[rpc]\nladdr = "tcp://0.0.0.0:36657"\n')
    (home / "config" / "genesis.json").write_text('{"genesis_time": "x", "chain_id": "cosmos-test-1"}')
    (home / "data").mkdir()
    (home / "data" / "priv_validator_state.json").write_text('{"height": "0", "round": 0, "step": 0}')
    nodes.write_binary(home / "cosmovisor" / "genesis" / "bin" / nodes.DAEMON, home)
    (home / "cosmovisor" / "current").symlink_to("genesis")
    node = NodeSettings(
        name="simd",
        home=home,
        state_dir=folder / "state",
        daemon=nodes.DAEMON,
        arguments=(),
        address="",
        cometbft_rpc=RPC,
        ethereum_rpc="",
        operator_key=None,
        shape="cosmos",
        allow_scripts=True,
    )
    return dataclasses.replace(node, **changes)  # type: ignore[arg-type]


def a_network(node: NodeSettings) -> NetworkSettings:
    """The network of a node."""
    kind = "cosmos" if node.shape == "cosmos" else "ipc"
    return NetworkSettings(
        name="testnet",
        kind=kind,
        chain_id="test-1",
        evm_chain_id=0 if kind == "cosmos" else 31337,
        registry="" if kind == "cosmos" else "0x5FbDB2315678afecb367f032d93F642f64180aa3",
        cometbft_rpc=(RPC,),
        ethereum_rpc=() if kind == "cosmos" else (RPC,),
        proposer_key=None,
        nodes=(node,),
    )
