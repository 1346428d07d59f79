"""Where a network's contracts are: the `[networks.NAME.contracts]` table of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from console.addresses import read_unhashed
from console.errors import InputError, SettingsError
from console.setting_kinds import http_url, texts_of

KEYS = ("gateway", "subnet_actor", "subnet_registry", "parent_rpc", "parent_evm_chain_id")


@dataclass(frozen=True, slots=True)
class ContractSettings:
    """Addresses of contracts that are upgraded by cuts; what is empty is found where it usually is."""

    gateway: str = ""
    """The subnet's gateway diamond."""
    subnet_actor: str = ""
    """The subnet's actor, on the parent chain."""
    subnet_registry: str = ""
    """IPC's registry of subnets, on the subnet: not the UpgradeRegistry."""
    parent_rpc: tuple[str, ...] = ()
    """Ethereum endpoints of the parent chain, in the order in which they are tried."""
    parent_evm_chain_id: int = 0


def parse_contracts(table: Mapping[str, object], where: str, prefix: str | None) -> ContractSettings:
    """Check the table.

    Args:
        table: As read from TOML.
        where: Whose it is, for sentences.
        prefix: The letter of the network's Filecoin addresses; None for either.

    Raises:
        SettingsError: An unknown key, or a value that is not acceptable.
    """
    where = f"{where}, contracts"
    unknown = [key for key in table if key not in KEYS]
    if unknown:
        raise SettingsError(f"{where}: there is no setting {unknown[0]!r} (known: {', '.join(KEYS)})")
    chain_id = table.get("parent_evm_chain_id", 0)
    if not isinstance(chain_id, int) or isinstance(chain_id, bool) or chain_id < 0:
        raise SettingsError(f"{where}: parent_evm_chain_id must be a whole number")
    try:
        urls = tuple(http_url(url) for url in texts_of(table.get("parent_rpc", [])))
    except ValueError as error:
        raise SettingsError(f"{where}: parent_rpc must be {error}") from None
    if bool(urls) != bool(chain_id):
        raise SettingsError(f"{where}: parent_rpc and parent_evm_chain_id belong together: give both")
    return ContractSettings(
        gateway=_address(table, "gateway", where, prefix),
        subnet_actor=_address(table, "subnet_actor", where, prefix),
        subnet_registry=_address(table, "subnet_registry", where, prefix),
        parent_rpc=urls,
        parent_evm_chain_id=chain_id,
    )


def _address(table: Mapping[str, object], key: str, where: str, prefix: str | None) -> str:
    value = table.get(key, "")
    if value == "":
        return ""
    if not isinstance(value, str):
        raise SettingsError(f"{where}: {key} must be an address")
    try:
        found = read_unhashed(value, prefix=prefix)
    except InputError as error:
        raise SettingsError(f"{where}: {key}: {error.what}", next_step=error.next_step) from None
    return value if value.startswith("0x") else "0x" + found.hex()
