"""Whose signatures count: a keyring file, its checks when it is read, and how one follows another.

    {"format": 1, "project": "…", "version": N,
     "thresholds": {"developer": M, "builder": 0, "auditor": 0},
     "keys": [{"name": "alice", "key": "ssh-ed25519 AAAA…", "roles": ["developer"],
               "valid_from_sequence": 1, "valid_to_sequence": null}, …]}

The exact bytes are what is pinned and signed. The next keyring is signed by M of this one's developers and by M' of its
own, as TUF's root is, and no number is skipped (facts/safety.md §1).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from console import strict_json
from console.errors import KeyRefused, KeyringRefused
from console.node.release.public_key import PublicKey, parse_public_key
from console.node.release.roles import RING_ROLES, Role
from console.text import untrusted

FORMAT = 1
MAX_KEYS = 64
MAX_BYTES = 256 << 10
"""Bytes of a keyring file that are read."""
MAX_SEQUENCE = 2**63 - 1
"""Sequences and versions fit into the journal's integers."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", re.ASCII)
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_FIELDS = {"format", "project", "version", "thresholds", "keys"}
_KEY_FIELDS = {"name", "key", "roles", "valid_from_sequence", "valid_to_sequence"}
_ROLES = {role.value: role for role in RING_ROLES}


@dataclass(frozen=True, slots=True)
class RingKey:
    """One key of a keyring."""

    name: str
    """Of its holder: letters, digits, `_` and `-`, so that it may stand in a file's name and in `allowed_signers`."""
    key: PublicKey
    roles: frozenset[Role]
    valid_from_sequence: int = 0
    """First release sequence that it may sign."""
    valid_to_sequence: int | None = None
    """Last one; None: no end."""

    def covers(self, sequence: int) -> bool:
        """Whether it may sign the release of this sequence."""
        return self.valid_from_sequence <= sequence and (
            self.valid_to_sequence is None or sequence <= self.valid_to_sequence
        )

    def may(self, role: Role) -> bool:
        """Whether it may sign in this role at all. The next keyring is for developers whose key has no end."""
        if role is Role.KEYRING:
            # Every machine must decide alike, and they have not all seen the same releases: a key with an end is one
            # that is being retired, and perhaps for a reason.
            return Role.DEVELOPER in self.roles and self.valid_to_sequence is None
        return role in self.roles


@dataclass(frozen=True, slots=True)
class Keyring:
    """A keyring that was read and found good. Whether it is trusted is not said by it (`trust.py`)."""

    project: str
    """Whose releases it is for."""
    version: int
    """From 1."""
    thresholds: tuple[tuple[Role, int], ...]
    """Distinct keys wanted, for each of `RING_ROLES`; 0: that role is not asked for."""
    keys: tuple[RingKey, ...]
    content: bytes = field(repr=False)
    """The exact bytes of the file."""

    @property
    def sha256(self) -> str:
        """Of the exact bytes, 64 hex digits: what an operator compares and pins."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def file_name(self) -> str:
        """`keyring.N.json`."""
        return file_name(self.version)

    def threshold(self, role: Role) -> int:
        """Distinct keys wanted in a role; for a keyring's signatures it is the developers'."""
        return dict(self.thresholds)[Role.DEVELOPER if role is Role.KEYRING else role]

    def find(self, key: PublicKey) -> RingKey | None:
        """The entry of a key; None when it is not in the ring."""
        return next((each for each in self.keys if each.key == key), None)


def is_name(name: str) -> bool:
    """Whether somebody in a keyring may be called so."""
    return _NAME.fullmatch(name) is not None


def file_name(version: int) -> str:
    """How the file of a version is called."""
    return f"keyring.{version}.json"


def parse_keyring(content: bytes) -> Keyring:
    """Read a keyring's exact bytes.

    Raises:
        KeyringRefused: They are none, or it contradicts itself, or a key in it does not count.
    """
    if len(content) > MAX_BYTES:
        raise KeyringRefused(f"a keyring has at most {MAX_BYTES} bytes, this one has {len(content)}")
    try:
        document = strict_json.loads(content)
    except strict_json.NotStrictJson as error:
        raise KeyringRefused(f"the keyring is {error}") from None
    fields = _object(document, "the keyring", _FIELDS)
    if _whole(fields["format"], "the keyring's format") != FORMAT:
        raise KeyringRefused(
            f"the keyring is of format {fields['format']}, and this program knows format {FORMAT}",
            next_step="take a newer upgrade-console",
        )
    project = fields["project"]
    if not isinstance(project, str) or not _PROJECT.fullmatch(project):
        raise KeyringRefused(f"the keyring's project {untrusted(project, 80)!r} is not a name")
    version = _whole(fields["version"], "the keyring's version")
    if version < 1:
        raise KeyringRefused("a keyring's version is 1 or more")
    listed = fields["keys"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_KEYS:
        raise KeyringRefused(f"a keyring holds a list of 1 to {MAX_KEYS} keys")
    keys = tuple(_ring_key(each, f"key {number}") for number, each in enumerate(listed, 1))
    _check_distinct(keys)
    return Keyring(project, version, _thresholds(fields["thresholds"], keys), keys, content)


def make_keyring(project: str, version: int, thresholds: Mapping[Role, int], keys: Iterable[RingKey]) -> Keyring:
    """Write a keyring, and read it back as everybody else will.

    Args:
        project: Whose releases it is for.
        version: From 1; the one after the keyring that it follows.
        thresholds: Of `RING_ROLES`; a role that is missing is not asked for.
        keys: In the order in which they are written.

    Raises:
        KeyringRefused: As `parse_keyring`.
    """
    document = {
        "format": FORMAT,
        "project": project,
        "version": version,
        "thresholds": {role.value: thresholds.get(role, 0) for role in RING_ROLES},
        "keys": [
            {
                "name": each.name,
                "key": each.key.text,
                "roles": [role.value for role in RING_ROLES if role in each.roles],
                "valid_from_sequence": each.valid_from_sequence,
                "valid_to_sequence": each.valid_to_sequence,
            }
            for each in keys
        ],
    }
    return parse_keyring((json.dumps(document, indent=2) + "\n").encode())


def _ring_key(value: object, called: str) -> RingKey:
    fields = _object(value, called, _KEY_FIELDS)
    name = fields["name"]
    if not isinstance(name, str) or not is_name(name):
        raise KeyringRefused(
            f"{called} is called {untrusted(name, 60)!r}: a name has up to 32 letters, digits, `_` and `-`"
        )
    text = fields["key"]
    if not isinstance(text, str):
        raise KeyringRefused(f"the key of {name} is no text")
    try:
        key = parse_public_key(text)
    except KeyRefused as error:
        raise KeyringRefused(f"the key of {name} is refused: {error.what}", next_step=error.next_step) from None
    roles = fields["roles"]
    if (
        not isinstance(roles, list)
        or not roles
        or any(not isinstance(role, str) or role not in _ROLES for role in roles)
        or len(set(roles)) != len(roles)
    ):
        raise KeyringRefused(f"the roles of {name} are not a list of {', '.join(_ROLES)}, each once at most")
    first = _whole(fields["valid_from_sequence"], f"the first sequence of {name}")
    end = fields["valid_to_sequence"]
    last = None if end is None else _whole(end, f"the last sequence of {name}")
    if last is not None and last < first:
        raise KeyringRefused(f"the key of {name} ends at sequence {last}, before it begins at {first}")
    return RingKey(name, key, frozenset(_ROLES[role] for role in roles), first, last)


def _check_distinct(keys: tuple[RingKey, ...]) -> None:
    names: dict[str, str] = {}
    points: dict[bytes, str] = {}
    for each in keys:
        # Files are called after names, and some file systems do not tell `Alice` from `alice`.
        folded = each.name.lower()
        if folded in names:
            raise KeyringRefused(f"two keys are called {names[folded]} and {each.name}: a name has one key")
        names[folded] = each.name
        # The raw key alone: under another kind or another token's application the same secret would count twice.
        if each.key.point in points:
            raise KeyringRefused(f"{points[each.key.point]} and {each.name} have the same key: it would count twice")
        points[each.key.point] = each.name


def _thresholds(value: object, keys: tuple[RingKey, ...]) -> tuple[tuple[Role, int], ...]:
    fields = _object(value, "the keyring's thresholds", set(_ROLES))
    found = []
    for role in RING_ROLES:
        wanted = _whole(fields[role.value], f"the threshold of role {role.value}")
        there = sum(each.may(role) for each in keys)
        if wanted > there:
            raise KeyringRefused(
                f"{wanted} signatures of role {role.value} are wanted, and {there} keys have that role"
            )
        found.append((role, wanted))
    wanted = found[0][1]
    if wanted < 1:
        raise KeyringRefused("a keyring wants at least one developer's signature")
    lasting = sum(each.may(Role.KEYRING) for each in keys)
    if wanted > lasting:
        raise KeyringRefused(
            f"{lasting} developers' keys have no last sequence, and the next keyring needs {wanted} such signatures"
        )
    return tuple(found)


def _object(value: object, called: str, names: set[str]) -> dict[str, object]:
    if not isinstance(value, dict):
        raise KeyringRefused(f"{called} is no JSON object")
    if missing := sorted(names - value.keys()):
        raise KeyringRefused(f"{called} does not say its {missing[0]!r}")
    if unknown := sorted(value.keys() - names):
        raise KeyringRefused(f"{called} says {untrusted(unknown[0], 60)!r}, which is not known")
    return value


def _whole(value: object, called: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SEQUENCE:
        raise KeyringRefused(f"{called} is {untrusted(json.dumps(value), 60)}, not a whole number from 0")
    return value
