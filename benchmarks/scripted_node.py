"""Nodes that cost nothing, for a hand-over: the old one sleeps, the new one says in a FIFO that it started."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.devnet import BenchmarkError
from benchmarks.rollback_point import build_data

HEIGHT = 100
"""Of the plan."""

_OLD = """#!/bin/sh
case "$1" in
  version|--version) echo v1; exit 0;;
  status) echo '{"SyncInfo":{"latest_block_height":"1000000"},"sync_info":{"latest_block_height":"1000000"}}'; exit 0;;
  pre-upgrade) exit 0;;
esac
exec sleep 1000000
"""
_OLD_ARMED = """#!/bin/sh
case "$1" in
  --version) echo v1; exit 0;;
  config) echo "halt_height = ${{FM_HALT_HEIGHT:-0}}"; exit 0;;
esac
read -r word < {go}
echo '{{"height": 99}}' > {home}/fendermint/data/app.json
echo "INFO Stopping node due to reaching halt height height=100" >&2
exit 2
"""
"""A node in Fendermint's shape: it stands before its halt until a word comes through a FIFO."""
_NEW = """#!/bin/sh
case "$1" in
  version|--version) echo v2; exit 0;;
  config|pre-upgrade) exit 0;;
esac
echo started > {fifo}
exec sleep 1000000
exit 0
"""


def make_home(folder: Path, size: int, *, armed: bool = False, tables: int = 0) -> Path:
    """A home with both generations; returns the FIFO that the new process writes to.

    Args:
        folder: A new one.
        size: Of each binary, in bytes.
        armed: Whether the old node is in Fendermint's shape, and halts by itself.
        tables: Files of 2 MiB that its database has, with its logs of 90 MiB; none without any.
    """
    home, fifo = folder / "home", folder / "started"
    old, new = (
        home / "cosmovisor" / "genesis" / "bin" / "noded",
        home / "cosmovisor" / "upgrades" / "v2" / "bin" / "noded",
    )
    (home / "data").mkdir(parents=True)
    (home / "data" / "priv_validator_state.json").write_text('{"height": "0", "round": 0, "step": 0}')
    if tables:
        build_data(home / "data", tables)
    os.mkfifo(fifo)
    old_text = _OLD
    if armed:
        os.mkfifo(folder / "go")
        for name in ("fendermint", "cometbft"):
            (home / name / "data").mkdir(parents=True)
        (home / "fendermint" / "data" / "app.json").write_text('{"height": 60}')
        (home / "data" / "priv_validator_state.json").rename(home / "cometbft" / "data" / "priv_validator_state.json")
        old_text = _OLD_ARMED.format(go=folder / "go", home=home)
    for path, text in ((old, old_text), (new, _NEW.format(fifo=fifo))):
        path.parent.mkdir(parents=True)
        path.write_bytes(text.encode() + b"#" * (size - len(text)))
        path.chmod(0o755)
    (home / "cosmovisor" / "current").symlink_to("genesis")
    return fifo


def _write_plan(home: Path) -> None:
    """As a node writes it: in place, whole in one call."""
    plan = {"name": "v2", "time": "0001-01-01T00:00:00Z", "height": HEIGHT, "info": ""}
    (home / "data" / "upgrade-info.json").write_text(json.dumps(plan))


def _let_go(folder: Path) -> None:
    """Let the armed node reach its halt."""
    go = os.open(folder / "go", os.O_WRONLY)
    os.write(go, b"go\n")
    os.close(go)


def timed(folder: Path, fifo: Path, *, armed: bool = False) -> float:
    """Begin the hand-over at a random moment, and wait for the new process."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        # Not in step with anybody's poll.
        time.sleep(random.uniform(0.0, 0.3))
        began = time.perf_counter()
        if armed:
            _let_go(folder)
        else:
            _write_plan(folder / "home")
        ready, _, _ = select.select([reader], [], [], 30.0)
        if not ready:
            raise BenchmarkError("the new process was not started within 30 s")
        return time.perf_counter() - began
    finally:
        os.close(reader)


def end_nodes(folder: Path) -> None:
    """End what a run left: the nodes go on without their controller."""
    wanted = os.fsencode(folder)
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with suppress(OSError):
                words = Path(f"/proc/{name}/cmdline").read_bytes()
                if wanted in words or Path(f"/proc/{name}/cwd").readlink().is_relative_to(folder):
                    os.kill(int(name), signal.SIGKILL)
