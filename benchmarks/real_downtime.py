"""Downtime on real CometBFT, four validators: the console's crossing beside a plain stop, swap and start by a shell.

Both are measured alike, from the chain alone: the longest time between two commits around the swap. The shell does what
a careful operator's script would, on all four nodes at the same moment: it ends the three processes, moves the link,
starts the application, and CometBFT as soon as the application listens. It checks and keeps nothing.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import dropwhile, pairwise
from pathlib import Path
from typing import Any

import psutil

from benchmarks.at_rest import controllers_of
from benchmarks.devnet import BenchmarkError, Devnet, devnet
from benchmarks.downtime import commit_time, result
from benchmarks.ratio import Ratio
from console.devnet.processes import MARKER
from tests.peers import COMETBFT_037, COMETBFT_038

BLOCK_TIME = "500ms"
LEAD_BLOCKS = 70
"""A node's arming restart takes CometBFT some five seconds, and they are armed one after the other."""
AROUND = 4
"""Blocks before and after the swap that are looked at."""
_DEADLINE_S = 180.0

_SWAP = """
set -eu
ended() {
    while kill -0 "$1" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; do sleep 0.02; done
}
swap() {
    home=$1 port=$2; shift 2
    kill -TERM "$@" 2>/dev/null || true
    for pid in "$@"; do ended "$pid"; done
    ln -sfn upgrades/by-shell "$home/cosmovisor/current"
    bin=$home/cosmovisor/current/bin
    cd "$home"
    "$bin/subnetd" --home-dir "$home/fendermint" run >>"$home/shell.log" 2>&1 &
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.02; done
    "$bin/cometbft" start --home "$home/cometbft" >>"$home/shell.log" 2>&1 &
    "$bin/subnetd" --home-dir "$home/fendermint" eth run >>"$home/shell.log" 2>&1 &
}
"""


@dataclass(frozen=True, slots=True)
class RealDowntime:
    """Seconds. Empty `cometbft`: it is not here, and nothing was measured."""

    cometbft: str
    """Its version."""
    block_time_s: float
    ours_s: float = 0.0
    """The longest time between two commits around H, with rollback points, checks and the verdict."""
    shell_s: float = 0.0
    """The same around the shell's swap."""
    usual_s: float = 0.0
    """Between two commits before."""
    own_s: float = 0.0
    """Of ours, from a node's end to the start of its new binary, as the journal has it: the median node."""
    apart_s: float = 0.0
    """From the first node's end to the last one's. One that lacks the commit of H when the others' CometBFTs end with
    their applications gets it, and halts, only when the first of them is back."""

    def lines(self) -> list[str]:
        """For a person."""
        if not self.cometbft:
            return ["CometBFT is not here (`make peers` builds it, with Go): not measured"]
        return [
            f"CometBFT {self.cometbft}, block time {self.block_time_s:g} s; usually a commit in {self.usual_s:.2f} s",
            f"longest time between two commits, the console's crossing  {self.ours_s:.2f} s",
            f"the same, stop, swap and start by a shell                 {self.shell_s:.2f} s",
            f"of ours, a node's end to the start of its new binary      {self.own_s:.3f} s",
            f"of ours, the first node's halt to the last one's          {self.apart_s:.2f} s",
        ]

    def ratios(self) -> list[Ratio]:
        """Beside the shell."""
        if not self.cometbft:
            return []
        name = "downtime on real CometBFT: ours by stop, swap, start of a shell"
        return [Ratio(name, self.ours_s / self.shell_s)]


def measure() -> RealDowntime:
    """One crossing by the console, and one by a shell on the same network after it.

    Raises:
        BenchmarkError: A network did not cross.
    """
    found = [(peer.name.partition("-")[2], peer.path) for peer in (COMETBFT_038, COMETBFT_037) if peer.path.is_file()]
    block_time_s = int(BLOCK_TIME.removesuffix("ms")) / 1000
    if not found:
        return RealDowntime("", block_time_s)
    version, program = found[0]
    with devnet(BLOCK_TIME, "--consensus", "cometbft", "--cometbft", str(program)) as network:
        gaps, swap = _crossed(network)
        halts, starts = _noted(network)
        shell = max(_swapped(network))
    own = statistics.median(start - halt for halt, start in zip(halts, starts, strict=True))
    usual = statistics.median(gaps[:swap])
    return RealDowntime(version, block_time_s, max(gaps[swap:]), shell, usual, own, max(halts) - min(halts))


def _crossed(network: Devnet) -> tuple[list[float], int]:
    """Times between commits around H, and the index of that from H-1 to H."""
    height = network.propose(LEAD_BLOCKS)

    def crossed(now: dict[str, Any]) -> bool:
        return (now["height"] or 0) > height + AROUND + 1 and all(node["state"] == "COMMITTED" for node in now["nodes"])

    status = network.until("all four are committed", crossed, _DEADLINE_S, quiet_s=LEAD_BLOCKS / 2)
    return _gaps(status["cometbft_rpc"][0], height - AROUND - 1, height + AROUND), AROUND


def _noted(network: Devnet) -> tuple[list[float], list[float]]:
    """When each node's halt was journalled, and when its new binary was started. Raises BenchmarkError."""
    halts, starts = [], []
    for node in network.status()["nodes"]:
        path = network.folder / "nodes" / node["name"] / "state" / "journal.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            rows = database.execute(
                "SELECT kind, at FROM event WHERE kind IN ('halted', 'run') ORDER BY seq"
            ).fetchall()
        after = list(dropwhile(lambda row: row[0] != "halted", rows))
        started = next((at for kind, at in after if kind == "run"), None)
        if started is None:
            raise BenchmarkError(f"the journal of {node['name']} has no start after its halt")
        halts.append(float(after[0][1]))
        starts.append(float(started))
    return halts, starts


def _swapped(network: Devnet) -> list[float]:
    """Times between commits around the shell's swap."""
    status = network.status()
    # They would start again what the shell stops.
    for controller in controllers_of(network.folder):
        controller.kill()
    calls = []
    for node in status["nodes"]:
        home = Path(node["home"])
        _stage(network, home)
        pids = [str(process.pid) for process in _services(home)]
        if len(pids) != 3:
            raise BenchmarkError(f"{node['name']} has {len(pids)} processes, not 3")
        calls.append(f"swap {home} {_abci_port(home)} {' '.join(pids)} &")
    before = _height(status["cometbft_rpc"][0])
    environment = {**os.environ, MARKER: str(network.folder)}
    script = "\n".join((_SWAP, *calls, "wait"))
    shell = subprocess.Popen(["bash", "-c", script], env=environment, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + _DEADLINE_S
        while (height := _height(status["cometbft_rpc"][0])) < before + AROUND + 3:
            if time.monotonic() > end:
                raise BenchmarkError(f"the chain did not go on after the shell's swap at {height}")
            time.sleep(0.2)
        for node in status["nodes"]:
            if (Path(node["home"]) / "cosmovisor" / "current").readlink().name != "by-shell":
                raise BenchmarkError(f"{node['name']} was not swapped")
        return _gaps(status["cometbft_rpc"][0], before - 1, height - 1)
    finally:
        # Its nodes are the children of its own children, and end with the network.
        for process in _children(shell.pid):
            process.kill()
        shell.kill()
        shell.wait()


def _stage(network: Devnet, home: Path) -> None:
    """The binary to swap to and the CometBFT that stays, as they would lie there before."""
    bin_folder = home / "cosmovisor" / "upgrades" / "by-shell" / "bin"
    bin_folder.mkdir(parents=True)
    shutil.copy2(network.folder / "releases" / "v0.2.0" / "subnetd", bin_folder)
    (bin_folder / "subnetd").chmod(0o755)
    shutil.copy2(home / "cosmovisor" / "genesis" / "bin" / "cometbft", bin_folder)


def _services(home: Path) -> list[psutil.Process]:
    """The three processes of one node."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if any(word in words for word in (str(home / "fendermint"), str(home / "cometbft"))):
            found.append(process)
    return found


def _abci_port(home: Path) -> str:
    text = (home / "cometbft" / "config" / "config.toml").read_text()
    return text.partition("proxy_app")[2].partition("\n")[0].rpartition(":")[2].strip(' "')


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _height(url: str) -> int:
    """Of the newest block; 0 while nobody answers."""
    try:
        return int(result(f"{url}/status")["sync_info"]["latest_block_height"])
    except OSError:
        return 0


def _gaps(url: str, first: int, last: int) -> list[float]:
    """Seconds between the commits of successive heights."""
    times = [commit_time(url, height) for height in range(first, last + 1)]
    return [after - before for before, after in pairwise(times)]
