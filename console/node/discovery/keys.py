"""Keys of a node, where the signer keeps its state, and how it is set up (facts/ipc.md §1.11, §5; cosmos.md §6)."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from console.node.discovery.fendermint import merged
from console.node.discovery.files import is_file, read_toml, value_at
from console.node.discovery.finding import Finding, Level
from console.node.discovery.homes import Home, ShapeKind
from console.text import untrusted


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One file with a secret. Its content is never read."""

    name: str
    """What it is for: `consensus key`, `p2p key`."""
    path: Path
    present: bool
    mode: int | None
    """Permission bits; None when absent or closed to us."""
    required: bool

    @property
    def finding(self) -> Finding:
        """Whether it is there, and readable by its owner only."""
        if not self.present:
            level = Level.FAIL if self.required else Level.OK
            return Finding(level, "keys", f"the {self.name} {self.path} is not there")
        if self.mode is None:
            return Finding(Level.WARN, "keys", f"the {self.name} {self.path} cannot be looked at")
        if self.mode & 0o077:
            return Finding(
                Level.WARN,
                "keys",
                f"the {self.name} {self.path} has mode {self.mode:04o}: others than its owner may read it",
                f"chmod 600 {self.path}",
            )
        return Finding(Level.OK, "keys", f"the {self.name} {self.path} has mode {self.mode:04o}")


@dataclass(frozen=True, slots=True)
class SignerSetup:
    """How CometBFT signs."""

    remote: str
    """`priv_validator_laddr`: where it waits for a remote signer; empty for the key file."""
    state: Path
    """`priv_validator_state.json`; without meaning where the signer is remote."""
    key: Path
    double_sign_check_height: int
    """Blocks; above 0 a quick restart is refused."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the operator should know of it."""
        found = []
        if self.remote:
            found.append(
                Finding(
                    Level.WARN,
                    "signer",
                    f"the signer is remote (priv_validator_laddr {self.remote}): the rules for the state file are off, "
                    "and only the signer itself guards against signing twice",
                )
            )
        if self.double_sign_check_height > 0:
            blocks = self.double_sign_check_height
            found.append(
                Finding(
                    Level.WARN,
                    "signer",
                    f"double_sign_check_height is {blocks}: a node that signed one of the last {blocks} blocks refuses "
                    "to start, so a restart to arm, or after a halt, looks like a crash",
                    "set it to 0 before the upgrade, or wait that many blocks after each stop",
                )
            )
        return tuple(found)


def signer_setup(home: Home) -> SignerSetup:
    """Read it from CometBFT's `config.toml`; what cannot be read has its default."""
    document = read_toml(home.cometbft / "config" / "config.toml")
    blocks = document.get("consensus", "double_sign_check_height")
    remote = document.get("priv_validator_laddr")
    return SignerSetup(
        remote=str(untrusted(remote, 120)) if isinstance(remote, str) else "",
        state=_below(home, document.get("priv_validator_state_file"), "data/priv_validator_state.json"),
        key=_below(home, document.get("priv_validator_key_file"), "config/priv_validator_key.json"),
        double_sign_check_height=blocks if isinstance(blocks, int) and not isinstance(blocks, bool) else 0,
    )


def key_files(home: Home, setup: SignerSetup, keystore: Path | None = None) -> tuple[KeyFile, ...]:
    """Files with secrets that belong to the node.

    Args:
        home: The node's home.
        setup: How it signs.
        keystore: ipc-cli's folder (`~/.ipc`), whose plain-text `evm_keystore.json` holds the consensus key too.
    """
    found = [
        _key("consensus key", setup.key, required=not setup.remote),
        _key("p2p key", home.cometbft / "config" / "node_key.json", required=False),
    ]
    if home.fendermint is not None:
        embedded = home.kind is ShapeKind.EMBEDDED
        found.append(_key("validator key", home.fendermint / "validator.sk", required=embedded))
        name = value_at(merged(home), "resolver", "network", "local_key")
        network = home.fendermint / (name if isinstance(name, str) and "\0" not in name else "keys/network.sk")
        if is_file(network):
            found.append(_key("resolver key", network, required=False))
    if keystore is not None and is_file(keystore / "evm_keystore.json"):
        found.append(_key("keystore", keystore / "evm_keystore.json", required=False))
    return tuple(found)


def _key(name: str, path: Path, *, required: bool) -> KeyFile:
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return KeyFile(name, path, present=False, mode=None, required=required)
    except (OSError, ValueError):
        return KeyFile(name, path, present=True, mode=None, required=required)
    return KeyFile(name, path, present=True, mode=mode, required=required)


def _below(home: Home, value: object, default: str) -> Path:
    """A path that is relative to CometBFT's home, as CometBFT takes it."""
    named = isinstance(value, str) and value and "\0" not in value
    return home.cometbft / (str(value) if named else default)
