"""What a look costs: a chain with 4, 100 and 256 validators, read over HTTP and made into a Snapshot.

The chain is the tests' double of four nodes in a process of its own: real servers that answer in the shapes of CometBFT
and Fendermint, with a new block for each look. What a Snapshot costs to draw is measured by `many-validators`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median

from benchmarks.devnet import BenchmarkError
from benchmarks.ratio import Ratio
from console.chain.ipc import IpcChain
from console.observer import Observer
from tests.console.chain.network_double import NetworkDouble
from tests.console.chain.network_servers import Clock, serving

COUNTS = (4, 100, 256)
LOOKS = 30
_SETTLING = 3
"""Looks before: validators, headers and the first connections."""


@dataclass(frozen=True, slots=True)
class Look:
    """Medians in seconds of one look, one per second in use."""

    validators: int
    first_cpu_s: float
    """CPU of the first look, which reads the validator set too; threads included."""
    cpu_s: float
    """CPU of a later one."""
    clock_s: float
    """From the first request to the Snapshot, with the answers of the double."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The looks, one per number of validators."""

    looks: tuple[Look, ...]

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"{look.validators:>4} validators  {look.cpu_s * 1000:6.1f} ms CPU a look, {look.clock_s * 1000:6.1f} ms "
            f"on the clock; the first {look.first_cpu_s * 1000:6.1f} ms CPU"
            for look in self.looks
        ]

    def ratios(self) -> list[Ratio]:
        """Many validators by few."""
        few = self.looks[0]
        return [
            Ratio(f"CPU of a look: {look.validators} validators by {few.validators}", look.cpu_s / few.cpu_s)
            for look in self.looks[1:]
        ]


def measure(looks: int = LOOKS) -> Observed:
    """Look at one network after the other. Raises BenchmarkError when one is not seen whole."""
    # What is imported at the first look is no cost of it.
    asyncio.run(_looked(COUNTS[0], 1))
    return Observed(tuple(asyncio.run(_looked(count, looks)) for count in COUNTS))


async def _looked(validators: int, looks: int) -> Look:
    command = [sys.executable, "-m", "benchmarks.observer", str(validators)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as double:
        assert double.stdin is not None
        assert double.stdout is not None
        try:
            urls = json.loads(double.stdout.readline())
            clock = Clock()
            settings = NetworkDouble().settings(urls["cometbft"], urls["ethereum"])
            chain = IpcChain(settings, clock=clock)
            observer = Observer(settings, None, chain, None, monotonic=clock)
            cpu, times = [], []
            for number in range(_SETTLING + looks):
                if number:
                    double.stdin.write("\n")
                    double.stdin.flush()
                    double.stdout.readline()
                # Each node is asked once a second at most.
                clock.now += 1.0
                before, began = time.process_time(), time.perf_counter()
                snapshot = await observer.snapshot()
                cpu.append(time.process_time() - before)
                times.append(time.perf_counter() - began)
                if number >= _SETTLING and (snapshot.chain is None or len(snapshot.chain.validators) != validators):
                    raise BenchmarkError(f"{validators} validators were not seen: {snapshot.chain_problem}")
            await chain.close()
        finally:
            double.stdin.close()
        return Look(validators, cpu[0], median(cpu[_SETTLING:]), median(times[_SETTLING:]))


async def _serve(validators: int) -> None:
    """Answer for a network until standard input ends; each line of it is a new block."""
    network = NetworkDouble(validators=validators, members=validators)
    async with serving(network) as served:
        urls = {name: [server.url for server in getattr(served, name)] for name in ("comet", "ethereum")}
        print(json.dumps({"cometbft": urls["comet"], "ethereum": urls["ethereum"]}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            network.height += 1
            print(network.height, flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
