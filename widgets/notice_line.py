"""One line for what an operator must know now: the node's note, or why a half of the picture is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from console import model
from widgets.drawn import WARN, Drawn
from widgets.node_panel import node_alarm, node_note

if TYPE_CHECKING:
    from console.model import NodeStatus, Snapshot


def notice(snapshot: Snapshot | None) -> str:
    """The most pressing sentence, an alarm first of all; empty when all is well.

    A chain that does not answer at all says so in the countdown; here is what is easily overlooked.
    """
    if snapshot is None:
        return ""
    if snapshot.node is not None and snapshot.node_problem:
        note = snapshot.node.note.rstrip(".")
        if not note:
            return f"{snapshot.node.name}: {snapshot.node_problem}"
        return f"{snapshot.node.name}: {note}. Start it: `upgrade-console node run`."
    if snapshot.node is not None and snapshot.node.alarm:
        return f"{snapshot.node.name} needs you: {node_alarm(snapshot.node)}"
    if snapshot.node is not None and node_note(snapshot.node):
        return f"{snapshot.node.name}: {node_note(snapshot.node)}"
    if snapshot.node is not None and snapshot.node.paused:
        return f"{snapshot.node.name}: automation is paused: {snapshot.node.paused}"
    if snapshot.parent is not None and (sentence := _above(snapshot)):
        return sentence
    if snapshot.node is None and snapshot.node_problem:
        return f"No node here: {snapshot.node_problem}"
    if snapshot.node is not None and _crosses(snapshot.node):
        # Endpoints that fall silent at the halt are the plan; the countdown counts the seconds of silence.
        return ""
    chain = snapshot.chain
    # Two equal sentences: what is known of the chain is of the newest attempt.
    if chain is not None and chain.stalled is not None and snapshot.chain_problem == chain.problem:
        return f"The chain {chain.stalled.sentence}"
    if snapshot.chain is not None and (snapshot.chain_problem or snapshot.chain.problem):
        # The first is the newest attempt's; the second came with the last answer.
        return f"Chain: {snapshot.chain_problem or snapshot.chain.problem}"
    return ""


def _above(snapshot: Snapshot) -> str:
    """What the network above means for this one; a height that does not go with it first."""
    parent, bounds = snapshot.parent, snapshot.safe_heights
    upgrade = snapshot.upgrade
    if upgrade is not None and upgrade.proposal.status.open and upgrade.proposal.has_height:
        problem = model.outside(upgrade.proposal.target_height, str(upgrade.proposal.name), bounds)
        if problem:
            return f"Does not go with the network above: {problem}."
    if bounds:
        return f"Above: {bounds[0].sentence}."
    return f"Above: {parent.problem}." if parent is not None and parent.problem else ""


def _crosses(node: NodeStatus) -> bool:
    crossing = node.attempt.crossing if node.attempt is not None else model.Crossing.NONE
    return crossing is not model.Crossing.NONE and not crossing.ended


class NoticeLine(Drawn):
    """One row that is always there, so that nothing moves when a node restarts; two if long, three for an alarm."""

    DEFAULT_CSS = """
    NoticeLine { height: auto; min-height: 1; max-height: 2; padding: 0 1; }
    NoticeLine.-alarm { max-height: 3; }
    """

    def show(self, snapshot: Snapshot | None) -> None:
        """Draw the sentence, or leave the row empty."""
        sentence = notice(snapshot)
        called = snapshot is not None and snapshot.node is not None and bool(snapshot.node.alarm)
        self.set_class(called, "-alarm")
        content = Content.assemble(("! ", WARN), (sentence, WARN)) if sentence else Content("")
        if self.draw(content):
            self.refresh(layout=True)
