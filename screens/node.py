"""This machine's node from inside: what it does, its processes, disk, generations, rollback points and journal."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.worker import Worker

from console.actions import Action, node_action_id
from console.errors import ConsoleError
from console.model import GenerationOnDisk, JournalEntry, NodeStorage, NodeVerb, PointOnDisk, ProcessTree
from console.operations.node_rules import Chosen, refusal_of
from console.ports.session import Session
from screens.bindings import bindings_for
from screens.mode import ModeScreen
from widgets.copyable import Copyable, of_generation, of_point
from widgets.disk_line import DiskLine
from widgets.drawn import MUTED, Drawn
from widgets.generation_table import GenerationTable, generation_detail, generation_rows
from widgets.journal_lines import JournalLines
from widgets.key_line import KeyLine
from widgets.node_now import NodeNow
from widgets.notice_line import NoticeLine
from widgets.point_table import PointTable, point_detail, point_rows
from widgets.process_table import ProcessTable, process_detail, process_rows
from widgets.row_table import RowTable
from widgets.status_line import StatusLine
from widgets.working import begin

VERBS = {node_action_id(verb): verb for verb in NodeVerb}
"""The commands by the ids of their actions."""
LOOK_S = 2.0
"""Seconds between two looks at the processes, while the view is shown."""
READ_S = 60.0
"""Seconds after which generations and rollback points are read again although nothing was heard of them."""


class NodeScreen(ModeScreen):
    """Looks into the node only while it is shown; the looking is done in threads.

    Args:
        session: Looks.
    """

    MODE = "node"
    EXPLANATION = (
        "What this machine's node does now and next, its processes, disk, generations and rollback points, and the "
        "controller's journal. CPU is of one core, since the last look; files are open descriptors and how many there "
        "may be. A generation is one complete set of binaries: current runs, next crosses. Verified says who vouched "
        "for its bytes. A rollback point is no backup: it is lost with its disk; cost is what removing it would free. "
        "Tab goes from table to table."
    )
    CSS_PATH = "node.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("node"))
    AUTO_FOCUS = "#generations"

    class Wanted(Message):
        """Something is to be done with the node."""

        def __init__(self, verb: NodeVerb, chosen: Chosen) -> None:
            super().__init__()
            self.verb = verb
            self.chosen = chosen

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._tree: ProcessTree | None = None
        self._storage: NodeStorage | None = None
        self._journal: tuple[JournalEntry, ...] | None = None
        self._problem = ""
        self._looking: Worker[None] | None = None
        self._refused: frozenset[str] = frozenset()
        self._read_at = 0.0
        self._read_for: object = None

    def compose(self) -> ComposeResult:
        yield self.status_line()
        yield NodeNow(id="now")
        yield ProcessTable(cursor=False, id="processes")
        yield DiskLine(id="disk")
        with Horizontal(id="kept"):
            yield GenerationTable(cursor=True, id="generations")
            yield PointTable(cursor=True, id="points")
        yield Drawn(id="detail")
        yield JournalLines(id="journal")
        yield NoticeLine(id="notice")
        yield KeyLine()

    # --- looking ---

    def on_screen_resume(self) -> None:
        self.look_again()

    def on_screen_suspend(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

    @property
    def looking(self) -> bool:
        """Whether somebody looks now and then."""
        return self._looking is not None and not self._looking.is_finished

    def look_again(self) -> None:
        """Look now, and from now on every `LOOK_S`."""
        self._looking = begin(self, self._look, name="node", group="node", exclusive=True)

    async def _look(self) -> None:
        while True:
            try:
                self._journal = await self.answering.node_timeline()
                self._tree = await self.answering.node_processes()
                if self.past is not None or self._has_to_read():
                    self._storage = await self.answering.node_storage()
                self._problem = ""
            except ConsoleError as error:
                self._problem = str(error)
                if self.past is not None:
                    # Of another moment.
                    self._tree, self._storage = None, None
            if not self.query(StatusLine):
                # The console is being left: what would be drawn on is gone already.
                return
            self.redraw()
            await asyncio.sleep(LOOK_S)

    def turned(self) -> None:
        self._tree, self._storage, self._journal, self._read_for = None, None, None, None
        if self.looking:
            self.look_again()

    def moved_in_time(self) -> None:
        if self.looking:
            self.look_again()

    def _has_to_read(self) -> bool:
        """Whether generations and points may have changed: the newest entry of the journal tells."""
        mark = self._journal[0].number if self._journal else None
        if mark == self._read_for and self.now - self._read_at < READ_S:
            return False
        self._read_for, self._read_at = mark, self.now
        return True

    # --- drawing ---

    def draw(self) -> None:
        snapshot = self.snapshot
        self.query_one(StatusLine).show(snapshot, self.now)
        self.query_one(NodeNow).show(snapshot, self.now)
        self.query_one(NoticeLine).show(snapshot)
        self._draw_processes()
        storage = self._storage
        attempt = snapshot.node.attempt if snapshot is not None and snapshot.node is not None else None
        going_on = attempt is not None and not attempt.crossing.ended
        generations = () if storage is None else storage.generations
        next_name = attempt.generation if attempt is not None and going_on else ""
        self.query_one(GenerationTable).show_rows(generation_rows(generations, next_name))
        kept = attempt.rollback_point or attempt.arming_point if attempt is not None and going_on else ""
        points = () if storage is None else storage.points
        self.query_one(PointTable).show_rows(point_rows(points, self.now, kept))
        self.query_one(GenerationTable).head("Generations")
        self.query_one(PointTable).head("Rollback points" if points or storage is None else "Rollback points: none")
        self.query_one(DiskLine).show(None if storage is None else storage.disk)
        self.query_one(JournalLines).show(self._journal, self._problem)
        self.draw_detail()

    def _draw_processes(self) -> None:
        table = self.query_one(ProcessTable)
        table.show_rows(process_rows(self._tree))
        remarks = " ".join(self._tree.remarks) if self._tree is not None else self._problem if self._journal else ""
        table.head(f"Processes: {remarks}" if remarks else "Processes")

    @on(RowTable.Highlighted)
    def draw_detail(self) -> None:
        """Say all that is known of what is chosen in the table that has the keys."""
        if isinstance(self.focused, ProcessTable):
            content = process_detail(self._tree)
        elif isinstance(self.focused, PointTable):
            point = self.chosen_point
            content = Content.styled("There is no rollback point.", MUTED) if point is None else point_detail(point)
        else:
            generation = self.chosen_generation
            content = Content("") if generation is None else generation_detail(generation, self.now)
        self.query_one("#detail", Drawn).draw(content)
        self._grey_out()

    def on_descendant_focus(self) -> None:
        self.draw_detail()

    # --- commands ---

    def refusal_of(self, entry: Action) -> str:
        reason = super().refusal_of(entry)
        node = self.snapshot.node if self.snapshot is not None else None
        verb = VERBS.get(entry.id)
        if reason or node is None or verb is None:
            return reason
        if verb is NodeVerb.RESTORE and self.chosen_point is None:
            return "There is no rollback point to restore."
        return refusal_of(verb, node, self.chosen)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what cannot be done now; it stays visible."""
        if action != "command":
            return super().check_action(action, parameters)
        entry = next((each for each in self.actions if each.id == node_action_id(NodeVerb(str(parameters[0])))), None)
        return None if entry is not None and self.refusal_of(entry) else True

    def _grey_out(self) -> None:
        refused = frozenset(entry.id for entry in self.actions if entry.id in VERBS and self.refusal_of(entry))
        if refused != self._refused:
            self._refused = refused
            self.refresh_bindings()

    def action_command(self, verb: str) -> None:
        """Have something done with the node; it is asked for first."""
        self.post_message(self.Wanted(NodeVerb(verb), self.chosen))

    @on(RowTable.Selected, "#generations")
    def swap_to_chosen(self) -> None:
        """Enter on a generation is the key for swapping."""
        self._by_enter(NodeVerb.SWAP)

    @on(RowTable.Selected, "#points")
    def restore_chosen(self) -> None:
        """Enter on a rollback point is the key for restoring."""
        self._by_enter(NodeVerb.RESTORE)

    def _by_enter(self, verb: NodeVerb) -> None:
        entry = next(each for each in self.actions if each.id == node_action_id(verb))
        if reason := self.refusal_of(entry):
            self.notify(reason, title=entry.label, severity="warning", markup=False)
        else:
            self.action_command(verb)

    # --- what is chosen ---

    async def nearest(self) -> tuple[Copyable, ...]:
        generation, point = self.chosen_generation, self.chosen_point
        of_both = (
            of_generation(generation) if generation is not None else (),
            of_point(point) if point is not None else (),
        )
        # First of the table that has the keys.
        return sum(of_both[:: -1 if isinstance(self.focused, PointTable) else 1], ())

    @property
    def chosen(self) -> Chosen:
        """What a command is done with: what is under the cursors of the tables."""
        return Chosen(self.chosen_generation, self.chosen_point)

    @property
    def chosen_generation(self) -> GenerationOnDisk | None:
        """The generation under the cursor of its table."""
        chosen = self.query_one(GenerationTable).chosen
        found = () if self._storage is None else self._storage.generations
        return next((each for each in found if each.name == chosen), None)

    @property
    def chosen_point(self) -> PointOnDisk | None:
        """The rollback point under the cursor of its table."""
        chosen = self.query_one(PointTable).chosen
        found = () if self._storage is None else self._storage.points
        return next((each for each in found if each.name == chosen), None)
