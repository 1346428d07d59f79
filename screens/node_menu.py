"""What can be done with this machine's node: start, stop, restart, take an unproven release; each confirmed apart."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from console.model import Crossing, NodeStatus, Preparation, Verdict
from console.ports import Session
from screens.buttons import button
from screens.plan import PlanScreen
from widgets.drawn import MUTED, STRONG, stacked
from widgets.moments import count
from widgets.plan_rows import Plan, PlanCheck

NodeAction = Literal["start", "stop", "restart"]
NodeChoice = Literal["start", "stop", "restart", "unproven"]


class NodeMenuScreen(ModalScreen[NodeChoice | None]):
    """Chooses an action; dismissed with None when none is wanted.

    Args:
        node: The node as the controller told last.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, node: NodeStatus) -> None:
        super().__init__()
        self._node = node

    def compose(self) -> ComposeResult:
        running = self._node.pid is not None
        with Vertical(classes="box") as box:
            box.border_title = Content(f"Node {self._node.name}")
            yield Static(self._body(running), markup=False, classes="body")
            with Horizontal(classes="buttons"):
                yield button("Cancel", "cancel")
                yield button("Start…", "start", disabled=running or bool(_instead_of_start(self._node)))
                yield button("Stop…", "stop", disabled=not running)
                yield button("Restart…", "restart", disabled=not running)
                if waits_for_proof(self._node):
                    yield button("Force…", "unproven")

    def _body(self, running: bool) -> Content:
        node = self._node
        says = (
            f"runs as process {node.pid}: it can be stopped or restarted"
            if running
            else f"is not running: {_instead_of_start(node) or 'it can be started'}"
        )
        proof = [node.proof.sentence] if node.proof is not None and waits_for_proof(node) else []
        return stacked(
            Content.assemble((node.state, STRONG), f" at height {count(node.height)}"),
            f"{node.name} {says}.",
            *proof,
            *(["Force takes the release without that proof, with a typed reason."] if proof else []),
            Content.styled("The next step says what it means and asks again.", MUTED),
        )

    @on(Button.Pressed, "#start")
    def start_node(self) -> None:
        """Choose start."""
        self.dismiss("start")

    @on(Button.Pressed, "#stop")
    def stop_node(self) -> None:
        """Choose stop."""
        self.dismiss("stop")

    @on(Button.Pressed, "#restart")
    def restart_node(self) -> None:
        """Choose restart."""
        self.dismiss("restart")

    @on(Button.Pressed, "#unproven")
    def take_unproven(self) -> None:
        """Choose to take the release without a proof."""
        self.dismiss("unproven")

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Choose nothing."""
        self.dismiss(None)


def waits_for_proof(node: NodeStatus) -> bool:
    """Whether the open plan's release is held back until another network has proven it."""
    attempt, proof = node.attempt, node.proof
    return attempt is not None and not attempt.crossing.ended and proof is not None and not proof.given


def _instead_of_start(node: NodeStatus) -> str:
    """What leads on where the controller refuses a start; empty where it does not."""
    attempt = node.attempt
    if attempt is None:
        return ""
    if attempt.crossing is Crossing.MISSED_HALT:
        return "bring it back with `upgrade-console node resync`"
    if attempt.crossing is Crossing.PARKED and attempt.breaking and attempt.verdict is not Verdict.ABORT:
        again = f"cross again with `upgrade-console node swap {attempt.generation}`"
        return f"{again}, or go back together with `node abort`"
    return ""


_MEANING: dict[str, str] = {
    "start": "The node starts with the generation that is current, armed as its plan says.",
    "stop": "The node stops signing. No automation starts it again, not even an upgrade; you start it.",
    "restart": "The node stops signing for some seconds and starts again, armed as its plan says.",
}
_WAY_BACK: dict[str, str] = {
    "start": "Stop it again.",
    "stop": "Start it: it catches up; the blocks of meanwhile stay unsigned by it.",
    "restart": "Nothing to undo; the blocks of meanwhile stay unsigned by it.",
}


def confirm_node_action(session: Session, node: NodeStatus, action: NodeAction) -> PlanScreen:
    """The plan of one node action; carried out through the session."""

    async def operation(_reason: str) -> str:
        status = await session.node_action(action)
        return f"{status.name} is {status.state}."

    plan = Plan(
        title=f"{action.capitalize()} the node",
        effect=(Content.styled(f"{action.capitalize()} {node.name}", STRONG), _MEANING[action]),
        label=action.capitalize(),
        network=session.network,
        node=node.name,
        undo=_WAY_BACK[action],
    )
    return PlanScreen(plan, operation)


def confirm_unproven(session: Session, node: NodeStatus) -> PlanScreen:
    """The plan of taking a release that no other network has proven; the reason is typed."""

    async def operation(reason: str) -> str:
        status = await session.arm_unproven(reason)
        return f"{status.name} is {status.state}; it is armed in its turn."

    name = "" if node.attempt is None else str(node.attempt.name)
    plan = Plan(
        title="Take a release unproven",
        effect=(
            Content.assemble("Take ", (name, STRONG), " unproven"),
            "The node then arms in its turn, counts for GO and crosses.",
        ),
        label="Take",
        network=session.network,
        node=node.name,
        undo="Disarm it before it crosses; once the network has crossed there is no way back.",
        checks=() if node.proof is None else (PlanCheck(node.proof.sentence, node.proof.given),),
        reason=True,
    )
    return PlanScreen(plan, operation)


def confirm_ready(session: Session, node: NodeStatus, proposal_id: int, name: str) -> PlanScreen:
    """The plan of signalling readiness by hand."""

    async def operation(_reason: str) -> str:
        await session.ready(proposal_id)
        return f"{node.name} is signalled ready for proposal {proposal_id}."

    attempt = node.attempt if node.attempt is not None and node.attempt.proposal_id == proposal_id else None
    staged = attempt is not None and attempt.preparation in {Preparation.STAGED, Preparation.READY}
    plan = Plan(
        title="Signal readiness",
        effect=(
            Content.assemble(
                "Signal that ", (node.name, STRONG), " is ready for ", (name, STRONG), f" (proposal {proposal_id})"
            ),
            "The controller does this by itself once the release is verified and staged. By hand you vouch for it: a"
            " node that is not ready stops at H and stays down.",
        ),
        label="Signal",
        network=session.network,
        node=node.name,
        undo="It can be withdrawn until the upgrade is frozen.",
        checks=(
            PlanCheck(
                f"the release is {'' if staged else 'not '}verified and staged on {node.name}",
                staged if attempt is not None else None,
            ),
        ),
    )
    return PlanScreen(plan, operation)
