"""Who is told of what: the table `[notify]` of the settings file. No URL stands in it, since URLs hold secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from console.errors import SettingsError
from console.monitoring.notices import KINDS
from console.monitoring.rules import Severity
from console.network_table import DEVNET
from console.setting_words import nearest, quoted, table_of
from console.settings_file import written_settings

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_WEIGHT = {severity: place for place, severity in enumerate(Severity)}
MOST_SERVICES = 16


@dataclass(frozen=True, slots=True)
class Service:
    """One place where messages go."""

    name: str
    """As in the file of URLs."""
    severity: Severity = Severity.INFO
    """The least that is told there."""
    events: frozenset[str] = frozenset()
    """Names of `KINDS`; empty for all."""
    networks: frozenset[str] = frozenset()
    """Empty for all but a devnet."""

    def serves(self, network: str) -> bool:
        """Whether it is told of this network at all."""
        return network in self.networks if self.networks else network != DEVNET

    def wants(self, event: str, severity: Severity, network: str) -> bool:
        """Whether it is to be told of this."""
        if not self.serves(network):
            return False
        return weighs(severity, self.severity) and (not self.events or event in self.events)


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """The table `[notify]`."""

    urls: Path | None = None
    """File of URLs, its owner's alone; read by the sending process and nobody else."""
    proxy: str = ""
    """URL of an HTTP proxy for all services; the environment's is not used."""
    services: tuple[Service, ...] = ()

    def service(self, name: str) -> Service:
        """The service of that name. Raises SettingsError."""
        for service in self.services:
            if service.name == name:
                return service
        known = [service.name for service in self.services]
        raise SettingsError(
            f"there is no service {quoted(name)}{nearest(name, known)} (known: {', '.join(known) or 'none'})",
            next_step="add a [notify.services.NAME] table",
        )


def heaviest(severities: list[Severity]) -> Severity:
    """The one that weighs most."""
    return max(severities, key=_WEIGHT.__getitem__)


def weighs(severity: Severity, least: str) -> bool:
    """Whether it weighs as much as `least`, a severity's word; `none` is more than all."""
    return least != "none" and _WEIGHT[severity] >= _WEIGHT[Severity(least)]


def load_notify() -> NotifySettings:
    """What the settings file says; nobody is told of anything without one.

    Raises:
        SettingsError: The file is unreadable, or a value or key is not acceptable.
    """
    return parse_notify(table_of(written_settings().get("notify", {}), "notify"))


def parse_notify(table: Mapping[str, Any]) -> NotifySettings:
    """Check the table, as TOML gives it. Raises SettingsError."""
    _refuse_unknown(table, ["urls", "proxy", "services"], "notify")
    services = table_of(table.get("services", {}), "notify.services")
    if len(services) > MOST_SERVICES:
        raise SettingsError(f"notify: at most {MOST_SERVICES} services")
    found = tuple(_service(name, table_of(each, f"notify.services.{name}")) for name, each in services.items())
    urls = _urls(table.get("urls"))
    if found and urls is None:
        raise SettingsError("notify: urls must name the file of the services' URLs (docs/notifications.md)")
    return NotifySettings(urls, _proxy(table.get("proxy", "")), found)


def _urls(value: object) -> Path | None:
    if value is None:
        return None
    path = Path(value).expanduser() if isinstance(value, str) and value.isprintable() else None
    if path is None or not path.is_absolute():
        raise SettingsError("notify: urls must be the absolute path of a file of mode 0600")
    return path


def _proxy(value: object) -> str:
    if value == "":
        return ""
    try:
        parts = urlsplit(value if isinstance(value, str) and value.isprintable() else "")
        # A password would stand in the settings, and in the environment of the sending process.
        good = (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        )
    except ValueError:
        good = False
    if not good:
        raise SettingsError("notify: proxy must be an http or https URL without a password")
    return str(value)


def _service(name: str, table: Mapping[str, Any]) -> Service:
    where = f"notify.services.{name}"
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{where}: the name of a service is a letter, then letters, digits, - and _, at most 32")
    _refuse_unknown(table, ["severity", "events", "networks"], where)
    try:
        severity = Severity(table.get("severity", Severity.INFO))
    except ValueError:
        raise SettingsError(f"{where}: severity must be {', '.join(Severity)}") from None
    events = _texts(table, "events", where)
    for event in events:
        if event not in KINDS:
            raise SettingsError(f"{where}: there is no event {quoted(event)}{nearest(event, list(KINDS))}")
    return Service(name, severity, events, _texts(table, "networks", where))


def _texts(table: Mapping[str, Any], key: str, where: str) -> frozenset[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise SettingsError(f"{where}: {key} must be a list of names")
    return frozenset(value)


def _refuse_unknown(table: Mapping[str, Any], known: list[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise SettingsError(
                f"{where}: there is no setting {quoted(key)}{nearest(key, known)}",
                next_step="mend the name, or take the line out",
            )
