"""`release keyring …`: keyrings made from public keys, pinned, and followed by the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from console.errors import InputError, KeyRefused
from console.files import write_durably
from console.given_file import read_given
from console.node.release.keyring import MAX_BYTES, Keyring, RingKey, make_keyring, parse_keyring
from console.node.release.public_key import MAX_TEXT, PublicKey, parse_public_key
from console.node.release.roles import RING_ROLES, Role
from console.text import untrusted


@dataclass(frozen=True, slots=True)
class KeyringChange:
    """What a new keyring has other than the one before it, or other than none."""

    keys: Mapping[Role, Sequence[str]]
    """`NAME=FILE` or `NAME` of somebody who is in it already, by the role that they get."""
    thresholds: Mapping[Role, int]
    """Only those that change."""
    remove: Sequence[str] = ()
    """Names that are not in it any more."""
    retire: Sequence[str] = ()
    """`NAME=SEQUENCE`: the last release that the key may sign."""
    first_sequence: int = 0
    """From which the added keys count."""


def first_keyring(project: str, change: KeyringChange) -> Keyring:
    """A project's keyring number 1; nothing is written.

    Raises:
        InputError: A key cannot be read.
        KeyringRefused: It would be no good keyring.
    """
    return make_keyring(project, 1, change.thresholds, _changed((), change))


def next_keyring(old: Keyring, change: KeyringChange) -> Keyring:
    """The keyring after another one; nothing is written.

    Raises:
        InputError: A key cannot be read, or somebody is named who is not in it.
        KeyringRefused: It would be no good keyring.
    """
    thresholds = {**dict(old.thresholds), **change.thresholds}
    return make_keyring(old.project, old.version + 1, thresholds, _changed(old.keys, change))


def write_keyring(keyring: Keyring, out: Path, *, force: bool = False) -> None:
    """Write a keyring's file. Repeatable.

    Raises:
        InputError: Another file is there, or the disk refused.
    """
    try:
        if out.exists() and not force and out.read_bytes() != keyring.content:
            raise InputError(f"{out} is there with other bytes", safe="it was not replaced", next_step="add --force")
        write_durably(out, keyring.content, mode=0o644)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}", safe="nothing was replaced") from error


def read_keyring(file: Path) -> Keyring:
    """A keyring's file.

    Raises:
        InputError: It cannot be read.
        KeyringRefused: It is none.
    """
    return parse_keyring(read_given(file, MAX_BYTES))


def read_public_key(file: Path) -> PublicKey:
    """A public key's file, as `id_ed25519.pub`.

    Raises:
        InputError: It cannot be read, or the key does not count.
    """
    try:
        return parse_public_key(read_given(file, MAX_TEXT).decode("utf-8", "replace"))
    except KeyRefused as error:
        raise InputError(f"{file}: {error.what}", next_step=error.next_step) from error


def keyring_document(keyring: Keyring) -> dict[str, Any]:
    """For `--json`."""
    return {
        "project": keyring.project,
        "version": keyring.version,
        "sha256": keyring.sha256,
        "thresholds": {role.value: needed for role, needed in keyring.thresholds},
        "keys": [
            {
                "name": each.name,
                "fingerprint": each.key.fingerprint,
                "key": each.key.text,
                "roles": [role.value for role in RING_ROLES if role in each.roles],
                "valid_from_sequence": each.valid_from_sequence,
                "valid_to_sequence": each.valid_to_sequence,
            }
            for each in keyring.keys
        ],
    }


def keyring_lines(keyring: Keyring) -> list[str]:
    """A keyring for people."""
    lines = [f"Keyring {keyring.version} of {keyring.project}, sha256 {keyring.sha256}"]
    for role, needed in keyring.thresholds:
        there = sum(each.may(role) for each in keyring.keys)
        lines.append(
            f"  {role.value + 's':<11} {needed} of {there}" if needed else f"  {role.value + 's':<11} not asked for"
        )
    for each in keyring.keys:
        roles = ", ".join(role.value for role in RING_ROLES if role in each.roles)
        span = _span(each)
        lines.append(f"  {each.name:<16} {each.key.fingerprint}  {roles}{span}")
    return lines


def _span(key: RingKey) -> str:
    if not key.valid_from_sequence and key.valid_to_sequence is None:
        return ""
    end = "on" if key.valid_to_sequence is None else f"to {key.valid_to_sequence}"
    return f", releases {key.valid_from_sequence} {end}"


def _changed(keys: Sequence[RingKey], change: KeyringChange) -> list[RingKey]:
    found = {each.name: each for each in keys}
    for name in change.remove:
        found.pop(_known(found, name))
    for item in change.retire:
        name, _, sequence = item.partition("=")
        if not sequence.isascii() or not sequence.isdigit():
            raise InputError(f"{untrusted(item, 80)!r} is not NAME=SEQUENCE")
        found[name] = replace(found[_known(found, name)], valid_to_sequence=int(sequence[:20]))
    for role in RING_ROLES:
        for item in change.keys.get(role, ()):
            name, equals, file = item.partition("=")
            if not equals:
                held = found[_known(found, name)]
                found[name] = replace(held, roles=held.roles | {role})
                continue
            key = read_public_key(Path(file).expanduser())
            before = found.get(name)
            if before is not None and before.key != key:
                raise InputError(
                    f"{untrusted(name, 40)} is in the keyring with another key",
                    next_step="remove or retire that one first, or use another name",
                )
            roles = frozenset({role}) if before is None else before.roles | {role}
            first = change.first_sequence if before is None else before.valid_from_sequence
            last = None if before is None else before.valid_to_sequence
            found[name] = RingKey(name, key, roles, first, last)
    return list(found.values())


def _known(keys: Mapping[str, RingKey], name: str) -> str:
    if name not in keys:
        raise InputError(
            f"nobody called {untrusted(name, 40)!r} is in the keyring (there: {', '.join(keys) or 'nobody'})"
        )
    return name
