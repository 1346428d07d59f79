"""Scripted nodes for controller tests: real processes that do what a line of shell says."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from console.errors import NodeError
from console.files import sha256_of
from console.model import GENESIS
from console.node.generation import Generations
from console.node.generation_folders import Generation
from console.node.runtime.shim import ShimRuntime

DAEMON = "noded"

SIGNER_STATE = {"height": "0", "round": 0, "step": 0}

OBEDIENT = """#!/bin/sh
# A node that halts at FM_HALT_HEIGHT as soon as the test lets its application reach H-1, and else waits.
case "$1" in
  --version) echo {version}; exit 0;;
  config) echo "halt_height = ${{FM_HALT_HEIGHT:-0}}"; exit 0;;
esac
trap 'exit 0' TERM
echo "$$ {version} ${{FM_HALT_HEIGHT:-0}}" >> {home}/starts.log
while :; do
  if [ -f {home}/say ]; then
    . {home}/say
  fi
  sleep 0.02
done
"""


def make_home(home: Path, script: str = OBEDIENT, version: str = "v0.1.5") -> Path:
    """A home in Cosmovisor's layout with a shell script as its genesis binary."""
    write_binary(home / "cosmovisor" / "genesis" / "bin" / DAEMON, home, script, version)
    (home / "cosmovisor" / "current").symlink_to(GENESIS)
    (home / "cometbft" / "data").mkdir(parents=True)
    # A node that ran before: one that never did is armed at its first start.
    (home / "fendermint" / "data" / "rocksdb").mkdir(parents=True)
    (home / "cometbft" / "data" / "priv_validator_state.json").write_text(json.dumps(SIGNER_STATE))
    return home


def write_binary(path: Path, home: Path, script: str = OBEDIENT, version: str = "v0.2.0") -> str:
    """Write a scripted binary; returns its sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script.format(home=home, version=version))
    path.chmod(0o755)
    return sha256_of(path)


def genesis(home: Path) -> Generation:
    """The genesis generation of a home."""
    return Generations(home, DAEMON).generation(GENESIS)


def say(home: Path, line: str) -> None:
    """Make every scripted node of this home run a line of shell at its next turn."""
    beside = home / "say.new"
    beside.write_text(line)
    beside.replace(home / "say")


def application_at(home: Path, height: int) -> None:
    """Set what the stopped node's state database says."""
    (home / "fendermint" / "data" / "app.json").write_text(json.dumps({"height": height}))


def starts(home: Path) -> list[str]:
    """`version halt_height` of each start, in order."""
    log = home / "starts.log"
    return [line.split(" ", 1)[1] for line in log.read_text().splitlines()] if log.exists() else []


def living(*words: Path) -> dict[int, str]:
    """Processes (pid: command line) that have one of these paths, or a path below one, in their command line."""
    prefixes = tuple(os.fsencode(word) for word in words)
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                arguments = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(argument.startswith(prefixes) for argument in arguments):
                found[int(name)] = b" ".join(arguments).decode("utf-8", "replace")
    return found


async def end_all(runtime: ShimRuntime, state_dir: Path, home: Path) -> None:
    """Stop the node as a controller does, then kill and report whatever of it is left."""
    try:
        await runtime.settle()
        live = runtime.recorded()
        if live is not None:
            await runtime.stop(live)
    except (NodeError, TimeoutError):
        # What could not be stopped is killed, and reported.
        pass
    left = living(state_dir / "run" / "start.json", home)
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    assert not left, f"left behind: {left}"
    assert not runtime.lock_held()
