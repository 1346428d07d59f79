"""How long a devnet makes no blocks while its four validators cross to another binary."""

from __future__ import annotations

import json
import statistics
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from benchmarks.devnet import BenchmarkError, Devnet, devnet
from console.devnet.layout import Layout, NodeLayout
from console.devnet.options import parse_block_time

LEAD_BLOCKS = {"1s": 30, "250ms": 60}
"""Block times to measure at, and blocks from the proposal to H: arming is a matter of seconds too, not blocks alone."""
USUAL_BLOCKS = 10
"""Intervals before H whose median is the usual one."""
_HALT_CODE = 2
"""Exit code of a node at its halt (facts/ipc.md §1.4)."""
_FLAG_COMMIT = 2
"""CometBFT's BLOCK_ID_FLAG_COMMIT: signed for the block, not for nil."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """One upgrade of four validators with equal power. H is the first height that the new binary executes.

    A block counts as committed when precommits of more than 2/3 of the power were signed, by their own timestamps.
    """

    block_time_s: float
    height: int
    """H."""
    usual_interval_s: float
    """Between headers before H."""
    header_gap_s: float
    """From the time in the header of H, the last block that old binaries agreed on, to that of H+1."""
    commit_gap_s: float
    """From the commit of H to that of H+1."""
    outage_s: float
    """From the first old process's end to the commit of H+1."""
    swap_s: float
    """From the first old process's end to the last new process's start."""

    def lines(self) -> list[str]:
        """For a person."""
        names = {
            "header of H to header of H+1": self.header_gap_s,
            "commit of H to commit of H+1": self.commit_gap_s,
            "first old process's end to commit of H+1": self.outage_s,
            "first old process's end to last new one's start": self.swap_s,
        }
        head = f"block time {self.block_time_s:g} s, H = {self.height}, usual interval {self.usual_interval_s:.3f} s"
        return [
            head,
            *(
                f"  {name:<48} {time:.3f} s = {time / self.block_time_s:.2f} block times"
                for name, time in names.items()
            ),
        ]


@dataclass(frozen=True, slots=True)
class Downtime:
    """The crossings, one per block time."""

    crossings: tuple[Crossing, ...]

    def lines(self) -> list[str]:
        """For a person."""
        return [line for crossing in self.crossings for line in crossing.lines()]


def measure() -> Downtime:
    """Upgrade one devnet per block time.

    Raises:
        BenchmarkError: An upgrade did not go through.
    """
    return Downtime(tuple(_cross(block_time, lead) for block_time, lead in LEAD_BLOCKS.items()))


def _cross(block_time: str, lead: int) -> Crossing:
    with devnet(block_time) as network:
        height = network.propose(lead)

        def crossed(now: Mapping[str, Any]) -> bool:
            return (now["height"] or 0) > height + 3 and all(node["state"] == "COMMITTED" for node in now["nodes"])

        # Nobody looks while they cross: looking would be measured too.
        block_time_s = parse_block_time(block_time) / 1000
        quiet_s = (lead + 6) * block_time_s
        status = network.until("all four are committed", crossed, 180.0, quiet_s=quiet_s)
        return _crossing(network, status, height, block_time_s)


def _crossing(network: Devnet, status: Mapping[str, Any], height: int, block_time_s: float) -> Crossing:
    urls = status["cometbft_rpc"]
    headers = [_header_time(urls, at) for at in range(height - USUAL_BLOCKS, height + 2)]
    intervals = [after - before for before, after in pairwise(headers[:-1])]
    commits = [commit_time(urls[0], at) for at in (height, height + 1)]
    nodes = [Layout.of(network.folder).node(node["name"]) for node in status["nodes"]]
    ended = min(_halted_at(node) for node in nodes)
    started = max(float(json.loads(node.run_record.read_text())["started_at"]) for node in nodes)
    return Crossing(
        block_time_s=block_time_s,
        height=height,
        usual_interval_s=statistics.median(intervals),
        header_gap_s=headers[-1] - headers[-2],
        commit_gap_s=commits[1] - commits[0],
        outage_s=commits[1] - ended,
        swap_s=started - ended,
    )


def _halted_at(node: NodeLayout) -> float:
    """When the node's halt ended its process, in Unix seconds, by its shim's exit record."""
    records = [json.loads(path.read_text()) for path in node.run_record.parent.glob("exit.*.json")]
    ends = [float(record["ended_at"]) for record in records if record["code"] == _HALT_CODE]
    if len(ends) != 1:
        raise BenchmarkError(f"{node.name} halted {len(ends)} times")
    return ends[0]


def _header_time(urls: Sequence[str], height: int) -> float:
    """Unix seconds of a header, which all nodes must tell alike."""
    told = {result(f"{url}/block?height={height}")["block"]["header"]["time"] for url in urls}
    if len(told) != 1:
        raise BenchmarkError(f"the nodes tell different blocks at {height}: {sorted(told)}")
    return _unix(told.pop())


def commit_time(url: str, height: int) -> float:
    """When precommits of more than 2/3 of the equal power were signed, in Unix seconds."""
    signatures = result(f"{url}/commit?height={height}")["signed_header"]["commit"]["signatures"]
    signed = sorted(_unix(each["timestamp"]) for each in signatures if each["block_id_flag"] == _FLAG_COMMIT)
    enough = len(signatures) * 2 // 3 + 1
    return signed[enough - 1]


def result(url: str) -> dict[str, Any]:
    """What a node's CometBFT RPC answers to a GET. Raises OSError."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5.0) as answer:
        found: dict[str, Any] = json.load(answer)["result"]
        return found


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
