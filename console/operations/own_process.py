"""The node's process on this machine, where no controller of ours knows it: found by the port of its RPC.

Who listens there is who answers there, under whatever supervisor it runs. A process of another user is seen as root
only. Blocking; for a thread.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from console.files import sha256_of
from console.node.discovery.halt_origin import process_environment
from console.node.download.urls import is_loopback_host
from console.settings import NodeSettings

_COSMOVISOR = "cosmovisor"
_CONFIG = "--cosmovisor-config"


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The Cosmovisor that runs a node now, as it was started."""

    pid: int
    environment: dict[str, str]
    """What it was executed with: a unit that was changed since says something else."""
    config: Path | None
    """Its `--cosmovisor-config`; None for none."""


@dataclass(frozen=True, slots=True)
class OwnProcess:
    """Who listens at the port of the node's RPC."""

    pid: int
    program: Path
    """The file that it was executed from."""
    replaced: bool
    """Whether that file is another one by now, or gone."""
    supervisor: Supervisor | None
    """The Cosmovisor above it; None for another, or one of another user."""


def own_process(node: NodeSettings) -> OwnProcess | None:
    """Look once; None where nobody is seen to listen, or the RPC of the settings is another machine's."""
    url = urlsplit(node.cometbft_rpc)
    if url.port is None or not is_loopback_host(url.hostname or ""):
        return None
    try:
        listening = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN and each.pid]
        pid = next((each.pid for each in listening if each.laddr and each.laddr.port == url.port), None)
        if pid is None:
            return None
        process = psutil.Process(pid)
        path, _, deleted = os.readlink(f"/proc/{pid}/exe").partition(" (deleted)")
        return OwnProcess(pid, Path(path), bool(deleted) or not _same(pid, Path(path)), _supervisor(process, node.home))
    except (psutil.Error, OSError):
        return None


def executed_sha256(pid: int) -> str:
    """Of the bytes that a process executes, whatever is at their path by now. Raises OSError."""
    return sha256_of(Path(f"/proc/{pid}/exe"))


def _same(pid: int, path: Path) -> bool:
    executed, there = os.stat(f"/proc/{pid}/exe"), path.stat()
    return (executed.st_dev, executed.st_ino) == (there.st_dev, there.st_ino)


def _supervisor(process: psutil.Process, home: Path) -> Supervisor | None:
    for above in process.parents():
        found = process_environment(above.pid)
        if found is None or _COSMOVISOR not in above.name():
            continue
        if Path(found.values.get("DAEMON_HOME", "")).resolve() == home.resolve():
            return Supervisor(above.pid, dict(found.values), _config(above.cmdline()))
    return None


def _config(command: list[str]) -> Path | None:
    for place, word in enumerate(command):
        name, _, value = word.partition("=")
        if name == _CONFIG:
            return Path(value or (command[place + 1] if place + 1 < len(command) else ""))
    return None
