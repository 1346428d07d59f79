"""Records the upgrades of tests/recorded on a devnet of its own: `python -m tests.recorded.record [NAME …]`.

Four validators, a block a second, from before the proposal to its end. What differs from one devnet to the next and
says nothing (ports, folders, the chain's name) is written as one and the same. Takes about two minutes each.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from benchmarks.devnet import BenchmarkError, Devnet, devnet
from console.cli.sources import connect, load_target
from console.model import Crossing, ProposalStatus, Snapshot
from console.operations.session import ConsoleSession
from console.recording.file import RecordingFile, load
from console.recording.format import Header
from console.recording.recorder import Recorder

HERE = Path(__file__).parent
LEAD = 70
"""Blocks from the proposal to H."""
QUIET_S = 4.0
"""Seconds before the proposal, and after the end."""
DEADLINE_S = 240.0
_LOG_BATCH_S = 0.5

_FIRST_PORT = 26601
_PORT = re.compile(rb"127\.0\.0\.1:(\d{2,5})")
_CHAIN = re.compile(rb"devnet-[0-9a-f]{6}")


async def crossed(network: Devnet) -> None:
    """Everybody gets ready and halts; two of four cross some seconds later, so that the others wait for them."""
    await _propose(network)
    late = ("node3", "node4")
    await _until(network, lambda now: all(each["state"] == "ARMED" for each in now["nodes"]))
    for name in late:
        await asyncio.to_thread(network.verb, "devnet", "stop-controller", name)
    await _until(network, lambda now: all(each["state"] == "WAITING_FOR_QUORUM" for each in now["nodes"][:2]))
    await asyncio.sleep(QUIET_S)
    for name in late:
        await asyncio.to_thread(network.verb, "devnet", "start-controller", name)


async def called_off(network: Devnet) -> None:
    """Half of the controllers are away, so that nobody can cross."""
    for name in ("node3", "node4"):
        await asyncio.to_thread(network.verb, "devnet", "stop-controller", name)
    await _propose(network)


STORIES: dict[str, tuple[Callable[[Devnet], Awaitable[None]], Callable[[Snapshot], bool]]] = {
    "upgrade": (crossed, lambda snapshot: _is(snapshot, ProposalStatus.EXECUTED, Crossing.COMMITTED)),
    "aborted": (called_off, lambda snapshot: _is(snapshot, ProposalStatus.ABORTED, Crossing.RESUMED_OLD)),
}
"""File name without its ending to what happens, and how it ends."""


def _is(snapshot: Snapshot, status: ProposalStatus, crossing: Crossing) -> bool:
    attempt = snapshot.node.attempt if snapshot.node is not None else None
    upgrade = snapshot.upgrade
    ended = upgrade is not None and upgrade.proposal.status is status
    return ended and attempt is not None and attempt.crossing is crossing


async def _until(network: Devnet, condition: Callable[[dict[str, Any]], bool]) -> None:
    await asyncio.to_thread(network.until, "the next part of the story", condition, DEADLINE_S)


async def _propose(network: Devnet) -> None:
    status = await asyncio.to_thread(network.status)
    release, height = status["releases"][1], int(status["height"]) + LEAD
    await asyncio.to_thread(
        network.verb,
        *("propose", "--name", "v0.2.0", "--height", str(height)),
        *("--binary-url", release["url"], "--binary-hash", f"sha256:{release['sha256']}"),
    )


async def record(network: Devnet, name: str, path: Path) -> None:
    """Record one story. Raises BenchmarkError: it did not end as it should."""
    happens, ends = STORIES[name]
    target = load_target(argparse.Namespace(network="devnet", dir=network.folder, node=None))
    session = ConsoleSession("devnet", lambda terminal: connect(target, terminal), standing=target.network.standing)
    file = RecordingFile(path)
    header = Header("devnet", target.node.address if target.node is not None else "", session.standing)
    told: list[str] = []
    recorder = Recorder(file, told.append, lambda: header)
    ended = asyncio.Event()

    async def follow() -> None:
        async with aclosing(session.snapshots()) as snapshots:
            async for snapshot in snapshots:
                recorder.snapshot(snapshot)
                if ends(snapshot):
                    ended.set()

    async def follow_log() -> None:
        batch: list[tuple[str, str]] = []

        async def flush() -> None:
            while True:
                await asyncio.sleep(_LOG_BATCH_S)
                recorder.lines(session.now(), tuple(batch))
                batch.clear()

        flushing = asyncio.create_task(flush())
        try:
            async with aclosing(session.log_lines()) as lines:
                async for line in lines:
                    batch.append(line)
        finally:
            flushing.cancel()

    running = [asyncio.create_task(each) for each in (recorder.run(), follow(), follow_log())]
    try:
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.sleep(QUIET_S)
            await happens(network)
            await ended.wait()
            await asyncio.sleep(QUIET_S)
            await recorder.caught_up()
        if told:
            raise BenchmarkError(told[0])
    except TimeoutError:
        raise BenchmarkError(f"the story {name} did not end within {DEADLINE_S:g} s") from None
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        file.close()
        await session.close()


def sanitised(body: bytes, folder: Path) -> bytes:
    """A recording without what is of one machine: its folders, ports and the chain's random name."""
    body = body.replace(str(folder).encode(), b"/home/op/devnet")
    ports = sorted({found[1] for found in _PORT.finditer(body)})
    fixed = {port: b"127.0.0.1:%d" % (_FIRST_PORT + index) for index, port in enumerate(ports)}
    return _CHAIN.sub(b"devnet-ab12cd", _PORT.sub(lambda found: fixed[found[1]], body))


def main() -> int:
    """Record the stories that the arguments name, all without arguments."""
    for name in sys.argv[1:] or STORIES:
        with tempfile.TemporaryDirectory() as folder, devnet("1s") as network:
            raw = Path(folder) / "raw"
            asyncio.run(record(network, name, raw))
            path = HERE / f"{name}.jsonl"
            path.write_bytes(sanitised(raw.read_bytes(), network.folder))
        recording = load(path)
        sys.stdout.write(f"{path.name}: {len(recording.timeline)} Snapshots, {path.stat().st_size} bytes\n")
        recording.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
