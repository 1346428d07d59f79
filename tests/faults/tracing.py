"""Hindering a process at its n-th system call by strace, which attaches when it is ready: nothing before counts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

STRACE = shutil.which("strace") or ""

_WRAPPER = """#!{python} -IS
import os, runpy, sys
turn = 1
while True:
    try:
        os.close(os.open(f"{{__file__}}-{{turn}}", os.O_CREAT | os.O_EXCL))
        break
    except FileExistsError:
        turn += 1
if turn in {turns!r}:
    sys.path.insert(0, {library!r})
    import tracing
    tracing.attach({words!r})
    del sys.path[0]
del sys.argv[0]
while sys.argv[0] in ("-I", "-S"):
    del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def words(syscall: str, action: str, when: int) -> tuple[str, ...]:
    """Arguments of strace.

    Args:
        syscall: One or several with commas; one that this machine's kernel does not have is left out with `?`.
        action: `signal=KILL` or `error=EIO`.
        when: At which call of each thread.
    """
    names = ",".join(f"?{name}" for name in syscall.split(","))
    # What is executed is let go: the shim has its own turn, and the node's own calls are its own affair.
    return (
        *(STRACE, "-f", "-b", "execve", "-qq", "-o", "/dev/null", "-e", f"trace={names}"),
        *("-e", f"inject={names}:{action}:when={when}"),
    )


def usable() -> bool:
    """Whether strace is here and may attach to processes."""
    if not STRACE:
        return False
    done = subprocess.run(
        [STRACE, "-f", "-b", "execve", "-qq", "-o", "/dev/null", "-e", "inject=?rename:error=EIO:when=1", "true"],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def attach(arguments: Sequence[str]) -> None:
    """Have this process traced from here on by a process that is no descendant of it."""
    target = os.getpid()
    child = os.fork()
    if not child:
        if not os.fork():
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nothing, descriptor)
            os.setsid()
            os.execv(arguments[0], [*arguments, "-p", str(target)])
        os._exit(0)
    os.waitpid(child, 0)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with open("/proc/self/status", "rb") as stream:
            if b"\nTracerPid:\t0\n" not in stream.read():
                return
        time.sleep(0.002)
    raise TimeoutError("strace did not attach")


def wrapper(path: Path, arguments: Sequence[str], turns: range) -> Path:
    """A program in the place of the interpreter that runs the shim in its own process, traced.

    Args:
        path: Where it is written.
        arguments: Of strace.
        turns: Which shims, the first being 1; the others are not traced.
    """
    text = _WRAPPER.format(
        python=os.path.realpath(sys.executable), library=str(Path(__file__).parent), words=list(arguments), turns=turns
    )
    path.write_text(text)
    path.chmod(0o755)
    return path
