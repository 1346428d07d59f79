"""Cosmovisor's settings: its variables and its config.toml, read by its rules without its traps (facts/cosmos.md §1.1).

What differs on purpose: a key that a file does not name comes from the environment or the default, never as zero; a
poll interval of zero is an error and no panic; all errors of all variables are said at once; unknown keys are kept to
be shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from console.errors import SettingsError
from console.node.cosmovisor.durations import MILLISECOND, SECOND, parse_duration
from console.text import untrusted

TIME_FORMATS = {
    "": "",
    "layout": "01/02 03:04:05PM '06 -0700",
    "ansic": "Mon Jan _2 15:04:05 2006",
    "unixdate": "Mon Jan _2 15:04:05 MST 2006",
    "rubydate": "Mon Jan 02 15:04:05 -0700 2006",
    "rfc822": "02 Jan 06 15:04 MST",
    "rfc822z": "02 Jan 06 15:04 -0700",
    "rfc850": "Monday, 02-Jan-06 15:04:05 MST",
    "rfc1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "rfc1123z": "Mon, 02 Jan 2006 15:04:05 -0700",
    "rfc3339": "2006-01-02T15:04:05Z07:00",
    "rfc3339nano": "2006-01-02T15:04:05.999999999Z07:00",
    "kitchen": "3:04PM",
}
"""Names of COSMOVISOR_TIMEFORMAT_LOGS and the Go layouts that they stand for, which its `config` shows."""

MAX_FILE_BYTES = 1 << 20
_MAX_COUNT = 1 << 63


class Source(StrEnum):
    """Where a value came from."""

    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


class Kind(StrEnum):
    """How a value is written."""

    TEXT = "text"
    BOOLEAN = "boolean"
    DURATION = "duration"
    COUNT = "count"
    TIME_FORMAT = "time format"


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting under its three names."""

    name: str
    """In the environment; in lower case, its key in config.toml."""
    field: str
    """In `CosmovisorSettings`."""
    kind: Kind
    default: Any

    @property
    def key(self) -> str:
        """In config.toml."""
        return self.name.lower()


VARIABLES = (
    Variable("DAEMON_HOME", "home", Kind.TEXT, ""),
    Variable("DAEMON_NAME", "name", Kind.TEXT, ""),
    Variable("DAEMON_ALLOW_DOWNLOAD_BINARIES", "allow_download_binaries", Kind.BOOLEAN, False),
    Variable("DAEMON_DOWNLOAD_MUST_HAVE_CHECKSUM", "download_must_have_checksum", Kind.BOOLEAN, False),
    Variable("DAEMON_RESTART_AFTER_UPGRADE", "restart_after_upgrade", Kind.BOOLEAN, True),
    Variable("DAEMON_RESTART_DELAY", "restart_delay_ns", Kind.DURATION, 0),
    Variable("DAEMON_SHUTDOWN_GRACE", "shutdown_grace_ns", Kind.DURATION, 0),
    Variable("DAEMON_POLL_INTERVAL", "poll_interval_ns", Kind.DURATION, 300 * MILLISECOND),
    Variable("UNSAFE_SKIP_BACKUP", "unsafe_skip_backup", Kind.BOOLEAN, False),
    Variable("DAEMON_DATA_BACKUP_DIR", "data_backup_dir", Kind.TEXT, ""),
    Variable("DAEMON_PREUPGRADE_MAX_RETRIES", "preupgrade_max_retries", Kind.COUNT, 0),
    Variable("DAEMON_GRPC_ADDRESS", "grpc_address", Kind.TEXT, "localhost:9090"),
    Variable("COSMOVISOR_DISABLE_LOGS", "disable_logs", Kind.BOOLEAN, False),
    Variable("COSMOVISOR_COLOR_LOGS", "color_logs", Kind.BOOLEAN, True),
    Variable("COSMOVISOR_TIMEFORMAT_LOGS", "timeformat_logs", Kind.TIME_FORMAT, "kitchen"),
    Variable("COSMOVISOR_CUSTOM_PREUPGRADE", "custom_preupgrade", Kind.TEXT, ""),
    Variable("COSMOVISOR_DISABLE_RECASE", "disable_recase", Kind.BOOLEAN, False),
)
"""All of them, in the order of its config.toml."""


class CosmovisorSettingsError(SettingsError):
    """Everything that is wrong with Cosmovisor's settings; `sentences` has one entry for each error."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        super().__init__("; ".join(sentence.rstrip(".") for sentence in sentences), safe="nothing was started")
        self.sentences = sentences


@dataclass(frozen=True, slots=True)
class CosmovisorSettings:
    """Valid settings of one home. Durations are in nanoseconds, as Go keeps them."""

    home: Path
    """DAEMON_HOME, absolute."""
    name: str
    """DAEMON_NAME: the file name of the binary in every `bin/`."""
    allow_download_binaries: bool
    download_must_have_checksum: bool
    restart_after_upgrade: bool
    restart_delay_ns: int
    """0 for none."""
    shutdown_grace_ns: int
    """0 for none, which to Cosmovisor means SIGKILL at once."""
    poll_interval_ns: int
    unsafe_skip_backup: bool
    data_backup_dir: Path
    preupgrade_max_retries: int
    """More tries after the first that ended with code 31."""
    grpc_address: str
    disable_logs: bool
    color_logs: bool
    timeformat_logs: str
    """A name of `TIME_FORMATS`; empty for no time."""
    custom_preupgrade: str
    """File below `<home>/cosmovisor/`; empty for none."""
    disable_recase: bool
    sources: tuple[tuple[str, Source], ...] = ()
    """Where each variable's value came from, in the order of `VARIABLES`."""
    unknown_keys: tuple[str, ...] = ()
    """Keys of the file that are no setting: a slip of the pen would otherwise pass unseen."""

    @property
    def root(self) -> Path:
        """The folder of generations."""
        return self.home / "cosmovisor"

    @property
    def config_path(self) -> Path:
        """Where `init` writes; `run` does not read it by itself (facts/cosmos.md §1.1)."""
        return self.root / "config.toml"

    @property
    def genesis_binary(self) -> Path:
        """The first binary."""
        return self.root / "genesis" / "bin" / self.name

    @property
    def upgrades_dir(self) -> Path:
        """Folder of the upgrades' folders."""
        return self.root / "upgrades"

    @property
    def upgrade_info_path(self) -> Path:
        """The file that the node writes at its halt."""
        return self.home / "data" / "upgrade-info.json"

    @property
    def restart_delay_s(self) -> float:
        """Seconds between the node's stop and the rollback point."""
        return self.restart_delay_ns / SECOND

    @property
    def shutdown_grace_s(self) -> float:
        """Seconds between SIGTERM and SIGKILL."""
        return self.shutdown_grace_ns / SECOND

    @property
    def poll_interval_s(self) -> float:
        """Seconds between two looks at upgrade-info.json."""
        return self.poll_interval_ns / SECOND

    @property
    def recase(self) -> bool:
        """Whether plan names are lower-cased."""
        return not self.disable_recase

    def source_of(self, variable: str) -> Source:
        """Where the value of that variable came from; DEFAULT for one that was not read."""
        return dict(self.sources).get(variable, Source.DEFAULT)


def below(folder: Path, name: str) -> Path:
    """Join as Go's `filepath.Join`: a leading slash does not lead out of the folder, `..` is worked off."""
    return Path(os.path.normpath(f"{folder}/{name}"))


def read_settings(
    environment: Mapping[str, str], config: Path | None = None, *, check_folders: bool = True
) -> CosmovisorSettings:
    """Read the settings from the environment and, when given, a config.toml; the environment wins.

    Args:
        environment: All variables; those that are no setting are ignored.
        config: The file of `--cosmovisor-config`; without it only the environment counts, as for Cosmovisor.
        check_folders: Whether the folders must exist; `init` makes them and sets this to False.

    Raises:
        CosmovisorSettingsError: With a sentence for every error.
    """
    document = _document(config)
    known = {variable.key for variable in VARIABLES}
    sentences: list[str] = []
    values: dict[str, Any] = {}
    sources: list[tuple[str, Source]] = []
    for variable in VARIABLES:
        source, raw, called = _found(variable, environment, document)
        sources.append((variable.name, source))
        try:
            values[variable.field] = _value(variable, source, raw)
        except ValueError as error:
            sentences.append(f"{called} {error}")
            values[variable.field] = None
    sentences += _checked(values, dict(sources), check_folders)
    if sentences:
        raise CosmovisorSettingsError(tuple(sentences))
    unknown = tuple(untrusted(key) for key in document if key not in known)
    return CosmovisorSettings(**values, sources=tuple(sources), unknown_keys=unknown)


def _document(config: Path | None) -> dict[str, Any]:
    """The file's keys, in lower case as viper reads them."""
    if config is None:
        return {}
    import tomllib

    try:
        with config.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CosmovisorSettingsError((f"cannot read {config}: {error.strerror}",)) from error
    if len(content) > MAX_FILE_BYTES:
        raise CosmovisorSettingsError((f"{config} is larger than {MAX_FILE_BYTES} bytes",))
    try:
        found = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise CosmovisorSettingsError((f"{config} is not TOML: {untrusted(error)}",)) from error
    lowered: dict[str, Any] = {}
    for key, value in found.items():
        if key.lower() in lowered:
            raise CosmovisorSettingsError((f"{config} says {untrusted(key.lower())} twice",))
        lowered[key.lower()] = value
    return lowered


def _found(variable: Variable, environment: Mapping[str, str], document: Mapping[str, Any]) -> tuple[Source, Any, str]:
    """The raw value, where it is from and what to call it in an error."""
    set_here = environment.get(variable.name)
    if set_here:
        return Source.ENVIRONMENT, set_here, variable.name
    in_file = document.get(variable.key)
    # An empty time format means no time in the logs; anything else that is empty was not set.
    if in_file is not None and (in_file != "" or variable.kind is Kind.TIME_FORMAT):
        return Source.FILE, in_file, f"{variable.key} in the file"
    if set_here is not None and variable.kind is Kind.TIME_FORMAT:
        return Source.ENVIRONMENT, set_here, variable.name
    return Source.DEFAULT, variable.default, variable.name


def _value(variable: Variable, source: Source, raw: Any) -> Any:
    """The value in its type. Raises ValueError with the rest of a sentence that begins with the variable."""
    if source is Source.DEFAULT:
        return raw
    match variable.kind:
        case Kind.BOOLEAN:
            return _boolean(raw)
        case Kind.DURATION:
            return _duration(variable, source, raw)
        case Kind.COUNT:
            return _count(raw)
        case Kind.TIME_FORMAT:
            if not isinstance(raw, str) or raw not in TIME_FORMATS:
                wanted = ", ".join(name for name in TIME_FORMATS if name)
                raise ValueError(f"must be a time format ({wanted}, or empty), not {_shown(raw)}")
            return raw
        case Kind.TEXT:
            if not isinstance(raw, str) or "\0" in raw:
                raise ValueError(f"must be text, not {_shown(raw)}")
            return raw


def _boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in ("true", "false"):
        return raw.lower() == "true"
    raise ValueError(f"must be true or false, not {_shown(raw)}")


def _duration(variable: Variable, source: Source, raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        # `init` writes nanoseconds as a number, and 0 for a delay or a grace that is not set.
        value = raw
        if source is Source.FILE and value == 0 and variable.default == 0:
            return 0
    elif isinstance(raw, str):
        try:
            value = parse_duration(raw)
        except ValueError as error:
            raise ValueError(f"is {_shown(raw)}, which is no duration: {error}") from error
    else:
        raise ValueError(f"must be a duration (300ms, 1m30s), not {_shown(raw)}")
    if not 0 < value < _MAX_COUNT:
        raise ValueError(f"is {_shown(raw)} and must be greater than 0")
    return value


def _count(raw: Any) -> int:
    value = raw
    if isinstance(raw, str):
        digits = raw[1:] if raw[:1] in ("+", "-") else raw
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            raise ValueError(f"must be a whole number, not {_shown(raw)}")
        value = int(raw)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a whole number, not {_shown(raw)}")
    if not 0 <= value < _MAX_COUNT:
        raise ValueError(f"must be 0 or more, not {_shown(raw)}")
    return value


def _shown(raw: Any) -> str:
    return repr(str(untrusted(raw, 80)))


def _checked(values: dict[str, Any], sources: Mapping[str, Source], check_folders: bool) -> list[str]:
    """Check what is about folders and names, and put paths in place of text; returns the errors."""
    sentences = []
    name, home_text = values["name"], values["home"]
    if name == "":
        sentences.append("DAEMON_NAME is not set")
    elif name is not None and ("/" in name or name in (".", "..")):
        sentences.append(f"DAEMON_NAME must be a file's name, not {_shown(name)}")
    home_problem = _folder_problem("DAEMON_HOME", home_text, "cosmovisor" if check_folders else None)
    sentences += home_problem
    home = Path(os.path.normpath(home_text)) if home_text else Path()
    values["home"] = home
    backup_text = values["data_backup_dir"]
    if not backup_text:
        values["data_backup_dir"] = home
    else:
        values["data_backup_dir"] = Path(os.path.normpath(backup_text))
        if not values["unsafe_skip_backup"]:
            sentences += _folder_problem("DAEMON_DATA_BACKUP_DIR", backup_text, "" if check_folders else None)
    custom = values["custom_preupgrade"]
    root = home / "cosmovisor"
    if custom and not home_problem and not below(root, custom).is_relative_to(root):
        sentences.append(f"COSMOVISOR_CUSTOM_PREUPGRADE must be a file below {root}, not {_shown(custom)}")
    return sentences


def _folder_problem(variable: str, text: str | None, inside: str | None) -> list[str]:
    """What is wrong with a folder; `inside` names the folder in it that must exist, None when none must."""
    if text is None:
        return []
    if not text:
        return [f"{variable} is not set"]
    if not os.path.isabs(text):
        return [f"{variable} must be an absolute path, not {_shown(text)}"]
    if inside is None:
        return []
    folder = Path(os.path.normpath(text)) / inside
    if not os.path.exists(folder):
        return [f"{variable}: {untrusted(folder)} does not exist"]
    if not os.path.isdir(folder):
        return [f"{variable}: {untrusted(folder)} is not a folder"]
    return []
