"""One line for what an operator must know now: the node's note, or why a half of the picture is missing."""

from __future__ import annotations

from textual.content import Content

from console.model import Snapshot
from widgets.drawn import WARN, Drawn
from widgets.node_panel import node_note


def notice(snapshot: Snapshot | None) -> str:
    """The most pressing sentence; empty when all is well.

    A chain that does not answer at all says so in the countdown; here is what is easily overlooked.
    """
    if snapshot is None:
        return ""
    if snapshot.node is not None and node_note(snapshot.node):
        return f"{snapshot.node.name}: {node_note(snapshot.node)}"
    if snapshot.node is None and snapshot.node_problem:
        return f"No node here: {snapshot.node_problem}"
    if snapshot.chain is not None and (snapshot.chain.problem or snapshot.chain_problem):
        return f"Chain: {snapshot.chain.problem or snapshot.chain_problem}"
    return ""


class NoticeLine(Drawn):
    """Takes a row only while there is something to say."""

    DEFAULT_CSS = """
    NoticeLine { height: auto; max-height: 2; padding: 0 1; display: none; }
    NoticeLine.-said { display: block; }
    """

    def show(self, snapshot: Snapshot | None) -> None:
        """Draw the sentence, or give the row back."""
        sentence = notice(snapshot)
        content = Content.assemble(("! ", WARN), (sentence, WARN)) if sentence else Content("")
        if self.draw(content):
            self.set_class(bool(sentence), "-said")
            self.refresh(layout=True)
