"""The fields of a network's table in TOML, each read with its type checked; what is wrong is a `SettingsError`.

Every function takes the table, the key in it and whose it is, for the sentence.
"""

from __future__ import annotations

from typing import Any

from console.addresses import prefix_of, read_unhashed
from console.errors import InputError, SettingsError
from console.ipc_config import ipc_config_file, read_ipc_config, token_may_go_to
from console.ports.keys import KeyReference
from console.setting_kinds import BOOLEAN, OPTIONAL_PATH, PERSONAL_KEY, http_url, texts_of


def text(table: dict[str, Any], key: str, where: str, default: str | None = None) -> str:
    """A text; without a default it is needed and not empty. Raises SettingsError."""
    value = table.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise SettingsError(f"{where}: {key} must be a text")
    return value


def texts(table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    """A list of texts; empty when it is not there. Raises SettingsError."""
    try:
        return texts_of(table.get(key, []))
    except ValueError as error:
        raise SettingsError(f"{where}: {key} must be {error}") from error


def integer(table: dict[str, Any], key: str, where: str) -> int:
    """A whole number, 0 or more. Raises SettingsError."""
    value = table.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise SettingsError(f"{where}: {key} must be a whole number")
    return value


def optional_number(table: dict[str, Any], key: str, where: str) -> float | None:
    """A positive number; None when it is not there. Raises SettingsError."""
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise SettingsError(f"{where}: {key} must be a positive number")
    return float(value)


def address(table: dict[str, Any], key: str, where: str) -> str:
    """An address in any form that has one of Ethereum: 0x and 40 hex digits. Raises SettingsError."""
    value = text(table, key, where)
    chain_id = table.get("chain_id")
    try:
        found = read_unhashed(value, prefix=prefix_of(chain_id) if isinstance(chain_id, str) else None)
    except InputError as error:
        raise SettingsError(f"{where}: {key}: {error.what}", next_step=error.next_step) from None
    # A 0x address keeps its spelling: who asks the chain about it looks at its checksum first.
    return value if value.startswith("0x") else "0x" + found.hex()


def urls(table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    """At least one http or https URL. Raises SettingsError."""
    found = texts(table, key, where)
    if not found:
        raise SettingsError(f"{where}: {key} must name at least one URL")
    return tuple(_url(url, key, where) for url in found)


def _url(value: str, key: str, where: str) -> str:
    try:
        return http_url(value)
    except ValueError as error:
        raise SettingsError(f"{where}: {key} {value!r} is not {error}") from error


def key_reference(table: dict[str, Any], key: str, where: str) -> KeyReference | None:
    """Where a key is that a person signs with; None when it is not there. Raises SettingsError."""
    try:
        found: KeyReference | None = PERSONAL_KEY.decode(table.get(key, ""))
    except ValueError as error:
        raise SettingsError(f"{where}: {key} must be {error}") from error
    return found


def flag(table: dict[str, Any], key: str, where: str) -> bool:
    """True or false; false when it is not there. Raises SettingsError."""
    try:
        return bool(BOOLEAN.decode(table.get(key, False)))
    except ValueError as error:
        raise SettingsError(f"{where}: {key} must be {error}") from error


def tokens(table: dict[str, Any], where: str) -> dict[str, str]:
    """The token that ipc-cli has for this network's endpoint, where it has one and it may be sent there."""
    subnet_id = text(table, "ipc_subnet", where, default="")
    try:
        given = OPTIONAL_PATH.decode(table.get("ipc_config", ""))
    except ValueError as error:
        raise SettingsError(f"{where}: ipc_config must be {error}") from error
    path = ipc_config_file(given)
    if not subnet_id or (given is None and not path.is_file()):
        return {}
    found = read_ipc_config(path).subnet(subnet_id)
    urls = table.get("ethereum_rpc", [])
    if found is None or not found.auth_token or found.provider_http not in urls:
        return {}
    return {found.provider_http: found.auth_token} if token_may_go_to(found.provider_http) else {}
