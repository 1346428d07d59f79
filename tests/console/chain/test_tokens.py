"""Endpoints that want an access token get it from everything that reads them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from aiohttp import web

from console.chain.evm_state import EvmState
from console.chain.governance import GovernanceReader
from console.chain.past import PastReader
from console.chain.peers import CometPeers
from console.chain.xupgrade import UpgradeModulePlans
from console.errors import ChainError
from console.settings import NetworkSettings
from tests.console.chain.network_double import NetworkDouble
from tests.console.chain.servers import http

pytestmark = pytest.mark.anyio


async def rules(network: NetworkSettings) -> None:
    reader = GovernanceReader(network, network.ethereum_rpc)
    try:
        await reader.rules()
    finally:
        await reader.close()


async def own(network: NetworkSettings) -> None:
    peers = CometPeers(network, network.nodes[0])
    try:
        await peers.own()
    finally:
        await peers.close()


async def past(network: NetworkSettings) -> None:
    reader = PastReader(network)
    try:
        await reader.upgrades()
    finally:
        await reader.close()


async def plans(network: NetworkSettings) -> None:
    reader = UpgradeModulePlans(network, network.nodes[0])
    try:
        await reader.read(own_node_only=True)
    finally:
        await reader.close()


async def state(network: NetworkSettings) -> None:
    reader = EvmState(network.ethereum_rpc, network.tokens)
    try:
        await reader.height()
    finally:
        await reader.close()


@pytest.mark.parametrize("read", [rules, own, past, plans, state])
async def test_every_reader_shows_the_token(read: Callable[[NetworkSettings], Awaitable[None]]) -> None:
    shown: list[str | None] = []

    async def guarded(request: web.Request) -> web.Response:
        shown.append(request.headers.get("Authorization"))
        return web.Response(status=401)

    async with http(guarded) as url:
        network = NetworkDouble().settings([url], [url])
        node = replace(network.nodes[0], cometbft_rpc=url, ethereum_rpc=url)
        network = replace(network, nodes=(node,), tokens={url: "s3cret"})
        with pytest.raises(ChainError) as told:
            await read(network)
    assert shown
    assert set(shown) == {"Bearer s3cret"}
    assert "s3cret" not in str(told.value)
