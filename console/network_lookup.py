"""A network by its name: its table, and what is at stake there.

All that the first frame needs of it; the rest of the table is checked by `console.settings`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from console.errors import SettingsError
from console.model.standing import ACCENTS, Accent, Stage, Standing
from console.network_table import BUILT_IN, DEVNET, merged
from console.setting_words import table_of
from console.settings_file import config_file, default_devnet_folder, devnet_up_command, network_tables, read_settings

_STAGES: tuple[Stage, ...] = get_args(Stage)


def network_table(name: str, devnet_folder: Path | None = None) -> dict[str, Any]:
    """A network's table as it is written, over what is built in.

    Args:
        name: `devnet`, a built-in network, or a table under `[networks]` of the settings file.
        devnet_folder: The devnet's folder (`--dir`); only for `devnet`.

    Raises:
        SettingsError: Unknown network, or a file that cannot be read.
    """
    if name == DEVNET:
        folder = devnet_folder or default_devnet_folder()
        path = folder / "network.toml"
        if not path.is_file():
            raise SettingsError(
                f"there is no devnet in {folder}", next_step=f"run `{devnet_up_command(devnet_folder)}`"
            )
        return read_settings(path)
    tables = network_tables()
    if name not in tables and name not in BUILT_IN:
        known = ", ".join(dict.fromkeys([DEVNET, *BUILT_IN, *tables]))
        raise SettingsError(
            f"unknown network {name!r} (known: {known})", next_step=f"add [networks.{name}] to {config_file()}"
        )
    return merged(name, table_of(tables.get(name, {}), f"networks.{name}"))


def standing_in(table: dict[str, Any], name: str) -> Standing:
    """What is at stake on a network, as its table says it.

    Raises:
        SettingsError: Its stage or its accent is none.
    """
    where = f"network {name}"
    # Nobody is told that a network is harmless unless somebody said so.
    stage = table.get("stage", DEVNET if name == DEVNET else "mainnet")
    if stage not in _STAGES:
        raise SettingsError(f"{where}: stage must be {' or '.join(', '.join(_STAGES).rsplit(', ', 1))}")
    accent: Accent | None = table.get("accent")
    if accent is not None and accent not in ACCENTS:
        raise SettingsError(f"{where}: accent must be one of {', '.join(ACCENTS)}")
    return Standing(stage, accent)
