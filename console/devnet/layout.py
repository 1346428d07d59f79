"""Where everything of a devnet is on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

KIND = "upgrade-console devnet"
SCHEMA = 1
"""What the record of a devnet says it is, and its form."""

DAEMON = "subnetd"
"""Name of the node program in every `bin/` folder and on the release server."""


@dataclass(frozen=True, slots=True)
class NodeLayout:
    """One validator's folders."""

    folder: Path
    """`DIR/nodes/<name>`."""

    @property
    def name(self) -> str:
        """The node's name."""
        return self.folder.name

    @property
    def home(self) -> Path:
        """The node's home in the shape of facts/ipc.md §1.3."""
        return self.folder / "home"

    @property
    def state_dir(self) -> Path:
        """The controller's folder: journal.db, run/."""
        return self.folder / "state"

    @property
    def run_record(self) -> Path:
        """What the shim wrote about its run: pids and their start times."""
        return self.state_dir / "run" / "node.json"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one devnet folder.

    Args:
        folder: DIR, absolute and without symbolic links.
    """

    folder: Path

    @classmethod
    def of(cls, folder: Path) -> Layout:
        """The layout of a folder as the operator wrote it."""
        return cls(folder.expanduser().resolve())

    @property
    def record(self) -> Path:
        """The devnet's own record."""
        return self.folder / "devnet.json"

    @property
    def settings(self) -> Path:
        """What `console.settings.load_network("devnet", DIR)` reads."""
        return self.folder / "network.toml"

    @property
    def lock(self) -> Path:
        """Held while `up` or `down` works on the folder."""
        return self.folder / "devnet.lock"

    @property
    def evm(self) -> Path:
        """Genesis and data of the EVM process."""
        return self.folder / "evm"

    @property
    def evm_genesis(self) -> Path:
        """The EVM's genesis file."""
        return self.evm / "genesis.json"

    @property
    def releases(self) -> Path:
        """What the release server serves."""
        return self.folder / "releases"

    @property
    def contracts(self) -> Path:
        """Compiled facets on the release server."""
        return self.releases / "contracts"

    @property
    def keys(self) -> Path:
        """Keys that the operator's verbs sign with."""
        return self.folder / "keys"

    @property
    def admin_key(self) -> Path:
        """The registry's admin key."""
        return self.keys / "admin.key"

    @property
    def parent_key(self) -> Path:
        """The key that changes the gateway's validator set."""
        return self.keys / "parent.key"

    @property
    def nodes(self) -> Path:
        """One folder per validator."""
        return self.folder / "nodes"

    @property
    def logs(self) -> Path:
        """Logs of the processes that are not nodes."""
        return self.folder / "logs"

    def release(self, version: str) -> Path:
        """The build of one version."""
        return self.releases / version / DAEMON

    @property
    def cometbft(self) -> Path:
        """The devnet's own copy of a real CometBFT, where one decides its blocks."""
        return self.folder / "cometbft"

    def node(self, name: str) -> NodeLayout:
        """One validator's folders."""
        return NodeLayout(self.nodes / name)

    def operator_key(self, name: str) -> Path:
        """The key that signs readiness for one validator."""
        return self.keys / f"{name}-operator.key"

    def voter_key(self, name: str) -> Path:
        """The key that votes for one validator: its own."""
        return self.keys / f"{name}-validator.key"

    def council_key(self, number: int) -> Path:
        """The key of a member of the council."""
        return self.keys / f"council{number}.key"

    def log(self, process: str) -> Path:
        """Log of `evm`, `releases` or `<node>-controller`."""
        return self.logs / f"{process}.log"
