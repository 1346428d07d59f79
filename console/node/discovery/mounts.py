"""File systems under a path: where locks and databases cannot be trusted."""

from __future__ import annotations

import os
from pathlib import Path

from console.node.discovery.finding import Finding, Level

_NETWORKED = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "fuse.gluster", "ceph", "lustre", "afs")


def file_system_of(path: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> str:
    """Type of the file system that holds `path` (`ext4`, `nfs4`); empty when nothing says it (macOS)."""
    try:
        lines = mountinfo.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    real, best, kind = os.path.realpath(path), "", ""
    for line in lines:
        before, separator, after = line.partition(" - ")
        fields = before.split()
        if not separator or len(fields) < 5 or not after.split():
            continue
        point = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, after.split()[0]
    return kind


def file_system_finding(what: str, path: Path, kind: str) -> Finding:
    """Whether a file system is fit for a lock and a journal: a networked one is not (SQLite's WAL, flock)."""
    if kind.startswith(_NETWORKED):
        return Finding(
            Level.WARN,
            "disk",
            f"the {what} {path} is on {kind}: locks and the journal cannot be trusted there",
            "move it to a local disk",
        )
    return Finding(Level.OK, "disk", f"the {what} {path} is on {kind or 'a file system that is not named here'}")
