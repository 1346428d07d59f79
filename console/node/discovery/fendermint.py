"""Fendermint's settings as it merges them, and where each came from (facts/ipc.md §1.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from console.node.discovery.files import Document, read_toml
from console.node.discovery.homes import Home

PREFIX = "fm_"
"""Of environment variables; config-rs compares in lower case."""


def settings_files(home: Home) -> tuple[Document, ...]:
    """`default.toml`, `{mode}.toml` and `local.toml`, the weakest first; empty where the settings are not on disk."""
    if home.settings is None:
        return ()
    names = ("default.toml", f"{home.mode}.toml", "local.toml")
    return tuple(read_toml(home.settings / name) for name in dict.fromkeys(names))


def overrides(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Variables that override settings: (variable, path of keys, value). Empty ones are ignored, as Fendermint does."""
    for name, value in environment.items():
        if name.lower().startswith(PREFIX) and value:
            yield name, tuple(name.lower()[len(PREFIX) :].split("__")), value


def merged(home: Home, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The settings that a start with this environment would have, as far as the files can be read."""
    result: dict[str, Any] = {}
    for document in settings_files(home):
        _merge(result, document.table)
    for _, keys, value in overrides(environment or {}):
        table = result
        for key in keys[:-1]:
            below = table.get(key)
            if not isinstance(below, dict):
                below = table[key] = {}
            table = below
        table[keys[-1]] = value
    return result


def _merge(into: dict[str, Any], table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        before = into.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            _merge(before, value)
        elif isinstance(value, dict):
            copy: dict[str, Any] = {}
            _merge(copy, value)
            into[key] = copy
        else:
            into[key] = value
