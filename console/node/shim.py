"""The shim: the small parent of one run of the node. Standard library only, one thread, started by file path.

It holds the one-signer lock, executes the verified descriptor, reaps every descendant, and leaves an exit record, so
that the node survives controller and console and its exit code is never lost (DESIGN §1, facts/safety.md §4).

Usage: `python -I -S shim.py SPEC` where SPEC is a JSON file:
    run_id       number of the run
    lock         path of the one-signer lock in the node's home
    binary       path of the executable, sha256 its 64 hex digits
    arguments    of the program, without its name
    environment  of the program, whole
    folder       working folder of the program
    run_dir      where node.json, exit.<run>.json and node.log go
    grace_s      seconds between SIGTERM and SIGKILL
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
SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}


def start_ticks(pid: int) -> int:
    """Start time of a process in clock ticks since boot: with the pid it names a process for good."""
    with open(f"/proc/{pid}/stat", "rb") as stream:
        return int(stream.read().rsplit(b")", 1)[1].split()[19])


def write_durably(path: str, document: dict[str, object]) -> None:
    """Write JSON beside, fsync, rename, fsync the folder."""
    with open(f"{path}.new", "w") as stream:
        json.dump(document, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(f"{path}.new", path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


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


def descendants() -> list[int]:
    """Pids of all living descendants: orphans too, since a subreaper inherits them."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stream:
                    fields = stream.read().rsplit(b")", 1)[1].split()
            except OSError:
                continue
            if fields[0] not in (b"Z", b"X"):
                children.setdefault(int(fields[1]), []).append(int(name))
    found: list[int] = []
    queue = [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def signal_all(number: int) -> None:
    """Signal every descendant."""
    for pid in descendants():
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def start(spec: dict[str, object]) -> tuple[int, int, int]:
    """Take the lock, verify and fork; returns (pid, size of the log before, gate). Raises OSError.

    The child executes when it reads a byte from the gate, and ends when the gate is closed: nothing runs that is not
    recorded, even if the disk is full or the shim is killed here.
    """
    lock = os.open(str(spec["lock"]), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    descriptor = verified_descriptor(str(spec["binary"]), str(spec["sha256"]))
    log_path = os.path.join(str(spec["run_dir"]), "node.log")
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    # Every descendant inherits the lock: while one of them lives, no second node can start.
    os.set_inheritable(lock, True)
    os.set_inheritable(descriptor, True)
    offset = os.fstat(log).st_size
    if signal.SIGTERM in signal.sigpending():
        raise OSError(errno.ECANCELED, "asked to stop before it was started")
    gate, opener = os.pipe()
    child = os.fork()
    if child:
        os.close(gate)
        return child, offset, opener
    try:
        os.close(opener)
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, target)
        os.chdir(str(spec["folder"]))
        if not os.read(gate, 1):
            os._exit(127)
        arguments = [str(spec["binary"]), *spec["arguments"]]  # type: ignore[misc]
        os.execve(f"/proc/self/fd/{descriptor}", arguments, spec["environment"])  # type: ignore[arg-type]
    except BaseException as error:
        os.write(2, f"shim: cannot execute {spec['binary']}: {error}\n".encode())
    finally:
        os._exit(127)


def reap(child: int, grace_s: float) -> tuple[int | None, bool, bool]:
    """Wait until no descendant is left; returns (exit code of `child`, we were asked to stop it, had to kill).

    When the node ends by itself, what it left behind is ended too before anything else may start.
    """
    code: int | None = None
    asked = False
    ending_since: float | None = None
    killing = False
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code, asked, killing
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            if ending_since is None:
                ending_since = time.monotonic()
                signal_all(signal.SIGTERM)
        if pid:
            continue
        if ending_since is not None and time.monotonic() - ending_since > grace_s:
            killing = True
        if killing:
            signal_all(signal.SIGKILL)
        received = signal.sigtimedwait(SIGNALS, 0.05 if ending_since is not None else 60.0)
        if received is not None and received.si_signo != signal.SIGCHLD and ending_since is None:
            asked = True
            ending_since = time.monotonic()
            signal_all(signal.SIGTERM)


def keep_record(path: str, document: dict[str, object]) -> None:
    """Write the exit record. On a full disk wait for space, holding the lock; a SIGTERM gives the record up."""
    while True:
        try:
            write_durably(path, document)
            return
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                return
        if signal.sigtimedwait(SIGNALS - {signal.SIGCHLD}, 1.0) is not None:
            return


def main() -> int:
    """Run the node once; exits 0 when it ran and its exit record was written."""
    with open(sys.argv[1]) as stream:
        spec = json.load(stream)
    record = os.path.join(spec["run_dir"], f"exit.{spec['run_id']}.json")
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ending: dict[str, object] = {"run_id": spec["run_id"], "code": None, "asked": False, "unclean": False}
    try:
        child, offset, gate = start(spec)
    except OSError as error:
        write_durably(record, {**ending, "problem": str(error), "ended_at": time.time()})
        return 1
    running = {
        "run_id": spec["run_id"],
        "shim_pid": os.getpid(),
        "shim_started": start_ticks(os.getpid()),
        "child_pid": child,
        "child_started": start_ticks(child),
        "exe_sha256": spec["sha256"],
        "log_offset": offset,
        "started_at": time.time(),
    }
    problem = ""
    try:
        write_durably(os.path.join(spec["run_dir"], "node.json"), running)
        os.write(gate, b"\n")
    except OSError as error:
        problem = f"the run cannot be recorded: {error}"
    os.close(gate)
    code, asked, killed = reap(child, float(spec["grace_s"]))
    ending["ended_at"] = time.time()
    if problem:
        write_durably(record, {**ending, "problem": problem})
        return 1
    keep_record(record, {**ending, "code": code, "asked": asked, "unclean": killed, "problem": ""})
    return 0


if __name__ == "__main__":
    sys.exit(main())
