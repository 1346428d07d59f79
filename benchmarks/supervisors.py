"""Who else hands a node over: a loop that polls, and the real `cosmovisor`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.devnet import BenchmarkError
from benchmarks.scripted_node import end_nodes, make_home, timed
from tests.peers import COSMOVISOR


def polled(folder: Path, size: int) -> float:
    """A supervisor that polls every 300 ms, asks the old binary for its height, and starts the new one."""
    fifo = make_home(folder, size)
    process = subprocess.Popen([sys.executable, "-c", _POLLING, str(folder / "home")], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        return timed(folder, fifo)
    finally:
        process.kill()
        process.wait()
        end_nodes(folder)


_POLLING = """
import json, os, pathlib, subprocess, sys, time
home = pathlib.Path(sys.argv[1])
root, plan = home / "cosmovisor", home / "data" / "upgrade-info.json"
node = subprocess.Popen([root / "current" / "bin" / "noded", "start"], cwd=home)
print("ready", flush=True)
while True:
    time.sleep(0.3)
    if plan.exists() and plan.stat().st_size:
        told = json.loads(plan.read_text())
        done = subprocess.run([root / "current" / "bin" / "noded", "status"], capture_output=True, text=True)
        if int(json.loads(done.stdout)["sync_info"]["latest_block_height"]) >= told["height"]:
            break
node.kill()
node.wait()
(root / "current").unlink()
(root / "current").symlink_to("upgrades/" + told["name"])
subprocess.run([root / "current" / "bin" / "noded", "pre-upgrade"])
node = subprocess.Popen([root / "current" / "bin" / "noded", "start"], cwd=home)
node.wait()
"""


def cosmovisor_program() -> str:
    """The one that `make peers` builds, else that on PATH; empty where there is neither."""
    return str(COSMOVISOR.path) if COSMOVISOR.path.is_file() else shutil.which("cosmovisor") or ""


def cosmovisor_version(program: str) -> str:
    """As it tells itself, in one line."""
    told = subprocess.run([program, "version", "--cosmovisor-only"], capture_output=True, text=True, check=False)
    words = (told.stdout + told.stderr).split()
    return next((word for word in words if word[0] == "v" and word[1:2].isdigit()), "of an unknown version")


def cosmovisor(folder: Path, program: str, size: int, *, tables: int = 0) -> float:
    """Seconds of one hand-over by the real one at its defaults.

    Args:
        folder: A new one.
        program: Its path.
        size: Of the binaries, in bytes.
        tables: Files of the database to back up; 0 switches its backup off.

    Raises:
        BenchmarkError: It ended, or did not start the new process.
    """
    fifo = make_home(folder, size, tables=tables)
    environment = {
        **os.environ,
        "DAEMON_HOME": str(folder / "home"),
        "DAEMON_NAME": "noded",
        "UNSAFE_SKIP_BACKUP": "false" if tables else "true",
    }
    # Before 1.7 it reads a relative link from where it stands.
    place = folder / "home" / "cosmovisor"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "run", "start"], cwd=place, env=environment, stdout=log, stderr=log)
    try:
        # It says nothing when it is ready; its first poll comes after 300 ms.
        time.sleep(1.0)
        if process.poll() is not None:
            raise BenchmarkError(f"cosmovisor ended: {(folder / 'log').read_text()[-2000:]}")
        return timed(folder, fifo)
    finally:
        process.kill()
        process.wait()
        end_nodes(folder)
