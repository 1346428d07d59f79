"""A child process whose n-th change to the disk fails or never happens, because it is killed there."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable
from typing import Any

from console.errors import NodeError

CALLS = (
    *("rename", "replace", "link", "symlink", "mkdir", "unlink", "rmdir", "open", "fsync", "write", "ftruncate"),
    *("chmod", "utime", "copy_file_range"),
)
"""Functions of `os` through which the code changes the disk."""
KILL = -1
"""In place of an error number."""

PASSED, REFUSED, BROKEN, NOT_REACHED = 0, 3, 4, 5
KILLED = -signal.SIGKILL


def run_child(work: Callable[[], object], at: int, error: int) -> int:
    """Run `work` in a child that meets `error` at its `at`-th call, counted from 1.

    Returns:
        KILLED; or PASSED, REFUSED (NodeError) or BROKEN (anything else) after an error; NOT_REACHED when the work was
        done before.
    """
    pid = os.fork()
    if pid == 0:
        code = BROKEN
        try:
            code = _in_child(work, at, error)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _in_child(work: Callable[[], object], at: int, error: int) -> int:
    count = 0
    lock = threading.Lock()

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            with lock:
                count += 1
                here = count == at
            if here and error == KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            if here:
                raise OSError(error, os.strerror(error))
            return real(*arguments, **named)

        return call

    for name in CALLS:
        if hasattr(os, name):
            setattr(os, name, failing(getattr(os, name)))
    try:
        work()
    except NodeError:
        return REFUSED if count >= at else BROKEN
    return PASSED if count >= at else NOT_REACHED
