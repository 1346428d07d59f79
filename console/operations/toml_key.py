"""One key of a TOML file given another value: comments, order and every other value stay as they are."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.given_file import read_given
from console.node.toml_values import with_values
from console.text import untrusted

_MOST = 1 << 20
_SAFE = "the file was not changed"


@dataclass(frozen=True, slots=True)
class KeyEdit:
    """A file with one key changed, before it is written."""

    path: Path
    key: str
    """With dots where it is in a table."""
    old: str
    new: str
    before: bytes
    after: bytes

    @property
    def changes(self) -> bool:
        """Whether anything changes."""
        return self.before != self.after


def plan_key(path: Path, key: str, value: str) -> KeyEdit:
    """Say what the file would be with another text as the value of a key that it has.

    Args:
        path: The file.
        key: With dots where it is in a table.
        value: The new text.

    Raises:
        InputError: The file cannot be read.
        NodeError: It is no TOML (a key that is there twice is none), or the key is missing or no text.
    """
    before = read_given(path, _MOST, safe=_SAFE)
    try:
        text = before.decode("utf-8")
        plain = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise NodeError(
            f"{path} is not readable as TOML: {untrusted(error)}",
            safe=_SAFE,
            next_step="mend the file: a key that is written twice is an error too",
        ) from error
    *tables, last = key.split(".")
    place = plain
    for name in tables:
        found = place.get(name)
        if not isinstance(found, dict):
            raise _missing(path, key)
        place = found
    if last not in place:
        raise _missing(path, key)
    old = place[last]
    if not isinstance(old, str):
        raise NodeError(f"{key} in {path} is no text", safe=_SAFE, next_step="mend `key` in the settings")
    if old == value:
        return KeyEdit(path, key, old, value, before, before)
    place[last] = value
    after = with_values(text, {key: value})
    # The program must read what we meant, and everything else as before.
    if after is None or tomllib.loads(after) != plain:
        raise NodeError(
            f"{key} in {path} is written in a way that cannot be edited safely",
            safe=_SAFE,
            next_step=f'write it as `{last} = "…"` on a line of its own',
        )
    return KeyEdit(path, key, old, value, before, after.encode())


def value_of(path: Path, key: str) -> str:
    """The text of a key. Raises InputError, NodeError as `plan_key`."""
    return plan_key(path, key, "").old


def _missing(path: Path, key: str) -> NodeError:
    return NodeError(
        f"{path} has no key {key}", safe=_SAFE, next_step="mend `key` or `config` in [networks.NAME.model]"
    )
