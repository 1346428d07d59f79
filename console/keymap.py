"""Other keys for the console's actions: the table `[keymap]` of the settings file, checked before a screen is drawn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from console.actions import ACTIONS, PALETTE, VIEW_NAMES, Action, key_names
from console.errors import SettingsError

_KEY = re.compile(r"(?:(?:ctrl|alt|shift)\+)?(?:[a-z0-9]|f[1-9]|f1[0-2]|[a-z_]{2,20})|[A-Z]")


def checked_keymap(table: Mapping[str, object]) -> dict[str, str]:
    """A keymap that leaves every action reachable.

    Args:
        table: Id of an action to its key in Textual's spelling (`f8`, `ctrl+h`, `x`), several separated by commas.

    Raises:
        SettingsError: An unknown action or key, a key that means two things in one view, or an emergency key that
            would be a letter: it would be typed into fields.
    """
    known = {entry.id: entry for entry in ACTIONS}
    keymap: dict[str, str] = {}
    for name, keys in table.items():
        if name not in known:
            raise SettingsError(f"keymap: there is no action {name!r} (there are: {', '.join(known)})")
        spelled = str(keys).replace(" ", "") if isinstance(keys, str) else ""
        if not all(_KEY.fullmatch(key) for key in spelled.split(",")):
            raise SettingsError(f"keymap: {name} must be a key such as x, f8 or ctrl+h, several separated by commas")
        if known[name].everywhere and any(len(key) == 1 for key in spelled.split(",")):
            raise SettingsError(f"keymap: {name} works in every field, so its key must not be a letter: take f8, say")
        keymap[name] = spelled
    for view in VIEW_NAMES:
        _unambiguous(view, keymap)
    return keymap


def with_key(entry: Action, keymap: Mapping[str, str]) -> Action:
    """The action with its key as the operator has it."""
    return replace(entry, key=keymap[entry.id]) if entry.id in keymap else entry


def _unambiguous(view: str, keymap: Mapping[str, str]) -> None:
    taken: dict[str, str] = {}
    for entry in (*ACTIONS, PALETTE):
        if view not in entry.modes:
            continue
        for key in with_key(entry, keymap).key.split(","):
            if key in taken:
                raise SettingsError(f"keymap: {key} would mean {taken[key]} and {entry.id} on the {view} view")
            taken[key] = entry.id


def keys_markdown() -> str:
    """The table of every key, for the documentation."""
    lines = ["| key | name for `[keymap]` | where | what it does |", "|---|---|---|---|"]
    for entry in (*ACTIONS, PALETTE):
        where = "everywhere, also over dialogs and in fields" if entry.everywhere else ", ".join(entry.modes)
        if entry.modes == VIEW_NAMES and not entry.everywhere:
            where = "every view"
        name = "—" if entry is PALETTE else f"`{entry.id}`"
        lines.append(f"| {key_names(entry)} | {name} | {where} | {entry.help} |")
    return "\n".join(lines) + "\n"
