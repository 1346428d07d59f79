"""The propose form: checks as typed, cannot be sent by accident, loses nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input

from console.app import UpgradeConsoleApp
from console.errors import ChainError
from console.maintenance import parse_maintenance
from console.model import Traffic, TrafficSample
from screens.cuts import CutsScreen
from screens.overview import OverviewScreen
from screens.propose import ProposeScreen
from screens.propose_facts import blocks_of, deadline_facts, height_facts, span_facts, suggested_height
from screens.propose_rows import ROWS
from screens.review import ReviewScreen
from tests import fakes
from tests import governance_fakes as votes
from tests.fakes import HASH, NOW, URL
from tests.pilot import alone, screen_text, settled, until
from tests.session_fakes import FakeSession
from widgets.choice_field import ChoiceField

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


async def _ask(pilot: Pilot[int], form: ProposeScreen) -> ReviewScreen:
    form.query_one("#submit", Button).focus()
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen), "the review")
    assert isinstance(pilot.app.screen, ReviewScreen)
    return pilot.app.screen


async def _armed(pilot: Pilot[int], review: ReviewScreen) -> None:
    await until(pilot, lambda: not review.query_one("#confirm", Button).disabled, "the armed review")


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


async def test_what_is_reviewed_is_sent_once_and_the_form_is_empty_afterwards() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        form = await _open(pilot)
        await _fill(pilot, form, FILLED)
        form.query_one("#field-breaking", Checkbox).value = False
        review = await _ask(pilot, form)
        await _armed(pilot, review)
        assert review.focused is review.query_one("#cancel")
        await alone(pilot, "y")
        await until(pilot, lambda: session.sent, "the proposal")
        await until(pilot, lambda: "In block 1,236, as proposal 7:" in screen_text(app), "the result in place")
        fields = session.proposed[0]
        assert {name: fields[name] for name in FILLED} == FILLED
        assert (fields["breaking"], fields["what"], fields["schedule"]) == ("no", "release", "height")
        assert not {"calls", "delay", "threshold", "deadline"} & set(fields)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is form, "the form")
        await until(pilot, lambda: "Proposal 7 (v0.2.0) is on the chain" in screen_text(app), "the result")
        assert form.query_one("#submit", Button).disabled
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen), "the overview")
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ProposeScreen) and app.screen.is_mounted, "a new form")
        assert app.screen.query_one("#field-name", Input).value == ""
    assert len(session.sent) == 1


async def test_keys_typed_ahead_cannot_send() -> None:
    session = FakeSession(fakes.go())
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        form = await _open(pilot)
        await _fill(pilot, form, FILLED)
        session.review_answer.clear()
        form.query_one("#submit", Button).focus()
        # One burst, as an impatient hand or a pasted text gives it.
        await pilot.press("enter", "y", "y", "tab", "right", "y", "y")
        session.review_answer.set()
        review = pilot.app.screen
        assert isinstance(review, ReviewScreen)
        await _armed(pilot, review)
        assert session.sent == []
        assert form.query_one("#field-hash", Input).value == FILLED["hash"]


async def test_a_refusal_is_told_and_nothing_typed_is_lost() -> None:
    error = ChainError("the registry refused: HeightTooSoon", next_step="choose a later H")
    session = FakeSession(fakes.go(), error=error)
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        form = await _open(pilot)
        await _fill(pilot, form, FILLED)
        await _armed(pilot, await _ask(pilot, form))
        await alone(pilot, "y")
        await until(pilot, lambda: "HeightTooSoon; choose a later H." in screen_text(app), "the error")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is form, "the form")
        assert {name: form.query_one(f"#field-{name}", Input).value for name in FILLED} == FILLED
        assert not form.query_one("#submit", Button).disabled


@pytest.mark.parametrize(
    ("what", "schedule", "shown"),
    [
        ("release", "height", {"url", "hash", "kind", "breaking", "height"}),
        ("release", "vote", {"url", "hash", "kind", "breaking", "delay"}),
        ("release", "readiness", {"url", "hash", "kind", "breaking", "threshold", "deadline", "delay"}),
        ("contracts", "height", {"calls", "init"}),
        ("both", "vote", {"url", "hash", "kind", "breaking", "delay", "calls", "order", "init"}),
    ],
)
async def test_only_what_counts_is_asked_and_sent(what: str, schedule: str, shown: set[str]) -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.idle()))
    async with app.run_test() as pilot:
        form = await _open(pilot)
        form.query_one("#field-what", ChoiceField).choose(what)
        form.query_one("#field-schedule", ChoiceField).choose(schedule)
        await pilot.pause()
        always = {"what", "name", "voting", "expedited"} | ({"schedule"} if what != "contracts" else set())
        assert set(form.fields()) == always | shown
        rows = {row.name for row in ROWS if form.query_one(f"#row-{row.name}").display}
        # A window only helps to find the height.
        assert rows == always | shown | ({"clock"} if "height" in shown else set())


async def test_where_no_vote_is_needed_none_is_asked_for() -> None:
    session = FakeSession(fakes.idle())
    session.registry_rules = votes.rules(voting_required=False)
    app = UpgradeConsoleApp(session)
    async with app.run_test() as pilot:
        form = await _open(pilot)
        await until(pilot, lambda: "voting" not in form.fields(), "the registry's rules")
        form.query_one("#field-what", ChoiceField).choose("both")
        await until(pilot, lambda: form.query_one("#row-voting").display, "the vote that calls need")


async def test_a_migration_is_taken_from_its_manifest() -> None:
    session = FakeSession(fakes.idle())
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 48)) as pilot:
        form = await _open(pilot)
        await _fill(pilot, form, {"url": URL, "height": "1400"})
        form.query_one("#field-kind", ChoiceField).choose("manifest")
        form.query_one("#field-manifest", Input).value = "/tmp/manifest.json"
        await until(pilot, lambda: "press Read…: it settles" in screen_text(app), "what is missing")
        form.query_one("#read-manifest", Button).focus()
        await pilot.press("enter")
        await until(pilot, lambda: "migration: wasm cdcdcd…cdcdcd" in screen_text(app), "what it settles")
        assert form.query_one("#field-name", Input).value == "v0.3.0"
        assert not form.query_one("#field-breaking", Checkbox).value
        fields = form.fields()
        assert (fields["migration"], fields["migration_hash"]) == ("wasm", "cd" * 32)
        assert "manifest" not in fields
        assert not form.query_one("#submit", Button).disabled
        form.query_one("#field-hash", Input).value = "12" * 32
        await until(pilot, lambda: form.query_one("#submit", Button).disabled, "the barred way")
        form.query_one("#field-hash", Input).value = HASH
        session.error = ChainError("it is for another chain")
        read = form.query_one("#read-manifest", Button)
        # A button that is drawn as pressed takes no second press.
        await until(pilot, lambda: not read.has_class("-active"), "the button at rest")
        read.focus()
        await pilot.press("enter")
        await until(pilot, lambda: "it is for another chain" in screen_text(app), "the refusal")
        form.watch_now()
        await pilot.pause()
        assert "it is for another chain" in screen_text(app)
        assert form.query_one("#submit", Button).disabled


async def test_calls_are_read_before_they_are_proposed() -> None:
    session = FakeSession(fakes.idle())
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(80, 48)) as pilot:
        form = await _open(pilot)
        form.query_one("#field-what", ChoiceField).choose("contracts")
        form.query_one("#field-name", Input).value = "gateway-cut"
        form.query_one("#field-calls", Input).value = "/tmp/cut.json"
        await until(pilot, lambda: "nobody proposes calls unread" in screen_text(app), "the warning")
        assert form.query_one("#submit", Button).disabled
        form.query_one("#read-calls", Button).focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, CutsScreen), "the diff")
        await until(pilot, lambda: "GatewayMessengerFacet" in screen_text(app), "the cut")
        await pilot.press("escape")
        await until(pilot, lambda: not form.query_one("#submit", Button).disabled, "the open way")
        form.query_one("#field-calls", Input).value = "/tmp/other.json"
        await until(pilot, lambda: form.query_one("#submit", Button).disabled, "the barred way again")


async def test_spans_are_shown_in_blocks_and_time() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.idle()))
    async with app.run_test(size=(100, 60)) as pilot:
        form = await _open(pilot)
        await until(pilot, lambda: "604,800 blocks ≈ 7d 0h at 1.0s a block" in screen_text(app), "the usual vote")
        form.query_one("#field-voting", Input).value = "600"
        await until(pilot, lambda: "wants at least 604,800 blocks" in screen_text(app), "the registry's least")
        form.query_one("#field-expedited", Checkbox).value = True
        await until(pilot, lambda: "wants at least 3,600 blocks" in screen_text(app), "the least of an expedited one")
        assert "EXPEDITED" in screen_text(app)


async def test_what_is_wrong_is_said_to_its_end_at_80_columns() -> None:
    problem = "the deadline is 140 blocks from now, and the vote alone takes 603,907 of them on this chain"
    app = UpgradeConsoleApp(FakeSession(fakes.idle(), problems=lambda _fields: {"name": problem}))
    async with app.run_test(size=(80, 24)) as pilot:
        form = await _open(pilot)
        await _fill(pilot, form, {"name": "v9"})
        await until(pilot, lambda: "of them on this chain" in " ".join(screen_text(app).split()), "the last words")


async def test_choices_are_made_by_keys_and_mouse() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.idle()))
    async with app.run_test() as pilot:
        form = await _open(pilot)
        field = form.query_one("#field-what", ChoiceField)
        field.focus()
        await pilot.press("right", "right", "right")
        assert field.value == "both"
        await pilot.press("left")
        assert field.value == "contracts"
        await pilot.click("#field-what", offset=(2, 0))
        assert field.value == "release"


@pytest.mark.parametrize(
    ("text", "seconds", "blocks"),
    [("100", 1.0, 100), ("100", None, 100), ("7d", 1.0, 604_800), ("7d", 12.0, 50_400), ("7d", None, None)],
)
def test_spans(text: str, seconds: float | None, blocks: int | None) -> None:
    assert blocks_of(text, seconds) == blocks


@pytest.mark.parametrize("text", ["", "x", "-5", "1e9", "9" * 30, "7 days", "٣"])
def test_spans_of_any_text(text: str) -> None:
    assert blocks_of(text, 1.0) is None
    assert span_facts(text, fakes.go(), NOW)
    assert deadline_facts(text, fakes.go(), NOW)


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
        assert app.screen.query_one("#field-url", Input).value == "12"
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
        for key in (*"v9", "tab", *"url", "tab", *"abc", "tab", "tab", "tab", "tab", *"1400"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: form.query_one("#field-height", Input).value == "1400", "the last field")
        assert form.query_one("#field-url", Input).value == "url"
        assert form.query_one("#field-hash", Input).value == "abc"
        assert form.query_one("#field-name", Input).value == "v9"


def test_height_facts_without_or_with_an_old_chain() -> None:
    assert "not known" in height_facts("1400", None, NOW)
    assert "not known" in height_facts("1400", fakes.chain_down(), NOW)
    assert height_facts("1400", fakes.stale(), NOW) == "◷ the chain's height is old: 1,277"


async def test_a_window_on_the_wall_gives_the_height_and_says_what_may_go_wrong() -> None:
    session = FakeSession(fakes.go())
    session.maintenance = (parse_maintenance("Thu 09:00..10:00 UTC"), parse_maintenance("val-2: Mon 02:00..04:00 UTC"))
    session.known_traffic = Traffic(
        tuple(TrafficSample(1277 - 60 * ago, fakes.NOW - 60 * ago, 20, 10 + ago) for ago in range(12, -1, -1)),
        "http://a",
    )
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=(100, 60)) as pilot:
        form = await _open(pilot)
        await until(pilot, lambda: "0.8 transactions a block over 12m 00s" in screen_text(app), "the traffic")
        await _fill(pilot, form, {**FILLED, "clock": "2025-10-09 09:00..09:20 UTC"})
        # A second a block, 17 minutes to the middle of the window.
        assert form.query_one("#field-height", Input).value == "2277"
        text = screen_text(app)
        for piece in ("H = 2,277 ≈ Thu 09 Oct 09:09 UTC ± 1s", "✓ inside the window", "blocks decide, not clocks"):
            assert piece in text
        assert "✓ inside your own Thu 09:00..10:00 UTC" in text
        assert "! outside val-2's Mon 02:00..04:00 UTC" in text
        assert not form.query_one("#submit", Button).disabled
        await _fill(pilot, form, {"height": "9000"})
        assert "! outside the window: 1h" in screen_text(app)
        # H stays as it was typed while blocks come.
        assert session.feed is not None
        session.feed.put_nowait(replace(fakes.go(), height=1278))
        await until(pilot, lambda: form.snapshot is not None and form.snapshot.height == 1278, "the next block")
        assert form.query_one("#field-height", Input).value == "9000"
        await _fill(pilot, form, {"clock": "noon"})
        assert "✗ the window must be as" in screen_text(app)
        assert form.query_one("#submit", Button).disabled
        await _fill(pilot, form, {"clock": ""})
        assert not form.query_one("#submit", Button).disabled
        assert session.traffic_asked == 1
        assert "clock" not in form.fields()
