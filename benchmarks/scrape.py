"""A scrape of a controller's `/metrics`, beside one of the library's own server with as many series."""

from __future__ import annotations

import http.client
import statistics
import time
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.devnet import devnet

SCRAPES = 200
GOAL_S = 0.005


@dataclass(frozen=True, slots=True)
class Scrape:
    """Seconds from the connection to the last byte, but for `cpu_s`."""

    series: int
    bytes: int
    first_s: float
    """Of the controller: it imports the library and counts its journal."""
    median_s: float
    worst_s: float
    """Of nineteen in twenty."""
    cpu_s: float
    """Of the controller's process, by one scrape; with whatever else it did meanwhile."""
    library_s: float
    """Median of the library's own server, whose values stand still."""
    ratio: float

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"{self.series} series, {self.bytes} bytes",
            f"first scrape     {1000 * self.first_s:.1f} ms",
            f"controller       {1000 * self.median_s:.2f} ms, {1000 * self.worst_s:.2f} ms for 19 of 20"
            f" (goal {1000 * GOAL_S:g} ms)",
            f"its CPU          {1000 * self.cpu_s:.2f} ms",
            f"library's server {1000 * self.library_s:.2f} ms: ratio {self.ratio:.2f}",
        ]


class _Standing:
    """A collector whose values never change.

    Args:
        families: What it tells.
    """

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """As prometheus-client asks for it."""
        return self._families


def measure() -> Scrape:
    """Scrape a controller of a devnet at 1 s, and the library's server, in turns.

    Raises:
        BenchmarkError: The devnet did not come up.
        OSError: A scrape failed.
    """
    with devnet("1s") as network:
        network.until("block 3", lambda status: (status["height"] or 0) >= 3, 30.0)
        settings = tomllib.loads((network.folder / "network.toml").read_text("utf-8"))
        port = int(settings["nodes"]["node1"]["metrics_port"])
        first_s, body = _scraped(port)
        families = list(text_string_to_metric_families(body.decode()))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Standing(families))
        server, thread = start_http_server(0, "127.0.0.1", registry)
        try:
            before = _cpu(_scraped(port)[1])
            pairs = [(_scraped(port)[0], _scraped(server.server_port)[0]) for _ in range(SCRAPES)]
            spent = _cpu(_scraped(port)[1]) - before
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
    own, library = sorted(ours for ours, _ in pairs), statistics.median(theirs for _, theirs in pairs)
    median = statistics.median(own)
    return Scrape(
        series=sum(len(family.samples) for family in families),
        bytes=len(body),
        first_s=first_s,
        median_s=median,
        worst_s=own[int(0.95 * len(own))],
        cpu_s=spent / (SCRAPES + 1),
        library_s=library,
        ratio=median / library,
    )


def _cpu(body: bytes) -> float:
    """Seconds of CPU that the scraped process has used, in hundredths."""
    families = text_string_to_metric_families(body.decode())
    return next(float(sample.value) for family in families for sample in family.samples if "_cpu_" in sample.name)


def _scraped(port: int) -> tuple[float, bytes]:
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/metrics")
    body = connection.getresponse().read()
    took = time.perf_counter() - began
    connection.close()
    return took, body
