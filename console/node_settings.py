"""The settings of one node, here or elsewhere; what each means and when it holds is in `console.settings_table`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from console.ports.keys import KeyReference

Shape = Literal["embedded", "fendermint", "docker", "cosmos"]
Runtime = Literal["shim", "docker", "systemd"]
ArmBy = Literal["environment", "local.toml"]
Manager = Literal["auto", "system", "user"]

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """A node that this machine runs. Durations are in seconds, sizes in bytes."""

    name: str
    home: Path
    state_dir: Path
    """The controller's folder: journal, run/control.sock, logs."""
    daemon: str
    """Name of the binary in every `bin/` of the home's cosmovisor layout."""
    arguments: tuple[str, ...]
    """Arguments of a start; `{home}` is replaced."""
    address: str
    """The validator's checksummed Ethereum address; may be empty on Cosmos chains."""
    cometbft_rpc: str
    ethereum_rpc: str
    """Empty on Cosmos chains that have none."""
    operator_key: KeyReference | None
    """Key that signs readiness for this validator."""
    voter_key: KeyReference | None = None
    """The validator's own key: it votes, replaces, rolls back and delegates. No controller uses it."""
    rest: str = ""
    """Base URL of the node's own REST, on a Cosmos chain; empty: not asked."""
    metrics_url: str = ""
    """Prometheus endpoint of the application, for the parent's finality; empty: not looked at."""
    metrics_port: int = 0
    """Port on 127.0.0.1 for the controller's own metrics; 0: none."""
    mirror: tuple[str, ...] = ()
    """Base URLs to download from instead of a plan's own, in the order in which they are tried."""
    ipfs_gateways: tuple[str, ...] = ()
    """Gateways for `ipfs://`: a base URL, or one with `{cid}` in its host."""
    local_downloads: bool = False
    """Whether a plan's own URL may lead to this machine or into a private network."""
    automatic: bool = True
    """Whether the controller acts on scheduled plans by itself."""
    auto_schedule: bool = True
    """Whether the controller gives approved proposals their heights when it is its turn."""
    auto_execute: bool = True
    """Whether it has linked calls made."""
    auto_undo: bool = True
    """Whether it has linked calls taken back after an upgrade that did not come."""
    auto_advertise: bool = True
    """Whether it tells the chain what this validator runs."""
    restart_on_error: bool = False

    shape: Shape = "embedded"
    runtime: Runtime = "shim"
    arm_by: ArmBy = "environment"
    """How a start is told its halt height; the file is for a node that is not given our environment."""
    unit: str = ""
    """The operator's own systemd unit that runs the node, where no controller of ours does: its journal is the log."""
    companions: Mapping[str, Path] = field(default_factory=dict, hash=False)
    """Absolute paths of programs that are started with the node and are not part of a generation, by daemon."""
    containers: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Names of the containers by service: `app`, `cometbft`, `eth`; only with the runtime `docker`."""
    systemd_manager: Manager = "auto"
    """Whose unit the node is, ours or the operator's; `auto`: root's is the system's, others have their own."""
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    allow_scripts: bool = False
    disable_recase: bool = False

    auto_download: bool = True
    binary_path: Path | None = None
    """File, or folder of files, to take release bytes from before anything is downloaded."""
    query_interval_blocks: int = 5
    """Holds in IDLE; from PLANNED on every block is read."""
    skip_upgrade_heights: tuple[int, ...] = ()

    backup_enabled: bool = True
    backup_dir: Path | None = None
    """None: `<state_dir>/backups`; use `points_dir`."""
    keep_points: int = 2
    keep_set_aside_blocks: int = 100_000
    """Blocks past an upgrade for which data is kept that a restore or a resync set aside; 0: for ever."""
    rollback_on_failure: bool = True
    rollback_space_margin_bytes: int = 2 * GIB

    max_downtime_s: float = 300.0
    """0: no limit."""
    startup_timeout_s: float = 60.0
    shutdown_grace_s: float = 60.0
    restart_delay_s: float = 0.0
    preupgrade_max_retries: int = 0
    preupgrade_deadline_s: float = 300.0
    custom_preupgrade: str = ""
    """Path inside `<home>/cosmovisor`; empty: none."""

    written: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """Keys that the network's file says; the others have their defaults."""

    @property
    def points_dir(self) -> Path:
        """Folder of the rollback points."""
        return self.backup_dir or self.state_dir / "backups"


@dataclass(frozen=True, slots=True)
class RemoteNode:
    """A node whose controller is on another machine and is reached by OpenSSH."""

    name: str
    ssh: str
    """What `ssh` is given: an alias of the operator's `~/.ssh/config`, or `user@host`."""
    command: str
    """What the shell there is given; `node pipe` of the console that is installed there."""
    address: str
    """The validator's Ethereum address; empty where it has none, and on Cosmos chains that need none."""

    def by_hand(self, what: str) -> str:
        """What a person types to have the console there do something, by the way that the settings name.

        Args:
            what: A verb with its options.
        """
        console, found, _ = self.command.rpartition(" node pipe")
        return f"ssh -t {self.ssh} {shlex.quote(f'{console} {what}')}" if found else f"ssh -t {self.ssh}"
