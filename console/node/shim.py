"""The shim: the small parent of one run of the node. Standard library only, one thread, started by file path.

It holds the one-signer lock, executes the verified descriptors, reaps every descendant, and leaves an exit record, so
that the node survives controller and console and its exit code is never lost (DESIGN §1, facts/safety.md §4).

Usage: `python -I -S shim.py SPEC`, or `python -I -S shim.py --standby SPEC`, where SPEC is a JSON file:
    run_id       number of the run
    lock         path of the one-signer lock in the node's home
    services     the app first, each {name, binary, sha256 (64 hex digits), arguments (without the program's name),
                 environment (whole), after_port (executed when somebody listens there; 0: at once)}
    folder       working folder of the programs
    run_dir      where node.json, exit.<run>.json and node.log go
    grace_s      seconds between SIGTERM and SIGKILL
    app_ends_s   seconds for the app to end by itself after a companion did: CometBFT ends with the app's halt, and the
                 two race
    log_kept     bytes of node.log that are kept

A standby is an interpreter that waits: it holds no lock, opens no SPEC, and ends when its standard input is closed.
Lines of JSON come in there: a list of [path, sha256] to open and hash ahead, or "start" when SPEC is written.
When every program is executed, standard output has got the line `started` and is closed by everybody.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 1, 2
SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}

STANDBY = "--standby"

APP_ENDS_S = 5.0
"""Seconds for the app to end by itself after a companion did, where nobody says otherwise (facts/ipc.md §1.6)."""

LOG_LOOK_S = 5.0
"""Seconds between two looks at the size of node.log."""

SETTLED_NS = 1_000_000_000
"""Nanoseconds. A file that changed just now can change again within the same tick, and look the same."""

PORT_OPENS_S = 10.0
"""Seconds that a service waits for the port that it is executed after; then it is executed all the same."""

PORT_LOOK_S = 0.02

FAULT_VARIABLE = "UPGRADE_CONSOLE_SHIM_FAULT"
FAULT_POINTS = (
    "shim-before-lock",
    "shim-before-fork",
    "shim-before-record",
    "shim-before-exec",
    "shim-after-exec",
    "shim-before-exit-record",
    "shim-after-exit-record",
)

Spec = dict[str, object]
Looks = tuple[int, int, int, int, int]
"""Device, inode, size, time of change of content and of the inode: what tells that a file is still the same."""
Ahead = dict[tuple[str, str], tuple[int, Looks]]
"""Descriptors that were hashed ahead, by path and sha256."""


def fault(point: str, run_id: object) -> None:
    """Die here as by SIGKILL when the environment says `<point>:<run id>`; inert otherwise."""
    if os.environ.get(FAULT_VARIABLE) == f"{point}:{run_id}":
        os.kill(os.getpid(), signal.SIGKILL)


def start_ticks(pid: int) -> int:
    """Start time of a process in clock ticks since boot: with the pid it names a process for good."""
    with open(f"/proc/{pid}/stat", "rb") as stream:
        return int(stream.read().rsplit(b")", 1)[1].split()[19])


def write_whole(path: str, document: dict[str, object], *, synced: bool = False) -> None:
    """Write JSON beside and rename: whoever reads finds the old file or the new one, whoever is killed.

    A power cut may leave the old one or an empty one, unless it was synced before.
    """
    with open(f"{path}.new", "w") as stream:
        stream.write(json.dumps(document))
        stream.flush()
        if synced:
            os.fsync(stream.fileno())
    os.rename(f"{path}.new", path)


def write_durably(path: str, document: dict[str, object]) -> None:
    """The same, and a power cut leaves the new one too."""
    write_whole(path, document, synced=True)
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


# --- verified bytes ---


def verified_descriptor(path: str, wanted: str) -> int:
    """Open the binary and hash that very descriptor; raises OSError when the bytes are not the wanted ones."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    digest = hashlib.sha256()
    while chunk := os.read(descriptor, 1 << 20):
        digest.update(chunk)
    os.lseek(descriptor, 0, os.SEEK_SET)
    if digest.hexdigest() != wanted:
        os.close(descriptor)
        raise OSError(errno.EPERM, f"sha256 of {path} is {digest.hexdigest()}, not {wanted}")
    return descriptor


def looks(found: os.stat_result) -> Looks:
    """What tells that a file is still the same."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def hash_ahead(ahead: Ahead, path: str, sha256: str) -> None:
    """Open and hash a binary that may be started soon. What goes wrong is said at the start, not here."""
    if (path, sha256) in ahead:
        return
    try:
        before = os.stat(path, follow_symlinks=False)
        if time.time_ns() - before.st_ctime_ns > SETTLED_NS:
            descriptor = verified_descriptor(path, sha256)
            ahead[path, sha256] = descriptor, looks(before)
    except OSError:
        pass


def kept_descriptor(ahead: Ahead, path: str, sha256: str) -> int:
    """The descriptor that was hashed ahead if nothing changed since, -1 when there is none."""
    descriptor, then = ahead.get((path, sha256), (-1, None))
    if descriptor >= 0:
        try:
            if looks(os.fstat(descriptor)) == then == looks(os.stat(path, follow_symlinks=False)):
                return descriptor
        except OSError:
            pass
        del ahead[path, sha256]
        os.close(descriptor)
    return -1


def descriptor_of(ahead: Ahead, path: str, sha256: str) -> int:
    """A verified descriptor, hashed ahead or now. Raises OSError."""
    kept = kept_descriptor(ahead, path, sha256)
    return kept if kept >= 0 else verified_descriptor(path, sha256)


# --- node.log ---


def open_log(run_dir: str, kept: int) -> int:
    """Open node.log to append; a large one of earlier runs, which nobody writes to any more, becomes node.log.1."""
    path = os.path.join(run_dir, "node.log")
    try:
        if os.stat(path).st_size > kept // 2:
            os.rename(path, f"{path}.1")
    except FileNotFoundError:
        pass
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def trim_log(log: int, kept: int) -> None:
    """Give the blocks of all but the last `kept` bytes back to the disk.

    A hole and no copy: the programs append meanwhile, no byte of theirs is lost, and every offset stays what it was.
    Where the file system knows no holes the log is only bounded at the next start.
    """
    found = os.fstat(log)
    if found.st_blocks * 512 > kept + kept // 4 and found.st_size > kept:
        fallocate = ctypes.CDLL(None, use_errno=True).fallocate
        size = ctypes.c_int64(found.st_size - kept)
        fallocate(log, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, ctypes.c_int64(0), size)


# --- processes ---


def descendants() -> list[tuple[int, bytes]]:
    """All living descendants as (pid, start time): orphans too, since a subreaper inherits them."""
    children: dict[int, list[tuple[int, bytes]]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stream:
                    fields = stream.read().rsplit(b")", 1)[1].split()
            except OSError:
                continue
            if fields[0] not in (b"Z", b"X"):
                children.setdefault(int(fields[1]), []).append((int(name), fields[19]))
    found: list[tuple[int, bytes]] = []
    queue = [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += [pid for pid, _ in below]
    return found


def descendants_by_kernel() -> list[tuple[int, bytes]] | None:
    """The same by the kernel's own lists, in a tenth of the time; None where it keeps none.

    While they fork some may be missing (proc(5)), so this is for the first word only.
    """
    found: list[tuple[int, bytes]] = []
    queue = [os.getpid()]
    try:
        while queue:
            pid = queue.pop()
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children", "rb") as stream:
                    below = [int(word) for word in stream.read().split()]
                for child in below:
                    with open(f"/proc/{child}/stat", "rb") as stream:
                        found.append((child, stream.read().rsplit(b")", 1)[1].split()[19]))
                queue += below
    except OSError:
        # One of them ended meanwhile, or there are no such lists.
        return None
    return found


def signal_all(number: int, told: set[tuple[int, bytes]], *, first: bool = False) -> None:
    """Signal every descendant that is not among `told`, and add it: to some programs a second SIGTERM means at once.

    Args:
        number: The signal.
        told: Who has it already.
        first: Whether a thorough look follows anyway.
    """
    quick = descendants_by_kernel() if first else None
    for process in descendants() if quick is None else quick:
        if process not in told:
            told.add(process)
            try:
                os.kill(process[0], number)
            except OSError:
                # Gone meanwhile, or of another user: the shim itself must never end while it lives.
                pass


def take_lock(path: str) -> int:
    """Take the one-signer lock. Raises OSError when it is held for more than the moment of somebody's look at it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for turn in range(20):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if turn == 19:
                raise
            time.sleep(0.01)
    raise AssertionError


def listens(port: int) -> bool:
    """Whether a TCP port of this machine has a listener, by the kernel's own tables: nobody is connected to for it."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as stream:
                rows = [line.split() for line in stream]
        except OSError:
            continue
        if any(row[3] == "0A" and row[1].endswith(wanted) for row in rows):
            return True
    return False


def await_port(port: int) -> None:
    """Wait until somebody listens on a port, or long enough: CometBFT that comes too early looks again in 3 s only."""
    end = time.monotonic() + PORT_OPENS_S
    while not listens(port) and time.monotonic() < end:
        time.sleep(PORT_LOOK_S)


def execute(service: dict[str, object], descriptor: int, lock: int, log: int, folder: str, gate: int) -> None:
    """In the child: become the service when a byte comes through the gate; end when the gate is closed."""
    try:
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        # The interpreter ignores some, and what is ignored stays so in the program.
        for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        # Closed by the execution: so the controller knows of it.
        told = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, target)
        # Every descendant inherits the lock: while one of them lives, no second node can start.
        os.set_inheritable(lock, True)
        os.set_inheritable(descriptor, True)
        os.chdir(folder)
        if not os.read(gate, 1):
            os._exit(127)
        if after := int(str(service.get("after_port") or 0)):
            # That this one comes later is no reason to wait for the controller.
            os.close(told)
            await_port(after)
        arguments = [str(service["binary"]), *service["arguments"]]  # type: ignore[misc]
        os.execve(f"/proc/self/fd/{descriptor}", arguments, service["environment"])  # type: ignore[arg-type]
    except BaseException as error:
        os.write(2, f"shim: cannot execute {service['binary']}: {error}\n".encode())
    finally:
        os._exit(127)


def start(spec: Spec, ahead: Ahead) -> tuple[dict[int, str], int, int, int]:
    """Take the lock, verify, fork; returns (service by pid, log, its size before, gate). Raises OSError.

    The children execute when they read a byte from the gate, and end when the gate is closed: nothing runs that is not
    recorded, even if the disk is full or the shim is killed here.
    """
    fault("shim-before-lock", spec["run_id"])
    lock = take_lock(str(spec["lock"]))
    services: list[dict[str, object]] = spec["services"]  # type: ignore[assignment]
    descriptors = [descriptor_of(ahead, str(entry["binary"]), str(entry["sha256"])) for entry in services]
    log = open_log(str(spec["run_dir"]), int(str(spec["log_kept"])))
    offset = os.fstat(log).st_size
    if signal.SIGTERM in signal.sigpending():
        raise OSError(errno.ECANCELED, "asked to stop before it was started")
    fault("shim-before-fork", spec["run_id"])
    gate, opener = os.pipe()
    names: dict[int, str] = {}
    for service, descriptor in zip(services, descriptors, strict=True):
        try:
            child = os.fork()
        except OSError:
            # Those before read the end of the gate, and are nobody's any more.
            os.close(opener)
            for pid in names:
                os.waitpid(pid, 0)
            raise
        if not child:
            os.close(opener)
            execute(service, descriptor, lock, log, str(spec["folder"]), gate)
        names[child] = str(service["name"])
    os.close(gate)
    return names, log, offset, opener


class Oversight:
    """What is known of a run that goes on and of its end.

    Args:
        names: Service by pid, the app first.
    """

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names
        self._app = next(iter(names))
        self.codes: dict[str, int | None] = dict.fromkeys(names.values())
        self.first = ""
        self.asked = False
        self.killed = False
        self._alone_since: float | None = None
        self._ending_since: float | None = None
        self._told: set[tuple[int, bytes]] = set()
        self._sweep = False

    def wait(self, grace_s: float, app_ends_s: float, log: int, kept: int) -> None:
        """Wait until no descendant is left.

        When one service ends, the others are ended, and what they left behind too, before anything else may start.
        """
        look_at = 0.0
        while self._reap():
            now = time.monotonic()
            if now >= look_at:
                look_at = now + LOG_LOOK_S
                trim_log(log, kept)
            if self._ending_since is None and self._alone_since is not None and now >= self._alone_since + app_ends_s:
                self._end(now)
            wait_s = LOG_LOOK_S
            if self._ending_since is not None:
                wait_s = min(wait_s, self._ending_since + grace_s - now)
            elif self._alone_since is not None:
                wait_s = min(wait_s, self._alone_since + app_ends_s - now)
            if wait_s <= 0:
                self.killed = True
                signal_all(signal.SIGKILL, set())
            received = signal.sigtimedwait(SIGNALS, wait_s if wait_s > 0 else 0.02)
            if received is not None and received.si_signo != signal.SIGCHLD and self._ending_since is None:
                self.asked = True
                self._end(time.monotonic())

    def _reap(self) -> bool:
        """Take note of the dead; whether anybody is left. Not for ever, or one that forks for ever could not end."""
        for _ in range(64):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                if self._sweep:
                    self._sweep = False
                    signal_all(signal.SIGTERM, self._told)
                return True
            if pid in self._names:
                self._service_ended(pid, os.waitstatus_to_exitcode(status))
        return True

    def _service_ended(self, pid: int, code: int) -> None:
        name = self._names[pid]
        self.codes[name] = code
        now = time.monotonic()
        if self._ending_since is None and pid == self._app:
            self._end(now)
        elif self._ending_since is None:
            self.first = self.first or name
            self._alone_since = self._alone_since or now
        # Its orphans are told when it is gone: what it started to clear up was its own affair until then.
        self._sweep = None not in self.codes.values()

    def _end(self, now: float) -> None:
        self._ending_since = now
        signal_all(signal.SIGTERM, self._told, first=True)


def keep_record(path: str, document: dict[str, object]) -> None:
    """Write the exit record. On a full disk wait for space, holding the lock; a SIGTERM gives the record up.

    Durably when the node ended by itself: of an end that was asked for the journal knows before, and somebody waits.
    """
    while True:
        try:
            if document["asked"]:
                write_whole(path, document)
            else:
                write_durably(path, document)
            return
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                return
        if signal.sigtimedwait(SIGNALS - {signal.SIGCHLD}, 1.0) is not None:
            return


def stand_by() -> Ahead | None:
    """Wait for the word to start; None when the controller is gone."""
    ahead: Ahead = {}
    unread = b""
    while chunk := os.read(0, 1 << 16):
        unread += chunk
        while b"\n" in unread:
            line, unread = unread.split(b"\n", 1)
            word = json.loads(line)
            if word == "start":
                return ahead
            for path, sha256 in word:
                hash_ahead(ahead, path, sha256)
    return None


def record_run(spec: Spec, names: dict[int, str], offset: int) -> None:
    """Write node.json: who runs, by pid and start time. Raises OSError.

    Not durably: after a power cut nobody is left whom it could name.
    """
    services: list[dict[str, object]] = spec["services"]  # type: ignore[assignment]
    living = [
        {"name": name, "pid": pid, "started": start_ticks(pid), "exe_sha256": service["sha256"]}
        for (pid, name), service in zip(names.items(), services, strict=True)
    ]
    document: dict[str, object] = {
        "run_id": spec["run_id"],
        "shim_pid": os.getpid(),
        "shim_started": start_ticks(os.getpid()),
        "child_pid": living[0]["pid"],
        "child_started": living[0]["started"],
        "exe_sha256": living[0]["exe_sha256"],
        "log_offset": offset,
        "started_at": time.time(),
        "services": living,
    }
    write_whole(os.path.join(str(spec["run_dir"]), "node.json"), document)


def tell_started() -> None:
    """Say so on standard output and let go of it; the controller may be gone."""
    try:
        os.write(1, b"started\n")
    except OSError:
        pass
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)


def main(arguments: list[str]) -> int:
    """Run the node once; returns 0 when it ran and its exit record was written."""
    ahead: Ahead | None = {}
    # Before the wait, so that nothing of it is left for the start.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if arguments[0] == STANDBY:
        ahead = stand_by()
    if ahead is None:
        return 0
    with open(arguments[-1]) as stream:
        spec: Spec = json.load(stream)
    run_id = spec["run_id"]
    record = os.path.join(str(spec["run_dir"]), f"exit.{run_id}.json")
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ending: dict[str, object] = {"run_id": run_id, "code": None, "asked": False, "unclean": False, "first": ""}
    try:
        names, log, offset, gate = start(spec, ahead)
    except OSError as error:
        write_durably(record, {**ending, "problem": str(error), "ended_at": time.time()})
        return 1
    problem = ""
    try:
        fault("shim-before-record", run_id)
        record_run(spec, names, offset)
        fault("shim-before-exec", run_id)
        os.write(gate, b"\n" * len(names))
    except BrokenPipeError:
        # All ended before they were executed, and have said why in node.log.
        pass
    except OSError as error:
        problem = f"the run cannot be recorded: {error}"
    os.close(gate)
    fault("shim-after-exec", run_id)
    if not problem:
        tell_started()
    oversight = Oversight(names)
    grace_s, app_ends_s = float(str(spec["grace_s"])), float(str(spec["app_ends_s"]))
    oversight.wait(grace_s, app_ends_s, log, int(str(spec["log_kept"])))
    ending["ended_at"] = time.time()
    if problem:
        write_durably(record, {**ending, "problem": problem})
        return 1
    fault("shim-before-exit-record", run_id)
    ending |= {
        "code": next(iter(oversight.codes.values())),
        "asked": oversight.asked,
        "unclean": oversight.killed,
        "problem": "",
        "first": oversight.first,
        "codes": oversight.codes,
    }
    keep_record(record, ending)
    fault("shim-after-exit-record", run_id)
    return 0


if __name__ == "__main__":
    # Nothing is left to be flushed, and the next start waits for our end.
    os._exit(main(sys.argv[1:]))
