"""Foreign holders: processes and units, not ours, that run or would run this node (DESIGN §4.1).

Asked before each start of the node, so it is cheap: `/proc` is read once, descriptors are only named, and a file is
looked at only when its name says that it belongs to the node. Processes of other users whose descriptors are closed to
us still show by their locks, their ports and their command lines.
"""

from __future__ import annotations

import os
import pwd
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from console.errors import HeldByOther, NodeError
from console.node.discovery.units import HOME_FLAGS, SYSTEM_ROOTS, is_controller, units_for
from console.text import UntrustedText, untrusted

_KERNEL_THREAD = 0x00200000
"""`PF_KTHREAD` of a process's flags."""

_STARTERS = frozenset({b"start", b"run"})

_TOLD = 4
"""Signs that are told of one holder."""


class HolderKind(StrEnum):
    """What holds the node."""

    PROCESS = "process"
    UNIT = "unit"
    """A systemd unit that is started at boot; it need not run now."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Something that is not ours and runs this node, or would."""

    kind: HolderKind
    pid: int | None
    """None when only a lock or a port shows it, and for a unit."""
    started: int | None
    """Clock ticks since boot; with the pid it names a process for good."""
    user: str
    command: UntrustedText
    unit: str
    """The systemd unit it belongs to, or is; `docker <id>` for a container; empty for neither."""
    why: str
    """What shows it: locks, files, ports, command line."""

    @property
    def words(self) -> str:
        """The holder in a few words."""
        if self.kind is HolderKind.UNIT:
            return f"the unit {self.unit} is started at boot and would run this node ({self.why})"
        process = "a process that cannot be seen from here" if self.pid is None else f"process {self.pid}"
        command = f" ({self.command})" if self.command else ""
        user = f" of user {self.user}" if self.user else ""
        return f"{process}{user}{command} {self.why}"

    @property
    def remedy(self) -> str:
        """How to end it."""
        if self.unit.startswith("docker "):
            return f"docker stop {self.unit.removeprefix('docker ')}"
        if self.unit:
            return f"let `upgrade-console node init --adopt` take over {self.unit}, or run `systemctl stop {self.unit}`"
        if self.pid is None:
            return "find it with `ss -ltnp` and `lsof` as root, and stop it"
        return f"stop process {self.pid} the way it was started, or `kill {self.pid}`"

    def to_json(self) -> dict[str, object]:
        """The holder as JSON values."""
        return {
            "kind": self.kind.value,
            "pid": self.pid,
            "started": self.started,
            "user": self.user,
            "command": str(self.command),
            "unit": self.unit,
            "why": self.why,
        }


def foreign_holders(
    home: Path,
    ports: Collection[int],
    database_locks: Iterable[Path],
    own_pids: Collection[int],
    *,
    unit_roots: Sequence[Path] = SYSTEM_ROOTS,
    proc: Path = Path("/proc"),
) -> tuple[Holder, ...]:
    """Find what holds the node.

    Args:
        home: The node's home.
        ports: TCP ports that it listens on.
        database_locks: LOCK files of its databases, existing ones or not.
        own_pids: Of our run (shim, app); they, their descendants and this process are never named.
        unit_roots: Folders of systemd units; empty to leave units out.
        proc: Where `/proc` is.

    Raises:
        NodeError: `/proc` cannot be read (it needs Linux).
    """
    processes = _Processes(proc, own_pids)
    folders = _data_folders(home, locks := tuple(database_locks))
    processes.look_at_descriptors(folders, _lock_keys(locks), _listening(proc, ports))
    processes.look_at_locks(_lock_keys(locks))
    processes.look_at_commands(home)
    found = processes.holders()
    for unit in units_for(home, unit_roots) if unit_roots else ():
        if unit.wanted and not any(holder.unit == unit.name for holder in found):
            why = f"as {unit.path} says"
            found.append(Holder(HolderKind.UNIT, None, None, unit.user, untrusted(""), unit.name, why))
    return tuple(found)


def refuse_foreign(
    home: Path,
    ports: Collection[int],
    database_locks: Iterable[Path],
    own_pids: Collection[int],
    *,
    unit_roots: Sequence[Path] = SYSTEM_ROOTS,
    proc: Path = Path("/proc"),
) -> None:
    """Refuse to go on while something else holds the node; the arguments are those of `foreign_holders`.

    Raises:
        HeldByOther: It names the holders and how to end the first.
        NodeError: It cannot be looked for.
    """
    holders = foreign_holders(home, ports, database_locks, own_pids, unit_roots=unit_roots, proc=proc)
    if holders:
        more = f" (and {len(holders) - 1} more)" if len(holders) > 1 else ""
        raise HeldByOther(
            f"{holders[0].words}{more}",
            safe="the node was not started, because two processes of one node could sign twice",
            next_step=holders[0].remedy,
        )


class _Processes:
    """What `/proc` shows of the processes that are not ours, and what each was found to hold."""

    def __init__(self, proc: Path, own_pids: Collection[int]) -> None:
        self._proc = str(proc)
        try:
            pids = [int(name) for name in os.listdir(proc) if name.isdigit()]
        except OSError as error:
            where = "" if sys.platform == "linux" else "; it needs Linux"
            raise NodeError(
                f"cannot look for other processes of this node in {proc}: {error}{where}",
                safe="the node was not started",
            ) from error
        self._started: dict[int, int] = {}
        self._parents: dict[int, int] = {}
        for pid in pids:
            self._note(pid)
        self._ours = self._below(own_pids) | {os.getpid()}
        self._foreign = [pid for pid in self._started if pid not in self._ours]
        self._reasons: dict[int | None, list[str]] = {}

    def _note(self, pid: int) -> None:
        fields = _read_short(f"{self._proc}/{pid}/stat").rpartition(b")")[2].split()
        # A zombie holds nothing, and neither does a thread of the kernel, of which there are hundreds.
        if len(fields) > 19 and fields[0] not in (b"Z", b"X") and not int(fields[6]) & _KERNEL_THREAD:
            self._parents[pid] = int(fields[1])
            self._started[pid] = int(fields[19])

    def _below(self, roots: Collection[int]) -> set[int]:
        children: dict[int, list[int]] = {}
        for pid, parent in self._parents.items():
            children.setdefault(parent, []).append(pid)
        found, queue = set(roots), list(roots)
        while queue:
            below = [pid for pid in children.get(queue.pop(), ()) if pid not in found]
            found.update(below)
            queue += below
        return found

    def _add(self, pid: int | None, why: str) -> None:
        reasons = self._reasons.setdefault(pid, [])
        if why not in reasons:
            reasons.append(why)

    def look_at_descriptors(
        self, folders: tuple[str, ...], locks: dict[tuple[int, int], Path], listening: dict[str, int]
    ) -> None:
        """Files open for writing below the data folders, and the sockets that listen on the node's ports."""
        shown = set()
        for pid in self._foreign:
            base = f"{self._proc}/{pid}/fd"
            try:
                descriptors = os.listdir(base)
            except OSError:
                continue
            for descriptor in descriptors:
                try:
                    target = os.readlink(f"{base}/{descriptor}")
                except OSError:
                    continue
                if target in listening:
                    shown.add(target)
                    self._add(pid, f"listens on port {listening[target]}")
                elif target.startswith(folders) and self._writes(pid, descriptor):
                    self._add(pid, f"has {untrusted(target)} open")
        for target, port in listening.items():
            # Our own run has ended before a start, but a port of it may be named by whoever asks while it runs.
            if target not in shown and not self._ours_has(target):
                self._add(None, f"listens on port {port}")

    def _writes(self, pid: int, descriptor: str) -> bool:
        """Whether it is open for writing: a backup or a pager that reads is no node."""
        for line in _read_short(f"{self._proc}/{pid}/fdinfo/{descriptor}").splitlines():
            if line.startswith(b"flags:"):
                return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
        return False

    def _ours_has(self, target: str) -> bool:
        for pid in self._ours:
            base = f"{self._proc}/{pid}/fd"
            try:
                if any(os.readlink(f"{base}/{name}") == target for name in os.listdir(base)):
                    return True
            except OSError:
                continue
        return False

    def look_at_locks(self, locks: dict[tuple[int, int], Path]) -> None:
        """Holders of locks on the databases: `/proc/locks` names them even where their descriptors are closed to us."""
        if not locks:
            return
        by_inode = {inode: (device, path) for (device, inode), path in locks.items()}
        for line in _read(f"{self._proc}/locks").decode("ascii", "replace").splitlines():
            fields = line.split()
            place = fields[5].split(":") if len(fields) > 5 and fields[1] != "->" else []
            if len(place) != 3 or not place[2].isdigit() or int(place[2]) not in by_inode:
                continue
            device, path = by_inode[int(place[2])]
            found = os.makedev(int(place[0], 16), int(place[1], 16))
            # btrfs and overlays have one device number for stat and another for locks, both of no real disk.
            if found != device and (os.major(found), os.major(device)) != (0, 0):
                continue
            pid = int(fields[4]) if fields[4].isdigit() else None
            if pid in self._ours:
                continue
            if pid not in self._started:
                # Taken by a process that ended, or that is no process (an open file description): found by descriptor.
                pid = None
            if pid is None and (self._reasons or self._ours_has(os.path.realpath(path))):
                continue
            self._add(pid, f"holds the lock {path}")

    def look_at_commands(self, home: Path) -> None:
        """Processes that were told to run a node on this home."""
        wanted = {os.fsencode(str(home)), os.fsencode(os.path.realpath(home))}
        for pid in self._foreign:
            line = _read_short(f"{self._proc}/{pid}/cmdline")
            # Most are done here: neither the home's last name nor a start is in them.
            if not line or (b"start" not in line and b"run" not in line):
                continue
            words = line.rstrip(b"\0").split(b"\0")
            if not _STARTERS & set(words) or is_controller([os.fsdecode(word) for word in words[:6]]):
                continue
            for value in _homes_named(words):
                path = value.rstrip(b"/") if value.startswith(b"/") else self._absolute(pid, value)
                if path in wanted:
                    self._add(pid, f"was started with the home {home}")

    def _absolute(self, pid: int, value: bytes) -> bytes:
        try:
            folder = os.fsencode(os.readlink(f"{self._proc}/{pid}/cwd"))
        except OSError:
            return value
        return os.path.normpath(os.path.join(folder, value))

    def holders(self) -> list[Holder]:
        """What was found, one entry per process."""
        found = []
        for pid, reasons in self._reasons.items():
            why = _told(reasons)
            if pid is None:
                found.append(Holder(HolderKind.PROCESS, None, None, "", untrusted(""), "", why))
                continue
            line = _read_short(f"{self._proc}/{pid}/cmdline").replace(b"\0", b" ").strip()
            found.append(
                Holder(
                    kind=HolderKind.PROCESS,
                    pid=pid,
                    started=self._started[pid],
                    user=_user(f"{self._proc}/{pid}"),
                    command=untrusted(line, 120),
                    unit=_unit(_read_short(f"{self._proc}/{pid}/cgroup")),
                    why=why,
                )
            )
        return found


def _read(path: str) -> bytes:
    """A table of `/proc`, which comes in pieces of a page; empty when it is closed to us."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def _read_short(path: str) -> bytes:
    """A file of one process, which comes in one piece; empty when the process is gone or it is closed to us."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 1 << 17)
    except OSError:
        # The process ended while it was read.
        return b""
    finally:
        os.close(descriptor)


def _data_folders(home: Path, locks: tuple[Path, ...]) -> tuple[str, ...]:
    """Prefixes of what only a node writes: data folders and the folders of the databases."""
    folders = [home / "data", home / "cometbft" / "data", home / "fendermint" / "data"]
    folders += [lock.parent for lock in locks if lock.parent != home]
    return tuple(dict.fromkeys(f"{os.path.realpath(folder)}/" for folder in folders))


def _lock_keys(locks: tuple[Path, ...]) -> dict[tuple[int, int], Path]:
    found = {}
    for lock in locks:
        try:
            status = lock.stat()
        except OSError:
            continue
        found[(status.st_dev, status.st_ino)] = lock
    return found


def _listening(proc: Path, ports: Collection[int]) -> dict[str, int]:
    """`socket:[inode]` of each listening socket on one of the ports."""
    wanted, found = set(ports), {}
    for table in ("tcp", "tcp6"):
        for line in _read(f"{proc}/net/{table}").splitlines()[1:]:
            # A busy node has tens of thousands of connections; few sockets listen.
            if b" 0A " not in line:
                continue
            fields = line.split()
            if len(fields) > 9 and fields[3] == b"0A":
                port = int(fields[1].rpartition(b":")[2], 16)
                if port in wanted:
                    found[f"socket:[{fields[9].decode()}]"] = port
    return found


def _told(reasons: Sequence[str]) -> str:
    """The signs in a sentence: of a node with thirty files open, what tells most of it."""
    if len(reasons) <= _TOLD:
        return " and ".join(reasons)
    telling = sorted(reasons, key=lambda reason: reason.endswith(" open"))[:_TOLD]
    return f"{' and '.join(telling)}, and {len(reasons) - _TOLD} more signs of it"


def _homes_named(words: Sequence[bytes]) -> Iterable[bytes]:
    for position, word in enumerate(words):
        flag, separator, value = word.partition(b"=")
        if os.fsdecode(flag) in HOME_FLAGS:
            if separator:
                yield value
            elif position + 1 < len(words):
                yield words[position + 1]


def _user(folder: str) -> str:
    try:
        uid = os.stat(folder).st_uid
    except OSError:
        return ""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _unit(cgroup: bytes) -> str:
    """The unit or container of a process, from its control group."""
    text = cgroup.decode("utf-8", "replace")
    if container := re.search(r"docker[-/]([0-9a-f]{12})[0-9a-f]*", text):
        return f"docker {container[1]}"
    services = re.findall(r"/([A-Za-z0-9:_.@\\-]+\.service)(?=/|\n|$)", text)
    # A user's own services are below user@1000.service; the innermost is the one.
    named = [name for name in services if not name.startswith("user@")]
    return named[-1] if named else ""
