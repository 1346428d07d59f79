"""Where the alerts are watched: the table `[monitoring]` of the settings file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from console.errors import SettingsError
from console.setting_words import nearest, quoted, table_of
from console.settings_file import written_settings


@dataclass(frozen=True, slots=True)
class MonitoringSettings:
    """The table `[monitoring]`."""

    prometheus: str = ""
    """Base URL of the Prometheus that has our rules, as `http://127.0.0.1:9090`; empty: none is asked."""


def load_monitoring() -> MonitoringSettings:
    """What the settings file says.

    Raises:
        SettingsError: The file is unreadable, or a value or key is not acceptable.
    """
    return parse_monitoring(table_of(written_settings().get("monitoring", {}), "monitoring"))


def parse_monitoring(table: Mapping[str, Any]) -> MonitoringSettings:
    """Check the table, as TOML gives it. Raises SettingsError."""
    for key in table:
        if key != "prometheus":
            raise SettingsError(
                f"monitoring: there is no setting {quoted(key)}{nearest(key, ['prometheus'])}",
                next_step="mend the name, or take the line out",
            )
    value = table.get("prometheus", "")
    if value != "" and not _is_base(value):
        raise SettingsError("monitoring: prometheus must be an http or https URL, as http://127.0.0.1:9090")
    return MonitoringSettings(str(value).rstrip("/"))


def _is_base(value: object) -> bool:
    try:
        parts = urlsplit(value if isinstance(value, str) and value.isprintable() else "")
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        return False
