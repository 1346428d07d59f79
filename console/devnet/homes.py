"""A validator's home in the shape of `ipc-cli node init` (facts/ipc.md §1.3), Cosmovisor's layout in it (DESIGN §5)."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomlkit

from console.devnet import keys
from console.devnet.cometbft import PROGRAM, link_cometbft, peers_of, real_tables
from console.devnet.layout import DAEMON, NodeLayout
from console.devnet.options import duration_text
from console.devnet.ports import LOOPBACK
from console.devnet.record import Record, ValidatorRecord
from console.files import switch_link, write_durably

FRESH_SIGNER_STATE = {"height": "0", "round": 0, "step": 0}
"""What a validator that never signed has in priv_validator_state.json (facts/cosmos.md §6)."""

GENESIS_GENERATION = "genesis"


def genesis(record: Record) -> dict[str, object]:
    """The content of CometBFT's genesis.json, the same in every home."""
    validators = []
    for validator in record.validators:
        key = keys.validator_key(validator.number)
        validators.append(
            {
                "address": key.consensus_address,
                "pub_key": {"type": "tendermint/PubKeySecp256k1", "value": base64.b64encode(key.public).decode()},
                "power": str(validator.power),
                "name": validator.name,
            }
        )
    return {
        "genesis_time": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "chain_id": record.chain_id,
        "initial_height": "1",
        "consensus_params": {
            "block": {"max_bytes": "22020096", "max_gas": "-1"},
            "evidence": {"max_age_num_blocks": "100000", "max_age_duration": "172800000000000", "max_bytes": "1048576"},
            "validator": {"pub_key_types": ["secp256k1"]},
            "version": {"app": "0"},
        },
        "validators": validators,
        "app_hash": "",
        "app_state": {"evm_chain_id": record.evm_chain_id, "registry": record.registry, "gateway": record.gateway},
    }


def cometbft_config(record: Record, validator: ValidatorRecord) -> str:
    """The content of CometBFT's config.toml for one node."""
    p2p = {"laddr": f"tcp://{LOOPBACK}:{validator.p2p_port}", "persistent_peers": peers_of(record, validator)}
    tables: dict[str, Any] = {
        "moniker": validator.name,
        "rpc": {"laddr": f"tcp://{LOOPBACK}:{validator.cometbft_port}"},
        "p2p": p2p,
        "consensus": {"timeout_commit": duration_text(record.block_time_ms), "timeout_propose": "600ms"},
    }
    if record.real:
        real = real_tables(record, validator)
        p2p |= real.pop("p2p")
        # Plain values stand before every table.
        tables = {"proxy_app": real.pop("proxy_app"), **tables, **real}
    return tomlkit.dumps(tables)


def fendermint_config(record: Record, validator: ValidatorRecord) -> str:
    """The content of Fendermint's default.toml for one node; `halt_height` comes before every table."""
    document = tomlkit.document()
    document.add(tomlkit.comment("Block height where the node stops gracefully, before it executes it; 0 never halts."))
    document.add("halt_height", tomlkit.item(0))
    document.add("eth", tomlkit.item({"listen": {"host": LOOPBACK, "port": validator.ethereum_port}}))
    devnet = {"evm_url": record.evm_url}
    if record.real:
        document.add("abci", tomlkit.item({"listen": {"host": LOOPBACK, "port": validator.abci_port}}))
        devnet["cometbft_rpc"] = validator.cometbft_rpc
    document.add("devnet", tomlkit.item(devnet))
    return tomlkit.dumps(document)


def write_home(
    node: NodeLayout,
    record: Record,
    validator: ValidatorRecord,
    binary: bytes,
    genesis_document: Mapping[str, object],
    cometbft: Path | None = None,
) -> None:
    """Write the whole home of a validator that never ran.

    Args:
        node: Where; the folder does not exist yet.
        record: The devnet's choices.
        validator: The node's own ones.
        binary: The build that it starts with.
        genesis_document: The content of CometBFT's genesis.json.
        cometbft: A real CometBFT, where one decides the blocks.

    Raises:
        OSError: Something could not be written; the home is not complete.
    """
    home = node.home
    key = keys.validator_key(validator.number)
    binaries = home / "cosmovisor" / GENESIS_GENERATION / "bin"
    for folder in (
        node.folder,
        home,
        home / "cometbft" / "config",
        home / "cometbft" / "data",
        home / "fendermint" / "config",
        home / "fendermint" / "data",
        home / "logs",
        binaries,
        node.state_dir,
    ):
        # Parents that are made on the way would get the umask's mode.
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config, data = home / "cometbft" / "config", home / "cometbft" / "data"
    _json(config / "genesis.json", genesis_document, 0o644)
    _json(config / "priv_validator_key.json", keys.priv_validator_key(key))
    _json(config / "node_key.json", keys.node_key(record.chain_id, validator.number))
    _json(data / "priv_validator_state.json", FRESH_SIGNER_STATE)
    _text(config / "config.toml", cometbft_config(record, validator))
    _text(home / "fendermint" / "config" / "default.toml", fendermint_config(record, validator))
    _text(home / "fendermint" / "validator.sk", base64.b64encode(key.secret).decode(), 0o600)
    _text(home / "fendermint" / "validator.pk", base64.b64encode(key.public).decode())
    write_durably(binaries / DAEMON, binary, 0o500)
    if cometbft is not None:
        link_cometbft(cometbft, binaries / PROGRAM)
    switch_link(home / "cosmovisor" / "current", GENESIS_GENERATION)


def current_binary(node: NodeLayout) -> bytes:
    """The build that a node runs. Raises OSError."""
    return (node.home / "cosmovisor" / "current" / "bin" / DAEMON).read_bytes()


def copy_state(peer: NodeLayout, node: NodeLayout) -> None:
    """Give a new node the chain of one that runs: its blocks and the application's state after them.

    The application's state first, for a node takes blocks that are ahead of it and nothing else. Neither signer state
    nor consensus log is copied: they belong to the peer's key.

    Raises:
        OSError: Something could not be read or written.
    """
    part = Path("fendermint") / "data" / "app.json"
    write_durably(node.home / part, (peer.home / part).read_bytes(), 0o600)
    part = Path("cometbft") / "data" / "blockstore.db"
    source = sqlite3.connect(f"file:{peer.home / part}?mode=ro", uri=True)
    try:
        with closing(source), closing(sqlite3.connect(node.home / part)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        raise OSError(f"the blocks of {peer.name} could not be copied: {error}") from error


def _json(path: Path, document: object, mode: int = 0o600) -> None:
    write_durably(path, json.dumps(document, indent=2).encode() + b"\n", mode)


def _text(path: Path, text: str, mode: int = 0o644) -> None:
    write_durably(path, text.encode(), mode)
