"""Daemons: started detached, found again by pid and start time or by a mark in their environment, and stopped.

A process is never signalled by its number alone: numbers are used again, so each record holds the start time too
(DESIGN §4, one signer, has the same rule).
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sysconfig
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import console
from console.devnet.process_identity import ProcessIdentity, identify, is_alive
from console.errors import DevnetError

MARKER = "UPGRADE_CONSOLE_DEVNET"
"""Environment variable of every process of a devnet; its value is the devnet's folder."""

_POLL_S = 0.02


def marked(folder: Path) -> list[ProcessIdentity]:
    """All living processes of this user that carry the folder's mark, except this one."""
    wanted = f"{MARKER}={folder}".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            environment = Path(f"/proc/{name}/environ").read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b"\0") and (identity := identify(int(name))) is not None:
            found.append(identity)
    return found


def daemon_environment(folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the devnet's processes.

    This process's own one with the mark, without `FM_*` (a halt height in the operator's shell must reach no node) and
    with the source tree on the module path when the packages are not installed.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FM_")}
    root = str(Path(console.__file__).resolve().parent.parent)
    if root not in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        others = [part for part in kept.get("PYTHONPATH", "").split(os.pathsep) if part and part != root]
        kept["PYTHONPATH"] = os.pathsep.join([root, *others])
    return {**kept, **(extra or {}), MARKER: str(folder)}


def spawn(command: Sequence[str], *, folder: Path, log: Path, environment: Mapping[str, str]) -> ProcessIdentity:
    """Start a daemon that outlives this process: own session, no inherited descriptors, output appended to `log`.

    Args:
        command: Program and arguments.
        folder: Its working folder.
        log: File for stdout and stderr; made with mode 0600.
        environment: Its whole environment.

    Raises:
        DevnetError: It could not be started.
    """
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
                close_fds=True,
            )
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DevnetError(f"cannot start {command[0]}: {error.strerror or error}") from error
    identity = identify(process.pid)
    # While this process lives it is the parent and must reap, or an ended daemon would stay as a zombie.
    threading.Thread(target=process.wait, name=f"reap {process.pid}", daemon=True).start()
    if identity is None:
        raise DevnetError(f"{Path(command[0]).name} ended at once", next_step=f"look at {log}")
    return identity


def send(identity: ProcessIdentity, number: signal.Signals) -> bool:
    """Signal this very process; False when it is gone. A stranger that got its number is not touched."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except (ProcessLookupError, PermissionError):
        return False
    try:
        # The descriptor pins the process, so this check cannot be outdated by the time the signal is sent.
        if not is_alive(identity):
            return False
        signal.pidfd_send_signal(descriptor, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(descriptor)
    return True


async def wait_gone(identities: Iterable[ProcessIdentity], seconds: float) -> list[ProcessIdentity]:
    """Wait until all have ended, at most `seconds`; returns those that have not."""
    deadline = time.monotonic() + seconds
    left = [identity for identity in identities if is_alive(identity)]
    while left and time.monotonic() < deadline:
        await asyncio.sleep(_POLL_S)
        left = [identity for identity in left if is_alive(identity)]
    return left


async def stop(identities: Iterable[ProcessIdentity], *, grace_s: float) -> list[ProcessIdentity]:
    """SIGTERM, wait, SIGKILL what is left; returns what survived even that (nothing, as a rule).

    Args:
        identities: Processes; dead ones are fine.
        grace_s: Seconds between the two signals.
    """
    wanted = [identity for identity in identities if send(identity, signal.SIGTERM)]
    left = await wait_gone(wanted, grace_s)
    for identity in left:
        send(identity, signal.SIGKILL)
    return await wait_gone(left, 5.0)
