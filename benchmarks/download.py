"""A large file over loopback beside `curl`, the memory that it takes, and the check of a binary beside a plain hash.

The server is a process of its own that sends the file with `sendfile`, so that it costs both the same. `curl` only
writes; ours hashes while it writes and makes the file durable, which on a disk is timed apart. Also by itself, for
another place: `python -m benchmarks.download --folder /mnt/disk`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.devnet import BenchmarkError
from console.text import size

BYTES = 256 << 20
BINARY_BYTES = 150 << 20
RUNS = 7
MEMORY = Path("/dev/shm")
"""A file system in memory: there the disk does not decide."""


@dataclass(frozen=True, slots=True)
class DownloadCost:
    """Bytes per second and seconds, each a run; the runs of the two alternate."""

    bytes: int
    folder: str
    ours: tuple[float, ...]
    """Bytes per second until the file is verified and in its place."""
    curl: tuple[float, ...]
    """Bytes per second, as `curl` itself says."""
    peak_growth: int
    """Most bytes that the downloading process grew by, over its size after a small download."""
    check_s: tuple[float, ...]
    """Seconds to check a binary of 150 MiB that is here."""
    plain_s: tuple[float, ...]
    """Seconds of a plain sha256 of it."""

    @property
    def ratio(self) -> float:
        """Ours to `curl`, by their medians."""
        return statistics.median(self.ours) / statistics.median(self.curl)

    @property
    def check_ratio(self) -> float:
        """The check to the plain hash, by their medians."""
        return statistics.median(self.check_s) / statistics.median(self.plain_s)

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"{size(self.bytes)} into {self.folder}, {len(self.ours)} runs each",
            f"ours  {_rates(self.ours)}, hashed and durable",
            f"curl  {_rates(self.curl)}, written",
            f"ours / curl: {self.ratio:.2f} (wanted: at least 0.70)",
            f"memory: the process grew by {size(self.peak_growth)} at most",
            f"check of {size(BINARY_BYTES)}: median {statistics.median(self.check_s) * 1000:.0f} ms, "
            f"plain sha256 {statistics.median(self.plain_s) * 1000:.0f} ms, "
            f"ratio {self.check_ratio:.2f} (wanted: at most 1.10)",
        ]


def measure(folder: Path | None = None) -> DownloadCost:
    """Download the same file again and again, in turn with `curl`; all is removed again.

    Args:
        folder: Where; without one, in memory where that can be.

    Raises:
        BenchmarkError: There is no `curl`, or too little space.
    """
    curl = shutil.which("curl")
    if curl is None:
        raise BenchmarkError("curl is not installed")
    if folder is None and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 6 * BYTES:
        folder = MEMORY
    with tempfile.TemporaryDirectory(prefix="download-", dir=folder) as made:
        place = Path(made)
        if shutil.disk_usage(place).free < 4 * BYTES:
            raise BenchmarkError(f"{size(4 * BYTES)} must be free in {place}")
        served = place / "served"
        digest = _make(served, BYTES)
        ours: list[float] = []
        theirs: list[float] = []
        growth = 0
        with _serving(served) as url:
            for number in range(RUNS):
                theirs.append(_by_curl(curl, url, place / "by-curl"))
                found = _in_a_process(url, digest, place / f"ours-{number}")
                ours.append(BYTES / found["seconds"])
                growth = max(growth, int(found["growth"]))
                shutil.rmtree(place / f"ours-{number}")
        served.unlink()
        checks, plain = _checked(place)
        return DownloadCost(BYTES, str(place.parent), tuple(ours), tuple(theirs), growth, checks, plain)


def _rates(rates: tuple[float, ...]) -> str:
    median, low, high = (size(int(rate)) for rate in (statistics.median(rates), min(rates), max(rates)))
    return f"median {median}/s ({low} to {high})"


def _make(path: Path, length: int) -> str:
    block = os.urandom(1 << 20)
    digest = hashlib.sha256()
    with path.open("wb") as stream:
        for _ in range(length >> 20):
            stream.write(block)
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _serving(path: Path) -> Iterator[str]:
    """A process that sends the file at every connection."""
    command = [sys.executable, "-m", "benchmarks.download", "--serve", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/file"
        finally:
            server.terminate()


def _serve(path: Path) -> None:
    length = path.stat().st_size
    head = 'HTTP/1.1 200 OK\r\nContent-Length: {}\r\nETag: "one"\r\nConnection: close\r\n\r\n'
    with socket.create_server(("127.0.0.1", 0)) as listener, path.open("rb") as stream:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                small = b"/small" in connection.recv(1 << 16).split(b"\r\n")[0]
                count = 1 << 16 if small else length
                connection.sendall(head.format(count).encode())
                connection.sendfile(stream, 0, count)


def _by_curl(curl: str, url: str, target: Path) -> float:
    """Bytes per second."""
    command = [curl, "--silent", "--show-error", "--output", str(target), "--write-out", "%{time_total}", url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if target.stat().st_size != BYTES:
        raise BenchmarkError(f"curl wrote {target.stat().st_size} bytes")
    target.unlink()
    return BYTES / float(said)


def _in_a_process(url: str, digest: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.download", "--fetch", url, digest, str(folder)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


async def _fetch(url: str, digest: str, folder: Path) -> dict[str, float]:
    from console.errors import ReleaseError
    from console.node.download import Checksum, DownloadRules, download

    rules = DownloadRules(own=True)
    try:
        # Everything is imported and every buffer has been there once; its bytes are others, so nothing is kept.
        await download([url.replace("/file", "/small")], Checksum("sha256", digest), folder, rules=rules)
    except ReleaseError:
        pass
    before = _peak_bytes()
    began = time.perf_counter()
    await download([url], Checksum("sha256", digest), folder, rules=rules)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "growth": _peak_bytes() - before}


def _peak_bytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _checked(place: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Seconds of our check of a binary that is here, and of a plain hash of it, in turn."""
    from console.node.download import Checksum, download

    made = place / "binary"
    digest = _make(made, BINARY_BYTES)
    binary = made.rename(place / digest)
    checks: list[float] = []
    plain: list[float] = []

    async def ours() -> None:
        began = time.perf_counter()
        # What a controller does that was killed after the last byte: whole file, whole check.
        await download(["https://nobody.example/x"], Checksum("sha256", digest), place)
        checks.append(time.perf_counter() - began)

    for _ in range(RUNS):
        began = time.perf_counter()
        found = hashlib.sha256()
        with binary.open("rb") as stream:
            while block := stream.read(1 << 18):
                found.update(block)
        plain.append(time.perf_counter() - began)
        asyncio.run(ours())
    return tuple(checks), tuple(plain)


def main() -> int:
    """By itself, and as the processes of a measurement. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the files go")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--fetch", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        _serve(arguments.serve)
    elif arguments.fetch:
        url, digest, folder = arguments.fetch
        print(json.dumps(asyncio.run(_fetch(url, digest, Path(folder)))))
    else:
        print(*measure(arguments.folder).lines(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
