"""Room on the data's disk, and what the node's folders hold, in one row."""

from __future__ import annotations

from textual.content import Content

from console.model import DiskUse, FolderSize
from console.text import size
from widgets.drawn import BAD, MUTED, WARN, Drawn
from widgets.moments import UNKNOWN


class DiskLine(Drawn):
    """One row; folders that do not fit are left out from its end."""

    DEFAULT_CSS = """
    DiskLine { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._disk: DiskUse | None = None

    def show(self, disk: DiskUse | None) -> None:
        """Draw the disk as read last; None before the first reading."""
        self._disk = disk
        self._redraw()

    def _redraw(self) -> None:
        if self.content_size.width:
            self.draw(disk_content(self._disk, self.content_size.width))


def disk_content(disk: DiskUse | None, width: int) -> Content:
    """The row as text of at most `width` columns where the folders are what makes it longer."""
    if disk is None:
        return Content.styled(f"disk  {UNKNOWN}", MUTED)
    if disk.problem:
        return Content.assemble(("disk  ", MUTED), ("✗ ", BAD), disk.problem)
    if disk.free_bytes is None or disk.total_bytes is None:
        return Content.styled(f"disk  {UNKNOWN}", MUTED)
    room = f"{size(disk.free_bytes)} free of {size(disk.total_bytes)}"
    told = Content.assemble(("disk  ", MUTED), (f"! {room}" if disk.little else room, WARN if disk.little else ""))
    gap = "  "
    for each in disk.folders:
        folder = f"{gap}{_folder(each)}"
        if each.bytes == 0:
            continue
        if told.cell_length + len(folder) > width:
            break
        told, gap = Content.assemble(told, (folder, MUTED)), " · "
    return told


def _folder(folder: FolderSize) -> str:
    if folder.bytes is None:
        return f"{folder.name} {UNKNOWN}"
    return f"{folder.name} {'' if folder.whole else '>'}{size(folder.bytes)}"
