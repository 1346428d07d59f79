"""Keys of the operator's own: checked before they are used, shown where keys are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.actions import action
from console.app import UpgradeConsoleApp
from console.console_settings import ConsoleSettings, load_console
from console.errors import SettingsError
from console.keymap import checked_keymap, with_key
from screens.emergency import EmergencyScreen
from screens.help import HelpScreen
from screens.overview import OverviewScreen
from tests import fakes
from tests.pilot import screen_text, settled, until
from tests.session_fakes import FakeSession


def test_a_keymap_is_taken() -> None:
    keymap = checked_keymap({"emergency": "f8", "propose": "E, ctrl+n"})
    assert keymap == {"emergency": "f8", "propose": "E,ctrl+n"}
    assert with_key(action("propose"), keymap).key == "E,ctrl+n"
    assert with_key(action("help"), keymap) == action("help")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"reboot": "f8"}, "no action 'reboot'"),
        ({"propose": 3}, "must be a key"),
        ({"propose": ""}, "must be a key"),
        ({"propose": "ctrl+"}, "must be a key"),
        ({"emergency": "h"}, "must not be a letter"),
        ({"emergency": "f8,h"}, "must not be a letter"),
        ({"propose": "r"}, "r would mean propose and ready on the overview view"),
        ({"vote": "f9"}, "f9 would mean emergency and vote on the proposal view"),
        ({"propose": "ctrl+p"}, "would mean"),
    ],
)
def test_what_would_lose_an_action_is_refused(table: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match="keymap") as refused:
        checked_keymap(table)
    assert words in str(refused.value)


def test_two_actions_swap_their_keys() -> None:
    assert checked_keymap({"propose": "r", "ready": "p"})


def test_the_settings_file_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_console() == ConsoleSettings()
    (tmp_path / "upgrade-console").mkdir()
    (tmp_path / "upgrade-console" / "config.toml").write_text('[keymap]\nemergency = "f8"\n')
    assert load_console().keymap == {"emergency": "f8"}


@pytest.mark.anyio
async def test_a_remapped_emergency_opens_everywhere_and_help_names_its_key() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()), ConsoleSettings(keymap={"emergency": "f8"}))
    async with app.run_test(size=(80, 40)) as pilot:
        await settled(pilot)
        assert "F8 HALT" in screen_text(app).splitlines()[-1]
        await pilot.press("f9")
        await pilot.pause()
        assert isinstance(app.screen, OverviewScreen)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "help")
        await until(pilot, lambda: "F8" in screen_text(app), "the key in the help")
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, EmergencyScreen), "the two choices")
