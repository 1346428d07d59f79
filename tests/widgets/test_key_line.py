"""The footer: HALT first whatever has the focus, whole keys alone, a click is its key, and nothing mounted anew."""

from __future__ import annotations

import pytest
from textual.content import Content

from console.actions import ACTIONS, VIEW_NAMES, WELCOME
from console.app import UpgradeConsoleApp
from console.hand_lock import READ_ONLY
from screens.overview import OverviewScreen
from tests import fakes
from tests.pilot import screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession
from widgets.key_line import Key, KeyLine, fitting

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("view", [*VIEW_NAMES, WELCOME])
@pytest.mark.parametrize("width", [80, 60, 12])
def test_a_line_holds_whole_keys_and_never_loses_halt_or_help(view: str, width: int) -> None:
    keys = [Key(entry.id, entry.key, "F9", entry.label, True) for entry in ACTIONS if view in entry.footer]
    kept = fitting(keys, width)
    needed = [key.id for key in keys if key.id in {"emergency", "help"}]
    assert [key.id for key in kept if key.id in needed] == needed
    if [key.id for key in kept] != needed:
        assert sum(key.width for key in kept) <= width
    # What was left out stood behind what was kept.
    spared = [key for key in kept if key.id not in needed]
    assert spared == [key for key in keys if key.id not in needed][: len(spared)]


async def test_keys_in_their_order_refused_ones_dim_and_the_mouse_on_each() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go(), read_only=True))
    async with app.run_test(size=(80, 24), notifications=True, tooltips=True) as pilot:
        await settled(pilot)
        line = app.screen.query_one(KeyLine)
        assert [key.id for key in line.keys][:2] == ["emergency", "show_proposals"]
        refused = next(key for key in line.keys if key.id == "propose")
        assert not refused.possible
        text = screen_text(app).splitlines()[-1]
        # A refused key that is clicked says why not.
        await pilot.click(KeyLine, offset=(text.index("Propose"), 0))
        await until(pilot, lambda: [note.message for note in app._notifications] == [READ_ONLY], "the reason")
        assert isinstance(app.screen, OverviewScreen)
        await pilot.hover(KeyLine, offset=(text.index("Validators"), 0))
        await until(pilot, lambda: line.tooltip == Content(_help("show_validators")), "what the key does")
        await pilot.hover(KeyLine, offset=(79, 0))
        await until(pilot, lambda: line.tooltip is None, "nothing beside the keys")
        await pilot.click(KeyLine, offset=(text.index("Validators"), 0))
        await until_screen(pilot, "ValidatorsScreen")
        # The table with the focus has Enter for itself; HALT is first all the same.
        await until(pilot, lambda: screen_text(app).splitlines()[-1].startswith(" F9 HALT "), "HALT first")
        line = app.screen.query_one(KeyLine)
        assert line.key_at(0) == line.keys[0]
        assert line.key_at(79) is None
        assert not line.children


def _help(action_id: str) -> str:
    return next(entry.help for entry in ACTIONS if entry.id == action_id)
