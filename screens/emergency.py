"""Emergency: two separate choices, neither of which does the other; each works when the other half is gone."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.reactive import var
from textual.widgets import Button

from console.errors import ConsoleError
from console.model import NodeCommand, NodeStatus, NodeVerb, Snapshot
from console.ports.session import Session
from screens.bindings import NOTHING_KNOWN
from screens.buttons import button
from screens.node_plan import power_check
from screens.plan import PlanScreen
from screens.sized import Dialog
from widgets.drawn import MUTED, STRONG, WARN, Grown, stacked
from widgets.emergency_words import halt_needs, halt_refusal, halt_words, stop_warning, stoppable
from widgets.plan_rows import Plan
from widgets.working import begin

EmergencyChoice = Literal["halt", "stop"]

LOCKED = "! The console is locked: the name that you type in the next step unlocks it."
LOOKING_BACK = "! The view below shows the past; this is about the present."


class EmergencyScreen(Dialog[EmergencyChoice | None]):
    """Chooses; dismissed with None when neither is wanted.

    Args:
        session: Tells the council's threshold and whose node this is.
        looking_back: Whether the view below shows the past.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    snapshot: var[Snapshot | None] = var(None)
    """The newest picture; bound by the application."""
    now: var[float] = var(0.0)
    """Unix seconds; bound by the application."""

    def __init__(self, session: Session, *, looking_back: bool = False) -> None:
        super().__init__()
        self._session = session
        self._looking_back = looking_back
        self._threshold: int | None = None

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box", can_focus=False) as box:
            box.border_title = Content(f"EMERGENCY on {self._session.standing.badge(self._session.network)}")
            yield Grown(id="choices", classes="body")
            with Horizontal(classes="buttons"):
                yield button("Back", "cancel")
                yield button("Cancel the upgrade…", "halt", disabled=True)
                yield button("Stop my node…", "stop", disabled=True)

    def on_mount(self) -> None:
        self._draw()
        begin(self, self._ask, name="rules")

    async def _ask(self) -> None:
        try:
            self._threshold = (await self._session.rules()).council_threshold
        except ConsoleError:
            # The choice is there without it: the review asks the chain itself.
            return
        self._draw()

    def watch_snapshot(self) -> None:
        self._draw()

    def watch_now(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        halt, stop = halt_refusal(self.snapshot, self._threshold), stop_refusal(self.snapshot)
        for name, reason in (("#halt", halt), ("#stop", stop)):
            self.query_one(name, Button).disabled = bool(reason)
        proposal = stoppable(self.snapshot)
        upgrade = halt or ("" if proposal is None else halt_words(proposal, self.snapshot, self.now, self._threshold))
        node = stop or _stop_words(self.snapshot, self._session.own_address, self.now)
        above: list[Content | str] = [Content.styled(LOOKING_BACK, WARN), ""] if self._looking_back else []
        if not self._session.hands.free:
            above += [Content.styled(LOCKED, WARN), ""]
        self.query_one("#choices", Grown).draw(
            stacked(
                *above,
                Content.assemble(("Cancel the upgrade", STRONG), ("  on the chain, for everybody", MUTED)),
                Content.styled(upgrade, WARN if halt else ""),
                halt_needs(self.snapshot),
                "",
                Content.assemble(("Stop my node", STRONG), ("  on this machine, at once", MUTED)),
                Content.styled(node, WARN if stop else ""),
                "",
                Content.styled(
                    "Neither does the other. Each says what it does once more and asks for the name.", MUTED
                ),
            )
        )

    @on(Button.Pressed, "#halt")
    def choose_halt(self) -> None:
        """Cancel the upgrade."""
        self.dismiss("halt")

    @on(Button.Pressed, "#stop")
    def choose_stop(self) -> None:
        """Stop this machine's node."""
        self.dismiss("stop")

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Neither."""
        self.dismiss(None)


def stop_refusal(snapshot: Snapshot | None) -> str:
    """Why this machine's node cannot be stopped from here; empty when it can."""
    if snapshot is None:
        return NOTHING_KNOWN
    if snapshot.node is None or snapshot.node_problem:
        return f"{snapshot.node_problem.rstrip('.') or 'No controller answers for a node on this machine'}."
    return "" if snapshot.node.pid is not None else f"{snapshot.node.name} does not run."


def _stop_words(snapshot: Snapshot | None, address: str, now: float) -> str:
    name = snapshot.node.name if snapshot is not None and snapshot.node is not None else "The node"
    return f"{name} stops signing and stays down until you start it. {stop_warning(snapshot, address, now)}"


def confirm_stop(session: Session, node: NodeStatus, snapshot: Snapshot | None) -> PlanScreen:
    """The plan of stopping this machine's node in an emergency: the network's name is typed."""

    async def operation(_reason: str) -> str:
        status = await session.node_command(NodeCommand(NodeVerb.STOP))
        return f"{status.name} is {status.state}. `n`, Start starts it again."

    plan = Plan(
        title="Stop my node",
        effect=(
            Content.assemble(("Stop ", STRONG), (node.name, STRONG), (" at once", STRONG)),
            "It stops signing. No automation starts it again, not even an upgrade.",
            "This cancels no upgrade: the other nodes go on towards it.",
        ),
        label="Stop",
        network=session.network,
        node=node.name,
        undo="`n`, Start: it catches up; the blocks of meanwhile stay unsigned by it.",
        checks=(power_check(snapshot, session.own_address),),
        typed=session.network,
    )
    return PlanScreen(plan, operation, unlocks=session.hands)
