"""How the console looks: what the settings file may say, and what the terminal decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from console.console_settings import (
    CONSOLE_SETTINGS,
    DEFAULTS,
    ConsoleSettings,
    console_settings_markdown,
    load_console,
    parse_console,
)
from console.errors import SettingsError
from console.settings import parse_network
from console.settings_file import theme_folder
from console.terminal import draws_ascii_alone, has_few_colours, suited


def test_every_setting_is_read_into_its_field() -> None:
    written: dict[str, object] = {
        "theme": "light",
        "ascii": True,
        "reduced_motion": True,
        "mouse": False,
        "read_only": True,
        "lock_after": 15,
        "bell": "none",
        "osc_notifications": "osc9",
        "tmux_passthrough": True,
        "title": False,
    }
    assert set(written) == {setting.key for setting in CONSOLE_SETTINGS}
    found = parse_console(written, {"emergency": "f8"})
    said = ConsoleSettings("light", True, True, False, True, 15, "none", "osc9", True, False, {"emergency": "f8"})
    assert found == said
    assert parse_console({}, {}) == DEFAULTS
    assert parse_console({"ascii": "auto"}, {}).ascii is None
    assert all(f"`{key}`" in console_settings_markdown() for key in written)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"thme": "light"}, "did you mean theme?"),
        ({"theme": 3}, "theme must be the name of a theme"),
        ({"theme": ""}, "theme must be the name of a theme"),
        ({"ascii": "yes"}, 'ascii must be true, false or "auto"'),
        ({"mouse": 1}, "mouse must be true or false"),
        ({"lock_after": True}, "lock_after must be whole minutes from 0 to 1440"),
        ({"lock_after": -1}, "whole minutes"),
        ({"lock_after": 9999}, "whole minutes"),
        ({"bell": True}, "bell must be one of none, info, warning, critical"),
        ({"osc_notifications": "osc99"}, "osc_notifications must be one of none, osc9, osc777"),
        ([], "console must be a table"),
    ],
)
def test_what_cannot_be_one_is_refused(table: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_console(table, {})
    assert words in str(refused.value)


def test_they_are_in_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_console() == DEFAULTS
    (tmp_path / "upgrade-console").mkdir()
    (tmp_path / "upgrade-console" / "config.toml").write_text('[console]\ntheme = "light"\n[keymap]\nsort = "s"\n')
    assert load_console() == ConsoleSettings(theme="light", keymap={"sort": "s"})
    assert theme_folder() == tmp_path / "upgrade-console" / "themes"


@pytest.mark.parametrize(
    ("environment", "alone", "few"),
    [
        ({"TERM": "xterm-256color", "LANG": "de_DE.UTF-8"}, False, False),
        ({"TERM": "xterm-256color", "LANG": "de_DE.ISO-8859-1"}, True, False),
        ({"TERM": "xterm-256color", "LANG": "de_DE"}, True, False),
        ({"TERM": "xterm-256color", "LANG": "de_DE", "LC_ALL": "de_DE.utf8@euro"}, False, False),
        ({"TERM": "xterm-256color", "LC_ALL": "", "LC_CTYPE": "en_US.UTF-8", "LANG": "en_US"}, False, False),
        # Python draws UTF-8 under the C locale, and such a terminal mostly can; only a named codeset speaks against it.
        ({"TERM": "xterm-kitty", "LC_ALL": "C"}, False, False),
        ({"TERM": "linux", "LANG": "en_US.UTF-8"}, True, True),
        ({"TERM": "xterm"}, False, True),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, False, False),
    ],
)
def test_what_the_terminal_can_draw(environment: dict[str, str], alone: bool, few: bool) -> None:
    assert draws_ascii_alone(environment) is alone
    assert has_few_colours(environment) is few


def test_what_was_chosen_goes_before_what_the_terminal_says() -> None:
    linux = {"TERM": "linux"}
    assert suited(DEFAULTS, linux, many="dark", few="sixteen") == ConsoleSettings("sixteen", ascii=True, title=False)
    chosen = ConsoleSettings("light", ascii=False)
    assert suited(chosen, linux, many="dark", few="sixteen") == replace(chosen, title=False)
    assert suited(DEFAULTS, {"TERM": "xterm-256color"}, many="dark", few="sixteen").theme == "dark"


def test_a_network_has_its_accent() -> None:
    table = {"kind": "cosmos", "chain_id": "hub-4", "cometbft_rpc": ["http://127.0.0.1:26657"]}
    assert parse_network("hub", table, None).standing.role == "error"
    assert parse_network("hub", {**table, "stage": "testnet"}, None).standing.role == "warning"
    assert parse_network("hub", {**table, "accent": "primary"}, None).standing.role == "primary"
    with pytest.raises(SettingsError, match="accent must be one of error, warning"):
        parse_network("hub", {**table, "accent": "#ff0000"}, None)
