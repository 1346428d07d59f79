"""Values of TOML files by dotted keys: read flat, and written so that comments, order and everything else stay."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from console.errors import InputError
from console.setting_words import nearest, quoted

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_NOTHING = "nothing was changed"


def read_values(text: str) -> dict[str, Any]:
    """Every value by its dotted key, in the order of the file; a list is one value. Raises ValueError: no TOML."""
    try:
        return dict(_flat(tomllib.loads(text), ""))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _flat(table: Mapping[str, Any], above: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        name = f"{above}{key}"
        found += _flat(value, f"{name}.") if isinstance(value, dict) else [(name, value)]
    return found


def shown(value: Any) -> str:
    """A value as it is typed: texts without quotes, everything else as in TOML."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        import tomlkit

        return tomlkit.item(value).as_string()
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)


def typed(key: str, text: str, old: Any) -> Any:
    """The value of a typed text for a key that has a value of that kind already.

    Raises:
        InputError: It is of another kind: a program that reads its settings by kind would not start.
    """
    if isinstance(old, str):
        return text
    try:
        value = tomllib.loads(f"x = {text.strip()}")
    except (tomllib.TOMLDecodeError, RecursionError):
        value = {}
    found = value.get("x")
    number = isinstance(old, float) and isinstance(found, int) and not isinstance(found, bool)
    if value.keys() != {"x"} or (type(found) is not type(old) and not number):
        kind = {bool: "true or false", int: "a whole number", float: "a number", list: "a list"}.get(
            type(old), f"a value as {shown(old)}"
        )
        raise InputError(f"{key} must be {kind}, not {quoted(text)}", safe=_NOTHING)
    return float(found) if number and found is not None else found


def wanted_values(text: str, changes: Mapping[str, str]) -> dict[str, Any]:
    """The values of typed texts for keys that the file has.

    Raises:
        InputError: A key is not in it, or a value is of another kind.
        ValueError: It is no TOML.
    """
    known = read_values(text)
    for key in changes:
        if key not in known:
            raise InputError(
                f"the file has no key {quoted(key)}{nearest(key, list(known))}",
                safe=_NOTHING,
                next_step="a key that is not there is left to its default: add it by hand, where the program wants it",
            )
    return {key: typed(key, value, known[key]) for key, value in changes.items()}


def with_values(text: str, values: Mapping[str, Any]) -> str | None:
    """The text with other values for keys that it has; None where that cannot be written so that all else stays."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    before = read_values(text)
    try:
        document: TOMLDocument = tomlkit.parse(text)
        if tomlkit.dumps(document) != text:
            return None
        for key, value in values.items():
            *tables, last = key.split(".")
            place: Any = document
            for name in tables:
                place = place[name]
            # A comment behind the old value stays: it is the operator's.
            place[last] = value
        after = tomlkit.dumps(document)
    except (TOMLKitError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None
    # The program must read what we meant, and everything else as before.
    return after if read_values(after) == {**before, **values} else None
