"""How soon every journal says ABORT after the council's third approval: four validators, a block every second."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.devnet import BenchmarkError, Devnet, devnet
from benchmarks.downtime import commit_time
from console.chain.receipts import Receipt
from console.chain.sent import sent_by_hand
from console.chain.writer import RegistryWriter
from console.devnet.layout import Layout
from console.model import HaltCode
from console.node.journal import Journal
from console.ports.keys import KeyReference
from console.settings import NetworkSettings, load_network

BLOCK_TIME = "1s"
LEAD_BLOCKS = 80
RUNS = 3
APPROVALS = 3
_LOOK_S = 0.1
_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class CalledOff:
    """Seconds until the journals of all four said ABORT, each run's slowest and median node."""

    from_block_s: tuple[float, ...]
    """From the commit of the block that holds the third approval to the slowest journal."""
    median_from_block_s: tuple[float, ...]
    from_sent_s: tuple[float, ...]
    """From the moment in which the third approval was given to the signer."""

    def lines(self) -> list[str]:
        """For a person."""
        rows = (
            ("third approval's block to the slowest journal", self.from_block_s),
            ("third approval's block to the median journal", self.median_from_block_s),
            ("third approval given to the slowest journal", self.from_sent_s),
        )
        head = f"block time {BLOCK_TIME}, {len(self.from_block_s)} proposals, all four nodes armed"
        return [
            head,
            *(f"  {name:<48} {max(times):.2f} s at most, {min(times):.2f} s at least" for name, times in rows),
        ]


def measure() -> CalledOff:
    """Have one proposal after the other cancelled by the council.

    Raises:
        BenchmarkError: One was not armed for, or not cancelled.
    """
    runs = []
    with devnet(BLOCK_TIME) as network:
        for number in range(1, RUNS + 1):
            runs.append(asyncio.run(_one(network, number)))
    return CalledOff(*(tuple(column) for column in zip(*runs, strict=True)))


async def _one(network: Devnet, number: int) -> tuple[float, float, float]:
    status = network.status()
    height = network.propose(LEAD_BLOCKS, f"v0.2.{number}")
    network.until("all four are armed", lambda now: all(node["state"] == "ARMED" for node in now["nodes"]), 75.0)
    layout = Layout.of(network.folder)
    settings = load_network("devnet", network.folder)
    journals = [layout.node(node["name"]).state_dir / "journal.db" for node in status["nodes"]]
    sent_at, receipt = await _approve(settings, layout, number)
    told = [await _aborted_at(path, sent_at) for path in journals]
    committed_at = commit_time(status["cometbft_rpc"][0], receipt.block)
    # The height that was stopped is over before another one can be scheduled.
    network.until("the height is over", lambda now: (now["height"] or 0) > height, 120.0)
    return max(told) - committed_at, statistics.median(told) - committed_at, max(told) - sent_at


async def _approve(settings: NetworkSettings, layout: Layout, proposal_id: int) -> tuple[float, Receipt]:
    """Give the approvals; when the last one was given, and its receipt."""
    writer = RegistryWriter(settings, settings.ethereum_rpc, sent_by_hand(settings))
    try:
        for member in range(1, APPROVALS + 1):
            await writer.prepare()
            given_at = time.time()
            key = KeyReference(layout.council_key(member))
            receipt = await writer.send(key, "approveEmergencyHalt", (proposal_id, HaltCode.BAD_RELEASE, "a rehearsal"))
        return given_at, receipt
    finally:
        await writer.close()


async def _aborted_at(path: Path, since: float) -> float:
    """When a node's journal said ABORT, in Unix seconds."""
    end = time.monotonic() + _DEADLINE_S
    while time.monotonic() < end:
        journal = Journal(path, read_only=True)
        try:
            for event in reversed(journal.events(limit=10_000)):
                if event["at"] > since and "verdict" in event["kind"].split("+"):
                    return float(event["at"])
        finally:
            journal.close()
        await asyncio.sleep(_LOOK_S)
    raise BenchmarkError(f"{path} does not say ABORT")
