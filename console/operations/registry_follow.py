"""Going over to the registry that follows one, after its operator confirmed it: never by itself.

A vote names the successor (`setSuccessor`). What a console and a controller listen to is written in the operator's own
settings all the same, and only the operator writes there.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path

from console.addresses import ZERO_ADDRESS
from console.chain.governance import GovernanceReader
from console.errors import InputError, SettingsError
from console.model import RegistryRules
from console.operations.settings_document import changed_settings
from console.settings import NetworkSettings, config_file

_NOTHING_CHANGED = "nothing was changed"


@dataclass(frozen=True, slots=True)
class Following:
    """The registry that follows."""

    address: str
    """Checksummed."""
    rules: RegistryRules


async def read_successor(network: NetworkSettings) -> Following:
    """Read which registry follows, and that it answers as one.

    Raises:
        InputError: None follows.
        ChainError: No usable answer, or there is no registry at that address.
    """
    successor = (await _rules_of(network)).successor
    if successor == ZERO_ADDRESS:
        raise InputError(
            f"no registry follows {network.registry}",
            safe=_NOTHING_CHANGED,
            next_step="a vote names one (setSuccessor)",
        )
    return Following(successor, await _rules_of(replace(network, registry=successor)))


def follow_registry(network: NetworkSettings, following: Following) -> Path:
    """Write the registry that follows into the network's settings; everything else in the file stays as it is.

    Returns:
        The file.

    Raises:
        SettingsError: It cannot be read or written.
    """
    path = config_file() if network.folder is None else network.folder / "network.toml"
    with changed_settings(path) as document:
        table: object = document if network.folder is not None else document["networks"][network.name]
        if not isinstance(table, MutableMapping) or str(table["registry"]).lower() != network.registry.lower():
            raise SettingsError(f"{path} does not name {network.registry} any more", safe=_NOTHING_CHANGED)
        table["registry"] = following.address
    return path


async def _rules_of(network: NetworkSettings) -> RegistryRules:
    async with GovernanceReader(network, network.ethereum_rpc) as reader:
        return await reader.rules()
