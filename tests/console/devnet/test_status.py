"""`devnet status` of a network that is down in parts: unknowns are null and nothing is raised."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from console.devnet.layout import Layout
from console.devnet.process_identity import identify
from console.devnet.record import Record
from console.devnet.status import heights_of, status
from console.errors import ControllerDown, DevnetError, JournalError, NodeError
from console.model import NodeStatus
from console.text import untrusted
from tests.console.devnet.test_record import example

pytestmark = pytest.mark.anyio


class Words:
    """Controllers that say what a test wants, in place of real ones."""

    def __init__(self, said: dict[str, NodeStatus | NodeError], journalled: dict[str, NodeStatus | NodeError]) -> None:
        self._said = said
        self._journalled = journalled

    def command(self, layout: Layout, record: Record, node: str) -> list[str]:
        raise NotImplementedError

    async def status(self, state_dir: Path) -> NodeStatus:
        return _or_raise(self._said.get(state_dir.parent.name, ControllerDown("nobody answers")))

    def journalled(self, state_dir: Path, name: str) -> NodeStatus | None:
        return _or_raise(self._journalled[name]) if name in self._journalled else None

    async def start(self, state_dir: Path) -> NodeStatus:
        raise NotImplementedError

    async def stop(self, state_dir: Path) -> NodeStatus:
        raise NotImplementedError


def _or_raise(word: NodeStatus | NodeError) -> NodeStatus:
    if isinstance(word, NodeError):
        raise word
    return word


def word(state: str, height: int | None, version: str = "v0.1.5") -> NodeStatus:
    """What a controller says."""
    return NodeStatus(
        name="node",
        state=state,
        generation="genesis",
        version=untrusted(version),
        pid=None,
        height=height,
        app_height=height,
        height_age_s=1.0,
        halt_height=0,
        last_exit_code=2,
        exe_sha256="",
        attempt=None,
        controller_pid=1,
        note="",
    )


def saved(folder: Path, cometbft_port: int = 1) -> Layout:
    """The example's devnet; nothing of it runs."""
    layout = Layout.of(folder)
    record = example(folder)
    validators = tuple(replace(each, cometbft_port=cometbft_port) for each in record.validators)
    replace(record, validators=validators).save(layout)
    return layout


@asynccontextmanager
async def answering(body: bytes) -> AsyncIterator[int]:
    """An HTTP server that always says the same; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_when_all_is_down_the_rest_is_still_told(tmp_path: Path) -> None:
    saved(tmp_path)
    described = await status(tmp_path, Words({}, {}))
    assert described["height"] is None
    assert described["chain_id"] == "devnet-ab12cd"
    assert [release["url"] for release in described["releases"]] == [
        "http://127.0.0.1:20002/v0.1.5/subnetd",
        "http://127.0.0.1:20002/v0.2.0/subnetd",
    ]
    for node in described["nodes"]:
        assert (node["pid"], node["state"], node["version"], node["last_exit_code"]) == (None, None, None, None)


async def test_the_controllers_word_comes_before_the_journals(tmp_path: Path) -> None:
    saved(tmp_path)
    words = Words(
        {"node1": word("ARMED", 12), "node2": ControllerDown("nobody answers")},
        {"node1": word("IDLE", 99), "node2": word("HALTED", 14, version="")},
    )
    described = await status(tmp_path, words)
    assert [(node["state"], node["version"]) for node in described["nodes"]] == [("ARMED", "v0.1.5"), ("HALTED", None)]
    assert described["height"] == 14
    assert described["nodes"][1]["last_exit_code"] == 2


@pytest.mark.parametrize("error", [JournalError("damaged"), NodeError("newer")])
async def test_a_damaged_journal_is_unknown(tmp_path: Path, error: NodeError) -> None:
    saved(tmp_path)
    described = await status(tmp_path, Words({"node1": error}, {"node1": error}))
    assert described["nodes"][0]["state"] is None


async def test_a_height_that_a_node_tells_comes_before_journalled_ones(tmp_path: Path) -> None:
    async with answering(b'{"result":{"sync_info":{"latest_block_height":"7"}}}') as port:
        saved(tmp_path, port)
        assert (await status(tmp_path, Words({"node1": word("IDLE", 99)}, {})))["height"] == 7


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error":{}}', b'{"result":{"sync_info":null}}', b"\xff"])
async def test_an_answer_that_is_no_height_is_unknown(body: bytes) -> None:
    async with answering(body) as port:
        assert await heights_of([f"http://127.0.0.1:{port}"]) == [None]


async def test_a_pid_is_told_only_while_that_very_process_lives(tmp_path: Path) -> None:
    layout = saved(tmp_path)
    me = identify(os.getpid())
    assert me is not None
    path = layout.node("node1").run_record
    path.parent.mkdir(parents=True)

    def ran(started: int) -> None:
        path.write_text(
            json.dumps({"shim_pid": me.pid, "shim_started": started, "child_pid": me.pid, "child_started": started})
        )

    ran(me.started)
    assert await node1_pid(tmp_path) == me.pid
    ran(me.started - 1)
    assert await node1_pid(tmp_path) is None
    path.write_text("torn")
    assert await node1_pid(tmp_path) is None


async def node1_pid(folder: Path) -> int | None:
    return (await status(folder, Words({}, {})))["nodes"][0]["pid"]


async def test_without_a_devnet_it_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DevnetError, match="there is no devnet in"):
        await status(tmp_path / "missing")
