"""How the console itself looks and behaves: the tables `[console]` and `[keymap]` of the settings file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from console.errors import SettingsError
from console.setting_words import nearest, quoted, table_of
from console.settings_file import written_settings


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """What the operator chose for the console; the command line's options go before it."""

    theme: str = ""
    """A theme's name; empty: the one that suits the terminal."""
    ascii: bool | None = None
    """Whether only ASCII is drawn; None: where the terminal is known to draw no more."""
    reduced_motion: bool = False
    """Whether the screen moves seldom: its clocks every few seconds instead of each."""
    mouse: bool = True
    """Whether the console takes the mouse; else the terminal selects text with it as usual."""
    read_only: bool = False
    """Whether the console begins locked against changes; a person can unlock it."""
    lock_after: int = 0
    """Minutes without a key after which the console locks itself; 0 for never."""
    bell: str = "critical"
    """The least severity of an event that rings the terminal's bell; `none` for silence."""
    osc_notifications: str = "none"
    """`osc9` or `osc777`: the sequence by which the terminal shows a notification, with each bell."""
    tmux_passthrough: bool = False
    """Whether that sequence is wrapped for tmux to hand on."""
    title: bool = True
    """Whether the terminal's title says where the upgrade is."""
    keymap: Mapping[str, str] = field(default_factory=dict)
    """Other keys for actions, as `checked_keymap` gives them."""


DEFAULTS = ConsoleSettings()
MAX_LOCK_AFTER = 24 * 60
"""Minutes; a console that nobody touched for a day is nobody's."""


@dataclass(frozen=True, slots=True)
class ConsoleSetting:
    """One key of `[console]`, for reading it and for the documentation."""

    key: str
    default: str
    meaning: str
    decode: Callable[[object], Any]
    """Raises ValueError with the words for what it must be."""


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _flag_or_auto(value: object) -> bool | None:
    if value == "auto":
        return None
    if not isinstance(value, bool):
        raise ValueError('true, false or "auto"')
    return value


def _minutes(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_LOCK_AFTER:
        raise ValueError(f"whole minutes from 0 to {MAX_LOCK_AFTER}")
    return value


def _one_of(*words: str) -> Callable[[object], str]:
    def decode(value: object) -> str:
        if value not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return str(value)

    return decode


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("the name of a theme")
    return value


CONSOLE_SETTINGS = (
    ConsoleSetting(
        "theme",
        "`dark`; `sixteen` on a terminal of sixteen colours",
        "A theme's name. The command line's `--theme` goes before it, and `NO_COLOR` before both.",
        _name,
    ),
    ConsoleSetting(
        "ascii",
        '`"auto"`',
        "Draw with ASCII alone: `true`, `false`, or by itself on a Linux console and where the locale is not UTF-8."
        " `--ascii` goes before it.",
        _flag_or_auto,
    ),
    ConsoleSetting(
        "reduced_motion",
        "`false`",
        "Move the clocks on the screen every five seconds instead of each, for slow lines, screen readers and calm.",
        _flag,
    ),
    ConsoleSetting(
        "mouse",
        "`true`",
        "Let the console take the mouse. `false` leaves it to the terminal, which then selects text as usual.",
        _flag,
    ),
    ConsoleSetting(
        "read_only",
        "`false`",
        "Begin locked against changes: Ctrl+L unlocks, after asking. `--read-only` cannot be unlocked.",
        _flag,
    ),
    ConsoleSetting(
        "lock_after",
        "`0`",
        "Lock the console after this many minutes without a key; 0 for never. F9 works all the same.",
        _minutes,
    ),
    ConsoleSetting(
        "bell",
        '`"critical"`',
        "Ring the terminal's bell once for each event of at least this severity: `info`, `warning`, `critical` or"
        " `none` (docs/notifications.md).",
        _one_of("none", "info", "warning", "critical"),
    ),
    ConsoleSetting(
        "osc_notifications",
        '`"none"`',
        "Have the terminal show a notification with each bell: `osc9` (iTerm2, kitty, WezTerm, Windows Terminal) or"
        " `osc777` (foot, Ghostty, VTE).",
        _one_of("none", "osc9", "osc777"),
    ),
    ConsoleSetting(
        "tmux_passthrough",
        "`false`",
        "Wrap that notification so that tmux hands it on; tmux wants `set -g allow-passthrough on` for it.",
        _flag,
    ),
    ConsoleSetting(
        "title",
        "`true`",
        "Say in the terminal's title which network it is and where the upgrade is; what stood there is put back.",
        _flag,
    ),
)
"""Every key of `[console]`; each is also a field's name in ConsoleSettings."""


def load_console() -> ConsoleSettings:
    """What the settings file says; the defaults without one.

    Raises:
        SettingsError: The file is unreadable, or a value or key is not acceptable.
    """
    written = written_settings()
    return parse_console(written.get("console", {}), written.get("keymap", {}))


def parse_console(table: Mapping[str, object], keymap: Mapping[str, object]) -> ConsoleSettings:
    """Check both tables, as TOML gives them.

    Raises:
        SettingsError: An unknown setting, a value of the wrong kind, or a key that cannot be one.
    """
    known = {setting.key: setting for setting in CONSOLE_SETTINGS}
    values: dict[str, Any] = {}
    for key, value in table_of(table, "console").items():
        if key not in known:
            raise SettingsError(
                f"console: there is no setting {quoted(key)}{nearest(key, list(known))}",
                next_step="mend the name, or take the line out",
            )
        try:
            values[key] = known[key].decode(value)
        except ValueError as error:
            raise SettingsError(f"console: {key} must be {error}") from error
    return ConsoleSettings(keymap=_keys(table_of(keymap, "keymap")), **values)


def _keys(table: Mapping[str, object]) -> Mapping[str, str]:
    if not table:
        return {}
    # Imported here: the first frame does not wait for it where nobody chose keys.
    from console.keymap import checked_keymap

    return checked_keymap(table)


def console_settings_markdown() -> str:
    """The table of these settings, for the documentation."""
    lines = ["| console setting | default | meaning |", "|---|---|---|"]
    lines += [f"| `{row.key}` | {row.default} | {row.meaning} |" for row in CONSOLE_SETTINGS]
    return "\n".join(lines) + "\n"
