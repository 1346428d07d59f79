"""The propose form filled in from a draft: what is missing is said and bars the way, and nothing is sent by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input

from console.app import UpgradeConsoleApp
from console.model import ProposalDraft, ProposalStatus, Snapshot
from console.procedures.prepared import DRAFT
from console.settings import NetworkSettings
from console.text import UntrustedText
from screens.plan import PlanScreen
from screens.propose import ProposeScreen
from screens.propose_form import ProposeForm
from screens.propose_upgrade import ProposeUpgradeScreen
from screens.review import ReviewScreen
from tests import chain_fakes, fakes, procedure_fakes
from tests.console.operations.examples import a_network
from tests.console.operations.test_proposal_draft import a_draft
from tests.fakes import URL
from tests.pilot import alone, screen_text, settled, until, until_screen
from tests.session_fakes import FakeSession

pytestmark = pytest.mark.anyio

COSMOS = {
    "name": "revert-v2.0.0", "height": "9000", "info": "", "title": "Revert v2.0.0", "summary": "Back.", "deposit": "",
}  # fmt: skip


def on_cosmos() -> ProposalDraft:
    missing = {"state": "whether it can read the state", "handler": "an upgrade handler", "deposit": "the deposit"}
    return a_draft(kind="cosmos", chain_id="test-1", fields=COSMOS, missing=missing)


@asynccontextmanager
async def verified(
    folder: Path,
    draft: ProposalDraft,
    snapshot: Snapshot,
    *,
    network: NetworkSettings | None = None,
    size: tuple[int, int] = (80, 24),
) -> AsyncIterator[tuple[Pilot[Any], FakeSession]]:
    """A console in whose procedures' view a run has just prepared this draft."""
    session = FakeSession(snapshot, problems=lambda _: {})
    desk = procedure_fakes.FakeDesk(folder, (procedure_fakes.drafting(draft),), hands=session.hands, network=network)
    session.desk = desk
    app = UpgradeConsoleApp(session)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("7")
        await until_screen(pilot, "ProceduresScreen")
        await until(pilot, lambda: "Steps of verify" in screen_text(app), "the procedure")
        await pilot.press("g")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.armed, "the plan")
        await alone(pilot, "y")
        await until_screen(pilot, "ProceduresScreen")
        await until(pilot, lambda: "P opens the propose form with its draft" in screen_text(app), "the key")
        yield pilot, session


async def opened(pilot: Pilot[Any], kind: type[ProposeForm]) -> ProposeForm:
    await until(pilot, lambda: type(pilot.app.screen) is kind and pilot.app.screen.is_mounted, "the form")
    form = pilot.app.screen
    assert isinstance(form, ProposeForm)
    await until(pilot, lambda: form.snapshot is not None, "its snapshot")
    return form


async def says(pilot: Pilot[Any], *words: str) -> None:
    await until(pilot, lambda: all(each in screen_text(pilot.app) for each in words), f"{words}")


def submit(form: ProposeForm) -> Button:
    return form.query_one("#submit", Button)


async def test_a_runs_draft_is_completed_reviewed_and_only_then_sent(tmp_path: Path) -> None:
    network = a_network(tmp_path)
    draft = a_draft(chain_id=network.chain_id)
    async with verified(tmp_path / "runs", draft, fakes.committed(), network=network) as (pilot, session):
        await pilot.press("P")
        form = await opened(pilot, ProposeScreen)
        await says(pilot, "Propose a revert upgrade on", "that takes v0.2.0 (H 1,300) back", "sent by itself")
        await says(pilot, "! missing: whether it can read the state", "! Not complete yet: To settle, Release URL")
        assert submit(form).disabled
        assert form.focused is form.query_one("#field-settled-state")
        assert form.query_one("#field-name", Input).value == "revert-v0.2.0"
        assert form.query_one("#field-hash", Input).value == "sha256:" + "ab" * 32
        await pilot.press("space")
        await says(pilot, "[x] settled", "✓ settled: whether it can read the state", "! Not complete yet: Release URL")
        form.query_one("#field-url").focus()
        await says(pilot, "! missing: where it is")
        form.query_one("#field-url", Input).value = URL
        await until(pilot, lambda: not submit(form).disabled, "a form that is complete")
        await says(pilot, "✓ Complete.")
        assert session.proposed == []
        submit(form).focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen), "the review")
        (proposed,) = session.proposed
        assert proposed["name"] == "revert-v0.2.0"
        assert not any(name.startswith("settled") for name in proposed)
        assert session.sent == []


async def test_what_was_typed_into_it_is_kept_and_apart_from_the_empty_form(tmp_path: Path) -> None:
    async with verified(tmp_path, on_cosmos(), chain_fakes.shown()) as (pilot, _session):
        await pilot.press("P")
        form = await opened(pilot, ProposeUpgradeScreen)
        await says(pilot, "To settle")
        form.query_one("#field-deposit").focus()
        await says(pilot, "! missing: the deposit")
        form.query_one("#field-deposit", Input).value = "1stake"
        for question in ("state", "handler"):
            form.query_one(f"#field-settled-{question}", Checkbox).value = True
        await until(pilot, lambda: not submit(form).disabled, "a form that is complete")
        await pilot.press("escape")
        await until_screen(pilot, "ProceduresScreen")
        await pilot.press("p")
        empty = await opened(pilot, ProposeUpgradeScreen)
        assert empty.query_one("#field-name", Input).value == ""
        await says(pilot, "A draft that takes v0.2.0 back lies ready")
        # From the form itself.
        empty.query_one("#take-draft", Button).press()
        await until(pilot, lambda: pilot.app.screen is not empty, "another form")
        again = await opened(pilot, ProposeUpgradeScreen)
        assert again.query_one("#field-deposit", Input).value == "1stake"
        assert again.query_one("#field-settled-state", Checkbox).value
        assert not submit(again).disabled


async def test_what_somebody_proposed_already_is_said_and_not_offered(tmp_path: Path) -> None:
    shown = chain_fakes.shown()
    assert shown.chain is not None
    there = fakes.proposal(id=9, name=UntrustedText("revert-v2.0.0"), status=ProposalStatus.VOTING)
    taken = replace(shown, chain=replace(shown.chain, proposals=(there, *shown.chain.proposals)))
    async with verified(tmp_path, on_cosmos(), taken) as (pilot, _session):
        await pilot.press("P")
        form = await opened(pilot, ProposeUpgradeScreen)
        form.query_one("#field-name").focus()
        await says(pilot, "✗ proposal 9 has this name already")
        assert submit(form).disabled
        await pilot.press("escape")
        await until_screen(pilot, "ProceduresScreen")
        await pilot.press("1")
        await until_screen(pilot, "OverviewScreen")
        await pilot.press("P")
        await says(pilot, "No draft waits to be proposed")


async def test_a_draft_that_was_spoilt_is_a_sentence(tmp_path: Path) -> None:
    async with verified(tmp_path, on_cosmos(), chain_fakes.shown()) as (pilot, _session):
        (path,) = tmp_path.glob(f"*/files/{DRAFT}")
        path.write_text("{", "utf-8")
        await pilot.press("P")
        await says(pilot, "JSON", "anew")
        path.unlink()
        await pilot.press("P")
        await says(pilot, "there is no")


async def test_without_a_draft_the_key_says_where_one_comes_from() -> None:
    app = UpgradeConsoleApp(FakeSession(fakes.go()))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("P")
        await says(pilot, "No draft waits to be proposed", "verify-network")
