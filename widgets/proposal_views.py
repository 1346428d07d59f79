"""The proposals: a table of all and the whole of one."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import DataTable

from console.model import Proposal, ProposalStatus, ReleaseKind, Snapshot, Verdict
from widgets.drawn import MUTED, STRONG, Drawn, stacked
from widgets.moments import UNKNOWN, count

_KINDS = {ReleaseKind.RAW: "sha256 of the binary", ReleaseKind.MANIFEST: "sha256 of the manifest"}


def status_word(status: ProposalStatus) -> str:
    """The status as one word."""
    return status.name.lower()


def verdict_word(verdict: Verdict) -> str:
    """The verdict as one word; `—` before the freeze."""
    return UNKNOWN if verdict is Verdict.NONE else verdict.name


class ProposalTable(DataTable[Text]):
    """All proposals, newest first; the cursor stays on its proposal when others appear."""

    DEFAULT_CSS = """
    ProposalTable {
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        padding: 0 0 0 1;
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        &:focus { border-top: solid $primary; background-tint: $foreground 0%; }
        & > .datatable--header, &:ansi > .datatable--header {
            background: $background;
            color: $text-muted;
            text-style: none;
        }
        & > .datatable--odd-row, & > .datatable--even-row { background: $background; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = []
    _WIDTHS: ClassVar[tuple[tuple[str, str, int], ...]] = (
        ("id", "Id", 6),
        ("name", "Name", 18),
        ("status", "Status", 11),
        ("height", "Height", 12),
        ("ready", "Ready power", 15),
        ("armed", "Armed", 8),
        ("verdict", "Verdict", 7),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row", cell_padding=0)
        self._shown: tuple[Proposal, ...] = ()

    def on_mount(self) -> None:
        self.border_title = Content("Proposals")
        for key, heading, width in self._WIDTHS:
            self.add_column(Text(heading), key=key, width=width)

    @property
    def chosen(self) -> int | None:
        """Id of the proposal under the cursor."""
        if not 0 <= self.cursor_row < len(self._shown):
            return None
        return self._shown[self.cursor_row].id

    def show(self, proposals: tuple[Proposal, ...]) -> None:
        """Draw the list, touching only cells that changed."""
        if proposals == self._shown:
            return
        if [entry.id for entry in proposals] != [entry.id for entry in self._shown]:
            chosen = self.chosen
            self.clear()
            self._shown = proposals
            for entry in proposals:
                self.add_row(*self._cells(entry), key=str(entry.id))
            row = next((index for index, entry in enumerate(proposals) if entry.id == chosen), 0)
            self.move_cursor(row=row, animate=False)
            return
        for before, entry in zip(self._shown, proposals, strict=True):
            if before != entry:
                for (key, _heading, _width), old, new in zip(
                    self._WIDTHS, self._cells(before), self._cells(entry), strict=True
                ):
                    if old.plain != new.plain:
                        self.update_cell(str(entry.id), key, new, update_width=False)
        self._shown = proposals

    def _cells(self, entry: Proposal) -> list[Text]:
        texts = (
            str(entry.id),
            entry.name,
            status_word(entry.status),
            count(entry.target_height),
            f"{entry.ready_power} of {entry.total_power}",
            str(entry.armed_power),
            verdict_word(entry.verdict),
        )
        cells = []
        for text, (_key, _heading, width) in zip(texts, self._WIDTHS, strict=True):
            cell = Text(text, no_wrap=True, overflow="ellipsis")
            cell.truncate(max(1, width - 1), overflow="ellipsis")
            cells.append(cell)
        return cells


class ProposalDetail(Drawn):
    """Every field of one proposal, nothing shortened."""

    DEFAULT_CSS = """
    ProposalDetail {
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        padding: 0 1;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._proposal: Proposal | None = None
        self._snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot | None, proposal: Proposal | None) -> None:
        """Draw this proposal, or say why there is none."""
        self._snapshot, self._proposal = snapshot, proposal
        self._redraw()

    def on_resize(self, event: events.Resize) -> None:
        self._redraw()

    def _redraw(self) -> None:
        proposal = self._proposal
        if proposal is None:
            self.head(Content("Detail"))
            self.draw(Content.styled(_why_none(self._snapshot), MUTED))
            return
        self.head(Content(f"Proposal {proposal.id}: {proposal.name}"))
        self.draw(stacked(*_detail(proposal)))


def _why_none(snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return "Waiting for the first answer."
    if snapshot.chain is None:
        return snapshot.chain_problem or "The chain does not answer."
    return "There is no proposal yet. Press p to propose an upgrade."


def _detail(entry: Proposal) -> list[Content]:
    frozen = count(entry.frozen_at) if entry.frozen_at else "not yet"
    scheduled = f"scheduled at {count(entry.scheduled_at)}" if entry.scheduled_at else "not scheduled"
    breaking = "yes: every node stops at H" if entry.breaking else "no: only prepared nodes stop at H"
    return [
        Content.assemble((f"{_KINDS[entry.release_kind]}: ", MUTED)),
        Content.assemble((entry.release_hash, STRONG)),
        _field("url", entry.release_url),
        _field("proposer", entry.proposer),
        _field("proposed", f"at {count(entry.proposed_at)}, {scheduled}"),
        _field("height H", f"{count(entry.target_height)}, freezes at {count(entry.freeze_height)} (frozen: {frozen})"),
        _field("breaking", breaking),
        _field("power", f"ready {entry.ready_power}, armed {entry.armed_power}, both {entry.go_power}"),
        _field("confirmed", f"{entry.confirmed_power} of {entry.total_power}"),
        *_how_to_see_more(entry),
    ]


def _how_to_see_more(entry: Proposal) -> list[Content]:
    if entry.release_kind is not ReleaseKind.MANIFEST:
        return []
    return [Content.styled("Press v for what is verified of the release that this node took up.", MUTED)]


def _field(name: str, value: str) -> Content:
    return Content.assemble((f"{name:<10}", MUTED), value)
