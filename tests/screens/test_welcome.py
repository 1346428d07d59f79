"""The welcome: what is chosen is opened, what is proposed is shown before it is written, and looking again finds it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, OptionList

from console.node.discovery import Finding, Level
from console.operations.first_look import FirstLook, FoundController
from console.operations.networks import KnownNetwork, NetworkValue, ProposedTable
from console.welcome_app import WelcomeApp
from screens.plan import PlanScreen
from screens.welcome import WelcomeScreen
from tests.pilot import alone, screen_text, until

DEVNET_ROW = KnownNetwork("devnet", (), "it is not there yet")
CALIB = KnownNetwork("calib", (NetworkValue("chain_id", "r314159-x", "settings"),), "")
PROPOSED = ProposedTable(
    network="gaia-test-1",
    subnet="/home/op/.gaia",
    values={"kind": "cosmos", "chain_id": "gaia-test-1", "cometbft_rpc": ["http://127.0.0.1:26657"]},
    contracts={},
    missing=(),
    known=False,
    nodes={"gaia": {"home": "/home/op/.gaia", "daemon": "gaiad"}},
)
FIRST = FirstLook(Path("/home/op/.config/c.toml"), (DEVNET_ROW,), (), (), (), False, True, ())
FULL = replace(
    FIRST,
    networks=(DEVNET_ROW, CALIB),
    controllers=(FoundController(41200, "upgrade-console node run --dir /tmp/net", Path("/tmp/net")),),
    proposals=(PROPOSED,),
    findings=(
        Finding(Level.WARN, "ipc-cli", "the file holds access tokens and has mode 0644: other users can read them"),
    ),
)
HOSTILE = replace(
    FULL,
    networks=(DEVNET_ROW, KnownNetwork("x[/nope]", (), "")),
    proposals=(replace(PROPOSED, subnet="/home/[@click=app.quit]\u00b7[/]"),),
)
pytestmark = pytest.mark.anyio


async def drawn(pilot: Pilot[Any]) -> WelcomeScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, WelcomeScreen), "the welcome")
    screen = pilot.app.screen
    assert isinstance(screen, WelcomeScreen)
    await until(pilot, lambda: screen.query_one(OptionList).option_count, "the choices")
    await pilot.pause()
    return screen


@pytest.mark.parametrize(
    ("downs", "chosen"), [(0, ("calib", None)), (1, ("devnet", Path("/tmp/net"))), (3, ("devnet", None))]
)
async def test_a_network_is_chosen_and_a_devnet_by_its_folder(downs: int, chosen: tuple[str, Path | None]) -> None:
    app = WelcomeApp(look=lambda: FULL)
    async with app.run_test() as pilot:
        await drawn(pilot)
        await pilot.press(*["down"] * downs, "enter")
        await until(pilot, lambda: app.chosen is not None, "the choice")
    assert (app.chosen, app.return_code) == (chosen, 0)


async def test_settings_are_shown_then_written_then_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    looks = iter([FULL, replace(FULL, proposals=())])
    app = WelcomeApp(look=lambda: next(looks))
    async with app.run_test() as pilot:
        screen = await drawn(pilot)
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen), "the question")
        assert not list(tmp_path.iterdir())
        await until(pilot, lambda: not app.screen.query_one("#confirm", Button).disabled, "the armed dialog")
        assert "gaiad" in screen_text(app)
        await alone(pilot, "y")
        await until(pilot, lambda: "Written into" in screen_text(app), "the answer")
        await pilot.press("escape")
        await until(pilot, lambda: screen.query_one(OptionList).option_count == 3, "one proposal less")
    assert "gaia-test-1" in (tmp_path / "upgrade-console" / "config.toml").read_text()


async def test_quitting_opens_nothing_and_nothing_found_is_said() -> None:
    app = WelcomeApp(look=lambda: replace(FIRST, devnet_possible=False))
    async with app.run_test() as pilot:
        await until(pilot, lambda: "Nothing was found" in screen_text(app), "what to do")
        await pilot.press("ctrl+c")
        assert app.is_running
        await pilot.press("q")
    assert (app.chosen, app.return_code) == (None, 0)


async def test_what_is_found_when_the_screen_is_being_taken_down_is_dropped() -> None:
    app = WelcomeApp(look=lambda: FULL)
    async with app.run_test() as pilot:
        screen = await drawn(pilot)
        await screen.query_one("#choices").remove()
        await screen._look_around()
        assert app.return_code is None
