"""Every sign has a twin in ASCII, of one column; a console on ASCII draws nothing else."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from console.app import UpgradeConsoleApp
from console.console_settings import ConsoleSettings
from tests import fakes
from tests.pilot import screen_text, settled
from tests.session_fakes import FakeSession
from widgets.glyphs import SIGNS, in_ascii

ROOT = Path(__file__).parents[2]


def test_every_sign_is_one_column_and_so_is_its_twin() -> None:
    for sign, twin in SIGNS.items():
        assert cell_len(sign) == 1
        # East Asian wide and fullwidth take two columns on some terminals, whatever the locale.
        assert unicodedata.east_asian_width(sign) not in {"W", "F"}
        assert not re.search("EMOJI|PRESENTATION", unicodedata.name(sign))
        assert len(twin) == 1
        assert twin.isascii()


def test_no_text_of_ours_uses_a_sign_that_is_not_in_the_table() -> None:
    sources = [*ROOT.glob("screens/*.py"), *ROOT.glob("widgets/*.py"), *ROOT.glob("console/**/*.py")]
    assert len(sources) > 200
    unknown = {
        (sign, path.relative_to(ROOT).as_posix())
        for path in sources
        if path.name != "glyphs.py"
        for sign in re.findall(r"[^\x00-\x7f]", path.read_text("utf-8"))
        if sign not in SIGNS
    }
    assert unknown == set()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain [text]", "plain [text]"),
        ("✓ ready — 66.7 % · 0x5e5e…5e", "+ ready - 66.7 % . 0x5e5e~5e"),
        ("┌─ Node ─┐▔▁", "+- Node -+-_"),
        ("Zoë", "Zoe"),
        ("東京", "????"),
        ("a\u0301", "a"),
    ],
)
def test_a_text_in_ascii(text: str, told: str) -> None:
    assert in_ascii(text) == told


@settings(max_examples=50)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Co", "Cn", "Zl", "Zp")), max_size=40))
def test_whatever_comes_is_ascii_of_the_same_width(text: str) -> None:
    told = in_ascii(text)
    assert told.isascii()
    # Character by character: what joins into one cell as a cluster is drawn apart here.
    assert len(told) == sum(cell_len(character) for character in text)


@pytest.mark.anyio
async def test_a_console_on_ascii_draws_nothing_else() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.partly_ready(), network="tōkyō"), ConsoleSettings(ascii=True))
    async with app.run_test(notifications=True) as pilot:
        await settled(pilot)
        app.tell("… — ✓")
        for key in ("1", "2", "3", "5", "1", "question_mark", "escape", "p", "escape", "n", "escape", "ctrl+p"):
            await pilot.press(key)
            await pilot.pause()
            assert screen_text(app).isascii(), key
