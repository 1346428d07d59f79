"""The machine under the node: room on its disks, its clock, its limits, as `doctor` looks at them."""

from __future__ import annotations

import asyncio
import time

from console.checks.backups import room_for_point
from console.checks.telling import taken, together
from console.errors import NodeError
from console.model import Finding
from console.node.machine_health import clock_findings, disk_findings, limit_finding
from console.node.shape import shape_of
from console.settings import NodeSettings


async def disk_room(node: NodeSettings) -> Finding:
    """Whether home, data and state folder can be written and have room, for a rollback point too."""
    return await asyncio.to_thread(_disk_room, node)


def _disk_room(node: NodeSettings) -> Finding:
    folders = [("home", node.home)]
    try:
        folders += [("data folder", path) for path in shape_of(node).data_folders() if path.is_dir()]
    except NodeError:
        # Which they are is said by `doctor`; the home is looked at all the same.
        pass
    folders.append(("state folder", node.state_dir))
    looked = taken(disk_findings(folders), "every folder has room")
    return together((looked, room_for_point(node)), looked.sentence)


async def clock(now: float | None = None) -> Finding:
    """Whether the clock of this machine is synchronised: a validator with a wrong one votes wrongly."""
    seen = await asyncio.to_thread(clock_findings, time.time() if now is None else now, None)
    return taken(seen, "the clock is synchronised, as far as the kernel knows")


async def limits(pid: int | None) -> Finding:
    """Whether the node may open enough files."""
    seen = await asyncio.to_thread(limit_finding, pid)
    return taken((seen,), seen.what)
