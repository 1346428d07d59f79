"""The controller's socket: answers that fit, and subscribers that go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console.node import protocol
from console.node.bell import Bell
from console.node.client import NodeClient
from console.node.journal import Journal
from console.node.service import ControllerService, tail
from tests.console.node.bench import Bench, until

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def serving(bench: Bench) -> AsyncIterator[ControllerService]:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        journal = Journal(bench.state_dir / "journal.db")
        service = ControllerService(bench.state_dir / "run", controller, journal, Bell())
        await service.open()
        try:
            yield service
        finally:
            await service.close()
            journal.close()


async def test_a_subscriber_that_went_is_forgotten_although_nothing_changes(bench: Bench) -> None:
    async with serving(bench) as service:
        stream = NodeClient(bench.state_dir).statuses()
        await anext(stream)
        assert len(service._connections) == 1
        await stream.aclose()  # type: ignore[attr-defined]
        async with asyncio.timeout(5):
            while service._connections:
                await asyncio.sleep(0.01)


async def test_a_log_of_bytes_that_no_terminal_takes_still_fits_into_a_message(bench: Bench) -> None:
    async with serving(bench):
        log = bench.state_dir / "run" / "controller.log"
        log.write_bytes(b"\n".join([b"\x00\xff\x9b" * 300] * 200) + b"\nthe last line\n")
        client = NodeClient(bench.state_dir)
        lines = await client.log_tail("controller", 500)
        assert lines[-1] == "the last line"
        assert len(lines) > 1
        log.write_bytes(b"x" * 1_000_000)
        assert (await client.log_tail("controller", 500))[-1].startswith("xxx")


async def test_pages_of_events_fit_and_leave_nothing_out(bench: Bench) -> None:
    async with serving(bench):
        journal = Journal(bench.state_dir / "journal.db")
        for number in range(150):
            journal.record("noise", number=number, words="é" * 400)
        journal.close()
        client = NodeClient(bench.state_dir)
        found: list[int] = []
        since = 0
        while page := await client.events(since):
            found += [event["detail"]["number"] for event in page if event["kind"] == "noise"]
            since = page[-1]["seq"]
        assert found == list(range(150))


async def test_a_refusal_of_the_system_is_answered(bench: Bench) -> None:
    async with serving(bench):
        (bench.state_dir / "run" / "controller.log").mkdir()
        reader, writer = await asyncio.open_unix_connection(bench.state_dir / "run" / protocol.SOCKET_NAME)
        request = {"jsonrpc": "2.0", "id": 7, "method": "logs", "params": {"source": "controller"}}
        writer.write(protocol.encode(request))
        answer = json.loads(await reader.readline())
        assert answer["error"]["code"] == protocol.REFUSED
        writer.close()


def test_one_line_without_an_end_is_shown_too(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    path.write_bytes(b"y" * 100_000)
    assert tail(path, 10)[0].startswith("y" * 1000)
