"""Hand-over: the plan file is written, or the node exits at its halt → the new process is started.

The real controller, shim and journal, with nodes that cost nothing: the old one is `sleep`, the new one a script padded
to a size that writes to a FIFO. The references are the real `cosmovisor` at its defaults, with the same nodes and plan,
and a loop that polls as it does (facts/cosmos.md §7).
"""

from __future__ import annotations

import asyncio
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
from benchmarks.ratio import Ratio
from benchmarks.scripted_node import HEIGHT, end_nodes, make_home, timed
from benchmarks.supervisors import cosmovisor, cosmovisor_program, cosmovisor_version, polled
from console.model import Arming, NodeStatus, Preparation, Proposal, ProposalStatus, ReleaseKind, Verdict
from console.text import untrusted

RUNS = 40
FEW_RUNS = 5
SMALL = 1 << 20
LARGE = 150 << 20
TABLES = 256
"""Of 2 MiB, for the runs with state to back up."""
_SETTLED_S = 1.2


@dataclass(frozen=True, slots=True)
class HandOver:
    """Seconds, one per run."""

    ours_s: tuple[float, ...]
    ours_large_s: tuple[float, ...]
    """With a binary of 150 MiB."""
    exit_s: tuple[float, ...]
    """From the node's exit at an armed halt, with a rollback point of its small data."""
    ours_backup_s: tuple[float, ...]
    """With a rollback point of 0.6 GB, taken in between."""
    poll_s: tuple[float, ...]
    cosmovisor_version: str
    """Empty where there is none."""
    cosmovisor_s: tuple[float, ...]
    """Without its backup; empty where there is none."""
    cosmovisor_backup_s: tuple[float, ...]
    """With its backup of the same 0.6 GB."""

    def lines(self) -> list[str]:
        """For a person."""
        named = f"cosmovisor {self.cosmovisor_version}"
        told = [
            f"ours, binary of 1 MiB: {_words(self.ours_s)}",
            f"ours, binary of 150 MiB: {_words(self.ours_large_s)}",
            f"ours, from the exit of an armed node: {_words(self.exit_s)}",
            f"ours, with a rollback point of 0.6 GB: {_words(self.ours_backup_s)}",
            f"a 300 ms poll with a status exec: {_words(self.poll_s)}",
        ]
        if not self.cosmovisor_s:
            return [*told, "cosmovisor is not here (`make peers` builds it, with Go): not measured"]
        return [
            *told,
            f"{named}, without its backup: {_words(self.cosmovisor_s)}",
            f"{named}, with its backup of 0.6 GB: {_words(self.cosmovisor_backup_s)}",
        ]

    def ratios(self) -> list[Ratio]:
        """Beside who else hands over."""
        found = [Ratio("hand-over: a 300 ms poll by ours", _median(self.poll_s) / _median(self.ours_s))]
        for name, theirs, ours in (
            ("without a backup", self.cosmovisor_s, self.ours_s),
            ("with a backup of 0.6 GB", self.cosmovisor_backup_s, self.ours_backup_s),
        ):
            if theirs:
                title = f"hand-over {name}: cosmovisor {self.cosmovisor_version} by ours"
                found.append(Ratio(title, _median(theirs) / _median(ours)))
        return found


def measure(runs: int = RUNS, few: int = FEW_RUNS) -> HandOver:
    """Measure.

    Args:
        runs: Of what is quick.
        few: Runs with large binaries, and with state to back up.

    Raises:
        BenchmarkError: A new process was not started.
    """
    with tempfile.TemporaryDirectory() as folder:
        places = (Path(folder) / str(number) for number in range(1_000_000))
        program = cosmovisor_program()
        return HandOver(
            ours_s=tuple(_ours(next(places), SMALL) for _ in range(runs)),
            ours_large_s=tuple(_ours(next(places), LARGE) for _ in range(few)),
            exit_s=tuple(_ours(next(places), SMALL, armed=True) for _ in range(runs)),
            ours_backup_s=tuple(_ours(next(places), SMALL, tables=TABLES) for _ in range(few)),
            poll_s=tuple(polled(next(places), SMALL) for _ in range(runs)),
            cosmovisor_version=cosmovisor_version(program) if program else "",
            cosmovisor_s=tuple(cosmovisor(next(places), program, SMALL) for _ in range(runs if program else 0)),
            cosmovisor_backup_s=tuple(
                cosmovisor(next(places), program, SMALL, tables=TABLES) for _ in range(few if program else 0)
            ),
        )


_median = statistics.median


def _words(values: tuple[float, ...]) -> str:
    ordered = sorted(values)
    worst = ordered[-1] * 1000
    return f"median {_median(ordered) * 1000:.1f} ms, worst {worst:.0f} ms of {len(ordered)} runs"


def _ours(folder: Path, size: int, *, armed: bool = False, tables: int = 0) -> float:
    fifo = make_home(folder, size, armed=armed, tables=tables)
    # A generation is staged long before its height, and what changed within the last second is not hashed ahead.
    time.sleep(_SETTLED_S)
    (folder / "state" / "run").mkdir(parents=True)
    asked = ("armed" if armed else "", "backup" if armed or tables else "")
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.hand_over", str(folder), *filter(None, asked)],
        stdout=subprocess.PIPE,
        stderr=(folder / "log").open("wb"),
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != b"ready":
            raise BenchmarkError(f"the controller did not come up: {(folder / 'log').read_text()[-2000:]}")
        return timed(folder, fifo, armed=armed)
    finally:
        process.terminate()
        process.wait()
        end_nodes(folder)


async def _control(folder: Path, *, armed: bool, backup: bool) -> None:
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
        backup_enabled=backup,
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


if __name__ == "__main__":
    asyncio.run(_control(Path(sys.argv[1]), armed="armed" in sys.argv[2:], backup="backup" in sys.argv[2:]))
