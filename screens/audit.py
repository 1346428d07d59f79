"""What was decided and done, in one timeline: the controller's journal and what was signed here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.worker import Worker

from console.errors import ConsoleError
from console.model import AuditEntry, AuditKind
from console.ports.session import Audit, Session
from screens.bindings import bindings_for
from screens.filtered import FilteredScreen, filter_field
from screens.whole_text import WholeTextScreen
from widgets.audit_table import AuditDetail, AuditRow, AuditTable, audit_rows, entry_lines
from widgets.copyable import Copyable, of_audit_entry
from widgets.drawn import BAD, GOOD, WARN, Drawn
from widgets.key_line import KeyLine
from widgets.narrowing import NOTHING_TYPED, Narrowing
from widgets.row_table import RowTable
from widgets.status_line import StatusLine
from widgets.working import begin

_POLL_S = 1.0
"""Seconds between two looks at journal and record while the view is shown."""

_KINDS = (None, *AuditKind)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which entries are shown."""

    narrowing: Narrowing
    kind: AuditKind | None
    until: float | None


@dataclass(frozen=True, slots=True)
class _Shown:
    """What there is to show for it."""

    entries: tuple[AuditEntry, ...]
    rows: tuple[AuditRow, ...]
    total: int
    problems: tuple[str, ...]
    forgotten: bool


class AuditScreen(FilteredScreen):
    """The timeline, newest last, with the chosen entry below it."""

    MODE = "audit"
    EXPLANATION = (
        "Newest last: what the controller decided and did, what operators asked for, and what was signed on this "
        "machine with its hash; it is read from the files, so it is there while the controller is down. ! marks what "
        "did not come out as it was meant to. Enter shows an entry whole; l shows one kind after the other; / narrows. "
        "v looks whether journal and record are whole, as `upgrade-console audit --verify` does: each row of the "
        "journal has the hash of all rows before it."
    )
    CSS_PATH = "audit.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for("audit"))
    AUTO_FOCUS = "#entries"
    FILTERED = "#entries"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._narrowing = NOTHING_TYPED
        self._kind: AuditKind | None = None
        self._audit: Audit | None = None
        self._shown: _Shown | None = None
        self._nudged = asyncio.Event()
        self._worker: Worker[None] | None = None
        # Kept, for what is read in a thread may come when the screen is being taken down.
        self._table = AuditTable(id="entries")
        self._detail = AuditDetail(id="entry")
        self._notice = Drawn(id="notice")
        self._table.head("Audit")
        self._notice.draw(Content("Journal and record are being read."))

    def compose(self) -> ComposeResult:
        yield self.status_line()
        with Vertical(id="panes"):
            yield self._table
            yield self._detail
        yield self._notice
        yield filter_field("a text or a pattern, ! first for the others; Enter keeps it, Esc ends it")
        yield KeyLine()

    def draw(self) -> None:
        self.query_one(StatusLine).show(self.snapshot, self.now)
        if self.past is not None:
            self._nudged.set()

    def on_screen_resume(self) -> None:
        """Read on; nothing is read while something else is shown."""
        self._worker = begin(self, self._read, group="audit", exclusive=True)

    def on_screen_suspend(self) -> None:
        """Let the files be."""
        if self._worker is not None:
            self._worker.cancel()

    async def nearest(self) -> tuple[Copyable, ...]:
        entry = self._chosen
        return () if entry is None else of_audit_entry(entry)

    # --- reading ---

    async def _read(self) -> None:
        if self._audit is None:
            self._audit = self.session.audit()
        while True:
            self._nudged.clear()
            asked = _Asked(self._narrowing, self._kind, self.now if self.past is not None else None)
            self._take(await asyncio.to_thread(_look, self._audit, asked, self._shown))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), _POLL_S)

    def _take(self, shown: _Shown) -> None:
        if shown is self._shown:
            return
        self._shown = shown
        self._table.show(shown.rows)
        self._draw_title(shown)
        self._draw_chosen()

    def _draw_title(self, shown: _Shown) -> None:
        words = ["Audit", f"{len(shown.rows):,} of {shown.total:,}" if len(shown.rows) != shown.total else ""]
        words[1] = words[1] or ("1 entry" if shown.total == 1 else f"{shown.total:,} entries")
        if self._kind is not None:
            words.append(f"{self._kind.value} only (l)")
        if self._narrowing.wanted:
            words.append(self._narrowing.words(len(shown.rows), shown.total))
        if shown.forgotten:
            words.append("older ones: upgrade-console node events")
        self._table.head(" · ".join(words))
        if shown.problems:
            self._notice.draw(Content.assemble(("! ", WARN), " ".join(shown.problems)))
        elif not shown.total:
            self._notice.draw(Content("Nothing was decided or signed on this machine yet."))
        elif not shown.rows:
            self._notice.draw(Content("No entry passes; Esc ends the filter, l shows other kinds."))
        else:
            self._notice.draw(Content(""))
        self._notice.display = bool(shown.problems) or not shown.rows

    # --- keys ---

    def apply_filter(self, narrowing: Narrowing) -> None:
        self._narrowing = narrowing
        self._nudged.set()

    def action_kinds(self) -> None:
        """Show all kinds, or one after the other alone."""
        self._kind = _KINDS[(_KINDS.index(self._kind) + 1) % len(_KINDS)]
        self._nudged.set()

    def action_whole_line(self) -> None:
        """Show the chosen entry whole."""
        entry = self._chosen
        if entry is not None:
            lines = entry_lines(entry)
            self.app.push_screen(WholeTextScreen(entry.words, lines, "\n".join(line.plain for line in lines)))

    def action_verify_audit(self) -> None:
        """Look whether what is shown was changed, or lacks something."""
        if self._audit is not None:
            begin(self, partial(self._verify, self._audit), group="verify", exclusive=True)

    async def _verify(self, audit: Audit) -> None:
        self.notify("Journal and record are being checked.", markup=False)
        found = await asyncio.to_thread(audit.check)
        lines = (
            *(Content.assemble(("✗ ", BAD), words) for words in found.problems),
            *(Content.assemble(("✓ ", GOOD), words) for words in found.findings),
        )
        title = "Journal and record are not whole" if found.problems else "Journal and record are whole"
        self.app.push_screen(WholeTextScreen(title, lines, "\n".join(line.plain for line in lines)))

    def action_save(self) -> None:
        """Write the entries that are shown to a new file."""
        if self._shown is not None:
            begin(self, partial(self._save, self._shown.entries), group="save", exclusive=True)

    async def _save(self, entries: tuple[AuditEntry, ...]) -> None:
        try:
            path, lines = await self.session.save_lines("audit", _saved(entries))
        except ConsoleError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.notify(f"{lines:,} entries written to {path}", markup=False)

    @on(RowTable.Selected, "#entries")
    def chosen_by_mouse_or_enter(self) -> None:
        """The table has Enter and the mouse for itself."""
        self.action_whole_line()

    @on(RowTable.Highlighted, "#entries")
    def _draw_chosen(self) -> None:
        self._detail.show(self._chosen)

    @property
    def _chosen(self) -> AuditEntry | None:
        place, shown = self._table.cursor_row, self._shown
        return shown.entries[place] if shown is not None and place < len(shown.entries) else None


def _look(audit: Audit, asked: _Asked, before: _Shown | None) -> _Shown:
    """Read and narrow, in a thread; what was shown before where it is the same."""
    reading = audit.read()
    entries = [
        entry
        for entry in reading.entries
        if (asked.kind is None or entry.kind is asked.kind) and (asked.until is None or entry.at <= asked.until)
    ]
    rows = audit_rows(entries)
    kept = asked.narrowing.kept([f"{row.moment} {row.origin} {row.kind} {row.words}" for row in rows])
    shown = _Shown(
        tuple(entries[place] for place in kept),
        tuple(rows[place] for place in kept),
        len(reading.entries),
        reading.problems,
        reading.forgotten,
    )
    return before if before is not None and shown == before else shown


def _saved(entries: tuple[AuditEntry, ...]) -> Iterator[str]:
    for entry in entries:
        yield json.dumps(entry.to_json())
