"""Hand-over on a chain that stops its nodes: the plan file is written → the new process is started.

The real controller, shim and journal, with nodes that cost nothing: the old one is `sleep`, the new one a script padded
to a size that writes to a FIFO. The reference polls the file every 300 ms and executes `status`, as Cosmovisor does
(facts/cosmos.md §7); where `cosmovisor` is on PATH it is measured too.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.devnet import BenchmarkError
from console.model import NodeStatus, Preparation

RUNS = 40
LARGE_RUNS = 5
SMALL = 1 << 20
LARGE = 150 << 20
HEIGHT = 100

_OLD = """#!/bin/sh
case "$1" in
  version|--version) echo v1; exit 0;;
  status) echo '{"sync_info":{"latest_block_height":"1000000"}}'; exit 0;;
  pre-upgrade) exit 0;;
esac
exec sleep 1000000
"""
_NEW = """#!/bin/sh
case "$1" in
  version|--version) echo v2; exit 0;;
  pre-upgrade) exit 0;;
esac
echo started > {fifo}
exec sleep 1000000
exit 0
"""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Medians and spreads in seconds."""

    ours_s: tuple[float, ...]
    ours_large_s: tuple[float, ...]
    """With a binary of 150 MiB."""
    poll_s: tuple[float, ...]
    cosmovisor_s: tuple[float, ...]
    """Empty where no `cosmovisor` is on PATH."""

    def lines(self) -> list[str]:
        """For a person."""
        ours, poll = statistics.median(self.ours_s), statistics.median(self.poll_s)
        told = [
            f"ours, binary of 1 MiB: {_words(self.ours_s)}",
            f"ours, binary of 150 MiB: {_words(self.ours_large_s)}",
            f"a 300 ms poll with a status exec: {_words(self.poll_s)}; ratio {poll / ours:.1f}",
        ]
        if self.cosmovisor_s:
            theirs = statistics.median(self.cosmovisor_s)
            told.append(f"cosmovisor: {_words(self.cosmovisor_s)}; ratio {theirs / ours:.1f}")
        else:
            told.append("cosmovisor is not on PATH: not measured")
        return told


def measure(runs: int = RUNS) -> HandOver:
    """Measure. Raises BenchmarkError."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        return HandOver(
            ours_s=tuple(_ours(root / f"ours{run}", SMALL) for run in range(runs)),
            ours_large_s=tuple(_ours(root / f"large{run}", LARGE) for run in range(LARGE_RUNS)),
            poll_s=tuple(_polled(root / f"poll{run}", SMALL) for run in range(runs)),
            cosmovisor_s=_cosmovisor_runs(root, runs),
        )


def _words(values: tuple[float, ...]) -> str:
    ordered = sorted(values)
    worst = ordered[-1] * 1000
    return f"median {statistics.median(ordered) * 1000:.1f} ms, worst {worst:.0f} ms of {len(ordered)} runs"


# --- what is upgraded ---


def _make_home(folder: Path, size: int) -> Path:
    """A Cosmos home with both generations; returns the FIFO that the new process writes to."""
    home, fifo = folder / "home", folder / "started"
    old, new = (
        home / "cosmovisor" / "genesis" / "bin" / "noded",
        home / "cosmovisor" / "upgrades" / "v2" / "bin" / "noded",
    )
    (home / "data").mkdir(parents=True)
    (home / "data" / "priv_validator_state.json").write_text('{"height": "0", "round": 0, "step": 0}')
    os.mkfifo(fifo)
    for path, text in ((old, _OLD), (new, _NEW.format(fifo=fifo))):
        path.parent.mkdir(parents=True)
        path.write_bytes(text.encode() + b"#" * (size - len(text)))
        path.chmod(0o755)
    (home / "cosmovisor" / "current").symlink_to("genesis")
    return fifo


def _write_plan(home: Path) -> None:
    """As a node writes it: in place, whole in one call."""
    plan = {"name": "v2", "time": "0001-01-01T00:00:00Z", "height": HEIGHT, "info": ""}
    (home / "data" / "upgrade-info.json").write_text(json.dumps(plan))


def _timed(folder: Path, fifo: Path) -> float:
    """Write the plan at a random moment, and wait for the new process."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        # Not in step with anybody's poll.
        time.sleep(random.uniform(0.0, 0.3))
        began = time.perf_counter()
        _write_plan(folder / "home")
        ready, _, _ = select.select([reader], [], [], 30.0)
        if not ready:
            raise BenchmarkError("the new process was not started within 30 s")
        return time.perf_counter() - began
    finally:
        os.close(reader)


# --- ours ---


def _ours(folder: Path, size: int) -> float:
    fifo = _make_home(folder, size)
    state = folder / "state"
    (state / "run").mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.hand_over", str(folder)],
        stdout=subprocess.PIPE,
        stderr=(folder / "log").open("wb"),
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != b"ready":
            raise BenchmarkError(f"the controller did not come up: {(folder / 'log').read_text()[-2000:]}")
        return _timed(folder, fifo)
    finally:
        process.terminate()
        process.wait()
        _end_nodes(folder)


async def _control(folder: Path) -> None:
    """One controller on a chain that stands at its halt as soon as the file says so."""
    from console.files import sha256_of
    from console.node.chain_halt import ChainHalt
    from console.node.controller import Controller
    from console.node.faults import FaultPoints
    from console.node.generation import Generations
    from console.node.journal import Journal
    from console.node.parts import parts_of
    from console.node.silence import SilentSignals
    from console.ports import ConsensusReading, PlanReading
    from console.settings import NodeSettings
    from console.text import untrusted

    class Chain:
        """The plan is known, as x/upgrade tells it long before, and our node is one block before its halt."""

        async def read(self, *, own_node_only: bool) -> PlanReading:
            return PlanReading(HEIGHT - 1, (planned,), None)

        async def own(self) -> ConsensusReading:
            return ConsensusReading(HEIGHT, HEIGHT - 1, "AB", "v1", False, 3, 40, 40, True, 10)

        async def highest_peer(self) -> int | None:
            return HEIGHT

        async def verified_commit(self, height: int) -> frozenset[str]:
            return frozenset()

        async def agreed_app_hash(self, height: int) -> str:
            return "AB"

    planned = ChainHalt(untrusted("v2"), HEIGHT, untrusted(""), 0.0, by_operator=False).proposal()
    home, state = folder / "home", folder / "state"
    node = NodeSettings(
        name="node",
        home=home,
        state_dir=state,
        daemon="noded",
        arguments=("start",),
        address="",
        cometbft_rpc="http://127.0.0.1:9",
        ethereum_rpc="",
        operator_key=None,
        shape="cosmos",
        allow_scripts=True,
        rollback_space_margin_bytes=0,
        # As in the measurement of the reference: neither copies anything.
        backup_enabled=False,
    )
    faults = FaultPoints("")
    journal = Journal(state / "journal.db")
    binary = home / "cosmovisor" / "upgrades" / "v2" / "bin" / "noded"
    Generations(home, "noded").adopt_recorded("v2", "benchmark", sha256=sha256_of(binary))
    parts = parts_of(lambda: node, journal, faults)
    chain = Chain()
    controller = Controller(
        lambda: node,
        journal,
        chain,
        chain,  # type: ignore[arg-type]
        SilentSignals(),
        parts,
        block_time_s=1.0,
        changed=lambda: None,
        faults=faults,
    )
    work = asyncio.create_task(controller.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    while not _waits(controller.status()):
        await asyncio.sleep(0.01)
    # The next start is prepared one step later.
    await asyncio.sleep(0.3)
    print("ready", flush=True)
    with suppress(asyncio.CancelledError):
        await work
    journal.close()


def _waits(status: NodeStatus) -> bool:
    """Whether the old node runs, and the new release is ready."""
    attempt = status.attempt
    return status.app_height is not None and attempt is not None and attempt.preparation is Preparation.READY


def _end_nodes(folder: Path) -> None:
    """End what a run left: the nodes go on without their controller."""
    wanted = os.fsencode(folder)
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with suppress(OSError):
                words = Path(f"/proc/{name}/cmdline").read_bytes()
                if wanted in words or Path(f"/proc/{name}/cwd").readlink().is_relative_to(folder):
                    os.kill(int(name), signal.SIGKILL)


# --- the references ---


def _polled(folder: Path, size: int) -> float:
    """A supervisor that polls every 300 ms, asks the old binary for its height, and starts the new one."""
    fifo = _make_home(folder, size)
    process = subprocess.Popen([sys.executable, "-c", _POLLING, str(folder / "home")], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        return _timed(folder, fifo)
    finally:
        process.kill()
        process.wait()
        _end_nodes(folder)


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


def _cosmovisor_runs(root: Path, runs: int) -> tuple[float, ...]:
    program = shutil.which("cosmovisor")
    return () if program is None else tuple(_cosmovisor(root / f"cv{run}", program) for run in range(runs))


def _cosmovisor(folder: Path, program: str) -> float:
    fifo = _make_home(folder, SMALL)
    environment = {
        **os.environ,
        "DAEMON_HOME": str(folder / "home"),
        "DAEMON_NAME": "noded",
        "UNSAFE_SKIP_BACKUP": "true",
        "COSMOVISOR_DISABLE_LOGS": "true",
    }
    process = subprocess.Popen([program, "run", "start"], env=environment, stdout=subprocess.DEVNULL)
    try:
        # It says nothing when it is ready; its first poll comes after 300 ms.
        time.sleep(1.0)
        return _timed(folder, fifo)
    finally:
        process.kill()
        process.wait()
        _end_nodes(folder)


if __name__ == "__main__":
    asyncio.run(_control(Path(sys.argv[1])))
