"""Hand-over: the plan file is written, or the node exits at its halt → the new process is started.

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
from console.model import Arming, NodeStatus, Preparation, Proposal, ProposalStatus, ReleaseKind, Verdict
from console.text import untrusted

RUNS = 40
LARGE_RUNS = 5
SMALL = 1 << 20
LARGE = 150 << 20
HEIGHT = 100
_SETTLED_S = 1.2

_OLD = """#!/bin/sh
case "$1" in
  version|--version) echo v1; exit 0;;
  status) echo '{"sync_info":{"latest_block_height":"1000000"}}'; exit 0;;
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


@dataclass(frozen=True, slots=True)
class HandOver:
    """Medians and spreads in seconds."""

    ours_s: tuple[float, ...]
    ours_large_s: tuple[float, ...]
    """With a binary of 150 MiB."""
    exit_s: tuple[float, ...]
    """From the node's exit at an armed halt, with a rollback point of its small data."""
    poll_s: tuple[float, ...]
    cosmovisor_s: tuple[float, ...]
    """Empty where no `cosmovisor` is on PATH."""

    def lines(self) -> list[str]:
        """For a person."""
        ours, poll = statistics.median(self.ours_s), statistics.median(self.poll_s)
        told = [
            f"ours, binary of 1 MiB: {_words(self.ours_s)}",
            f"ours, binary of 150 MiB: {_words(self.ours_large_s)}",
            f"ours, from the exit of an armed node: {_words(self.exit_s)}",
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
            exit_s=tuple(_ours(root / f"exit{run}", SMALL, armed=True) for run in range(runs)),
            poll_s=tuple(_polled(root / f"poll{run}", SMALL) for run in range(runs)),
            cosmovisor_s=_cosmovisor_runs(root, runs),
        )


def _words(values: tuple[float, ...]) -> str:
    ordered = sorted(values)
    worst = ordered[-1] * 1000
    return f"median {statistics.median(ordered) * 1000:.1f} ms, worst {worst:.0f} ms of {len(ordered)} runs"


# --- what is upgraded ---


def _make_home(folder: Path, size: int, *, armed: bool = False) -> Path:
    """A home with both generations; returns the FIFO that the new process writes to."""
    home, fifo = folder / "home", folder / "started"
    old, new = (
        home / "cosmovisor" / "genesis" / "bin" / "noded",
        home / "cosmovisor" / "upgrades" / "v2" / "bin" / "noded",
    )
    (home / "data").mkdir(parents=True)
    (home / "data" / "priv_validator_state.json").write_text('{"height": "0", "round": 0, "step": 0}')
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


def _timed(folder: Path, fifo: Path, *, armed: bool = False) -> float:
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


# --- ours ---


def _ours(folder: Path, size: int, *, armed: bool = False) -> float:
    fifo = _make_home(folder, size, armed=armed)
    # A generation is staged long before its height, and what changed within the last second is not hashed ahead.
    time.sleep(_SETTLED_S)
    state = folder / "state"
    (state / "run").mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.hand_over", str(folder), *(["armed"] if armed else [])],
        stdout=subprocess.PIPE,
        stderr=(folder / "log").open("wb"),
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != b"ready":
            raise BenchmarkError(f"the controller did not come up: {(folder / 'log').read_text()[-2000:]}")
        return _timed(folder, fifo, armed=armed)
    finally:
        process.terminate()
        process.wait()
        _end_nodes(folder)


async def _control(folder: Path, *, armed: bool) -> None:
    """One controller on a chain that stands at its halt as soon as the file says so."""
    from console.files import sha256_of
    from console.node.controller import Controller
    from console.node.faults import FaultPoints
    from console.node.generation import Generations
    from console.node.journal import Journal
    from console.node.parts import parts_of
    from console.node.silence import SilentSignals
    from console.ports.chain import ConsensusReading, PlanReading
    from console.settings import NodeSettings

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

    home, state = folder / "home", folder / "state"
    binary = home / "cosmovisor" / "upgrades" / "v2" / "bin" / "noded"
    planned = _plan(sha256_of(binary), armed=armed)
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
        shape="embedded" if armed else "cosmos",
        allow_scripts=True,
        rollback_space_margin_bytes=0,
        # On a chain's own halt as in the measurement of the reference: neither copies anything.
        backup_enabled=armed,
    )
    faults = FaultPoints("")
    journal = Journal(state / "journal.db")
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
    while not _waits(controller.status(), armed=armed):
        await asyncio.sleep(0.01)
    # The next start is prepared one step later.
    await asyncio.sleep(0.3)
    print("ready", flush=True)
    with suppress(asyncio.CancelledError):
        await work
    journal.close()


def _plan(sha256: str, *, armed: bool) -> Proposal:
    """The upgrade at H, as a registry or a chain has it."""
    return Proposal(
        id=1 if armed else HEIGHT,
        name=untrusted("v2"),
        release_kind=ReleaseKind.RAW,
        release_hash=sha256 if armed else "",
        release_url=untrusted(""),
        target_height=HEIGHT,
        breaking=True,
        proposer="",
        proposed_at=0,
        scheduled_at=0,
        status=ProposalStatus.SCHEDULED,
        verdict=Verdict.CROSS,
        frozen_at=95,
        freeze_blocks=5,
        ready_power=0,
        armed_power=0,
        go_power=0,
        confirmed_power=0,
        total_power=0,
        halts_itself=not armed,
    )


def _waits(status: NodeStatus, *, armed: bool) -> bool:
    """Whether the old node runs, and the new release is ready."""
    attempt = status.attempt
    if status.app_height is None or attempt is None or attempt.preparation is not Preparation.READY:
        return False
    return not armed or attempt.arming is Arming.ARMED


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
    asyncio.run(_control(Path(sys.argv[1]), armed="armed" in sys.argv[2:]))
