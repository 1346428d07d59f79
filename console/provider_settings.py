"""A provider daemon and a model beside the chain: `[networks.NAME.provider]` and `[networks.NAME.model]`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console import setting_kinds as kinds
from console.errors import SettingsError
from console.node_settings import GIB, Manager
from console.setting_kinds import Kind
from console.setting_rows import SettingRow, read_rows, rows_markdown

Command = tuple[str, ...]
"""A program and its arguments, run without a shell; `{binary}` and the like are replaced."""

_KUBERNETES_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_TYPE_URL = re.compile(r"/[A-Za-z0-9_.]{1,200}")


def _command(value: object) -> Command:
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) and "\0" not in word for word in value):
        raise ValueError('a program and its arguments as a list, as ["{binary}", "version"]')
    if value and not value[0]:
        raise ValueError("a list that begins with a program")
    return tuple(value)


def _message_words(value: object) -> tuple[str, ...]:
    words = kinds.texts_of(value)
    if any(not word.isprintable() or not word or word.startswith("-") for word in words):
        raise ValueError('words behind `tx` without flags, as ["veid", "confirm-model", "{version}", "{hash}"]')
    return words


def _matching(pattern: re.Pattern[str], words: str) -> Kind:
    def decode(value: object) -> str:
        if not isinstance(value, str) or (value and not pattern.fullmatch(value)):
            raise ValueError(words)
        return value

    return Kind(decode, str)


def _dotted(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or not all(part.strip() for part in value.split(".")):
        raise ValueError("a key, with dots where it is in a table, as scoring.model_path")
    return value


COMMAND = Kind(_command, lambda words: json.dumps(list(words), ensure_ascii=False), bare=False)
_MESSAGE_WORDS = Kind(_message_words, lambda words: json.dumps(list(words), ensure_ascii=False), bare=False)
_KUBERNETES = _matching(_KUBERNETES_NAME, "a name as Kubernetes has them")


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A provider daemon. Commands get `{binary}` and `{config}`; durations are in seconds."""

    binary: Path | None = None
    """The daemon's executable; None where it runs in Kubernetes."""
    config: Path | None = None
    unit: str = ""
    """Its systemd unit; empty: the commands."""
    manager: Manager = "auto"
    stop_command: Command = ()
    start_command: Command = ()
    state_command: Command = ()
    """Exits 0 while it runs."""
    stop_deadline_s: float = 90.0
    health_url: str = ""
    health_ca: Path | None = None
    """File of the certificates that sign its own; None: the system's."""
    health_verify: bool = True
    migrate_command: Command = ()
    """Migrates the file `{config}`, which is a copy."""
    version_command: Command = ("{binary}", "version")
    in_flight_command: Command = ()
    """Exits 0 and prints nothing, or 0, once no work is in flight."""
    bids_command: Command = ()
    workloads_command: Command = ()
    chain_command: Command = ()
    allow_scripts: bool = False
    deployment: str = ""
    """Its deployment in Kubernetes; empty: it runs on this machine."""
    container: str = ""
    namespace: str = "default"
    kubectl: Command = ("kubectl",)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """A model that validators score with. Commands get `{model}`, the file; file and URL get `{version}`."""

    folder: Path
    """Where models are kept."""
    config: Path
    """TOML file that names the model."""
    key: str = "model_path"
    """Key of it, with dots where it is in a table."""
    message_type: str = ""
    """`@type` of the message of a proposal."""
    file_name: str = "model-{version}"
    url: str = ""
    """Where a message names none."""
    load_command: Command = ()
    """Loads `{model}` and exits 0."""
    load_memory_bytes: int = 4 * GIB
    load_s: float = 300.0
    status_command: Command = ()
    confirm: tuple[str, ...] = ()
    """Words behind `tx` of the chain's daemon with `{version}` and `{hash}`; empty: nothing is confirmed."""
    gated: bool = True
    """Whether the chain itself takes up the model at its height; otherwise every node has to change there together."""


PROVIDER_ROWS = (
    SettingRow("binary", kinds.PATH, "—", "The daemon's executable. Needed unless `deployment` is set."),
    SettingRow("config", kinds.OPTIONAL_PATH, '`""`', "Its configuration file: backed up, and migrated."),
    SettingRow("unit", kinds.UNIT, '`""`', "Its systemd unit; empty: it is stopped and started by the commands below."),
    SettingRow(
        "manager",
        kinds.choice("auto", "system", "user"),
        "`auto`",
        "Whose unit it is; `auto`: root's is the system's, others have their own.",
    ),
    SettingRow("stop_command", COMMAND, "`[]`", "Stops it, where it has no unit."),
    SettingRow("start_command", COMMAND, "`[]`", "Starts it, and ends; where it has no unit."),
    SettingRow("state_command", COMMAND, "`[]`", "Exits 0 while it runs; where it has no unit."),
    SettingRow(
        "stop_deadline_s",
        kinds.seconds(1),
        "`90`",
        "How long it may take to stop. Nobody kills it afterwards, and nothing is replaced.",
    ),
    SettingRow("health_url", kinds.OPTIONAL_URL, '`""`', "Where it tells its health: good is an answer of status 200."),
    SettingRow(
        "health_ca",
        kinds.OPTIONAL_PATH,
        '`""`',
        "File with the certificates that its own is signed by; empty: the system's.",
    ),
    SettingRow(
        "health_verify",
        kinds.BOOLEAN,
        "`true`",
        "`false`: its certificate is not checked, and every record of its health says so.",
    ),
    SettingRow(
        "migrate_command",
        COMMAND,
        "`[]`",
        "Migrates `{config}` with the new `{binary}`. It is given a copy, which takes the file's place later.",
    ),
    SettingRow("version_command", COMMAND, '`["{binary}", "version"]`', "Prints the version."),
    SettingRow(
        "in_flight_command",
        COMMAND,
        "`[]`",
        "Exits 0 and prints nothing, or `0`, once no work is in flight; empty: a person says so.",
    ),
    SettingRow("bids_command", COMMAND, "`[]`", "Prints the state of its bids; exits 0 when they are good."),
    SettingRow("workloads_command", COMMAND, "`[]`", "Prints its running workloads, one in a line."),
    SettingRow("chain_command", COMMAND, "`[]`", "Exits 0 when it reaches the chain."),
    SettingRow(
        "allow_scripts", kinds.BOOLEAN, "`false`", "Whether a script with an interpreter may be its executable."
    ),
    SettingRow("deployment", _KUBERNETES, '`""`', "Its deployment in Kubernetes; empty: it runs on this machine."),
    SettingRow("container", _KUBERNETES, "as `deployment`", "The deployment's container."),
    SettingRow("namespace", _KUBERNETES, "`default`", "The deployment's namespace."),
    SettingRow("kubectl", COMMAND, '`["kubectl"]`', "The operator's kubectl, with what chooses the cluster."),
)

MODEL_ROWS = (
    SettingRow("folder", kinds.PATH, "—", "Where models are kept; each stays, for the way back."),
    SettingRow("config", kinds.PATH, "—", "The TOML file that names the model in force. Comments in it are kept."),
    SettingRow("key", Kind(_dotted, str), "`model_path`", "The key in it, with dots where it is in a table."),
    SettingRow(
        "message_type",
        _matching(_TYPE_URL, "a type as /virtengine.veid.v1.MsgUpdateModel"),
        '`""`',
        "`@type` of the message by which a proposal changes the model; empty: it is given by hand.",
    ),
    SettingRow("file_name", kinds.LINE, "`model-{version}`", "The model's file name."),
    SettingRow(
        "url",
        kinds.OPTIONAL_URL,
        '`""`',
        "Where it is downloaded when the message names no URL; `{version}` is replaced.",
    ),
    SettingRow(
        "load_command",
        COMMAND,
        "`[]`",
        "Loads `{model}` and exits 0; run without a network, and with the limits below.",
    ),
    SettingRow("load_memory_bytes", kinds.SIZE, "`4 GiB`", "Memory that loading may take."),
    SettingRow("load_s", kinds.seconds(1), "`300`", "Seconds that loading may take, and of the processor."),
    SettingRow(
        "status_command", COMMAND, "`[]`", "Prints the model in force on the chain; its version has to be in it."
    ),
    SettingRow(
        "confirm",
        _MESSAGE_WORDS,
        "`[]`",
        "Words behind `tx` of the chain's daemon by which a validator confirms that it has the model, as"
        ' `["veid", "confirm-model", "{version}", "{hash}"]`; empty: the chain knows no confirmations.',
    ),
    SettingRow(
        "gated",
        kinds.BOOLEAN,
        "`true`",
        "Whether the chain itself takes up the model at its height. `false`: all nodes have to change at just that"
        " height, as at a halt.",
    ),
)


def parse_provider(table: Mapping[str, Any], where: str) -> ProviderSettings | None:
    """Check the table `provider` of a network; None where it is empty. Raises SettingsError."""
    if not table:
        return None
    where = f"{where}, provider"
    values = read_rows(table, PROVIDER_ROWS, where)
    found = ProviderSettings(**values)
    if found.deployment:
        return found if found.container else ProviderSettings(**values | {"container": found.deployment})
    if found.binary is None:
        raise SettingsError(f"{where}: binary is missing", next_step="name the daemon's executable, or its deployment")
    commands = (found.stop_command, found.start_command, found.state_command)
    if bool(found.unit) == any(commands) or (any(commands) and not all(commands)):
        raise SettingsError(
            f"{where}: how it is stopped and started is not said",
            next_step="name its unit, or all of stop_command, start_command and state_command",
        )
    if found.migrate_command and (found.config is None or "{config}" not in " ".join(found.migrate_command)):
        raise SettingsError(
            f"{where}: migrate_command must name {{config}}, and config must be set",
            next_step='as ["{binary}", "migrate-config", "--config", "{config}"]',
        )
    return found


def parse_model(table: Mapping[str, Any], where: str) -> ModelSettings | None:
    """Check the table `model` of a network; None where it is empty. Raises SettingsError."""
    if not table:
        return None
    where = f"{where}, model"
    values = read_rows(table, MODEL_ROWS, where)
    for key in ("folder", "config"):
        if key not in values:
            raise SettingsError(f"{where}: {key} is missing")
    found = ModelSettings(**values)
    if "{version}" not in found.file_name or "/" in found.file_name:
        raise SettingsError(f"{where}: file_name must hold {{version}} and no folder")
    if found.load_command and "{model}" not in " ".join(found.load_command):
        raise SettingsError(f"{where}: load_command must name {{model}}")
    return found


def provider_markdown() -> str:
    """The table of the provider's settings, for the documentation."""
    return rows_markdown(PROVIDER_ROWS, "provider setting")


def model_markdown() -> str:
    """The table of the model's settings, for the documentation."""
    return rows_markdown(MODEL_ROWS, "model setting")
