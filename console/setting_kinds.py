"""Kinds of setting values: read from TOML or from typed text, and shown so that it can be typed again."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from console.addresses import read_unhashed
from console.errors import InputError
from console.ports.keys import KeyReference
from console.quantities import duration_text, parse_duration, parse_size, size_text

MAX_LIST = 1000
"""Longest list or table of a setting."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SERVICE = re.compile(r"[a-z]{1,20}")
_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,200}")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}")
_SSH_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:\[\]%-]{0,254}")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\][A-Za-z0-9:_.\\@-]{0,250}")
_DAEMON = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value.

    Args:
        decode: From what TOML holds to what NodeSettings holds. Raises ValueError whose words follow "KEY must be".
        show: From what NodeSettings holds to text, such that `parse` gives the same value back.
        bare: Whether typed text is the text itself; otherwise it is written as in TOML (`true`, `3`, `[1, 2]`).
        or_list: Whether bare text that begins with `[` or `{` is a list or a table as in TOML all the same.
    """

    decode: Callable[[object], Any]
    show: Callable[[Any], str]
    bare: bool = True
    or_list: bool = False

    def parse(self, text: str) -> Any:
        """The value of a text as typed after `config set KEY=`.

        Raises:
            ValueError: It is no such value; the words follow "KEY must be".
        """
        return self.decode(text if self._as_it_is(text) else _literal(text))

    def to_toml(self, value: Any) -> Any:
        """What is written into a file."""
        shown = self.show(value)
        return shown if self._as_it_is(shown) else _literal(shown)

    def _as_it_is(self, text: str) -> bool:
        return self.bare and not (self.or_list and text.lstrip().startswith(("[", "{")))


def _literal(text: str) -> object:
    try:
        found = tomllib.loads(f"x = {text.strip()}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return _NotToml(text)
    return found["x"] if found.keys() == {"x"} else _NotToml(text)


class _NotToml(str):
    """Text that is no TOML value: of no type that a kind accepts."""

    __slots__ = ()


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _line(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("a text without control characters")
    return value


def _filled(value: object) -> str:
    text = _line(value)
    if not text:
        raise ValueError("a text that is not empty")
    return text


def _daemon(value: object) -> str:
    if not isinstance(value, str) or not _DAEMON.fullmatch(value):
        raise ValueError("the name of a program, without a folder")
    return value


def _unit(value: object) -> str:
    text = _line(value)
    if text and not _UNIT.fullmatch(text):
        raise ValueError("the name of a systemd unit")
    return text


def _ssh_host(value: object) -> str:
    # What begins with a dash would be an option.
    if not isinstance(value, str) or not _SSH_HOST.fullmatch(value):
        raise ValueError("a name that `ssh` is given, as an alias of ~/.ssh/config or user@host")
    return value


def _path(value: object) -> Path:
    try:
        path = Path(_filled(value)).expanduser()
    except RuntimeError:
        raise ValueError("an absolute path; it names an unknown user's home") from None
    if not path.is_absolute():
        raise ValueError("an absolute path")
    return path


def _optional_path(value: object) -> Path | None:
    return None if value == "" else _path(value)


def _inside(value: object) -> str:
    text = _line(value)
    parts = Path(text).parts
    if text and (Path(text).is_absolute() or ".." in parts or not parts):
        raise ValueError("a path inside <home>/cosmovisor, as preupgrade.sh")
    return text


def _key(value: object) -> KeyReference | None:
    if not isinstance(value, Mapping):
        path = _optional_path(value)
        return None if path is None else KeyReference(path)
    if not {"path"} <= set(value) <= {"path", "address", "passphrase_file", "credential"}:
        raise ValueError('a path, or a table as { path = "/…/keystore.json", address = "0x…" }')
    file, credential = _optional_path(value.get("passphrase_file", "")), value.get("credential", "")
    if credential != "" and (not isinstance(credential, str) or not _CREDENTIAL.fullmatch(credential)):
        raise ValueError("with the name of a systemd credential as credential")
    if file is not None and credential:
        raise ValueError("with a passphrase_file or a credential, not both")
    return KeyReference(_path(value["path"]), _key_address(value.get("address", "")), file, credential)


def _personal_key(value: object) -> KeyReference | None:
    found = _key(value)
    if found is not None and (found.passphrase_file is not None or found.credential):
        # Whoever is there types it; only a controller signs with nobody there, and with a low-value key.
        raise ValueError("without passphrase_file or credential: only an operator_key signs unattended")
    return found


def _key_address(value: object) -> str:
    if value in ("", "default-key"):
        return str(value)
    try:
        return "0x" + read_unhashed(_filled(value)).hex()
    except InputError as error:
        raise ValueError(f"with the key's address, or default-key: {error.what}") from None


def _shown_key(value: KeyReference | None) -> str:
    if value is None:
        return ""
    more = {
        "address": value.address,
        "passphrase_file": "" if value.passphrase_file is None else str(value.passphrase_file),
        "credential": value.credential,
    }
    written = {key: text for key, text in more.items() if text}
    return _shown_table({"path": str(value.path), **written}) if written else str(value.path)


def http_url(value: object) -> str:
    """An http or https URL with a host. Raises ValueError."""
    try:
        parts = urlsplit(_line(value))
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError("an http or https URL (for IPFS that of a gateway)")
    return str(value)


def _optional_url(value: object) -> str:
    return "" if value == "" else http_url(value)


def _urls(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return () if value == "" else (http_url(value),)
    if not isinstance(value, list | tuple) or len(value) > MAX_LIST:
        raise ValueError('an http or https URL, or a list of them, as ["https://a.example", "https://b.example"]')
    return tuple(http_url(item) for item in value)


def _shown_urls(values: tuple[str, ...]) -> str:
    return "".join(values) if len(values) < 2 else _shown_list(values)


def texts_of(value: object) -> tuple[str, ...]:
    """A list of texts. Raises ValueError."""
    if (
        isinstance(value, str)
        or not isinstance(value, list | tuple)
        or len(value) > MAX_LIST
        or not all(isinstance(item, str) and "\0" not in item for item in value)
    ):
        raise ValueError("a list of texts")
    return tuple(value)


def _heights(value: object) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool):
        # One is what a hand types at a halt.
        value = (value,)
    if (
        not isinstance(value, list | tuple)
        or len(value) > MAX_LIST
        or not all(isinstance(item, int) and not isinstance(item, bool) and 0 < item < 1 << 63 for item in value)
    ):
        raise ValueError("a height, or a list of heights, as [5000, 6000]")
    return tuple(sorted(set(value)))


def _table(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping) or len(value) > MAX_LIST:
        raise ValueError("a table")
    return {str(key): item for key, item in value.items()}


def _companions(value: object) -> dict[str, Path]:
    try:
        return {_daemon(name): _path(path) for name, path in _table(value).items()}
    except ValueError:
        raise ValueError('a table of program names and absolute paths, as { cometbft = "/usr/bin/cometbft" }') from None


def _containers(value: object) -> dict[str, str]:
    found = _table(value)
    if not all(
        _SERVICE.fullmatch(name) and isinstance(container, str) and _CONTAINER.fullmatch(container)
        for name, container in found.items()
    ):
        raise ValueError('a table of services and names of containers, as { app = "val-fendermint" }')
    return found


def _environment(value: object) -> dict[str, str]:
    found = _table(value)
    for name, item in found.items():
        if not _NAME.fullmatch(name) or not isinstance(item, str) or "\0" in item:
            raise ValueError('a table of variable names and texts, as { RUST_LOG = "info" }')
        if name == "FM_HALT_HEIGHT" or name.startswith("UPGRADE_CONSOLE_"):
            # Arming belongs to the run (DESIGN §4.5): a fixed halt height would stop every start for ever.
            raise ValueError(f"without {name}, which the controller itself sets")
    return found


def _toml_text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _shown_list(values: tuple[Any, ...]) -> str:
    return "[" + ", ".join(_toml_text(item) if isinstance(item, str) else str(item) for item in values) + "]"


def _shown_table(values: Mapping[str, Any]) -> str:
    pairs = ", ".join(f"{_toml_text(key)} = {_toml_text(str(item))}" for key, item in values.items())
    return "{ " + pairs + " }" if pairs else "{}"


def choice(*words: str) -> Kind:
    """One of a few words."""

    def decode(value: object) -> str:
        if value not in words:
            raise ValueError(" or ".join(", ".join(words).rsplit(", ", 1)))
        return str(value)

    return Kind(decode, str)


def whole(minimum: int, maximum: int) -> Kind:
    """A whole number between two bounds, both included."""

    def decode(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return value

    return Kind(decode, str, bare=False)


def seconds(minimum: float) -> Kind:
    """A duration of at least `minimum` seconds."""

    def decode(value: object) -> float:
        found = parse_duration(value)
        if found < minimum:
            raise ValueError(f"a duration of at least {duration_text(float(minimum))}")
        return found

    return Kind(decode, duration_text)


BOOLEAN = Kind(_boolean, lambda value: str(value).lower(), bare=False)
LINE = Kind(_line, str)
UNIT = Kind(_unit, str)
SSH_HOST = Kind(_ssh_host, str)
SSH_COMMAND = Kind(_line, str)
DAEMON = Kind(_daemon, str)
PATH = Kind(_path, str)
OPTIONAL_PATH = Kind(_optional_path, lambda value: "" if value is None else str(value))
INSIDE_COSMOVISOR = Kind(_inside, str)
KEY = Kind(_key, _shown_key, or_list=True)
PERSONAL_KEY = Kind(_personal_key, _shown_key, or_list=True)
URL = Kind(http_url, str)
OPTIONAL_URL = Kind(_optional_url, str)
URLS = Kind(_urls, _shown_urls, or_list=True)
TEXTS = Kind(texts_of, _shown_list, bare=False)
HEIGHTS = Kind(_heights, _shown_list, bare=False)
SIZE = Kind(parse_size, size_text)
CONTAINERS = Kind(_containers, _shown_table, bare=False)
COMPANIONS = Kind(_companions, _shown_table, bare=False)
ENVIRONMENT = Kind(_environment, _shown_table, bare=False)
