"""Homes of each shape, as the real tools leave them (facts/ipc.md §1.1, §1.3; facts/cosmos.md §1.3)."""

from __future__ import annotations

import json
from pathlib import Path

DEFAULT_TOML = """home_dir = "/x"
# Block height where we should gracefully stop the node
halt_height = {halt}

[abci.listen]
host = "127.0.0.1"
port = 36658

[eth.listen]
host = "127.0.0.1"
port = 38545

[metrics]
enabled = true
[metrics.listen]
host = "127.0.0.1"
port = 39184

[resolver.connection]
listen_addr = "/ip4/0.0.0.0/tcp/36655"

[ipc.topdown]
parent_http_auth_token = "s3cr3t"
"""

CONFIG_TOML = """priv_validator_laddr = "{remote}"
[rpc]
laddr = "tcp://127.0.0.1:36657"
[p2p]
laddr = "tcp://0.0.0.0:36656"
[consensus]
double_sign_check_height = {blocks}
[instrumentation]
prometheus = true
prometheus_listen_addr = ":36660"
"""


def write(path: Path, content: str = "", mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
    return path


def cometbft(home: Path, *, remote: str = "", blocks: int = 0) -> None:
    write(home / "config" / "config.toml", CONFIG_TOML.format(remote=remote, blocks=blocks))
    write(home / "config" / "genesis.json", "{}")
    write(home / "config" / "priv_validator_key.json", "{}")
    write(home / "config" / "node_key.json", "{}")
    write(home / "data" / "priv_validator_state.json", json.dumps({"height": "7", "round": 0, "step": 3}))
    write(home / "data" / "state.db" / "LOCK")


def embedded(home: Path, *, halt: int = 0, remote: str = "", blocks: int = 0) -> Path:
    cometbft(home / "cometbft", remote=remote, blocks=blocks)
    write(home / "fendermint" / "config" / "default.toml", DEFAULT_TOML.format(halt=halt))
    write(home / "fendermint" / "validator.sk", "x")
    write(home / "fendermint" / "data" / "rocksdb" / "LOCK")
    return home


def bare(user_home: Path) -> Path:
    cometbft(user_home / ".cometbft")
    write(user_home / ".fendermint" / "config" / "default.toml", DEFAULT_TOML.format(halt=0))
    write(user_home / ".fendermint" / "data" / "rocksdb" / "LOCK")
    return user_home / ".fendermint"


def cosmos(home: Path, daemon: str = "gaiad") -> Path:
    cometbft(home)
    write(home / "config" / "app.toml", 'halt-height = 0\n[grpc]\nenable = true\naddress = "localhost:39090"\n')
    write(home / "cosmovisor" / "genesis" / "bin" / daemon, "#!/bin/sh\n", 0o755)
    (home / "cosmovisor" / "current").symlink_to("genesis")
    return home


def docker(user_home: Path) -> Path:
    home = user_home / ".ipc" / "r314159-t410fabc" / "node-0"
    cometbft(home / "cometbft")
    (home / "fendermint" / "data").mkdir(parents=True)
    return home
