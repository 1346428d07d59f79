"""The chain's own daemon, by which something is said to a Cosmos chain: `[networks.NAME.daemon]` of the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from console import setting_kinds as kinds
from console.errors import SettingsError
from console.setting_kinds import Kind
from console.setting_rows import SettingRow, read_rows, rows_markdown

Keyring = Literal["os", "file", "test", "kwallet", "pass"]
Proposals = Literal["auto", "v1", "legacy"]

DEADLINE_S = 60.0
"""Seconds that one run of the daemon has where the settings do not say it; a person who types has longer."""

GAS_ADJUSTMENT = 1.5
"""How much more gas than the chain estimated is given where the settings do not say it: state moves until the block."""

ROLES = ("proposer", "voter", "provider")
"""Whose key says something: also that of deposits is the proposer's."""

_ADDRESS = re.compile(r"[a-z]{1,40}1[02-9ac-hj-np-z]{38,100}", re.ASCII)
_KEY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+ -]{0,99}", re.ASCII)

_OWN = frozenset(
    {
        "--from", "--node", "--chain-id", "--home", "--keyring-backend", "--keyring-dir", "--output", "-o", "--yes",
        "-y", "--generate-only", "--dry-run", "--offline", "--broadcast-mode", "-b", "--output-document", "--sequence",
        "-s", "--account-number", "-a",
    }
)  # fmt: skip
"""Flags that this tool gives itself: a second one would make another transaction than the one that was shown."""


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """How the daemon is run, and whose keys of its keyring sign."""

    command: str
    """A path, or a name to be found in `PATH`."""
    home: Path | None = None
    """None: the daemon's own."""
    keyring_backend: Keyring = "os"
    keyring_dir: Path | None = None
    keys: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Name of a key, or its address, by role."""
    node: str = ""
    """The RPC that it asks; empty: this machine's node, else the network's first."""
    flags: tuple[str, ...] = ()
    """Of the making of a transaction: fees, gas, a note."""
    sign_flags: tuple[str, ...] = ()
    """Of its signing: `--ledger`, a sign mode."""
    gas_adjustment: float = GAS_ADJUSTMENT
    """How much more gas than the chain estimates a transaction may use, where flags name none."""
    proposals: Proposals = "auto"
    deadline_s: float = DEADLINE_S

    def key(self, role: str) -> str:
        """Name or address of the key of a role; empty where none is set."""
        return self.keys.get(role, "")

    @property
    def names_gas(self) -> bool:
        """Whether `flags` say how much gas a transaction may use."""
        return any(flag.partition("=")[0] == "--gas" for flag in self.flags)

    @property
    def asks(self) -> bool:
        """Whether its keyring may ask a person for something."""
        return self.keyring_backend != "test"


def is_key_address(key: str) -> bool:
    """Whether a key is named by its address, which no keyring has to be opened for."""
    return _ADDRESS.fullmatch(key) is not None


def key_text(value: object) -> str:
    """A key's name or address. Raises ValueError."""
    if not isinstance(value, str) or not _KEY_NAME.fullmatch(value):
        raise ValueError("the name of a key in the keyring, or its address")
    return value


def _keys(value: object) -> dict[str, str]:
    if isinstance(value, str):
        return dict.fromkeys(ROLES, key_text(value))
    if not isinstance(value, Mapping) or not value or not set(value) <= set(ROLES):
        raise ValueError('a key, or a table as { proposer = "ops", voter = "validator", provider = "provider" }')
    return {str(role): key_text(key) for role, key in value.items()}


def _command(value: object) -> str:
    text = str(kinds.LINE.decode(value))
    if not text or text.startswith("-") or ("/" in text and not text.startswith(("/", "~"))):
        raise ValueError("the daemon's absolute path, or its name in PATH")
    return str(Path(text).expanduser()) if "/" in text else text


def _flags(value: object) -> tuple[str, ...]:
    found = kinds.texts_of(value)
    for flag in found:
        if flag.partition("=")[0] in _OWN:
            raise ValueError(f"without {flag.partition('=')[0]}, which is given by this tool itself")
        if flag in {"auto", "--gas=auto"}:
            raise ValueError("without --gas auto: gas is estimated wherever --gas is left out (gas_adjustment)")
        if not flag.isprintable():
            raise ValueError("a list of texts without control characters")
    return found


def _adjustment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 10:
        raise ValueError("a number from 1 to 10")
    return float(value)


_ADJUSTMENT = Kind(_adjustment, lambda value: f"{value:g}", bare=False)
_COMMAND = Kind(_command, str)
_KEYS = Kind(_keys, str, bare=False)
_FLAGS = Kind(_flags, str, bare=False)


_ROWS = (
    SettingRow(
        "command",
        _COMMAND,
        "required",
        "The chain's daemon, as `virtengined`: its absolute path, or a name in `PATH`. It builds and signs; this tool"
        " shows, sends and awaits.",
    ),
    SettingRow("home", kinds.OPTIONAL_PATH, "the daemon's own", "Its `--home`."),
    SettingRow(
        "keyring_backend",
        kinds.choice("os", "file", "test", "kwallet", "pass"),
        "`os`",
        "Its `--keyring-backend`. What a keyring asks, the daemon asks on the terminal; nothing of it comes to this"
        " tool. `test` asks nothing.",
    ),
    SettingRow("keyring_dir", kinds.OPTIONAL_PATH, "in `home`", "Its `--keyring-dir`."),
    SettingRow(
        "from",
        _KEYS,
        "none",
        "The key that signs, by name or by address, or one for each role, as"
        ' `{ proposer = "ops", voter = "validator", provider = "provider" }`; deposits are the proposer\'s. By address,'
        " a keyring is opened once, to sign; by name once more, to look it up.",
    ),
    SettingRow(
        "node",
        kinds.OPTIONAL_URL,
        "this machine's node, else the first of `cometbft_rpc`",
        "The CometBFT RPC that the daemon asks.",
    ),
    SettingRow(
        "flags",
        _FLAGS,
        "`[]`",
        'Further flags for making a transaction, as `["--gas-prices", "0.025uve"]`. Whatever'
        " this tool gives itself is refused.",
    ),
    SettingRow("sign_flags", _FLAGS, "`[]`", 'Further flags for signing it, as `["--ledger"]`.'),
    SettingRow(
        "gas_adjustment",
        _ADJUSTMENT,
        f"`{GAS_ADJUSTMENT:g}`",
        "Where `flags` name no `--gas`: how many times the gas that the chain estimates is the most it may use.",
    ),
    SettingRow(
        "proposals",
        kinds.choice("auto", "v1", "legacy"),
        "`auto`",
        "How upgrades are proposed: as messages (`v1`), or as `legacy` content. `auto`: by the SDK that the daemon"
        " says it was built with, messages from 0.47 on: those of 0.46 have neither title nor summary.",
    ),
    SettingRow("deadline_s", kinds.seconds(1), "60s", "Time that one run of it has; a person who types has 5 minutes."),
)


def parse_daemon(table: Mapping[str, Any], where: str) -> DaemonSettings:
    """Check the table `daemon` of a network.

    Args:
        table: As TOML gives it.
        where: Its network, for messages.

    Raises:
        SettingsError: A key is not known or missing, or a value is not acceptable.
    """
    values = read_rows(table, _ROWS, f"{where}, daemon")
    if "command" not in values:
        raise SettingsError(
            f"{where}, daemon: command is missing", next_step="name the chain's daemon, by its path or as in PATH"
        )
    return DaemonSettings(keys=values.pop("from", {}), **values)


def daemon_markdown() -> str:
    """The table of these settings, for the documentation."""
    return rows_markdown(_ROWS, "daemon setting")
