"""The propose form: checks as typed, cannot be sent by accident, loses nothing."""

from __future__ import annotations

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input

from console.app import UpgradeConsoleApp
from console.errors import ChainError
from screens.confirm import ConfirmScreen
from screens.overview import OverviewScreen
from screens.propose import ProposeScreen, height_facts, suggested_height
from tests import fakes
from tests.fakes import HASH, NOW, URL, FakeSession
from tests.pilot import screen_text, settled, until

pytestmark = pytest.mark.anyio

FILLED = {"name": "v0.2.0", "height": "1400", "url": URL, "hash": f"sha256:{HASH}"}


async def _open(pilot: Pilot[int]) -> ProposeScreen:
    app = await settled(pilot)
    await pilot.press("p")
    await until(pilot, lambda: isinstance(app.screen, ProposeScreen) and app.screen.is_mounted, "the form")
    assert isinstance(app.screen, ProposeScreen)
    await until(pilot, lambda: app.screen.snapshot is not None, "the form's snapshot")  # type: ignore[attr-defined]
    return app.screen


async def _fill(pilot: Pilot[int], form: ProposeScreen, fields: dict[str, str]) -> None:
    for name, value in fields.items():
        form.query_one(f"#field-{name}", Input).value = value
    await pilot.pause()


async def _ask(pilot: Pilot[int], form: ProposeScreen) -> ConfirmScreen:
    form.query_one("#submit", Button).focus()
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen), "the confirm step")
    assert isinstance(pilot.app.screen, ConfirmScreen)
    return pilot.app.screen


async def _armed(pilot: Pilot[int], confirm: ConfirmScreen) -> None:
    await until(pilot, lambda: not confirm.query_one("#confirm", Button).disabled, "the armed dialog")


async def test_problems_appear_while_typing_and_bar_the_way() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test() as pilot:
        form = await _open(pilot)
        submit = form.query_one("#submit", Button)
        assert submit.disabled
        await _fill(pilot, form, {**FILLED, "hash": "abc"})
        assert "the hash is not 64 hex digits" in screen_text(app)
        assert submit.disabled
        await _fill(pilot, form, FILLED)
        assert not submit.disabled
        text = screen_text(app)
        assert "123 blocks ahead ≈ 2m 03s, 08:55:23 UTC" in text
        assert "the first possible now is 1,298" in text


async def test_the_confirm_step_shows_everything_and_sends_once() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        form = await _open(pilot)
        await _fill(pilot, form, FILLED)
        form.query_one("#field-breaking", Checkbox).value = False
        confirm = await _ask(pilot, form)
        await pilot.pause()
        text = screen_text(app)
        for piece in ("devnet", "chain devnet-ab12cd", "v0.2.0", "1400", URL, HASH, "no: only ready nodes stop"):
            assert piece in text
        assert confirm.focused is confirm.query_one("#cancel")
        await _armed(pilot, confirm)
        await pilot.press("y")
        await until(pilot, lambda: session.proposed, "the proposal")
        await until(pilot, lambda: "Proposal 7 (v0.2.0) is on the chain" in screen_text(app), "the result in place")
        assert session.proposed == [{**FILLED, "breaking": "no"}]
        assert form.query_one("#submit", Button).disabled
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen), "the overview")
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ProposeScreen) and app.screen.is_mounted, "a new form")
        assert app.screen.query_one("#field-name", Input).value == ""


async def test_keys_typed_ahead_cannot_confirm() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        form = await _open(pilot)
        await _fill(pilot, form, FILLED)
        form.query_one("#submit", Button).focus()
        # One burst, as an impatient hand or a pasted text gives it; Enter lands on Cancel.
        await pilot.press("enter", "y", "y", "tab", "right", "y", "enter", "y")
        await until(pilot, lambda: isinstance(app.screen, ProposeScreen), "the form again")
        assert session.proposed == []
        assert form.query_one("#field-hash", Input).value == FILLED["hash"]


async def test_an_error_is_shown_in_place_and_nothing_typed_is_lost() -> None:
    error = ChainError("the registry refused: HeightTooSoon", next_step="choose a later H")
    session = FakeSession(fakes.go(), error=error)
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        form = await _open(pilot)
        await _fill(pilot, form, FILLED)
        await _armed(pilot, await _ask(pilot, form))
        await pilot.press("y")
        await until(pilot, lambda: "HeightTooSoon; choose a later H." in screen_text(app), "the error")
        assert {name: form.query_one(f"#field-{name}", Input).value for name in FILLED} == FILLED
        assert not form.query_one("#submit", Button).disabled


async def test_nothing_closes_while_it_is_being_sent() -> None:
    session = FakeSession(fakes.go())
    session.answer.clear()
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        form = await _open(pilot)
        await _fill(pilot, form, FILLED)
        await _armed(pilot, await _ask(pilot, form))
        await pilot.press("y")
        await until(pilot, lambda: session.proposed, "the proposal")
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is form
        assert "cannot be called back" in screen_text(app)
        session.answer.set()
        await until(pilot, lambda: "Proposal 7" in screen_text(app), "the result")


async def test_a_closed_form_keeps_its_draft_and_enter_never_sends() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        await _open(pilot)
        await pilot.press(*"v9", "enter", *"12")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen), "the overview")
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ProposeScreen) and app.screen.is_mounted, "the form again")
        assert app.screen.query_one("#field-name", Input).value == "v9"
        assert app.screen.query_one("#field-height", Input).value == "12"
    assert session.proposed == []


async def test_a_height_becomes_too_low_while_the_form_is_open() -> None:
    def problems(fields: dict[str, str]) -> dict[str, str]:
        return {"height": "H is too near"} if session.clock > NOW else {}

    session = FakeSession(fakes.go(), problems=problems)
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        form = await _open(pilot)
        await _fill(pilot, form, FILLED)
        assert not form.query_one("#submit", Button).disabled
        session.clock += 2
        assert session.feed is not None
        session.feed.put_nowait(fakes.frozen())
        await until(pilot, lambda: form.query_one("#submit", Button).disabled, "the barred way")
        assert "H is too near" in screen_text(app)


@pytest.mark.parametrize("text", ["", "abc", "-5", "1e9", "٣", "9" * 30, "99999999999999999999", "1", "1277"])
def test_height_facts_of_any_text(text: str) -> None:
    assert height_facts(text, fakes.go(), NOW)


@pytest.mark.parametrize(
    ("earliest", "height", "shown"),
    [(1298, 1277, "such as 1310"), (1300, 1279, "such as 1310"), (1301, 1280, "such as 1320"), (None, None, "")],
)
def test_the_suggested_height_is_round_and_leaves_room(earliest: int | None, height: int | None, shown: str) -> None:
    assert suggested_height(earliest, height) == shown


async def test_what_bars_every_height_is_told_before_one_is_typed() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go(), problems=lambda _fields: {"height": "one upgrade at a time"}))
    async with app.run_test() as pilot:
        form = await _open(pilot)
        assert "✗ one upgrade at a time" in screen_text(app)
        assert form.query_one("#field-height", Input).placeholder == "such as 1310"


async def test_what_is_typed_ahead_of_a_tab_lands_in_its_own_field() -> None:
    """A slow link delivers keys in one piece; the Tab among them takes effect before the next key is given away."""
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test() as pilot:
        form = await _open(pilot)
        for key in (*"v9", "tab", *"1400", "tab", *"url", "tab", *"abc"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: form.query_one("#field-hash", Input).value == "abc", "the last field")
        assert form.query_one("#field-url", Input).value == "url"
        assert form.query_one("#field-height", Input).value == "1400"
        assert form.query_one("#field-name", Input).value == "v9"


def test_height_facts_without_or_with_an_old_chain() -> None:
    assert "not known" in height_facts("1400", None, NOW)
    assert "not known" in height_facts("1400", fakes.chain_down(), NOW)
    assert height_facts("1400", fakes.stale(), NOW) == "◷ the chain's height is old: 1,277"
