"""The text that Prometheus reads, checked by its own tool, and the port that it is read from."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from console.errors import JournalError
from console.metrics.metric import series
from console.metrics.table import METRICS
from console.metrics.words import OWN_LABELS
from console.model import Arming, PlanOrigin
from console.node.journal import Journal
from console.node.metrics.exposition import Exposition
from console.node.metrics.gauges import Known
from console.node.metrics.server import MetricsServer
from tests.console.node.fakes import proposal
from tests.console.node.metrics.known import known

pytestmark = pytest.mark.anyio


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.db")
    yield journal
    journal.close()


class Teller:
    """A controller's knowledge that the test changes."""

    def __init__(self) -> None:
        self.now = known()

    def __call__(self) -> Known:
        return self.now


@pytest.fixture
def teller() -> Teller:
    return Teller()


@pytest.fixture
def exposition(journal: Journal, teller: Teller) -> Exposition:
    return Exposition(journal, teller, network="devnet", node="node1")


async def samples(exposition: Exposition) -> dict[str, float]:
    body, _ = await exposition.text("")
    return {
        "/".join([sample.name, *(value for name, value in sample.labels.items() if name not in OWN_LABELS)]): float(
            sample.value
        )
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


async def test_every_metric_of_the_table_is_told_and_no_other(exposition: Exposition, journal: Journal) -> None:
    body, content_type = await exposition.text("")
    assert content_type.startswith("text/plain; version=0.0.4")
    told = list(text_string_to_metric_families(body.decode()))
    names = {sample.name for family in told for sample in family.samples}
    own = {name for name in names if name.startswith("ipc_")}
    assert own == {name for entry in METRICS for name in series(entry)}
    # What the process itself costs, as the library tells it everywhere.
    assert {name.split("_")[0] for name in names - own} == {"process"}
    labels = {
        tuple(value for name, value in sample.labels.items() if name in OWN_LABELS)
        for family in told
        for sample in family.samples
        if sample.name in own
    }
    assert labels == {("devnet", "node1")}


@pytest.mark.peer
async def test_prometheus_own_tool_finds_nothing_to_say(exposition: Exposition) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here: it is in Debian's package prometheus")
    body, _ = await exposition.text("")
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


async def test_a_later_scrape_tells_what_came_since(exposition: Exposition, journal: Journal, teller: Teller) -> None:
    before = await samples(exposition)
    attempt = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")
    journal.change(attempt, arming=Arming.ARMED)
    teller.now = known(proposal(), attempt=attempt, state="PLANNED")
    after = await samples(exposition)
    assert (before["ipc_upgrade_proposals_total"], after["ipc_upgrade_proposals_total"]) == (0, 1)
    assert (before["ipc_upgrade_state/IDLE"], after["ipc_upgrade_state/IDLE"]) == (1, 0)
    assert after["ipc_upgrade_state/PLANNED"] == 1
    assert (before["ipc_upgrade_target_height"], after["ipc_upgrade_target_height"]) == (0, 100)


async def test_an_endpoint_that_lags_behind_takes_no_proposal_back(exposition: Exposition, teller: Teller) -> None:
    told = []
    for newest in (6, 5, 7):
        teller.now = known(proposal(id=newest))
        told.append((await samples(exposition))["ipc_upgrade_proposals_total"])
    assert told == [6, 6, 7]


async def test_a_journal_of_many_pages_is_counted_whole(exposition: Exposition, journal: Journal) -> None:
    def write() -> None:
        for _ in range(1234):
            journal.put_event(None, "controller-started", {})

    journal.write(write)
    assert (await samples(exposition))["ipc_controller_starts_total"] == 1234


# --- the port ---


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def url(exposition: Exposition) -> AsyncIterator[str]:
    port = free_port()
    serving = asyncio.create_task(MetricsServer(port, exposition.text).run())
    await listens(port)
    yield f"http://127.0.0.1:{port}"
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


async def listens(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.01)


async def test_it_answers_a_scraper(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        found = await client.get(f"{url}/metrics")
        assert found.status_code == 200
        assert "ipc_node_up" in found.text
        head = await client.head(f"{url}/metrics")
        assert (head.status_code, head.text) == (200, "")
        modern = await client.get(f"{url}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        assert modern.headers["Content-Type"].startswith("application/openmetrics-text")
        assert modern.text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("GET", "/", "127.0.0.1", 404),
        ("GET", "/metricsx", "127.0.0.1", 404),
        ("POST", "/metrics", "127.0.0.1", 405),
        ("GET", "/metrics", "rebound.example", 421),
        ("GET", "/metrics", "localhost:9464", 200),
    ],
)
async def test_nothing_else_is_answered(url: str, method: str, path: str, host: str, status: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        found = await client.request(
            method, url + path, headers={"Host": host}, content=b"x" if method == "POST" else b""
        )
    assert found.status_code == status


async def test_what_is_no_http_and_who_only_connects_keeps_nobody_from_it(url: str) -> None:
    port = int(url.rpartition(":")[2])
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"no request\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.write(b"A" * 100)
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{url}/metrics")).status_code == 200
    for _, each in (*silent, (reader, writer)):
        each.close()


async def test_a_journal_that_cannot_be_read_is_said(exposition: Exposition, journal: Journal, url: str) -> None:
    async def broken(_: str) -> tuple[bytes, str]:
        raise JournalError("the journal cannot be read", safe="nothing is guessed")

    port = free_port()
    serving = asyncio.create_task(MetricsServer(port, broken).run())
    await listens(port)
    async with httpx.AsyncClient(trust_env=False) as client:
        found = await client.get(f"http://127.0.0.1:{port}/metrics")
    assert (found.status_code, "journal" in found.text) == (503, True)
    serving.cancel()


async def test_a_port_that_is_taken_is_tried_again(
    exposition: Exposition, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("console.node.metrics.server._AGAIN_S", 0.01)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        serving = asyncio.create_task(MetricsServer(port, exposition.text).run())
        async with asyncio.timeout(20):
            while "no metrics on" not in caplog.text:
                await asyncio.sleep(0.01)
    await listens(port)
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/metrics")).status_code == 200
    assert caplog.text.count("no metrics on") == 1
    serving.cancel()


def test_a_controller_that_nobody_scrapes_does_not_load_the_library() -> None:
    code = "import console.daemon, sys; sys.exit(bool({'prometheus_client', 'h11'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
