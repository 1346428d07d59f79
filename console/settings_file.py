"""Where settings and state are, and the settings file as it is written; what it says is checked elsewhere."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from console.errors import SettingsError
from console.network_table import DEVNET


def config_file() -> Path:
    """Where the settings are: `$XDG_CONFIG_HOME/upgrade-console/config.toml`."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "upgrade-console" / "config.toml"


def state_folder() -> Path:
    """Where state lives: `$XDG_STATE_HOME/upgrade-console`."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "upgrade-console"


def theme_folder() -> Path:
    """Where the operator's own themes are: `themes/` beside the settings file."""
    return config_file().parent / "themes"


def default_devnet_folder() -> Path:
    """The devnet's folder when `--dir` is not given."""
    return state_folder() / DEVNET


def devnet_up_command(folder: Path | None) -> str:
    """The command that brings this devnet up, for messages."""
    return "upgrade-console devnet up --background" + (f" --dir {folder}" if folder is not None else "")


def read_settings(path: Path) -> dict[str, Any]:
    """A file of settings.

    Raises:
        SettingsError: It cannot be read, or is no TOML.
    """
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read settings {path}: {error}", next_step="mend the file") from error


def written_settings() -> dict[str, Any]:
    """The operator's settings; empty without a file. Raises SettingsError."""
    path = config_file()
    return read_settings(path) if path.is_file() else {}


def network_tables() -> dict[str, Any]:
    """The tables under `[networks]` of the settings file, by name. Raises SettingsError."""
    networks = written_settings().get("networks")
    return {str(key): value for key, value in networks.items()} if isinstance(networks, dict) else {}
