"""Room on the data's disk, and what the node's folders hold, in one row."""

from __future__ import annotations

from textual.content import Content

from console.model import DiskUse, FolderSize
from console.text import size
from widgets.drawn import BAD, MUTED, WARN, Drawn
from widgets.moments import UNKNOWN


class DiskLine(Drawn):
    """One row; what does not fit is cut at its end."""

    DEFAULT_CSS = """
    DiskLine { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def show(self, disk: DiskUse | None) -> None:
        """Draw the disk as read last; None before the first reading."""
        self.draw(disk_content(disk))


def disk_content(disk: DiskUse | None) -> Content:
    """The row as text."""
    if disk is None:
        return Content.styled(f"disk  {UNKNOWN}", MUTED)
    if disk.problem:
        return Content.assemble(("disk  ", MUTED), ("✗ ", BAD), disk.problem)
    if disk.free_bytes is None or disk.total_bytes is None:
        return Content.styled(f"disk  {UNKNOWN}", MUTED)
    room = f"{size(disk.free_bytes)} free of {size(disk.total_bytes)}"
    folders = " · ".join(_folder(each) for each in reversed(disk.folders) if each.bytes != 0)
    return Content.assemble(
        ("disk  ", MUTED), (f"! {room}" if disk.little else room, WARN if disk.little else ""), (f"  {folders}", MUTED)
    )


def _folder(folder: FolderSize) -> str:
    if folder.bytes is None:
        return f"{folder.name} {UNKNOWN}"
    return f"{folder.name} {'' if folder.whole else '>'}{size(folder.bytes)}"
