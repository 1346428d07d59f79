"""ipc-cli's `~/.ipc/config.toml`, read for what it has and never written (facts/ipc.md §5)."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from console.addresses import parse_subnet_id, read_unhashed
from console.errors import InputError, SettingsError
from console.setting_kinds import http_url
from console.text import untrusted

ENVIRONMENT = "IPC_CLI_CONFIG_PATH"
"""ipc-cli's own variable for another place of the file."""

MAX_BYTES = 1 << 20
MAX_SUBNETS = 1000
_MAX_TOKEN = 8192


@dataclass(frozen=True, slots=True)
class IpcSubnet:
    """One `[[subnets]]` entry; what it does not say is empty."""

    id: str
    """As `/r314159/t410f…`."""
    provider_http: str
    gateway: str
    """0x and 40 hex digits: the subnet's IPC gateway."""
    subnet_registry: str
    """0x and 40 hex digits: IPC's registry of subnets, not an UpgradeRegistry."""
    auth_token: str = field(default="", repr=False)
    """A secret: it goes into requests to `provider_http`, and nowhere else."""


@dataclass(frozen=True, slots=True)
class IpcConfig:
    """The file."""

    path: Path
    keystore_path: Path | None
    """Folder of ipc-cli's keystores."""
    subnets: tuple[IpcSubnet, ...]
    warnings: tuple[str, ...]
    """Sentences about what could not be used, and about who can read the tokens."""

    def subnet(self, subnet_id: str) -> IpcSubnet | None:
        """The entry of a subnet, by its id in either spelling; None when there is none."""
        wanted = _same(subnet_id)
        return next((each for each in self.subnets if _same(each.id) == wanted), None)


def ipc_config_file(given: Path | None = None) -> Path:
    """Where the file is: as given, as `IPC_CLI_CONFIG_PATH` says, or `~/.ipc/config.toml`."""
    if given is not None:
        return given.expanduser()
    named = os.environ.get(ENVIRONMENT)
    return Path(named).expanduser() if named else Path.home() / ".ipc" / "config.toml"


def read_ipc_config(path: Path) -> IpcConfig:
    """Read the file; keys that are not known here are ipc-cli's own and left alone.

    Raises:
        SettingsError: It cannot be read, or what it says of a subnet is not acceptable.
    """
    content, mode = _content(path)
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        # No excerpt: the line that is wrong may be the one with the token.
        raise SettingsError(f"{path} is not TOML", next_step="mend the file, as ipc-cli would ask for too") from None
    entries = document.get("subnets", [])
    if not isinstance(entries, list) or len(entries) > MAX_SUBNETS:
        raise SettingsError(f"{path}: subnets must be a list of at most {MAX_SUBNETS} tables")
    warnings: list[str] = []
    subnets: list[IpcSubnet] = []
    for number, entry in enumerate(entries, 1):
        found = _subnet(entry, f"{path}, subnet {number}", warnings)
        if found is None:
            continue
        if any(_same(found.id) == _same(each.id) for each in subnets):
            raise SettingsError(f"{path}: subnet {found.id} is there twice")
        subnets.append(found)
    if any(each.auth_token for each in subnets) and mode & 0o077:
        warnings.append(f"{path} holds access tokens and has mode {mode:04o}: other users can read them")
    keystores = document.get("keystore_path")
    if keystores is not None and (not isinstance(keystores, str) or not keystores.isprintable() or not keystores):
        raise SettingsError(f"{path}: keystore_path must be a path")
    folder = None if keystores is None else Path(keystores).expanduser()
    return IpcConfig(path, folder, tuple(subnets), tuple(warnings))


def token_may_go_to(url: str) -> bool:
    """Whether a token may be sent there: over TLS, or within this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _content(path: Path) -> tuple[bytes, int]:
    try:
        # Without O_NONBLOCK a FIFO of that name would hold the command for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise SettingsError(f"{path} is no file")
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise SettingsError(f"{path} is larger than {MAX_BYTES} bytes")
    return content, stat.S_IMODE(found.st_mode)


def _subnet(entry: object, where: str, warnings: list[str]) -> IpcSubnet | None:
    config = entry.get("config") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(config, dict):
        raise SettingsError(f"{where} is not a table with an id and a config")
    subnet_id = _text(entry, "id", where, 400)
    try:
        parse_subnet_id(subnet_id)
    except InputError as error:
        raise SettingsError(f"{where}: {error.what}") from None
    kind = _text(config, "network_type", where, 40)
    if kind != "fevm":
        warnings.append(f"{where} ({subnet_id}) is of type {untrusted(kind, 40)!r} and left out: only fevm is known")
        return None
    url = _text(config, "provider_http", where, 2048)
    try:
        http_url(url)
    except ValueError as error:
        raise SettingsError(f"{where}: provider_http must be {error}") from None
    token = _token(config, where)
    if token and not token_may_go_to(url):
        warnings.append(f"{where} ({subnet_id}) has a token for plain http: it is not sent")
    return IpcSubnet(
        subnet_id, url, _address(config, "gateway_addr", where), _address(config, "registry_addr", where), token
    )


def _token(config: Mapping[str, Any], where: str) -> str:
    token = config.get("auth_token", "")
    good = isinstance(token, str) and len(token) <= _MAX_TOKEN and all("!" <= each <= "~" for each in token)
    if not good:
        # It goes into a header, where a line feed would begin another one.
        raise SettingsError(f"{where}: auth_token must be printable ASCII without blanks")
    return str(token)


def _text(table: Mapping[str, Any], key: str, where: str, most: int) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value or len(value) > most or not value.isprintable():
        raise SettingsError(f"{where}: {key} must be a text of at most {most} characters")
    return value


def _address(table: Mapping[str, Any], key: str, where: str) -> str:
    if key not in table:
        return ""
    value = _text(table, key, where, 200)
    try:
        return "0x" + read_unhashed(value).hex()
    except InputError as error:
        raise SettingsError(f"{where}: {key}: {error.what}") from None


def _same(subnet_id: str) -> object:
    try:
        return parse_subnet_id(subnet_id)
    except InputError:
        return subnet_id
