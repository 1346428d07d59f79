"""`node run` in the place of Cosmovisor: its own settings are enough, no network is needed (facts/cosmos.md §1.1).

What its settings have no word for has our default. What they have and we do not copy is said: a grace of zero, which
means SIGKILL at once there, is our default grace here, and bytes without a checksum are never run.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.node.cosmovisor.settings import CosmovisorSettings, read_settings
from console.node.cosmovisor.skip_heights import skip_heights
from console.node.discovery.files import read_toml
from console.node.discovery.homes import Home, ShapeKind
from console.node.discovery.ports import RPC, ports_of
from console.settings import NetworkSettings, NodeSettings, state_folder
from console.text import untrusted

_GENESIS_HEAD = 1 << 20
_CHAIN_ID = re.compile(rb'"chain_id"\s*:\s*"([!-~]{1,128}?)"')


@dataclass(frozen=True, slots=True)
class DropIn:
    """A network and its node, made from Cosmovisor's settings."""

    network: NetworkSettings
    node: NodeSettings
    settings: CosmovisorSettings
    notes: tuple[str, ...]
    """What is different here from what the settings would do there."""


def has_variables(environment: Mapping[str, str]) -> bool:
    """Whether Cosmovisor's two required variables are set."""
    return bool(environment.get("DAEMON_HOME")) and bool(environment.get("DAEMON_NAME"))


def drop_in(
    environment: Mapping[str, str],
    config: Path | None = None,
    arguments: Sequence[str] = (),
    *,
    check_folders: bool = True,
) -> DropIn:
    """A node from Cosmovisor's settings.

    Args:
        environment: With `DAEMON_HOME` and the others.
        config: The file of `--cosmovisor-config`.
        arguments: The daemon's own, as they were given to Cosmovisor.
        check_folders: Whether the folders must exist; not for `init`.

    Raises:
        CosmovisorSettingsError: With a sentence for every error.
    """
    found = read_settings(environment, config, check_folders=check_folders)
    skipped = skip_heights(arguments)
    rpc = next(port for port in ports_of(_home(found)) if port.name == RPC)
    host = "127.0.0.1" if rpc.host in {"", "0.0.0.0", "::", "localhost"} else rpc.host
    url = f"http://[{host}]:{rpc.number}" if ":" in host else f"http://{host}:{rpc.number}"
    values: dict[str, Any] = {
        "auto_download": found.allow_download_binaries,
        "restart_delay_s": found.restart_delay_s,
        "preupgrade_max_retries": min(found.preupgrade_max_retries, 1000),
        "custom_preupgrade": found.custom_preupgrade,
        "disable_recase": found.disable_recase,
        "skip_upgrade_heights": tuple(sorted(skipped.heights)),
        "backup_enabled": not found.unsafe_skip_backup,
    }
    if found.shutdown_grace_s > 0:
        values["shutdown_grace_s"] = found.shutdown_grace_s
    if found.data_backup_dir != found.home:
        values["backup_dir"] = found.data_backup_dir / "upgrade-console"
    node = NodeSettings(
        name=found.name,
        home=found.home,
        state_dir=state_folder() / f"{found.name}-{hashlib.sha256(os.fsencode(found.home)).hexdigest()[:8]}",
        daemon=found.name,
        arguments=tuple(arguments),
        address="",
        cometbft_rpc=url,
        ethereum_rpc="",
        operator_key=None,
        shape="cosmos",
        written=frozenset(values),
        **values,
    )
    network = NetworkSettings(
        name=found.name,
        kind="cosmos",
        chain_id=chain_id_of(found.home),
        evm_chain_id=0,
        registry="",
        cometbft_rpc=(url,),
        ethereum_rpc=(),
        proposer_key=None,
        nodes=(node,),
    )
    return DropIn(network, node, found, tuple(_notes(found, skipped.warning())))


def chain_id_of(home: Path) -> str:
    """The chain's id as `client.toml` or the genesis file says it; empty when neither does."""
    value = read_toml(home / "config" / "client.toml").get("chain-id")
    if isinstance(value, str) and value:
        return str(untrusted(value, 128))
    try:
        with (home / "config" / "genesis.json").open("rb") as stream:
            head = stream.read(_GENESIS_HEAD)
    except OSError:
        return ""
    match = _CHAIN_ID.search(head)
    return "" if match is None else match.group(1).decode("ascii")


def _home(found: CosmovisorSettings) -> Home:
    return Home(
        root=found.home,
        kind=ShapeKind.COSMOS,
        mode="",
        fendermint=None,
        cometbft=found.home,
        settings=None,
        daemons=(found.name,),
    )


def _notes(found: CosmovisorSettings, skip_warning: str) -> list[str]:
    notes = []
    if found.shutdown_grace_s <= 0:
        notes.append("without DAEMON_SHUTDOWN_GRACE the node has a minute to end; Cosmovisor would kill it at once")
    if not found.restart_after_upgrade:
        notes.append("DAEMON_RESTART_AFTER_UPGRADE=false has no meaning here: the new binary is started")
    if found.unsafe_skip_backup:
        notes.append("UNSAFE_SKIP_BACKUP: no rollback point is taken, and nothing is rolled back by itself")
    if found.allow_download_binaries and not found.download_must_have_checksum:
        notes.append("bytes without a checksum are not run here, with or without DAEMON_DOWNLOAD_MUST_HAVE_CHECKSUM")
    notes += [f"{untrusted(key, 60)} in the file is no setting of Cosmovisor's" for key in found.unknown_keys]
    return notes + ([skip_warning] if skip_warning else [])
