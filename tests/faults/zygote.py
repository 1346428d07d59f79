"""Forks controllers that have everything imported already: a life of a controller begins in milliseconds.

`python -P -m tests.faults.zygote` reads one JSON document per line: {number, folder, environment, trace, shim}. It
answers with {number, pid} and, later, {pid, status} for each end. It adopts every orphan, so that none stays a zombie.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

# What a controller imports late.
import aiohttp  # noqa: F401
import httpx  # noqa: F401

from console.node import download, shim  # noqa: F401
from tests.faults import driver, tracing


def _become(order: dict[str, Any]) -> int:
    folder = Path(order["folder"])
    log = os.open(folder / "controller.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    os.setsid()
    os.environ.update(order["environment"])
    if order["shim"]:
        sys.executable = order["shim"]
    if order["trace"]:
        tracing.attach(order["trace"])
    return driver.main(folder)


def _say(**document: Any) -> None:
    os.write(1, json.dumps(document).encode() + b"\n")


def main() -> None:
    """Serve until standard input is closed."""
    ctypes.CDLL(None).prctl(shim.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    unread = b""
    while True:
        ready, _, _ = select.select([0, reading], [], [])
        if reading in ready:
            os.read(reading, 4096)
            while True:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    break
                if not pid:
                    break
                _say(pid=pid, status=os.waitstatus_to_exitcode(status))
        if 0 in ready:
            chunk = os.read(0, 1 << 16)
            if not chunk:
                return
            unread += chunk
            while b"\n" in unread:
                line, unread = unread.split(b"\n", 1)
                order = json.loads(line)
                child = os.fork()
                if not child:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for descriptor in (reading, writing):
                        os.close(descriptor)
                    code = 1
                    try:
                        code = _become(order)
                    except BaseException:
                        traceback.print_exc()
                    finally:
                        sys.stderr.flush()
                        os._exit(code)
                _say(number=order["number"], pid=child)


if __name__ == "__main__":
    main()
