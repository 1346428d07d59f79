"""A validator joins a real devnet and leaves it; the gateway and the consensus agree about power all the way."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from console.devnet import network
from console.devnet.folder import require_devnet
from console.devnet.joining import join, leave
from console.devnet.layout import Layout
from console.devnet.membership import Gateway
from console.devnet.network import down, status
from console.devnet.options import UpOptions
from console.errors import DevnetError, InputError
from console.settings import load_network
from tests.console.devnet.test_network import eventually, grown_by

pytestmark = pytest.mark.anyio


async def powers_on_chain(folder: Path) -> dict[str, int]:
    """Consensus address → power, as the gateway names them."""
    gateway = Gateway(require_devnet(Layout(folder)))
    try:
        return {each.consensus_address: each.power for each in await gateway.members()}
    finally:
        await gateway.close()


async def asked(url: str) -> Any:
    """The result of one GET on a CometBFT port."""
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        return (await answer.json())["result"]


async def powers_in_consensus(folder: Path) -> dict[str, int]:
    """The same as the validators that decide the next block."""
    rpc = (await status(folder))["cometbft_rpc"][-1]
    return {each["address"]: int(each["voting_power"]) for each in (await asked(f"{rpc}/validators"))["validators"]}


@pytest.mark.e2e
async def test_power_comes_and_goes_on_chain_and_in_the_consensus(place: Path) -> None:
    folder = place / "net"
    _ = [step async for step in network.up(UpOptions(folder, validators=3, block_time_ms=250))]
    try:
        # Each of the three is needed for a block, so each answers when there is one.
        await grown_by(folder, 1)
        before = await powers_on_chain(folder)
        assert before == await powers_in_consensus(folder)
        assert [step.done async for step in join(folder, 25)] == list(range(6))
        joined = require_devnet(Layout(folder)).validator("node4")
        assert (joined.power, len(before)) == (25, 3)
        assert await powers_on_chain(folder) == await powers_in_consensus(folder)
        assert sorted((await powers_in_consensus(folder)).values()) == [10, 10, 10, 25]
        assert [each.name for each in load_network("devnet", folder).nodes] == ["node1", "node2", "node3", "node4"]

        # 30 of 55 is not more than two thirds: its signature is needed, and it is in the commits.
        await grown_by(folder, 2)
        commit = (await asked(f"{joined.cometbft_rpc}/commit"))["signed_header"]["commit"]
        assert commit["signatures"][0]["block_id_flag"] == 2
        assert len(commit["signatures"]) == 4

        # A devnet that was down comes up with the one that joined.
        await down(folder)
        with pytest.raises(DevnetError, match="is down"):
            await anext(join(folder))
        _ = [step async for step in network.up(UpOptions(folder))]

        async def whole() -> bool:
            return [node["state"] for node in (await status(folder))["nodes"]] == ["IDLE"] * 4

        await eventually(whole, folder)
        await grown_by(folder, 2)

        _ = [step async for step in leave(folder, "node1")]
        assert sorted((await powers_in_consensus(folder)).values()) == [10, 10, 25]
        assert await powers_on_chain(folder) == await powers_in_consensus(folder)
        assert [node["name"] for node in (await status(folder))["nodes"]] == ["node2", "node3", "node4"]
        settings = tomllib.loads(Layout(folder).settings.read_text())
        assert list(settings["nodes"]) == ["node2", "node3", "node4"]
        assert len(settings["cometbft_rpc"]) == len(settings["ethereum_rpc"]) == 3
        await grown_by(folder, 2)
        # Its number is spent: nobody else gets its key.
        _ = [step async for step in join(folder)]
        assert [node["name"] for node in (await status(folder))["nodes"]][-1] == "node5"
    finally:
        await down(folder, wipe=True)


async def test_what_cannot_be_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="whole number"):
        await anext(join(tmp_path, 0))
    with pytest.raises(DevnetError, match="no devnet"):
        await anext(join(tmp_path / "none"))
    with pytest.raises(DevnetError, match="no devnet"):
        await anext(leave(tmp_path / "none", "node1"))
