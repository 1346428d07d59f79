"""Everything that can be done with this machine's node, over every view: chosen by cursor or by its letter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from console.actions import NODE_ACTIONS, Action, key_names
from console.keymap import with_key
from console.model import NodeStatus, NodeVerb
from console.operations.node_rules import NOTHING, Chosen, refusal_of
from screens.node import VERBS
from screens.sized import Dialog
from widgets.drawn import BAD, MUTED, STRONG, Drawn, stacked
from widgets.moments import count
from widgets.row_table import RowTable
from widgets.verb_table import VerbRow, VerbTable


class NodeMenuScreen(Dialog[NodeVerb | None]):
    """Chooses a command; dismissed with None when none is wanted.

    Args:
        node: The node as the controller told last.
        chosen: What is chosen in the node's view; nothing elsewhere.
        keymap: Keys of the operator's own, by action.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "#verbs"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, node: NodeStatus, keymap: Mapping[str, str], chosen: Chosen = NOTHING) -> None:
        super().__init__()
        self._node = node
        self._chosen = chosen
        self._entries = tuple(with_key(entry, keymap) for entry in NODE_ACTIONS)

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = Content(f"Node {self._node.name}")
            yield Static(self._body(), markup=False, classes="body")
            yield VerbTable(cursor=True, id="verbs")
            yield Drawn(id="why")

    def on_mount(self) -> None:
        self.query_one(VerbTable).show_rows(tuple(self._row(entry) for entry in self._entries))

    def _body(self) -> Content:
        node = self._node
        runs = "does not run" if node.pid is None else f"runs as process {node.pid}"
        return stacked(
            Content.assemble((node.state, STRONG), f" at height {count(node.height)}; {runs}"),
            Content.styled("Enter or the letter; the next step says what it means and asks again.", MUTED),
        )

    def _row(self, entry: Action) -> VerbRow:
        why = self._why_not(entry)
        words, tone = (f"✗ {why}", "muted") if why else (entry.help, "")
        return VerbRow(entry.id, key_names(entry), entry.label, words, tone)

    def _why_not(self, entry: Action) -> str:
        return refusal_of(VERBS[entry.id], self._node, self._chosen)

    @on(RowTable.Highlighted, "#verbs")
    def tell(self) -> None:
        """Say to its end what may be cut in the row."""
        chosen = self.query_one(VerbTable).chosen
        entry = next((each for each in self._entries if each.id == chosen), None)
        if entry is not None:
            self._say(self._why_not(entry), entry.help)

    def _say(self, why: str, help: str = "") -> None:
        content = Content.assemble(("✗ ", BAD), why) if why else Content(help)
        self.query_one("#why", Drawn).draw(content)

    @on(RowTable.Selected, "#verbs")
    def choose_row(self) -> None:
        """Choose what is under the cursor."""
        self._choose(self.query_one(VerbTable).chosen or "")

    def on_key(self, event: events.Key) -> None:
        for entry in self._entries:
            if event.key in entry.key.split(","):
                event.stop()
                self._choose(entry.id)
                return

    def _choose(self, action_id: str) -> None:
        entry = next((each for each in self._entries if each.id == action_id), None)
        if entry is None:
            return
        if why := self._why_not(entry):
            self._say(why)
            return
        self.dismiss(VERBS[entry.id])

    def action_cancel(self) -> None:
        """Choose nothing."""
        self.dismiss(None)
