"""A halted network on its way back together."""

from __future__ import annotations

from pathlib import Path

from textual import events
from textual.pilot import Pilot

from console.model import Crossing
from console.node.abort import Member, Plan
from console.operations.node_abort import AbortCase, NetworkAbort
from screens.abort import AbortScreen
from tests import fakes
from tests.console.operations.examples import ADDRESSES, a_network
from tests.console.operations.test_node_abort import POWERS, Control, line
from tests.screens.pictures.scene import Scene, State, Way, keys, stage
from tests.screens.pictures.stages import HOSTILE, session
from tests.screens.pictures.ways import opened, then
from tests.session_fakes import FakeSession

MEMBERS = {address: Member(power, "") for address, power in zip(ADDRESSES, POWERS, strict=True)}


def case(name: str = "v0.2.0") -> AbortCase:
    """At the halt before 500, with four who decide."""
    return AbortCase(Plan("ipc-31337", ADDRESSES[3].lower(), 12, name, 500), 499, Crossing.QUIESCED, MEMBERS)


def halted(name: str = "v0.2.0") -> FakeSession:
    made = session(fakes.halted())
    node = a_network(Path("/nowhere")).nodes[0]
    made.abort = NetworkAbort(case(name), node, Control(), made.hands, None)
    return made


def pasted(*lines: str) -> Way:
    """Paste lines, as a terminal does."""

    async def way(pilot: Pilot[int]) -> None:
        field = pilot.app.screen.query_one("#lines")
        field.focus()
        field.post_message(events.Paste("\n".join(lines)))
        await pilot.pause()

    return way


ABORT = then(keys("B"), opened("AbortScreen"))
HALTED = stage(halted)

SCENES = (
    Scene(AbortScreen, State.USUAL, stage(halted), "0 of 100 power agrees", ABORT),
    Scene(
        AbortScreen,
        State.USUAL,
        stage(halted),
        "70 of 100 power agrees",
        then(ABORT, pasted(line(case(), 0), line(case(), 1))),
        "agreed",
    ),
    Scene(
        AbortScreen, State.ERROR, stage(halted), "Not counted: line 1", then(ABORT, pasted("hello", line(case(), 2)))
    ),
    Scene(AbortScreen, State.HOSTILE, stage(lambda: halted(HOSTILE)), "0 of 100", then(ABORT, pasted(HOSTILE))),
)
