"""Real devnets: up, resumed, stopped in parts, and gone without a trace."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from console.devnet import network
from console.devnet import record as records
from console.devnet.controllers import shim_and_node
from console.devnet.folder import FolderLock
from console.devnet.layout import Layout
from console.devnet.network import DevnetStatus, Step, down, is_running, status
from console.devnet.options import UpOptions
from console.devnet.process_identity import identify
from console.devnet.status import NodeEntry
from console.errors import ControllerDown, DevnetError, HeldByOther
from console.node.client import NodeClient
from tests.console.devnet.conftest import marked_below

pytestmark = [pytest.mark.e2e, pytest.mark.anyio]


async def until_journalled(folder: Path) -> None:
    """Wait until a controller has read its node, and with it journalled a height."""
    client = NodeClient(Layout(folder).node("node1").state_dir)
    async with asyncio.timeout(20):
        while (await client.status()).height is None:
            await asyncio.sleep(0.05)


def options(folder: Path, validators: int | None = None) -> UpOptions:
    """A quick devnet."""
    return UpOptions(folder, validators=validators, block_time_ms=250)


async def up(wanted: UpOptions) -> list[Step]:
    """Bring one up; all its progress."""
    return [step async for step in network.up(wanted)]


async def eventually(true: Callable[[], Awaitable[object]], folder: Path, seconds: float = 30.0) -> None:
    """Wait for a condition; shows every log when it gives up."""
    deadline = time.monotonic() + seconds
    while not await true():
        if time.monotonic() > deadline:
            logs = [*folder.rglob("*.log")]
            pytest.fail("\n".join(f"== {log}\n{log.read_text(errors='replace')[-2000:]}" for log in logs))
        await asyncio.sleep(0.05)


async def height(folder: Path) -> int:
    """The chain's height."""
    return (await status(folder))["height"] or 0


async def grown_by(folder: Path, blocks: int) -> None:
    """Wait for more blocks."""
    wanted = await height(folder) + blocks

    async def reached() -> bool:
        return await height(folder) >= wanted

    await eventually(reached, folder)


def node(described: DevnetStatus, name: str) -> NodeEntry:
    """One node's entry."""
    return next(each for each in described["nodes"] if each["name"] == name)


def signer_height(home: str) -> int:
    """Height that a validator last signed."""
    document = json.loads((Path(home) / "cometbft/data/priv_validator_state.json").read_text())
    return int(document["height"])


async def test_a_devnet_from_nothing_to_nothing(place: Path) -> None:
    folder = place / "net"
    steps = await up(options(folder))
    try:
        assert [step.done for step in steps] == sorted(step.done for step in steps)
        assert steps[-1].done == steps[-1].total == len(steps) - 1
        first = await status(folder)
        assert list(first) == [
            "dir",
            "chain_id",
            "height",
            "registry",
            "gateway",
            "facets",
            "cometbft_rpc",
            "ethereum_rpc",
            "releases",
            "nodes",
        ]
        assert first["dir"] == str(folder)
        assert (first["height"] or 0) >= 2
        assert [each["version"] for each in first["releases"]] == ["v0.1.5", "v0.2.0"]
        assert [each["name"] for each in first["nodes"]] == ["node1", "node2", "node3", "node4"]
        for each in first["nodes"]:
            assert list(each) == ["name", "home", "address", "power", "pid", "state", "version", "last_exit_code"]
            assert (each["state"], each["version"], each["power"]) == ("IDLE", "v0.1.5", 10)
            assert each["pid"] is not None
            assert identify(each["pid"]) is not None

        with pytest.raises(DevnetError, match="a devnet is already running in"):
            await up(options(folder))
        assert is_running(folder)

        await until_journalled(folder)
        await down(folder)
        assert marked_below(place) == []
        assert not is_running(folder)
        stopped = await status(folder)
        assert [each["pid"] for each in stopped["nodes"]] == [None] * 4
        # The journalled one: it lags a little behind the chain.
        assert (stopped["height"] or 0) >= 1
        await down(folder)

        with pytest.raises(DevnetError, match="its powers are 10,10,10,10, not 1,1,1,1"):
            await up(UpOptions(folder, powers=(1, 1, 1, 1)))
        signed = {each["name"]: signer_height(each["home"]) for each in stopped["nodes"]}
        await up(options(folder))
        await grown_by(folder, 2)
        again = await status(folder)
        for key in ("chain_id", "registry", "cometbft_rpc", "ethereum_rpc", "releases"):
            assert again[key] == first[key]
        assert (again["height"] or 0) > (stopped["height"] or 0)
        for each in again["nodes"]:
            assert signer_height(each["home"]) > signed[each["name"]]
    finally:
        await down(folder, wipe=True)
    assert not folder.exists()
    assert marked_below(place) == []


async def test_nodes_and_controllers_one_by_one(place: Path) -> None:
    folder = place / "net"
    layout = Layout.of(folder)
    await up(options(folder))
    try:
        # A node through its controller: it stays stopped, the chain goes on without it.
        await network.stop_node(folder, "node2")
        described = await status(folder)
        assert node(described, "node2")["state"] == "STOPPED_BY_OPERATOR"
        assert node(described, "node2")["pid"] is None
        await grown_by(folder, 2)

        # A controller: its node goes on, and its last word is still told.
        pid = node(described, "node3")["pid"]
        await network.stop_controller(folder, "node3")
        with pytest.raises(DevnetError, match="the controller of node3 is down already"):
            await network.stop_controller(folder, "node3")
        described = await status(folder)
        assert node(described, "node3")["pid"] == pid
        assert node(described, "node3")["state"] == "IDLE"
        await grown_by(folder, 2)

        # Two of four are down: no blocks. The node whose controller is down ends through its shim.
        await network.stop_node(folder, "node3")
        assert shim_and_node(layout.node("node3")) == (None, None)
        with pytest.raises(ControllerDown, match="start-controller node3"):
            await network.start_node(folder, "node3")

        await network.start_controller(folder, "node3")
        with pytest.raises(DevnetError, match="the controller of node3 runs already"):
            await network.start_controller(folder, "node3")
        await network.start_node(folder, "node2")
        await grown_by(folder, 2)

        # An operator's stop outlasts down and up.
        await network.stop_node(folder, "node2")
        await down(folder)
        with pytest.raises(DevnetError, match="is down"):
            await network.start_controller(folder, "node1")
        await up(UpOptions(folder))
        described = await status(folder)
        assert node(described, "node2")["state"] == "STOPPED_BY_OPERATOR"
        with pytest.raises(DevnetError, match="no node 'node7'"):
            await network.stop_node(folder, "node7")
    finally:
        await down(folder)


async def test_two_devnets_do_not_meet(place: Path) -> None:
    one, two = place / "one", place / "two"
    await asyncio.gather(up(options(one, 1)), up(options(two, 1)))
    try:
        first, second = await status(one), await status(two)
        assert first["chain_id"] != second["chain_id"]
        await grown_by(one, 1)
        await grown_by(two, 1)
        await down(one)
        assert not is_running(one)
        assert is_running(two)
        await grown_by(two, 1)
    finally:
        await down(one)
        await down(two, wipe=True)


async def test_a_kept_port_that_somebody_took_is_named(place: Path) -> None:
    folder = place / "net"
    await up(options(folder, 1))
    await down(folder)
    record = records.load(Layout.of(folder))
    assert record is not None
    port = record.validators[0].ethereum_port
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        with pytest.raises(DevnetError) as caught:
            await up(options(folder))
    assert f"port {port}, kept for node1's Ethereum RPC, is taken by" in str(caught.value)
    assert f"pid {os.getpid()}" in str(caught.value)
    assert marked_below(place) == []
    await up(options(folder))
    await down(folder)


async def test_an_up_that_is_given_up_leaves_no_process(place: Path) -> None:
    folder = place / "net"
    generator = network.up(options(folder, 1))
    async for step in generator:
        if step.text.endswith("answers"):
            assert marked_below(place)
            break
    await generator.aclose()
    assert marked_below(place) == []
    with FolderLock(Layout.of(folder)):
        pass
    await up(options(folder))
    assert is_running(folder)
    await down(folder)


async def test_a_second_up_meanwhile_is_refused(place: Path) -> None:
    folder = place / "net"
    generator = network.up(options(folder, 1))
    await anext(generator)
    with pytest.raises(HeldByOther, match=f"pid {os.getpid()}"):
        await up(options(folder, 1))
    with pytest.raises(HeldByOther):
        await down(folder)
    await generator.aclose()


async def test_leftovers_of_a_killed_up_are_cleared(place: Path) -> None:
    folder = place / "net"
    layout = Layout.of(folder)
    await up(options(folder, 1))
    record = records.load(layout)
    assert record is not None
    # As after SIGKILL between the first process and the record of it.
    replace(record, up=False, processes={}).save(layout)
    before = set(marked_below(place))
    await up(options(folder))
    assert before
    assert not before & set(marked_below(place))
    await down(folder)


async def test_a_folder_of_somebody_else_is_left_alone(place: Path) -> None:
    folder = place / "mine"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    for refused in (up(options(folder)), down(folder, wipe=True), status(folder)):
        with pytest.raises(DevnetError, match="is not empty and holds no devnet"):
            await refused
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]
    with pytest.raises(DevnetError, match="there is no devnet in"):
        await down(place / "missing", wipe=True)
    assert not (place / "missing").exists()


async def test_a_daemon_that_ends_at_its_start_is_told_with_its_last_words(place: Path) -> None:
    folder = place / "net"
    await up(options(folder, 1))
    await down(folder)
    shutil.rmtree(Layout.of(folder).evm)
    Layout.of(folder).evm.mkdir()
    Layout.of(folder).evm_genesis.write_text("{}")
    with pytest.raises(DevnetError, match=r"the devnet's evm ended at its start: .*genesis"):
        await up(options(folder))
    assert marked_below(place) == []


async def test_elsewhere_than_on_linux_it_is_one_sentence(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(DevnetError, match="runs on Linux only"):
        await up(options(place / "net"))
    assert not (place / "net").exists()
